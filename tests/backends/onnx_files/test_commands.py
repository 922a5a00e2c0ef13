"""An ONNX file where a command takes a spec, and weights that go into one and come out of it."""

import json
import subprocess
import sys

import numpy as np
import onnx
import pytest

from archdsl import load
from archdsl.weights import open_safetensors, safetensors_bytes
from tests.backends.onnx_files.models import SPEC, changed, network, same, written


@pytest.fixture
def model(tmp_path):
    (tmp_path / "small.arch").write_text(SPEC)
    return written(tmp_path / "net.onnx", seed=4)


def arrays_in(path):
    file = open_safetensors(str(path))
    return {name: np.array(file.read(name)) for name in file.entries}


@pytest.mark.parametrize(
    "line",
    [
        ("summary", "--json"),
        ("summary", "--drop", "n", "--input", "3x20x24"),
        ("compile", "--to", "torch"),
        ("compile", "--to", "ir", "--replace", "relu with tanh"),
        ("compile", "--to", "json"),
        ("compile", "--to", "ast"),
        ("weights", "map", "--from", "native"),
    ],
)
def test_a_command_says_of_the_file_what_it_says_of_the_spec(archdsl, model, line):
    words = 2 if line[0] == "weights" else 1
    ran, other = (archdsl(*line[:words], spec, *line[words:]) for spec in ("net.onnx", "small.arch"))
    assert ran.code == 0 and (ran.out.replace("net.onnx/", ""), ran.err) == (other.out, other.err)


def test_layers_that_the_file_has_no_weights_for_are_told_beside_that(archdsl, model):
    line = ("--to", "ir", "--replace", "b with conv(3, 1x1)")
    ran, other = (archdsl("compile", spec, *line) for spec in ("net.onnx", "small.arch"))
    assert (ran.code, ran.out) == (0, other.out)
    assert ran.err.startswith("warning[E0708]: ") and "begin with first values: `b.weight`, `b.bias`, `fc.weight`" in ran.err
    assert ran.err.endswith(f"\n\n{other.err}")


def test_why_points_into_the_file(archdsl, model):
    ran = archdsl("why", "net.onnx", "c")
    assert ran.code == 0 and "net.onnx/small.arch:3" in ran.out


def test_check_looks_at_the_network_in_the_file(archdsl, model):
    ran = archdsl("check", "net.onnx")
    assert (ran.code, ran.err) == (0, "1 spec, 1 network: no faults\n")
    ran = archdsl("check", "net.onnx", "--set", "width=0")
    assert ran.code == 1 and "net.onnx/small.arch:3" in ran.err
    ran = archdsl("check", "--fix", "net.onnx")
    assert ran.code == 0


def test_what_cannot_be_read_ends_with_one(archdsl, tmp_path):
    (tmp_path / "foreign.onnx").write_bytes(b"nothing of the kind")
    for line in (["check"], ["summary"], ["compile", "--to", "ast"], ["weights", "map", "--from", "native"]):
        words = 2 if line[0] == "weights" else 1
        ran = archdsl(*line[:words], "foreign.onnx", *line[words:])
        assert ran.code == 1 and "error[E0604]" in ran.err and "Traceback" not in ran.err
    assert "error[E0601]" in archdsl("summary", "none.onnx").err


def test_nothing_is_written_over_the_file_that_is_compiled(archdsl, model):
    before = model.read_bytes()
    for target in ("torch", "onnx"):
        ran = archdsl("compile", "net.onnx", "--to", target, "-o", "net.onnx")
        assert ran.code == 2 and "is what is being compiled" in ran.err
    assert model.read_bytes() == before


def test_compile_keeps_the_weights_of_the_file(archdsl, model, tmp_path):
    ran = archdsl("compile", "net.onnx", "--to", "onnx", "--flat", "--opset", "15", "-o", "flat.onnx", "--external-data", "64")
    assert ran.code == 0
    after = onnx.load(tmp_path / "flat.onnx")
    assert after.opset_import[0].version == 15 and not after.functions
    assert same(load(tmp_path / "flat.onnx").weights(), load(model).weights())


