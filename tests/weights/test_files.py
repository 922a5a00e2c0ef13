"""Files that are damaged or hostile are refused in a sentence; nothing in them runs, and little memory is taken."""

import io
import json
import os
import pickle
import resource
import struct
import subprocess
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest

from archdsl import ArchError, pipeline
from archdsl.weights import open_safetensors, safetensors_bytes
from tests.weights.conftest import arrays_of, small

GIGABYTE = 1 << 30


def code_of(path):
    with pytest.raises(ArchError) as raised:
        pipeline.open_weights(path)
    (diagnostic,) = raised.value.diagnostics
    assert "\n" not in diagnostic.message
    return diagnostic.code


def safetensors(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(shape, start, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


# --- safetensors ---------------------------------------------------------------------------------------------------------

HOSTILE = {
    "empty": b"",
    "seven bytes": b"\0" * 7,
    "no header": struct.pack("<Q", 0),
    "truncated header": safetensors({"a": entry([2], 0, 8)}, b"\0" * 8)[:20],
    "truncated data": safetensors({"a": entry([2], 0, 8)}, b"\0" * 7),
    "more data than told": safetensors({"a": entry([2], 0, 8)}, b"\0" * 9),
    "header of 2^63 bytes": safetensors({}, length=(1 << 63) - 1),
    "header of a gigabyte": safetensors({}, length=GIGABYTE),
    "header beyond the end": safetensors({}, length=4096),
    "header is no JSON": safetensors(b"{" * 10_000),
    "header is a list": safetensors([1, 2]),
    "header is not UTF-8": safetensors(b'{"\xff": 1}'),
    "overlap": safetensors({"a": entry([2], 0, 8), "b": entry([2], 4, 12)}, b"\0" * 12),
    "gap": safetensors({"a": entry([2], 0, 8), "b": entry([2], 12, 20)}, b"\0" * 20),
    "backwards": safetensors({"a": entry([2], 8, 0)}, b"\0" * 8),
    "negative": safetensors({"a": entry([2], -8, 0)}, b"\0" * 8),
    "shape and bytes differ": safetensors({"a": entry([3], 0, 8)}, b"\0" * 8),
    "shape overflows": safetensors({"a": entry([1 << 40, 1 << 40], 0, 8)}, b"\0" * 8),
    "negative shape": safetensors({"a": entry([-2], 0, 8)}, b"\0" * 8),
    "unknown type": safetensors({"a": entry([2], 0, 8, "F31")}, b"\0" * 8),
    "fields missing": safetensors({"a": {"dtype": "F32"}}, b"\0" * 8),
    "deep": safetensors(b'{"a":' * 50_000),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_safetensors_file_is_refused(kind, tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(HOSTILE[kind])
    tracemalloc.start()
    try:
        assert code_of(path) == "E0709"
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "name", ["", "a\0b", "../../etc/passwd", "\u202etxt", "é" * 5000, "__class__", "fc.weight\n", "nan", "a/b:0", "[31m"]
)
def test_odd_names_are_only_names(name, tmp_path, archdsl):
    path = tmp_path / "x.safetensors"
    path.write_bytes(safetensors({name: entry([2], 0, 8)}, b"\0" * 8))
    ran = archdsl("weights", "check", "small.arch", path)
    assert ran.code == 1
    assert "left over" in ran.err
    assert not set(ran.err) & {"\0", "\x1b", "\u202e"}
    assert len(ran.err) < 4000


@pytest.mark.parametrize("dtype, size", [("F8_E4M3", 1), ("BOOL", 1), ("U64", 8), ("I64", 8)])
def test_element_types_that_no_weight_has_are_refused(dtype, size, tmp_path):
    network = small()
    arrays = arrays_of(network)
    header, data = {}, b""
    for name, array in arrays.items():
        raw = array.astype(np.int64).tobytes() if array.dtype == np.int64 else array.tobytes()
        kind = "I64" if array.dtype == np.int64 else "F32"
        if name == "fc.bias":
            raw, kind = b"\0" * (5 * size), dtype
        header[name] = entry(list(array.shape), len(data), len(data) + len(raw), kind)
        data += raw
    path = tmp_path / "x.safetensors"
    path.write_bytes(safetensors(header, data))
    with pytest.raises(ArchError, match=r"1 of another shape or type"):
        network.load_weights(path, "native")


def test_bfloat16_is_read_exactly(tmp_path):
    network = small()
    arrays = arrays_of(network)
    header, data, exact = {}, b"", {}
    for name, array in arrays.items():
        halves = (array.astype(np.float32).view(np.uint32) >> 16).astype("<u2") if array.ndim else None
        raw = array.astype("<i8").tobytes() if halves is None else halves.tobytes()
        exact[name] = array if halves is None else (halves.astype(np.uint32) << 16).view(np.float32)
        header[name] = entry(list(array.shape), len(data), len(data) + len(raw), "I64" if halves is None else "BF16")
        data += raw
    path = tmp_path / "x.safetensors"
    path.write_bytes(safetensors(header, data))
    loaded = network.load_weights(path)
    assert all(np.array_equal(loaded[name], exact[name]) for name in arrays)


def test_a_file_goes_round_and_equal_weights_give_equal_bytes(tmp_path):
    arrays = arrays_of(small())
    path = tmp_path / "x.safetensors"
    path.write_bytes(safetensors_bytes(arrays, {"network": "small"}))
    file = open_safetensors(str(path))
    assert all(np.array_equal(file.read(name), value) for name, value in arrays.items())
    assert file.entries["fc.weight"].shape == (5, 4)
    assert safetensors_bytes(arrays, {"network": "small"}) == path.read_bytes()


def test_arrays_are_not_read_before_they_are_wanted(tmp_path):
    """A file of a gigabyte, sparse on disk, is refused by its header alone."""
    path = tmp_path / "x.safetensors"
    path.write_bytes(safetensors({"a": entry([GIGABYTE // 4], 0, GIGABYTE)}))
    os.truncate(path, path.stat().st_size + GIGABYTE)
    program = (
        "import resource, sys\n"
        "from archdsl import ArchError, load\n"
        "network = load(sys.argv[1])\n"
        "network.weight_maps()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    network.load_weights(sys.argv[2])\n"
        "except ArchError:\n    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, "vgg11", path],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=pipeline.library().parent,
    )
    assert int(run.stdout) * (1 if sys.platform == "darwin" else 1024) < 100 << 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 0


def test_places_where_there_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "none.safetensors", tmp_path, tmp_path / "pipe", "/dev/zero", tmp_path / "none" / "x.pth"):
        assert code_of(path) == "E0709"


@pytest.mark.parametrize(
    "content, word", [(b"\x89HDF\r\n\x1a\n" + b"\0" * 50, "HDF5"), (b"hello, this is text\n", "safetensors")]
)
def test_other_formats_are_named(content, word, tmp_path):
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(ArchError, match=word):
        pipeline.open_weights(path)


# --- PyTorch checkpoints -------------------------------------------------------------------------------------------------


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def saved(torch, path, value, **more):
    torch.save(value, path, **more)
    return path


@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_is_read_in_both_formats(torch, zipped, tmp_path):
    network = small()
    state = {name: torch.from_numpy(value.copy()) for name, value in arrays_of(network).items()}
    path = saved(torch, tmp_path / "x.pth", state, _use_new_zipfile_serialization=zipped)
    loaded = network.load_weights(path)
    assert all(np.array_equal(loaded[name], value.numpy()) for name, value in state.items())
    parameters = {
        name: torch.nn.Parameter(value.bfloat16()) if value.is_floating_point() else value for name, value in state.items()
    }
    assert network.load_weights(saved(torch, tmp_path / "y.pth", parameters)).keys() == loaded.keys()


def test_weights_beside_other_things(torch, tmp_path):
    network = small()
    state = {name: torch.from_numpy(value.copy()) for name, value in arrays_of(network).items()}
    whole = {
        "state_dict": state,
        "epoch": 3,
        "arch": "small",
        "optimizer": {"state": {0: {"step": torch.ones(1)}}, "param_groups": []},
    }
    path = saved(torch, tmp_path / "x.pth", whole)
    assert network.load_weights(path).keys() == state.keys()
    path = saved(torch, tmp_path / "y.pth", {**whole, "state_dict_ema": state})
    with pytest.raises(ArchError, match="several sets of weights") as raised:
        network.load_weights(path)
    assert raised.value.diagnostics[0].help == "say which: --key state_dict or state_dict_ema"
    assert pipeline.open_weights(path, "state_dict_ema").entries.keys() == state.keys()
    with pytest.raises(ArchError, match="no weights under `ema`"):
        pipeline.open_weights(path, "ema")


class Canary:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("form", ["pickle", "zip", "legacy", "inside"])
def test_no_code_in_a_checkpoint_runs(torch, form, tmp_path):
    canary = tmp_path / "canary"
    path = tmp_path / "x.pth"
    if form == "pickle":
        path.write_bytes(pickle.dumps(Canary(canary)))
    elif form == "inside":
        saved(torch, path, {"fc.weight": torch.ones(2), "x": Canary(canary)})
    else:
        saved(torch, path, Canary(canary), _use_new_zipfile_serialization=form == "zip")
    assert code_of(path) == "E0709"
    assert not canary.exists()
    _ = torch.load(path, weights_only=False) if form != "pickle" else pickle.loads(path.read_bytes())
    assert canary.exists()  # it would have been visible


def archive(torch, tmp_path, change):
    """A checkpoint with its archive rewritten."""
    saved(torch, tmp_path / "good.pth", {"a": torch.zeros(1000)})
    out = io.BytesIO()
    with zipfile.ZipFile(tmp_path / "good.pth") as good, zipfile.ZipFile(out, "w") as bad:
        change(good, bad)
    (tmp_path / "x.pth").write_bytes(out.getvalue())
    return tmp_path / "x.pth"


def test_a_compressed_archive_is_refused_before_it_grows(torch, tmp_path):
    def change(good, bad):
        for each in good.infolist():
            bad.writestr(each.filename, good.read(each), zipfile.ZIP_DEFLATED)
        bad.writestr("good/data/9", b"\0" * (64 << 20), zipfile.ZIP_DEFLATED)

    path = archive(torch, tmp_path, change)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(ArchError, match="compressed archive"):
        pipeline.open_weights(path)


def test_damaged_archives_are_refused(torch, tmp_path):
    good = saved(torch, tmp_path / "good.pth", {"a": torch.zeros(1000)}).read_bytes()
    damaged = [
        good[:100],
        good[: len(good) // 2],
        good[:-1],
        b"PK\x03\x04",
        b"\x80\x02.",
        b"\x80\x02}q\0.",
        good[:200] + good[300:],
    ]
    for number, content in enumerate(damaged):
        path = tmp_path / f"{number}.pth"
        path.write_bytes(content)
        assert code_of(path) == "E0709"


@pytest.mark.parametrize("value", [[1, 2], {}, {"a": 1}, {"a": {"b": 2}}, 3])
def test_a_checkpoint_without_weights_is_refused(torch, value, tmp_path):
    with pytest.raises(ArchError, match="holds no weights"):
        pipeline.open_weights(saved(torch, tmp_path / "x.pth", value))


def test_tensors_without_plain_numbers_are_refused(torch, tmp_path):
    network = small()
    for odd in (torch.zeros(5, device="meta"), torch.zeros(5).to_sparse()):
        state = {name: torch.from_numpy(value.copy()) for name, value in arrays_of(network).items()}
        path = saved(torch, tmp_path / "x.pth", {**state, "fc.bias": odd})
        with pytest.raises(ArchError) as raised:
            network.load_weights(path)
        assert raised.value.diagnostics[0].code == "E0709"


def test_a_view_that_claims_to_be_huge_is_refused_by_its_shape(torch, tmp_path):
    state = {name: torch.from_numpy(value.copy()) for name, value in arrays_of(small()).items()}
    state["fc.weight"] = torch.zeros(1).expand(1 << 20, 1 << 20)
    with pytest.raises(ArchError, match=r"\[1048576, 1048576\]"):
        small().load_weights(saved(torch, tmp_path / "x.pth", state), "native")


def test_a_checkpoint_of_ours_is_one_of_theirs(torch, tmp_path):
    arrays = arrays_of(small())
    path = tmp_path / "x.pth"
    path.write_bytes(pipeline.checkpoint_bytes(arrays))
    found = torch.load(path, weights_only=True)
    assert all(np.array_equal(found[name].numpy(), value) for name, value in arrays.items())
    model = small().to_torch(path)
    assert all(np.array_equal(value.numpy(), arrays[name]) for name, value in model.state_dict().items())


def test_a_module_keeps_what_is_skipped(torch):
    arrays = arrays_of(small(classes=9))
    torch.manual_seed(5)
    fresh = small().to_torch().state_dict()
    torch.manual_seed(5)
    model = small().to_torch(arrays, skip=["fc"]).state_dict()
    assert torch.equal(model["fc.weight"], fresh["fc.weight"])
    assert np.array_equal(model["stem.conv.weight"].numpy(), arrays["stem.conv.weight"])


def test_without_torch_a_checkpoint_asks_for_it(tmp_path, monkeypatch):
    path = tmp_path / "x.pth"
    path.write_bytes(b"PK\x03\x04" + b"\0" * 40)
    monkeypatch.delitem(sys.modules, "archdsl.backends.torch.checkpoint", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(pipeline.MissingExtra, match=r'pip install "archdsl\[torch\]"'):
        pipeline.open_weights(path)


def test_names_are_mapped_without_torch(tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(safetensors_bytes(arrays_of(small())))
    (tmp_path / "small.arch").write_text(small().graph.sources[0].text, encoding="utf-8")
    program = "import sys, archdsl\narchdsl.load('small.arch').load_weights('x.safetensors')\nassert 'torch' not in sys.modules"
    root = str(pipeline.library().parent)
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
