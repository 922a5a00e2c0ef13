"""What `archdsl.load` takes from Python: numbers of any kind, and a clear sentence for anything of a wrong type."""

from fractions import Fraction

import numpy as np
import pytest

import archdsl
from archdsl.diagnostics import ArchError
from archdsl.source import Source

TEXT = """\
arch net(c = 4, bias = true, k = (3, 3), scheme = "he") {
  input x: [N, 3, 8, 8]
  a: conv(c, k, bias=bias)
  output y
}
"""
SPEC = Source("net.arch", TEXT)


@pytest.mark.parametrize(
    "size", [(3, 9, 10), [3, 9, 10], np.array([3, 9, 10]), (np.int64(3), np.int32(9), np.uint8(10)), range(3, 0, -1)]
)
def test_sizes_are_whole_numbers_of_any_kind(size):
    found = archdsl.load(SPEC, input=size).inputs["x"]
    assert found == tuple(int(each) for each in size)
    assert {type(each) for each in found} == {int}
    assert archdsl.load(SPEC, input={"x": size}).inputs["x"] == found


@pytest.mark.parametrize(
    "value, wanted",
    [(np.int64(7), 7), (np.int8(7), 7), (np.array(7), 7), (7, 7)],
)
def test_a_parameter_may_be_a_number_of_numpy(value, wanted):
    network = archdsl.load(SPEC, c=value)
    assert network.graph.arguments["c"] == wanted
    assert type(network.graph.arguments["c"]) is int
    assert network.fingerprint == archdsl.load(SPEC, c=wanted).fingerprint


@pytest.mark.parametrize("value, wanted", [(np.bool_(False), False), (np.False_, False), (False, False)])
def test_and_a_truth_value(value, wanted):
    found = archdsl.load(SPEC, bias=value).graph.arguments["bias"]
    assert found is wanted


@pytest.mark.parametrize("value", [np.float32(0.5), np.float64(0.5), np.array(0.5), Fraction(1, 2), 0.5])
def test_and_a_fraction(value):
    spec = Source("net.arch", "arch net(p = 0.1) { input x: [N, 3, 8, 8]; d: dropout(p); output y }")
    found = archdsl.load(spec, p=value).graph.arguments["p"]
    assert (found, type(found)) == (0.5, float)


def test_and_a_tuple_of_these():
    assert archdsl.load(SPEC, k=(np.int64(1), 5)).graph["a"].op.kernel == (1, 5)
    assert archdsl.load(SPEC, k=[1, np.int16(5)]).graph["a"].op.kernel == (1, 5)


@pytest.mark.parametrize(
    "wrong, told",
    [
        ({"input": 32}, r"`input` is a tuple of sizes such as \(3, 224, 224\), .* not 32 \(int\)"),
        ({"input": "3x32x32"}, r"`input` is a tuple of sizes .* not '3x32x32' \(str\)"),
        ({"input": b"3"}, r"`input` is a tuple of sizes .* not b'3' \(bytes\)"),
        ({"input": (3, 32.0, 32)}, r"`input` holds whole numbers .* not 32.0 \(float\)"),
        ({"input": (3, "32", 32)}, r"`input` holds whole numbers .* not '32' \(str\)"),
        ({"input": (True, 8, 8)}, r"`input` holds whole numbers .* not True \(bool\)"),
        ({"input": {"x": 32}}, r"`input` of `x` is a tuple of sizes .* not 32 \(int\)"),
        ({"input": {1: (3, 8, 8)}}, r"the name of an input is a string, not 1 \(int\)"),
        ({"variant": 3}, r"`variant` is the name of a variant or network, not 3 \(int\)"),
        ({"edits": 3}, r"`edits` is a text such as 'drop stem.c1', or several of them, not 3 \(int\)"),
        ({"edits": [3]}, r"`edits` holds texts such as 'drop stem.c1', not 3 \(int\)"),
        ({"edits": b"drop a"}, r"`edits` is a text .* \(bytes\)"),
        ({"limits": None}, r"`limits` is a `Limits`, not None"),
        ({"parameters": [1]}, r"`parameters` maps names to values, it is \[1\] \(list\)"),
        ({"parameters": {1: 1}}, r"the name of a parameter is a string, not 1 \(int\)"),
        ({"c": None}, r"`c` takes a number, truth value, string or tuple of these, not None \(NoneType\)"),
        ({"c": {}}, r"`c` takes a number, .* not \{\} \(dict\)"),
        ({"c": 1j}, r"`c` takes a number, .* not 1j \(complex\)"),
        ({"k": (1, None)}, r"`k` takes a number, .* not None \(NoneType\)"),
        ({"k": (1, (2,))}, r"`k` takes a number, .* not \(2,\) \(tuple\)"),
        ({"c": np.array([1, 2])}, r"`c` takes a number, .* \(ndarray\)"),
        ({"parameters": {"c": 1}, "c": 1}, "parameter `c` is given twice"),
    ],
)
def test_a_wrong_type_is_a_type_error_with_a_sentence(wrong, told):
    with pytest.raises(TypeError, match=f"^{told}$"):
        archdsl.load(SPEC, **wrong)


