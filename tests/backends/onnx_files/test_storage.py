"""Models are written whole or not at all, with data outside where that is asked for or cannot be helped."""

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
import tracemalloc

import numpy as np
import onnx
import onnxruntime
import pytest

import archdsl
from archdsl import ArchError
from archdsl.backends.onnx import storage
from archdsl.backends.onnx.reading import open_model
from tests.backends.onnx_files.models import changed, network, same, written
from tests.reliability.write_faults import FAULTS, Fault, failing

IMAGE = np.random.default_rng(3).standard_normal((2, 3, 16, 12), np.float32)


def run(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(os.fspath(path), options).run(None, {"image": IMAGE})[0]


def run_of(model):
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"image": IMAGE})[0]


def names(folder):
    return sorted(each.name for each in folder.iterdir())


def data_of(path):
    (name,) = open_model(path).locations
    return path.parent / name


@pytest.mark.parametrize("flat", [False, True])
def test_one_file_holds_the_bytes_of_the_model(tmp_path, flat):
    model = network().to_onnx(flat=flat)
    saved = storage.save(model, tmp_path / "net.onnx")
    assert (tmp_path / "net.onnx").read_bytes() == model.SerializeToString()
    assert saved == storage.Saved(str(tmp_path / "net.onnx"), len(model.SerializeToString()))
    network().save_onnx(tmp_path / "other.onnx", flat=flat)
    assert (tmp_path / "other.onnx").read_bytes() == model.SerializeToString()
    assert storage.load(tmp_path / "net.onnx") == model


@pytest.mark.parametrize("by_arrays", [False, True])
def test_data_outside_are_the_same_model_to_every_reader(tmp_path, by_arrays):
    path, whole = tmp_path / "net.onnx", written(tmp_path / "whole.onnx")
    if by_arrays:
        saved = network().save_onnx(path, external=100)
    else:
        saved = storage.save(network().to_onnx(), path, 100)
    assert (run(path) == run(whole)).all()
    onnx.checker.check_model(str(path), full_check=True)
    assert np.array_equal(run_of(onnx.load(path)), run(whole))
    assert storage.load(path).SerializeToString() == whole.read_bytes()
    assert same(archdsl.load(path).weights(), archdsl.load(whole).weights())
    assert saved.data == str(data_of(path)) and saved.data_size == data_of(path).stat().st_size
    assert str(saved) == f"{path} ({path.stat().st_size:,} bytes) and {data_of(path).name} ({saved.data_size:,} bytes)"


def test_tensors_below_the_threshold_stay_and_the_others_are_aligned(tmp_path):
    written(tmp_path / "net.onnx", external=200)
    model = onnx.load(tmp_path / "net.onnx", load_external_data=False)
    places = {}
    for each in model.graph.initializer:
        size = 4 * int(np.prod(each.dims))
        assert (each.data_location == each.EXTERNAL) is (size >= 200) is not each.HasField("raw_data")
        if size >= 200:
            entry = {item.key: item.value for item in each.external_data}
            assert int(entry["length"]) == size and int(entry["offset"]) % 4096 == 0
            places[int(entry["offset"])] = size
    assert len(places) == 3 and data_of(tmp_path / "net.onnx").stat().st_size == max(places) + places[max(places)]


