"""``archdsl verify``: it finds both backends equal, and notices where they are not."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from archdsl import verification
from archdsl.choices import Choices
from archdsl.cli import main
from archdsl.pipeline import open_spec
from tests.cli.conftest import ROOT

pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

TWO = """\
block Unit(c) {
  conv: conv(c, 3x3, bias=false)
  bn
  res: residual(scale=0.5) { a: conv(in.c, 1x3); relu }
}
arch two() {
  input left: [N, 2, 14, 18]
  input right: [N, 3, 14, 18]
  both: concat { from left; from right }
  u: repeat 2 Unit(6)
  side { h: conv(4, 1x1); output aux }
  pool: global_avg_pool
  fc: linear(5)
  output logits
}
"""
FLAT = "arch flat() { input x: [N, 2, 8, 8]; flatten; fc: linear(3); output y }\n"


@pytest.fixture
def verified(folder, capsys):
    """What ``archdsl verify`` prints, or its error."""
    (folder / "two.arch").write_text(TWO, encoding="utf-8")
    (folder / "flat.arch").write_text(FLAT, encoding="utf-8")

    def run(*arguments, spec="good.arch", code=0):
        assert main(["verify", spec, *arguments]) == code
        captured = capsys.readouterr()
        return captured.err if code > 1 else captured.out

    return run


@pytest.fixture
def planted(monkeypatch):
    """Makes the torch module differ from the model by the weight of one key, moved by so much."""

    def plant(key, by):
        made = verification.Network.to_torch

        def changed(self, *args, **kwargs):
            module = made(self, *args, **kwargs)
            module.state_dict()[key].add_(by)
            return module

        monkeypatch.setattr(verification.Network, "to_torch", changed)

    return plant


@pytest.fixture
def used(monkeypatch):
    """The weights that torch modules are made with, one after the other."""
    made, given = verification.Network.to_torch, []

    def kept(self, weights, *args, **kwargs):
        given.append(weights)
        return made(self, weights, *args, **kwargs)

    monkeypatch.setattr(verification.Network, "to_torch", kept)
    return given


def test_both_backends_agree(verified):
    out = verified()
    assert out.startswith("good: PyTorch ")
    assert "12 runs: 3x20x24, 3x10x15, 3x22x30; batch 1 and 3; flat and functions" in out
    assert out.endswith("no output differs by more than 1e-05\n")


def test_several_inputs_and_outputs(verified):
    found = json.loads(verified("--json", spec="two.arch"))
    assert found["agrees"]
    assert found["first"] is None
    assert [each["output"] for each in found["outputs"]] == ["aux", "logits"]
    assert len(found["runs"]) == 2 * 12
    assert found["runs"][0]["inputs"] == {"left": [2, 14, 18], "right": [3, 14, 18]}
    assert {tuple(run["inputs"]["right"]) for run in found["runs"]} == {(3, 14, 18), (3, 7, 11), (3, 16, 22)}
    assert {(run["batch"], run["form"]) for run in found["runs"]} == {(b, f) for b in (1, 3) for f in ("flat", "functions")}
    assert 0 < max(run["absolute"] for run in found["runs"]) < 1e-4


def test_a_network_of_one_size_is_run_at_that(verified):
    assert "4 runs: 1x32x32; batch 1 and 3" in verified(spec="lenet5")


@pytest.mark.parametrize("opset", ["13", "22"])
def test_sizes_and_opset_are_as_asked(verified, opset):
    found = json.loads(verified("--json", "--size", "13x32", "--size", "31x9", "--opset", opset, "--input", "3x16x17"))
    assert found["opset"] == int(opset)
    assert {tuple(run["inputs"]["image"]) for run in found["runs"]} == {(3, 16, 17), (3, 13, 32), (3, 31, 9)}


@pytest.mark.parametrize(
    "key, path, spec",
    [
        ("body.1.conv.weight", "body[1].conv", "good.arch"),
        ("fc.bias", "fc", "good.arch"),
        ("u.1.bn.running_mean", "u[1].bn", "two.arch"),
        ("u.0.res.a.bias", "u[0].res.a", "two.arch"),
    ],
)
def test_a_planted_difference_is_found_and_traced_to_its_node(verified, planted, key, path, spec):
    planted(key, 0.01)
    found = json.loads(verified("--json", spec=spec, code=1))
    assert not found["agrees"]
    assert found["first"]["path"] == path
    assert found["first"]["relative"] > 1e-5
    text = verified(spec=spec, code=1)
    assert "\nan output differs by more than 1e-05\n" in text
    assert f"the first node that does is {path} (" in text


def test_the_tolerance_is_what_decides(verified, planted):
    planted("fc.bias", 1e-3)
    verified("--tolerance", "0.5")
    verified("--tolerance", "1e-6", code=1)


def test_values_that_are_no_numbers_are_a_difference(verified, planted):
    planted("fc.bias", float("nan"))
    found = json.loads(verified("--json", code=1))
    assert found["outputs"] == [{"output": "logits", "absolute": None, "relative": None}]
    assert found["first"]["path"] == "fc"
    assert "not comparable" in verified(code=1)


def test_weights_of_a_file_are_used(verified, planted, capsys):
    save_file(open_spec("good.arch", Choices()).weights(3), "w.safetensors")
    verified("--weights", "w.safetensors")
    assert "E0708" in fault(capsys, "good.arch", "--weights", "w.safetensors", "--set", "classes=7")
    planted("fc.weight", 0.1)
    verified("--weights", "w.safetensors", code=1)


def test_a_file_is_verified_with_the_weights_that_it_has(verified, used, capsys):
    save_file(open_spec("good.arch", Choices()).weights(3), "w.safetensors")
    assert main(["compile", "good.arch", "--to", "onnx", "--seed", "5", "-o", "good.onnx"]) == 0
    capsys.readouterr()
    for seed in (5, 3):
        wanted = open_spec("good.arch", Choices()).weights(seed)
        assert verified(spec="good.onnx").endswith("no output differs by more than 1e-05\n")
        assert used
        assert all(np.array_equal(each["fc.weight"], wanted["fc.weight"]) for each in used)
        used.clear()
        assert main(["weights", "insert", "good.onnx", "w.safetensors"]) == 0
        capsys.readouterr()


def test_a_size_with_other_weights_is_a_fault(verified, capsys):
    assert "`flat` has other weights at 9x9 than as declared" in fault(capsys, "flat.arch", "--size", "9x9")


def fault(capsys, spec, *arguments):
    """What is told of a fault."""
    assert main(["verify", spec, *arguments]) == 1
    return capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [("--size", "3x20x24"), ("--size", "0x4"), ("--tolerance", "-1"), ("--tolerance", "nan"), ("--opset", "12")],
)
def test_usage(verified, arguments):
    assert "Usage: archdsl verify" in verified(*arguments, code=2)


@pytest.mark.parametrize("package", ["torch", "onnxruntime", "onnx"])
def test_a_missing_package_is_told_with_the_line_that_installs_it(folder, package):
    program = (
        f"import sys; sys.modules[{package!r}] = None; from archdsl.cli import main; sys.exit(main(['verify', 'good.arch']))"
    )
    environment = os.environ | {"PYTHONPATH": ROOT}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr == f'error: {package} is not installed; install it with: pip install "archdsl[verify]"\n'


def test_differences_are_relative_to_the_largest_value():
    one = np.array([1.0, 4.0], np.float32)
    assert verification.difference(one, one) == verification.Difference(0.0, 0.0)
    assert verification.difference(one, np.array([1.5, 4.0], np.float32)) == verification.Difference(0.5, 0.125)
    assert verification.difference(one, one[:1]).relative == float("inf")


def test_no_weight_stands_where_it_would_not_be_missed():
    network = open_spec("resnet20", Choices())
    arrays = verification.weights_for(network, 0)
    assert arrays.keys() == network.weights(0).keys()
    for node in network.graph:
        for weight in node.weights:
            if weight.role in ("scale", "variance"):
                values = arrays[verification.state_key(node.path, weight.name)]
                assert (values > 0).all()
                assert (values != 1).all()
