"""The emitted modules of the residual networks and Inception-v3: operations as PyTorch counts them, source that reads well."""

import ast

import pytest

import archdsl
import tests.networks.published  # noqa: F401 - skips this module too where the table is absent
from tests.networks.test_residual_figures import NETWORKS, OTHERS, ROWS
from tests.networks.test_torch_source import ruff

torch = pytest.importorskip("torch")

CASES = {
    **{name: (*NETWORKS[name], ROWS[name]["params"], ROWS[name]["macs"]) for name in NETWORKS},
    **{name: (name, {}, *figures[:2]) for name, figures in OTHERS.items()},
}


@pytest.mark.parametrize("name", CASES)
def test_operations_are_twice_the_multiply_accumulates(name):
    from torch.utils.flop_counter import FlopCounterMode

    spec, parameters, params, macs = CASES[name]
    network = archdsl.load(spec, **parameters)
    with torch.device("meta"):
        model = network.to_torch().eval()
        images = torch.zeros(1, *network.inputs["image"])
    with FlopCounterMode(display=False) as counter:
        logits = model(images)
    assert logits.shape == (1, *network.outputs["logits"])
    assert counter.get_total_flops() == 2 * macs
    assert sum(parameter.numel() for parameter in model.parameters()) == params


def test_auxiliary_head_of_inception_v3_is_a_second_output():
    with torch.device("meta"):
        model = archdsl.load("inception_v3", aux=True).to_torch()
        outputs = model(torch.zeros(2, 3, 299, 299))
    assert outputs._fields == ("aux", "logits")
    assert outputs.aux.shape == outputs.logits.shape == (2, 1000)
    assert sum(parameter.numel() for parameter in model.parameters()) == ROWS["inception_v3"]["with_aux"]["params"]


def classes(text):
    return {node.name: node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)}


@pytest.mark.parametrize(
    "name, parameters, block, branch",
    [
        ("resnet50", {}, "Bottleneck", "proj"),
        ("resnet152_v1_5", {}, "Bottleneck", "proj"),
        ("resnet50", {"option": "A"}, "Bottleneck", "zeros"),
        ("resnet34", {}, "Basic", "proj"),
        ("resnet110", {}, "Basic", "zeros"),
    ],
)
def test_one_class_for_all_blocks_with_a_condition_for_the_shortcut(name, parameters, block, branch):
    text = archdsl.load(name, **parameters).to_torch_source()
    found = classes(text)
    assert [each for each in found if each.startswith(block)] == [block]
    assert f"self.{branch} is" in ast.unparse(found[block])
    assert len(text.splitlines()) < 140
    assert text.count(" for _ in range(") == (3 if name == "resnet110" else 4)


def test_a_plain_block_has_no_condition():
    block = ast.unparse(classes(archdsl.load("plain34").to_torch_source())["Basic"])
    assert "if" not in block
    assert "None" not in block.replace("-> None", "")


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "resnet101_v2", "plain56", "inception_v3", "inception_resnet_v1"])
def test_source_is_clean(name):
    text = archdsl.load(name).to_torch_source()
    assert len(text.splitlines()) < 300
    checked = ruff("check", "--select", "E,F,W,I,B,UP,N,C4,SIM", text=text)
    assert checked.returncode == 0, checked.stdout
    laid_out = ruff("format", "--check", text=text)
    assert laid_out.returncode == 0, laid_out.stdout
