"""Labels that were exchanged: a file that fits both ways is refused, unless it or the caller says which is meant."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from archdsl.diagnostics import ArchError
from archdsl.weights import NATIVE, about, fit, open_safetensors, safetensors_bytes
from tests.weights.conftest import SMALL, arrays_of, small

EQUAL = SMALL.replace("unit(6)", "unit(4)")
EXCHANGED = EQUAL.replace("r: unit(4); c: unit(4)", "c was r: unit(4); r was c: unit(4)")
FIRST, SECOND = "a.0.r.conv.weight", "a.0.c.conv.weight"


def refused(what):
    with pytest.raises(ArchError) as caught:
        what()
    (diagnostic,) = caught.value.diagnostics
    return diagnostic


def ours(text, arrays, **more):
    """Which of the two layers of ``arrays`` each layer of now got: its names in order."""
    found = small(text).load_weights(arrays, **more)
    names = {arrays[name].tobytes(): name for name in (FIRST, SECOND)}
    return names[found[FIRST].tobytes()], names[found[SECOND].tobytes()]


def written(tmp_path, text):
    """A file of ours with weights of the network ``text``."""
    path = tmp_path / "ours.safetensors"
    network = small(text)
    path.write_bytes(safetensors_bytes(arrays_of(network), about(network.graph, NATIVE, NATIVE)))
    return str(path)


# --- what decides --------------------------------------------------------------------------------------------------------


def test_arrays_that_fit_both_ways_are_refused_with_both_readings():
    diagnostic = refused(lambda: small(EXCHANGED).load_weights(arrays_of(small(EQUAL))))
    assert diagnostic.code == "E0708"
    assert diagnostic.message == "`<arrays>` fits `small` by the names of now and by older ones, which were exchanged"
    assert diagnostic.notes[:2] == (
        "`a.0.c` may be the layer of that name, or `a.0.r`, which was called so",
        "`a.0.r` may be the layer of that name, or `a.0.c`, which was called so",
    )
    assert "--names now, or --names older" in diagnostic.help


def test_the_caller_may_say_which():
    arrays = arrays_of(small(EQUAL))
    assert ours(EXCHANGED, arrays, names="now") == (FIRST, SECOND)
    assert ours(EXCHANGED, arrays, names="older") == (SECOND, FIRST)
    assert refused(lambda: ours(EXCHANGED, arrays, names="newer")).code == "E0402"


def test_without_exchanged_labels_there_is_nothing_to_say():
    arrays = arrays_of(small(EQUAL))
    for names in (None, "now", "older"):
        assert ours(EQUAL, arrays, names=names) == (FIRST, SECOND)


def test_shapes_decide_where_they_differ():
    exchanged = SMALL.replace("r: unit(6); c: unit(4)", "c was r: unit(6); r was c: unit(4)")
    before, after = arrays_of(small()), arrays_of(small(exchanged))
    assert ours(exchanged, before) == (SECOND, FIRST)
    assert ours(exchanged, after) == (FIRST, SECOND)


def test_a_name_handed_on_is_read_as_what_is_there_says():
    moved = EQUAL.replace("r: unit(4); c: unit(4)", "c was r: unit(4); d was c: unit(4)")
    before = arrays_of(small(EQUAL))
    found = small(moved).load_weights(before)
    assert np.array_equal(found["a.0.c.conv.weight"], before[FIRST])
    assert np.array_equal(found["a.0.d.conv.weight"], before[SECOND])
    now = arrays_of(small(moved))
    assert all(np.array_equal(value, now[name]) for name, value in small(moved).load_weights(now).items())


def test_layers_that_are_left_out_raise_no_doubt():
    arrays = arrays_of(small(EQUAL))
    found = small(EXCHANGED).load_weights(arrays, skip=["a[*].r", "a[*].c"])
    assert FIRST not in found
    assert np.array_equal(found["fc.weight"], arrays["fc.weight"])


def test_foreign_names_are_not_in_question(rules):
    network = small(EXCHANGED)
    (map_,) = network.weight_maps(rules)
    theirs = {recipe.theirs: np.ones(recipe.form, np.float32) for recipe in map_.recipes}
    assert network.load_weights(theirs, rules).keys() == arrays_of(network).keys()
    from archdsl.weights import in_memory

    assert fit(in_memory(theirs), (*network.weight_maps("native"), map_)).map.source == "other"


# --- what a file says of itself ------------------------------------------------------------------------------------------


def test_a_file_of_this_very_network_loads(tmp_path):
    path = written(tmp_path, EXCHANGED)
    found, now = small(EXCHANGED).load_weights(path), arrays_of(small(EXCHANGED))
    assert all(np.array_equal(found[name], now[name]) for name in now)


def test_a_file_from_before_is_known_as_that(tmp_path):
    path, before = written(tmp_path, EQUAL), arrays_of(small(EQUAL))
    found = small(EXCHANGED).load_weights(path)
    assert np.array_equal(found[SECOND], before[FIRST])
    assert np.array_equal(found[FIRST], before[SECOND])


def test_a_file_from_after_is_known_though_the_text_has_changed_since(tmp_path):
    path, now = written(tmp_path, EXCHANGED), arrays_of(small(EXCHANGED))
    later = f"# a comment\n{EXCHANGED}"
    assert small(later).fingerprint != small(EXCHANGED).fingerprint
    assert np.array_equal(small(later).load_weights(path)[FIRST], now[FIRST])


def test_the_caller_has_the_last_word(tmp_path):
    path, now = written(tmp_path, EXCHANGED), arrays_of(small(EXCHANGED))
    assert np.array_equal(small(EXCHANGED).load_weights(path, names="older")[FIRST], now[SECOND])


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"network": "another", "names": "native", "renames": []},
        {"network": "small", "names": "timm", "renames": []},
        {"network": "small", "names": "native"},
        {"network": "small", "names": "native", "renames": 3},
        {"network": "small", "names": "native", "renames": [["a.0.c", "a.0.r"]]},
        {"network": "small", "names": "native", "renames": [3, None, ["a.0.c"], "a.0.c"], "fingerprint": None},
    ],
)
def test_a_file_that_says_nothing_of_it_decides_nothing(tmp_path, said):
    path = tmp_path / "said.safetensors"
    path.write_bytes(safetensors_bytes(arrays_of(small(EQUAL)), said))
    assert refused(lambda: small(EXCHANGED).load_weights(str(path))).code == "E0708"


@pytest.mark.parametrize("text", ["", "[", "3", "[1]", '"x"', "[" * 5000])
def test_what_is_not_ours_is_passed_over(tmp_path, text):
    from safetensors.numpy import save

    path = tmp_path / "odd.safetensors"
    path.write_bytes(save(arrays_of(small()), {"archdsl": text, "format": "pt"}))
    assert open_safetensors(str(path)).about == {}


@pytest.mark.parametrize("ending", ["safetensors", "pth"])
def test_the_commands_write_it_and_take_the_word(archdsl, tmp_path, ending):
    pytest.importorskip("torch")
    (tmp_path / "before.arch").write_text(EQUAL, encoding="utf-8")
    (tmp_path / "small.arch").write_text(EXCHANGED, encoding="utf-8")
    bare = tmp_path / "bare.safetensors"
    bare.write_bytes(safetensors_bytes(arrays_of(small(EQUAL))))
    assert archdsl("weights", "check", "small.arch", bare).code == 1
    assert archdsl("weights", "check", "small.arch", bare, "--names", "sometimes").code == 2
    for names in ("now", "older"):
        assert archdsl("weights", "check", "small.arch", bare, "--names", names).code == 0
    assert archdsl("weights", "convert", "before.arch", bare, "-o", f"own.{ending}").code == 0
    assert archdsl("weights", "convert", "small.arch", f"own.{ending}", "-o", f"now.{ending}").code == 0
    from archdsl.pipeline import open_weights

    own, now = (open_weights(tmp_path / f"{name}.{ending}") for name in ("own", "now"))
    assert np.array_equal(own.read(FIRST), now.read(SECOND))
    assert archdsl("weights", "check", "small.arch", f"now.{ending}").code == 0


def test_a_checkpoint_of_ours_loads_into_the_module_it_is_for(archdsl, tmp_path):
    torch = pytest.importorskip("torch")
    bare = tmp_path / "bare.safetensors"
    bare.write_bytes(safetensors_bytes(arrays_of(small())))
    assert archdsl("weights", "convert", "small.arch", bare, "-o", "own.pth").code == 0
    state = torch.load(tmp_path / "own.pth", weights_only=True)
    small().to_torch().load_state_dict(state)
    assert small().load_weights(state).keys() == arrays_of(small()).keys()


# --- equal bytes ---------------------------------------------------------------------------------------------------------

_WRITE = """
import sys
from archdsl.cli import main
sys.exit(main(["weights", "convert", "small.arch", "bare.safetensors", "-o", sys.argv[1]]))
"""


@pytest.mark.parametrize("ending", ["safetensors", "pth"])
def test_two_runs_write_equal_bytes(tmp_path, ending):
    pytest.importorskip("torch")
    (tmp_path / "small.arch").write_text(EXCHANGED, encoding="utf-8")
    network = small(EXCHANGED)
    (tmp_path / "bare.safetensors").write_bytes(safetensors_bytes(arrays_of(network), about(network.graph, NATIVE, NATIVE)))
    root = str(Path(__file__).parents[2])
    for number in range(3):
        line = [sys.executable, "-c", f"import sys\nsys.path.insert(0, {root!r})\n{_WRITE}", f"{number}.{ending}"]
        subprocess.run(line, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    assert len({(tmp_path / f"{number}.{ending}").read_bytes() for number in range(3)}) == 1