@pytest.mark.parametrize("spec", [3, None, b"lenet5", ["lenet5"]])
def test_a_spec_of_a_wrong_type_too(spec):
    with pytest.raises(TypeError, match=r"^a spec is a path, the name of a bundled network or a `Source`, not "):
        archdsl.load(spec)


@pytest.mark.parametrize(
    "wrong, code",
    [
        ({"input": (3, 0, 8)}, "E0402"),
        ({"input": (3, -8, 8)}, "E0402"),
        ({"input": (3, 8)}, "E0405"),
        ({"input": ()}, "E0405"),
        ({"input": (3, 1 << 40, 8)}, "E0402"),
        ({"input": {"z": (3, 8, 8)}}, "E0405"),
        ({"variant": "none"}, "E0201"),
        ({"edits": "drop nothing"}, "E0405"),
        ({"c": float("nan")}, "E0402"),
        ({"c": 1 << 90}, "E0402"),
        ({"c": 0.5}, "E0401"),
        ({"nothing": 1}, "E0405"),
        ({"scheme": "\ud800"}, "E0106"),
        ({"k": (3, "\udcff")}, "E0106"),
        ({"c": Source("<c>", '"\ud800"')}, "E0106"),
        ({"edits": 'replace a with conv("\ud800")'}, "E0106"),
        ({"edits": "drop \ud800"}, "E0106"),
        ({"variant": "\ud800"}, "E0201"),
        ({"input": {"\ud800": (3, 8, 8)}}, "E0405"),
        ({"parameters": {"\ud800": 1}}, "E0405"),
    ],
)
def test_a_wrong_value_is_a_fault_in_view_of_the_spec(wrong, code):
    with pytest.raises(ArchError) as caught:
        archdsl.load(SPEC, **wrong)
    assert caught.value.diagnostics[0].code == code


@pytest.mark.parametrize(
    "text", [f"{TEXT}# \ud800\n", f'"""\udfff"""\n{TEXT}', TEXT.replace('"he"', '"\ud800"'), TEXT.replace("conv", "con\ud800v")]
)
def test_a_text_that_no_file_could_hold_is_refused_at_its_place(text):
    with pytest.raises(ArchError) as caught:
        archdsl.load(Source("net.arch", text))
    (diagnostic,) = caught.value.diagnostics
    assert (diagnostic.code, diagnostic.primary.span.text in "\ud800\udfff") == ("E0106", True)


def test_what_a_message_shows_is_short():
    with pytest.raises(TypeError) as caught:
        archdsl.load(SPEC, c=object, variant=["x" * 10_000])
    assert len(str(caught.value)) < 200
