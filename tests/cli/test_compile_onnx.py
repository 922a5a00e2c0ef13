"""``compile --to onnx``: where the bytes go, which options go together, and what is refused."""

import subprocess
import sys

import pytest

from archdsl.cli import onnx as onnx_options

onnx = pytest.importorskip("onnx")

COMPILE = ("compile", "good.arch", "--to", "onnx")


def model(path):
    return onnx.load(str(path))


def names(holder):
    return [node.name for node in holder.node]


def test_a_model_goes_into_a_file(archdsl, folder):
    ran = archdsl(*COMPILE, "-o", "good.onnx")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == f"wrote good.onnx ({(folder / 'good.onnx').stat().st_size:,} bytes)\n"
    found = model(folder / "good.onnx")
    assert [each.name for each in found.functions] == ["Unit"]
    assert names(found.graph)[:4] == ["stem", "body[0]", "body[1]", "body[2]"]
    assert found.opset_import[0].version == 22
    assert "[default: 22]" in archdsl("compile", "--help").out


def test_without_a_place_a_model_is_a_file_named_after_the_network(archdsl, folder):
    ran = archdsl(*COMPILE)
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == f"wrote good.onnx ({(folder / 'good.onnx').stat().st_size:,} bytes)\n"
    again = archdsl("compile", "good.onnx", "--to", "onnx")
    assert again.code == 2 and "is what is being compiled" in again.err


def test_bytes_go_where_output_is_piped(folder):
    command = [sys.executable, "-m", "archdsl", *COMPILE, "--flat", "-o", "-"]
    ran = subprocess.run(command, capture_output=True, check=True, timeout=120)
    assert ran.stderr == b""
    assert names(onnx.load_from_string(ran.stdout).graph)[:2] == ["stem.conv", "stem.act"]


def test_a_terminal_gets_no_bytes(archdsl, monkeypatch):
    monkeypatch.setattr(onnx_options.sys.stdout, "isatty", lambda: True, raising=False)
    ran = archdsl(*COMPILE, "-o", "-")
    assert (ran.code, ran.out) == (2, "")
    assert "not for a terminal" in ran.err


def test_options_reach_the_model(archdsl, folder):
    assert archdsl(*COMPILE, "-o", "a.onnx", "--opset", "17", "--dynamic", "--seed", "3").code == 0
    assert archdsl(*COMPILE, "-o", "b.onnx", "--structure", "--flat").code == 0
    first, second = model(folder / "a.onnx"), model(folder / "b.onnx")
    assert first.opset_import[0].version == 17
    dims = first.graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_param or dim.dim_value for dim in dims] == ["N", 3, "H", "W"]
    assert not second.functions
    assert not second.graph.initializer
    assert archdsl(*COMPILE, "-o", "c.onnx", "--opset", "17", "--dynamic", "--seed", "4").code == 0
    assert (folder / "a.onnx").read_bytes() != (folder / "c.onnx").read_bytes()


def test_weights_come_from_a_file(archdsl, folder):
    assert archdsl(*COMPILE, "-o", "a.onnx", "--seed", "5").code == 0
    assert archdsl(*COMPILE, "-o", "b.onnx", "--weights", "a.onnx").code == 0
    assert (folder / "a.onnx").read_bytes() == (folder / "b.onnx").read_bytes()
    ran = archdsl("compile", "good.arch", "--set", "classes=4", "--to", "onnx", "-o", "c.onnx", "--weights", "a.onnx")
    assert ran.code == 1
    assert "E0708" in ran.err
    assert not (folder / "c.onnx").exists()
    assert archdsl(*COMPILE, "-o", "c.onnx", "--weights", "absent.safetensors").code == 1


def test_external_data_stand_beside_the_model(archdsl, folder):
    ran = archdsl(*COMPILE, "-o", "good.onnx", "--external-data", "64")
    assert ran.code == 0
    assert len(ran.err.splitlines()) == 2
    data = [each for each in folder.iterdir() if each.name.startswith("good.onnx.")]
    assert len(data) == 1
    assert archdsl(*COMPILE, "--flat", "--external-data", "-o", "good.onnx").code == 0


@pytest.mark.parametrize(
    "options, said",
    [
        ("--opset 12 -o a", "13 to"),
        ("--opset 1000 -o a", "13 to"),
        ("--opset new -o a", "integer"),
        ("--structure --seed 1 -o a", "--seed does not go with it"),
        ("--structure --weights a.onnx -o a", "--weights does not go with it"),
        ("--structure --external-data -o a", "--structure leaves them out"),
        ("--weights a.onnx --seed 0 -o a", "--weights gives others"),
        ("--seed -1 -o a", "--seed"),
        ("--external-data -o -", "-o"),
        ("--external-data 0 -o a", "--external-data"),
        ("-o good.arch", "is what is being compiled"),
        ("-o", "requires an argument"),
    ],
)
def test_options_that_do_not_go_together(archdsl, folder, options, said):
    before = (folder / "good.arch").read_bytes()
    ran = archdsl(*COMPILE, *options.split())
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert not (folder / "a").exists()
    assert (folder / "good.arch").read_bytes() == before


@pytest.mark.parametrize("option", ["--opset 20", "--flat", "--dynamic", "--aux", "--weights w", "--seed 0", "--structure"])
@pytest.mark.parametrize("target", ["torch", "ir", "json", "ast"])
def test_options_of_a_model_go_with_no_other_target(archdsl, target, option):
    ran = archdsl("compile", "good.arch", "--to", target, *option.split())
    assert (ran.code, ran.out) == (2, "")
    assert f"{option.split()[0]} says what an ONNX model is to be" in ran.err


def test_a_refusal_writes_nothing(archdsl, folder):
    (folder / "flat.arch").write_text("arch flat() { input x: [N, 3, 8, 8]; flatten; fc: linear(4); output y }")
    ran = archdsl("compile", "flat.arch", "--to", "onnx", "--dynamic", "-o", "flat.onnx")
    assert ran.code == 1
    assert "E0701" in ran.err
    assert not (folder / "flat.onnx").exists()


def test_a_model_is_not_written_over_itself(archdsl, folder):
    assert archdsl(*COMPILE, "-o", "good.onnx").code == 0
    before = (folder / "good.onnx").read_bytes()
    for target in ("torch", "onnx"):
        ran = archdsl("compile", "good.onnx", "--to", target, "-o", "good.onnx")
        assert ran.code == 2
    assert (folder / "good.onnx").read_bytes() == before
