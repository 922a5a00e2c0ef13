"""Elaboration goes on past a fault: every fault is told in one run, each once, and none that only follows from another."""

import pytest

import archdsl
from archdsl import ArchError
from archdsl.elaborate.recovery import MOST
from archdsl.pipeline import diagnose
from archdsl.source import Source
from tests.elaborate.specs import arch


def faults(body, before="", parameters="", **choices):
    with pytest.raises(ArchError) as caught:
        archdsl.load(Source("net.arch", arch(body, before, parameters)), **choices)
    return caught.value.diagnostics


def told(body, before="", parameters="", **choices):
    """Code and text at fault of each report."""
    return [(each.code, each.primary.span.text) for each in faults(body, before, parameters, **choices)]


@pytest.mark.parametrize(
    "body, expected",
    [
        ("a: conv(4, kernal=3)\nb: rellu", [("E0404", "kernal"), ("E0201", "rellu")]),
        ("a: conv(x, 3x3)\nb: conv(4, 3x3, pad=sam)", [("E0201", "x"), ("E0201", "sam")]),
        ("let k = y\nlet l = k + 1\na: conv(k, 3x3)\nb: conv(l, 3x3)", [("E0201", "y")]),
        ("a: conv(4, 3x3) if z\nb: q", [("E0201", "z"), ("E0201", "q")]),
        ("concat { a: conv(4, 3x3, stride=two); b: conv(4, 3x3) }", [("E0201", "two")]),
        ("a: conv(4, 9x9, pad=valid)\nb: conv(4, 3x3, stride=1.5)", [("E0302", "9x9"), ("E0401", "1.5")]),
        ("a: conv(4, 9x9, pad=valid)\nb: conv(4, 9x9, pad=valid, dilation=2)", [("E0302", "9x9")]),
        ("for: relu\na: conv(4, q)", [("E0203", "for"), ("E0201", "q")]),
        ("a: relu\na: conv(4, q)", [("E0202", "a"), ("E0201", "q")]),
        ("tap t\ntap t\nu: from v", [("E0202", "t"), ("E0205", "v")]),
        ("a: wrong(1) -> tap t\nb: relu\nc: concat { x: from t; y: {} }", [("E0201", "wrong")]),
        ("side { a: rellu; output s }\nb: conv(q, 3x3)", [("E0201", "rellu"), ("E0201", "q")]),
        ("repeat j in k relu\nb: conv(q, 3x3)", [("E0201", "k"), ("E0201", "q")]),
    ],
)
def test_each_fault_is_told_once_and_no_consequence(body, expected):
    assert told(body) == expected


def test_a_caption_ends_the_doubt():
    body = "a: conv(4, 3x3, stride=two)\nexpect [N, 4, 4, 4]\nr: residual { b: conv(5, 3x3) }"
    assert told(body) == [("E0201", "two"), ("E0301", "5")]


def test_a_wrong_caption_does_not_make_every_later_one_wrong():
    body = "a: conv(4, 3x3, stride=2)\nexpect [N, 4, 5, 4]\nb: conv(6, 3x3)\nexpect [N, 6, 4, 4]\nc: conv(q, 3x3)"
    assert [code for code, _ in told(body)] == ["E0304", "E0201"]


def test_the_value_behind_a_wrong_residual_has_the_shape_it_should():
    body = "r: residual { b: conv(5, 3x3) }\nexpect [N, 3, 8, 8]\ns: residual { b: conv(6, 3x3) }"
    assert told(body) == [("E0301", "5"), ("E0301", "6")]


def test_instances_of_a_block_are_one_report():
    (fault,) = faults("x: repeat 7 B()", "block B() { residual { a: conv(in.c + 1, 3x3) } }")
    assert fault.path == "x[0].residual"
    assert "6 more instances of `B` fail the same way, the last at `x[6].residual`" in fault.notes


def test_uses_of_an_unknown_name_are_one_report():
    (fault,) = faults("a: cbr(4)\nb: cbr(4)\nc: cbr(4)")
    assert fault.primary.span.line == 4
    assert "2 more uses of it" in fault.notes


def test_windows_over_one_map_that_is_too_small_are_one_report():
    (fault,) = faults("concat { a: conv(4, 9x9, pad=valid); b: max_pool(9x9, pad=valid) }")
    assert "1 more window does not fit, the last at `b`" in fault.notes


def test_faults_of_every_file_are_told():
    spec = Source("net.arch", "let a = b\nlet c = a + 1\nblock B() { relu }\nblock B() { relu }\n" + arch("x: B()"))
    with pytest.raises(ArchError) as caught:
        archdsl.load(spec)
    assert [(each.code, each.primary.span.line) for each in caught.value.diagnostics] == [("E0201", 1), ("E0202", 4)]