def test_what_is_written_is_the_same_every_time(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        written(tmp_path / folder / "net.onnx", external=1)
    assert names(tmp_path / "a") == names(tmp_path / "b")
    for name in names(tmp_path / "a"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize("by_arrays", [False, True])
def test_a_model_beyond_what_one_file_holds_has_data_outside_unasked(tmp_path, monkeypatch, by_arrays):
    monkeypatch.setattr(storage, "MOST_BYTES", 5000)
    monkeypatch.setattr(storage, "_ROOM", 0)
    monkeypatch.setattr(storage, "THRESHOLD", 100)
    saved = network().save_onnx(tmp_path / "net.onnx") if by_arrays else storage.save(network().to_onnx(), tmp_path / "net.onnx")
    assert saved.data == str(data_of(tmp_path / "net.onnx"))
    assert np.isfinite(run(tmp_path / "net.onnx")).all()


def test_old_data_go_with_the_model_that_named_them(tmp_path):
    path = tmp_path / "net.onnx"
    written(path, external=1)
    old = data_of(path)
    written(path, external=1, seed=1)
    assert names(tmp_path) == ["net.onnx", data_of(path).name] and data_of(path) != old
    written(path, external=1, seed=1)
    assert names(tmp_path) == ["net.onnx", data_of(path).name]
    written(path)
    assert names(tmp_path) == ["net.onnx"]


def test_data_that_another_model_names_are_kept(tmp_path):
    path = written(tmp_path / "net.onnx", external=1)
    shutil.copy(path, tmp_path / "best.ONNX")
    before = run(path)
    written(path, external=1, seed=1)
    assert len(names(tmp_path)) == 4
    assert (run(tmp_path / "best.ONNX") == before).all()


def test_data_are_kept_where_it_cannot_be_told_who_names_them(tmp_path):
    path = written(tmp_path / "net.onnx", external=1)
    with open(tmp_path / "unknown.bin", "wb") as file:
        file.truncate((1 << 33) + 1)  # more than is looked through
    written(path, external=1, seed=1)
    assert len(names(tmp_path)) == 4


def test_data_are_kept_for_a_copy_of_the_model_by_any_name(tmp_path):
    path = written(tmp_path / "net.onnx", external=1)
    shutil.copy(path, tmp_path / "net.onnx.bak")
    written(path, external=1, seed=1)
    assert len(names(tmp_path)) == 4
    shutil.move(tmp_path / "net.onnx.bak", tmp_path / "back.onnx")
    assert archdsl.load(tmp_path / "back.onnx").weights()


def test_only_data_of_our_own_naming_are_removed(tmp_path):
    path = written(tmp_path / "net.onnx", external=1)
    data_of(path).rename(tmp_path / "precious.bin")

    def rename(model):
        for tensor in model.graph.initializer:
            for entry in tensor.external_data:
                if entry.key == "location":
                    entry.value = "precious.bin"

    changed(path, rename)
    written(path, external=1, seed=1)
    assert "precious.bin" in names(tmp_path)


def test_whatever_call_fails_the_old_pair_is_whole(tmp_path):
    path = written(tmp_path / "net.onnx", external=1)
    before, kept = run(path), names(tmp_path)
    count = 0
    for code in FAULTS[True]:
        for number in itertools.count(1):
            fault = Fault(tmp_path, number, code, short=False)
            with failing(fault), contextlib.suppress(OSError):
                written(path, external=1, seed=1)
            if fault.failed is None:
                break
            count += 1
            if (run(path) == before).all():
                assert names(tmp_path) == kept, (number, fault.failed)
            else:  # the model was in its place already when the folder, or what is stale, could not be dealt with
                assert fault.failed in ("fsync", "open", "close"), (number, fault.failed)
                written(path, external=1)
        written(path, external=1)
    assert count > 50


CRASH = """
import os, sys
from archdsl.backends.onnx import storage
from tests.backends.onnx_files.models import written
from pathlib import Path
real, calls = storage.atomic_write, []
def stopped(path, pieces):
    calls.append(path)
    if len(calls) == 2:
        os._exit(9)
    real(path, pieces)
storage.atomic_write = stopped
written(Path(sys.argv[1]), external=1, seed=1)
"""


def test_a_process_that_dies_between_the_two_files_leaves_the_old_pair(tmp_path):
    path = written(tmp_path / "net.onnx", external=1)
    before, old = run(path), names(tmp_path)
    assert subprocess.run([sys.executable, "-c", CRASH, str(path)], check=False).returncode == 9
    assert (run(path) == before).all() and set(old) < set(names(tmp_path))
    written(path, external=1, seed=1)
    assert (run(path) != before).any() and len(names(tmp_path)) == 2


def test_behind_a_link_both_files_lie_with_the_model_itself(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "net.onnx").symlink_to(tmp_path / "store" / "real.onnx")
    written(tmp_path / "net.onnx", external=1)
    assert (tmp_path / "net.onnx").is_symlink() and names(tmp_path) == ["net.onnx", "store"]
    assert all(name.startswith("real.onnx") for name in names(tmp_path / "store"))
    assert same(archdsl.load(tmp_path / "net.onnx").weights(), network().weights())


def test_a_pipe_has_no_room_for_data_beside_it(tmp_path):
    os.mkfifo(tmp_path / "net.onnx")
    with pytest.raises(OSError, match="external data"):
        written(tmp_path / "net.onnx", external=1)
    assert names(tmp_path) == ["net.onnx"]


@pytest.mark.parametrize("external", [None, 1])
def test_writing_holds_the_weights_once(tmp_path, external):
    net = network("arch wide() {\n  input x: [N, 2048]\n  a: linear(2048)\n  b: linear(2048)\n  output y\n}\n")
    weights = net.weights()
    size = sum(each.nbytes for each in weights.values())
    model, arrays = net._onnx(weights, "native")
    onnx.save(onnx.ModelProto(), tmp_path / "first.onnx")  # what is imported on the way
    tracemalloc.start()
    storage.save(model, tmp_path / "net.onnx", external, arrays)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 32 << 20 and peak < size / 50


def test_looking_into_a_file_reads_none_of_its_weights(tmp_path):
    net = network("arch wide() {\n  input x: [N, 2048]\n  a: linear(2048)\n  b: linear(2048)\n  output y\n}\n")
    net.save_onnx(tmp_path / "net.onnx")
    archdsl.load(tmp_path / "net.onnx")
    tracemalloc.start()
    archdsl.load(tmp_path / "net.onnx")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


def test_weights_are_replaced_and_all_else_stays(tmp_path):
    for external in (None, 1):
        path = written(tmp_path / "net.onnx", external=external, opset=17)
        model = onnx.load(path)
        weights = {name: np.full_like(each, 2) for name, each in network().weights().items()}
        storage.replace_weights(path, weights)
        after = onnx.load(path)
        assert bool(open_model(path).locations) is (external is not None)
        for each in model.graph.initializer:
            if each.name in weights:
                each.raw_data = weights[each.name].tobytes()
        assert after == model


def test_a_part_is_replaced_into_another_file(tmp_path):
    path = written(tmp_path / "net.onnx", external=1)
    before = archdsl.load(path).weights()
    storage.replace_weights(path, {"fc.bias": np.arange(5, dtype=np.float32)}, tmp_path / "out.onnx")
    after = archdsl.load(tmp_path / "out.onnx").weights()
    assert same(archdsl.load(path).weights(), before)
    assert after["fc.bias"].tolist() == [0, 1, 2, 3, 4]
    assert same(after | {"fc.bias": before["fc.bias"]}, before)


def test_structure_alone_takes_weights_later(tmp_path):
    path = tmp_path / "net.onnx"
    network().save_onnx(path, structure=True)
    assert len(onnx.load(path).graph.input) > 1
    storage.replace_weights(path, network().weights())
    assert len(onnx.load(path).graph.input) == 1
    assert (run(path) == run(written(tmp_path / "other.onnx"))).all()


@pytest.mark.parametrize("wrong", [np.zeros(4, np.float32), np.zeros(5), np.zeros((5, 1), np.float32)])
def test_an_array_that_does_not_fit_is_refused(tmp_path, wrong):
    path = written(tmp_path / "net.onnx")
    before = path.read_bytes()
    with pytest.raises(ArchError) as raised:
        storage.replace_weights(path, {"fc.bias": wrong})
    assert [each.code for each in raised.value.diagnostics] == ["E0708"]
    assert path.read_bytes() == before and names(tmp_path) == ["net.onnx"]
