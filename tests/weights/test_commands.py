"""``archdsl weights``: what each command prints and writes, and with which code it ends."""

import json

import numpy as np
import pytest

from archdsl.weights import open_safetensors, safetensors_bytes, written
from tests.weights.conftest import arrays_of, small


@pytest.fixture
def native(tmp_path):
    path = tmp_path / "native.safetensors"
    path.write_bytes(safetensors_bytes(arrays_of(small())))
    return path


@pytest.fixture
def foreign(tmp_path, rules):
    path = tmp_path / "foreign.safetensors"
    network = small()
    path.write_bytes(safetensors_bytes(written(network.weight_maps(rules)[0], arrays_of(network))))
    return path


def test_map_shows_every_name(archdsl, rules):
    ran = archdsl("weights", "map", "small.arch", "--from", rules)
    assert ran.code == 0
    lines = [line.split("  ") for line in ran.out.splitlines()]
    assert len(lines) == len(arrays_of(small()))
    assert ran.out.splitlines()[0].split() == [
        "stem.conv.weight",
        "[4,",
        "3,",
        "3,",
        "3]",
        "first.0.weight",
        "[4,",
        "3,",
        "3,",
        "3]",
    ]
    document = json.loads(archdsl("weights", "map", "small.arch", "--from", rules, "--json").out)
    assert (document["schema"], document["network"], document["source"], document["theirs"]) == (1, "small", "other", "Small")
    assert document["weights"][-1] == {
        "name": "fc.bias",
        "shape": [5],
        "from": "head.bias",
        "from_shape": [5],
        "less": None,
        "fill": None,
    }


def test_map_tells_what_has_no_name_there(archdsl, rules):
    ran = archdsl("weights", "map", "small.arch", "--from", rules, "--insert", "more: conv(4, 1x1) before pool")
    assert ran.code == 1
    assert [line.split()[0] for line in ran.out.splitlines() if line.endswith("no name")] == ["more.weight", "more.bias"]


def test_check_reports_on_standard_output(archdsl, native):
    ran = archdsl("weights", "check", "small.arch", native)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"{native} fits small, named as native names it\n  32  copied\n"


def test_check_tells_what_is_filled_and_left_out(archdsl, native, tmp_path):
    arrays = {name: value for name, value in arrays_of(small()).items() if "num_batches" not in name}
    native.write_bytes(safetensors_bytes({**arrays, "ema": np.zeros(3, np.float32)}))
    ran = archdsl("weights", "check", "small.arch", native, "--ignore", "ema", "--skip", "fc")
    assert ran.code == 0
    assert ran.out.splitlines()[1:] == [
        "  25  copied",
        "   5  filled with 0",
        "   2  left out: fc.bias, fc.weight",
        "   1  of the file not used: ema",
    ]


def test_check_as_json_says_all_of_it(archdsl, native):
    ran = archdsl("weights", "check", "small.arch", native, "--json", "--set", "classes=6")
    document = json.loads(ran.out)
    assert (ran.code, document["fits"], document["missing"], document["left_over"]) == (1, False, [], [])
    assert document["misshaped"] == [
        {"name": "fc.weight", "from": "fc.weight", "expected": [6, 4], "found": [5, 4], "dtype": "float32"},
        {"name": "fc.bias", "from": "fc.bias", "expected": [6], "found": [5], "dtype": "float32"},
    ]
    good = json.loads(archdsl("weights", "check", "small.arch", native, "--json").out)
    assert good["fits"]
    assert {each["how"] for each in good["weights"]} == {"copied"}


def test_check_refuses_with_a_report(archdsl, native):
    ran = archdsl("weights", "check", "small.arch", native, "--set", "classes=6")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        f"error[E0708]: `{native}` does not fit `small` as `native` names it: 2 of another shape or type\n"
        "  = note: `fc.weight` is [5, 4] float32, `fc.weight` needs [6, 4]\n"
        "  = note: `fc.bias` is [5] float32, `fc.bias` needs [6]\n"
        "help: to train what does not fit anew, leave it out: --skip fc\n\n"
    )


def test_convert_writes_our_names(archdsl, foreign, rules, tmp_path):
    ran = archdsl("weights", "convert", "small.arch", foreign, "--from", rules)
    assert (ran.code, ran.out) == (0, "")
    assert "wrote small.safetensors (32 arrays, " in ran.err
    file = open_safetensors(str(tmp_path / "small.safetensors"))
    assert all(np.array_equal(file.read(name), value) for name, value in arrays_of(small()).items())
    assert archdsl("weights", "check", "small.arch", "small.safetensors").code == 0


def test_export_is_the_way_back(archdsl, native, foreign, rules, tmp_path):
    ran = archdsl("weights", "export", "small.arch", native, "--to", rules, "-o", "there.safetensors")
    assert ran.code == 0, ran.err
    there, wanted = (open_safetensors(str(each)) for each in (tmp_path / "there.safetensors", foreign))
    assert there.entries == wanted.entries
    assert all(np.array_equal(there.read(name), wanted.read(name)) for name in wanted.entries)


def test_a_checkpoint_is_written_by_its_name(archdsl, native, tmp_path):
    pytest.importorskip("torch")
    assert archdsl("weights", "convert", "small.arch", native, "-o", "x.pth").code == 0
    assert archdsl("weights", "check", "small.arch", "x.pth").code == 0
    assert archdsl("weights", "check", "small.arch", "x.pth", "--key", "ema").code == 1


def test_nothing_is_written_on_a_refusal(archdsl, native, tmp_path):
    target = tmp_path / "out.safetensors"
    target.write_bytes(b"older")
    for arguments in (["--set", "classes=6"], ["--skip", "none"], ["--from", "timm"], ["--from", "nowhere.toml"]):
        assert archdsl("weights", "convert", "small.arch", native, "-o", target, *arguments).code == 1
    assert target.read_bytes() == b"older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["native.safetensors", "out.safetensors", "small.arch"]


def test_usage(archdsl, native, rules):
    assert archdsl("weights", "convert", "small.arch", native, "-o", native).code == 2
    assert archdsl("weights", "convert", "small.arch", native, "-o", "x.npz").code == 2
    assert archdsl("weights", "convert", "small.arch").code == 2
    assert archdsl("weights", "export", "small.arch", native, "--to", rules, "-o", "x.safetensors", "--skip", "fc").code == 2
    assert archdsl("weights", "map", "small.arch").code == 2
    assert archdsl("weights", "convert", "small.arch", native, "-o", "no/such/folder.safetensors").code == 3
    assert archdsl("weights", "check", "small.arch", "none.safetensors").code == 1
    assert archdsl("weights", "--help").code == 0


def test_quiet_says_nothing_but_writes(archdsl, native, tmp_path):
    ran = archdsl("weights", "convert", "small.arch", native, "-q")
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert (tmp_path / "small.safetensors").exists()