def test_there_is_an_end_to_it():
    body = "\n".join(f"a{index}: unknown{index}" for index in range(3 * MOST))
    assert len(told(body)) >= MOST


def test_a_block_that_uses_itself_is_told_once():
    assert [code for code, _ in told("x: B()\ny: B()", "block B() { B() }")] == ["E0504"]


def repaired(body, **choices):
    fault = faults(body, **choices)[0]
    assert fault.code == "E0304"
    return fault.primary.span.text, fault.primary.text


@pytest.mark.parametrize(
    "body, place, label",
    [
        ("a: conv(4, 3x3)\nb: conv(4, 3x3, stride=1x2)\nexpect [N, 4, 4, 4]", "1x2", "with `stride=2` it would hold"),
        ("a: conv(4, 3x3, pad=5)\nb: max_pool(2x2)\nexpect [N, 4, 8, 8]", "5", "with `pad=same` it would hold"),
        ("a: conv(33, 3x3)\nb: relu\nexpect [N, 32, 8, 8]", "33", "with `channels=32` it would hold"),
        ("concat { a: conv(64, 1x1); b: conv(65, 1x1) }\nexpect [N, 128, 8, 8]", "65", "with `channels=64` it would hold"),
        ("a: conv(4, 3x3)\nexpect [N, 4, 4, 4]", "conv(4, 3x3)", "with `stride=2` it would hold"),
        ("a: conv(4, 3x3) -> conv(9, 1x1)\nexpect [N, 4]", "expect [N, 4]", "does not hold"),
    ],
)
def test_a_caption_names_the_value_to_change(body, place, label):
    assert repaired(body) == (place, label)


def test_what_a_caption_before_has_looked_at_is_not_blamed():
    body = "a: conv(4, 3x3, stride=2)\nexpect [N, 4, 4, 4]\nb: conv(4, 3x3)\nexpect [N, 4, 2, 2]"
    assert repaired(body) == ("conv(4, 3x3)", "with `stride=2` it would hold")


def test_the_width_of_a_residual_can_be_mended():
    (fault,) = faults("r: residual { b: conv(5, 3x3) }")
    assert [(fix.span.text, fix.replacement) for fix in fault.fixes] == [("5", "in.c")]


@pytest.mark.parametrize(
    "text, code, place",
    [
        ("block A(c) { x: convv(c, 3x3) }", "E0201", "convv"),
        ('block A(c) { x: conv(c, 3x3) }\ndefaults connv(init="zeros")', "E0201", "connv"),
    ],
)
def test_a_file_without_a_network_is_looked_through(text, code, place):
    names, (fault,) = diagnose(Source("lib.arch", text))
    assert names == ()
    assert (fault.code, fault.primary.span.text) == (code, place)


def test_what_follows_does_not_grow_with_the_network():
    blocks = "".join(f"block b{i}() {{ x: b{i + 1}(); y: b{i + 1}() }}\n" for i in range(16))
    (fault,) = faults("a: b0()", blocks + "block b16() { conv(3, 3x3, groups=2) }")
    assert fault.code == "E0303"


def test_a_label_used_twice_is_one_fault():
    before = "block B() { a: conv(3, 3x3); b: relu; r: residual { c: conv(3, 3x3) } }"
    assert told("x: B()\nx: B()\nexpect [N, 3, 4, 4]", before) == [("E0202", "x")]


def test_written_values_are_told_even_behind_a_fault():
    assert told("a: conv(4, 9x9, pad=valid)\nb: conv(4, 3x3, stride=0)\nc: dropout(7)") == [
        ("E0302", "9x9"),
        ("E0402", "0"),
        ("E0402", "7"),
    ]


def test_taps_of_what_is_passed_over_are_not_missed():
    assert told('r: residul { a: relu; tap s }\nx: relu -> tap t if 1 + "a" == 2\nadd { from s; from t; {} }') == [
        ("E0201", "residul"),
        ("E0401", '"a"'),
    ]


def test_a_variant_does_not_repeat_the_faults_of_its_base():
    text = arch("a: conv(4, 9x9, pad=valid)\nb: conv(5, 3x3, groups=2)", parameters="k = 1")
    _, found = diagnose(Source("net.arch", text + "variant v of net { set a:channels = 5 }"))
    assert [each.code for each in found if each.severity == "error"] == ["E0302"]


def test_a_caption_in_a_repeat_counts_every_instance():
    (fault,) = faults("k: repeat 10 { a: conv(99, 1x1); expect [N, 98, 8, 8] }")
    assert "9 more instances fail the same way" in fault.notes