def test_weights_come_out_and_go_in(archdsl, model, tmp_path):
    assert archdsl("weights", "convert", "net.onnx", "net.onnx", "-o", "out.safetensors").code == 0
    arrays = arrays_in(tmp_path / "out.safetensors")
    assert same(arrays, dict(sorted(load(model).weights().items())))
    trained = {name: each + 1 for name, each in arrays.items()}
    (tmp_path / "trained.safetensors").write_bytes(safetensors_bytes(trained))
    before = onnx.load(model)
    ran = archdsl("weights", "insert", "net.onnx", "trained.safetensors")
    assert ran.code == 0 and ran.err.endswith(f"wrote net.onnx ({model.stat().st_size:,} bytes)\n")
    assert same(dict(sorted(load(model).weights().items())), trained)
    assert onnx.load(model).graph.node == before.graph.node and onnx.load(model).functions == before.functions


def test_insert_can_leave_the_file_as_it_is(archdsl, model, tmp_path):
    pytest.importorskip("torch")
    before = model.read_bytes()
    assert archdsl("weights", "convert", "small.arch", "net.onnx", "-o", "out.pth").code == 0
    ran = archdsl("weights", "insert", "net.onnx", "out.pth", "-o", "new.onnx", "--skip", "fc")
    assert ran.code == 0 and model.read_bytes() == before
    assert (tmp_path / "new.onnx").read_bytes() == before


def test_insert_refuses_what_does_not_fit_and_writes_nothing(archdsl, model, tmp_path):
    arrays = load(model).weights()
    (tmp_path / "few.safetensors").write_bytes(safetensors_bytes({"c.weight": arrays["c.weight"]}))
    (tmp_path / "all.safetensors").write_bytes(safetensors_bytes(arrays))
    before = model.read_bytes()
    assert "error[E0708]" in archdsl("weights", "insert", "net.onnx", "few.safetensors").err
    edited = archdsl("weights", "insert", "net.onnx", "all.safetensors", "--input", "3x20x20")
    assert edited.code == 1 and "is another than the one in its ONNX file" in edited.err
    text = archdsl("weights", "insert", "small.arch", "all.safetensors")
    assert text.code == 1 and "was read from no ONNX file" in text.err
    assert model.read_bytes() == before


def test_a_skipped_layer_keeps_its_weights(archdsl, model, tmp_path):
    before = load(model).weights()
    arrays = {name: np.ones_like(each) for name, each in before.items() if not name.startswith("fc.")}
    (tmp_path / "w.safetensors").write_bytes(safetensors_bytes(arrays))
    assert archdsl("weights", "insert", "net.onnx", "w.safetensors", "--skip", "fc").code == 0
    after = load(model).weights()
    assert np.array_equal(after["fc.weight"], before["fc.weight"]) and (after["c.weight"] == 1).all()
    assert after["n.num_batches_tracked"] == 1


def test_a_torch_twin_is_trained_and_written_back(model):
    torch = pytest.importorskip("torch")
    twin = load(model).to_torch()
    optimizer = torch.optim.SGD(twin.parameters(), 0.1)
    twin(torch.ones(4, 3, 16, 12)).square().sum().backward()
    optimizer.step()
    load(model).write_weights(twin.state_dict())
    import onnxruntime

    image = np.random.default_rng(0).standard_normal((2, 3, 16, 12), np.float32)
    ours = onnxruntime.InferenceSession(str(model)).run(None, {"image": image})[0]
    theirs = twin.eval()(torch.from_numpy(image)).detach().numpy()
    assert np.allclose(ours, theirs, rtol=1e-4, atol=1e-6) and not np.allclose(
        ours, network().to_torch().eval()(torch.from_numpy(image)).detach().numpy()
    )
    assert all(np.array_equal(each.numpy(), load(model).weights()[name]) for name, each in twin.state_dict().items())


def test_foreign_initializers_serve_as_weights_by_the_ordinary_rules(archdsl, model, tmp_path):
    def bare(proto):
        del proto.metadata_props[:]

    changed(model, bare, tmp_path / "bare.onnx")
    ran = archdsl("weights", "check", "small.arch", "bare.onnx", "--json")
    assert ran.code == 0 and json.loads(ran.out)["source"] == "native"
    assert archdsl("summary", "bare.onnx").code == 1


def test_looking_at_a_file_loads_neither_onnx_nor_torch(model):
    code = (
        "import sys\nfrom archdsl.cli import main\n"
        f"assert main(['summary', {str(model)!r}]) == 0\nassert main(['check', {str(model)!r}]) == 0\n"
        "print(sorted({'onnx', 'onnxruntime', 'torch'} & sys.modules.keys()))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.endswith("[]\n")
