"""The live module of each bundled network is an ordinary one for PyTorch's own tools."""

import copy
import pickle
import subprocess
import sys

import pytest

import archdsl
from tests.networks.published import ROWS

torch = pytest.importorskip("torch")

SMALL = (1, 3, 96, 96)


@pytest.fixture(scope="module", params=ROWS)
def live(request):
    """Name, module in eval mode, a small image, and what the module makes of it."""
    torch.manual_seed(0)
    model = archdsl.load(request.param).to_torch().eval()
    images = torch.rand(SMALL)
    with torch.inference_mode():
        return request.param, model, images, model(images)


def same(got, wanted):
    return torch.allclose(got, wanted, rtol=1e-4, atol=1e-5)


def test_parameters_are_as_counted(live):
    name, model, _, _ = live
    assert sum(parameter.numel() for parameter in model.parameters()) == ROWS[name]["params"]


def test_state_dict_keys_are_paths(live):
    name, model, _, _ = live
    graph = archdsl.load(name).graph
    shapes = {f"{node.path}.{weight.name}": weight.shape for node in graph for weight in node.weights}
    expected = {path.replace("[", ".").replace("]", ""): shape for path, shape in shapes.items()}
    assert {key: tuple(value.shape) for key, value in model.state_dict().items()} == expected


@pytest.mark.parametrize("name", ROWS)
def test_operations_are_twice_the_multiply_accumulates(name):
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        model = archdsl.load(name).to_torch().eval()
        images = torch.zeros(1, *ROWS[name]["input"])
    with FlopCounterMode(display=False) as counter:
        logits = model(images)
    assert logits.shape == (1, 1000)
    assert counter.get_total_flops() == 2 * ROWS[name]["macs"]


@pytest.mark.parametrize("name", [name for name in ROWS if "with_aux" in ROWS[name]])
def test_auxiliary_head_is_a_second_output(name):
    with torch.device("meta"):
        model = archdsl.load(name, aux=True).to_torch()
        images = torch.zeros(2, 3, 299, 299)
    assert sum(parameter.numel() for parameter in model.parameters()) == ROWS[name]["with_aux"]["params"]
    for mode in (True, False):
        outputs = model.train(mode)(images)
        assert outputs.logits.shape == outputs.aux.shape == (2, 1000)
        assert outputs._fields == ("aux", "logits")  # in the order of their declaration


def test_training_step(live):
    _, model, _, _ = live
    trained = copy.deepcopy(model).train()
    trained(torch.rand(2, 3, 75, 107)).square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in trained.parameters())


def test_a_deep_copy_is_another_module_with_the_same_values(live):
    _, model, images, wanted = live
    copied = copy.deepcopy(model)
    with torch.inference_mode():
        for parameter in model.fc.parameters():
            before = parameter.clone()
            parameter.zero_()
            assert torch.equal(copied(images), wanted)
            parameter.copy_(before)


def test_compiles(live):
    _, model, images, wanted = live
    torch.compiler.reset()
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    with torch.inference_mode():
        assert same(compiled(images), wanted)
    torch.compiler.reset()


def test_exports(live):
    _, model, images, wanted = live
    with torch.no_grad():
        exported = torch.export.export(model, (images,))
        assert same(exported.module()(images), wanted)


def test_a_pickle_opens_in_a_fresh_process(live, tmp_path):
    _, model, images, wanted = live
    (tmp_path / "model.pickle").write_bytes(pickle.dumps((model, images, wanted)))
    program = """
import pickle, sys
import torch
with open(sys.argv[1], "rb") as file:
    model, images, wanted = pickle.load(file)
with torch.inference_mode():
    assert torch.allclose(model(images), wanted, rtol=1e-4, atol=1e-5)
"""
    subprocess.run([sys.executable, "-c", program, tmp_path / "model.pickle"], check=True, timeout=120)
