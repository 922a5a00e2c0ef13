"""Expressions, arguments, parameters of blocks and networks, input sizes, captions, and where values come from."""

import pytest

from archdsl.choices import Choices
from archdsl.diagnostics import ArchError
from archdsl.elaborate import elaborate
from archdsl.ops import BY_KEYWORD
from archdsl.pipeline import open_spec, read
from archdsl.source import Source
from tests.elaborate.specs import arch, fault, faults, flow, graph, refused, shapes

# --- expressions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expression, value",
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("7 // 2", 3),
        ("7 % 4", 3),
        ("7 / 2", 3.5),
        ("-3 + 5", 2),
        ("+3", 3),
        ("2 - 1 - 1", 0),
        ("min(3, 2, 5)", 2),
        ("max(3, 2.5)", 3),
        ("ceil(2.1)", 3),
        ("floor(-2.1)", -3),
        ("if 1 < 2 then 3 else 4", 3),
        ("if in.c == 3 and not (in.h > 8) then 1 else 2", 1),
        ("1 < 2 or 1 // 0 > 1", True),  # the right side is not evaluated
        ("false and 1 // 0 > 1", False),
        ("3 == 3.0", True),
        ("true == 1", False),
        ("true != false", True),
        ('same == "same"', True),
        ("(1, 2, 3, 4)", (1, 2, 3, 4)),
        ("3x5", (3, 5)),
        ("1e-3", 0.001),
        ('"text"', "text"),
        ("in.c * in.h + in.w", 32),
    ],
)
def test_expressions(expression, value):
    found = flow(f"x: A({expression})", "block A(v) { relu }")
    assert found.scopes[1].arguments == {"v": value}
    assert type(found.scopes[1].arguments["v"]) is type(value)


@pytest.mark.parametrize(
    "expression, code, marked",
    [
        ("1 // 0", "E0403", "1 // 0"),
        ("1 / (in.c - 3)", "E0403", "1 / (in.c - 3)"),
        ("1 % 0", "E0403", "1 % 0"),
        ("1e308 * 10", "E0403", "1e308 * 10"),
        ("ceil(1e308)", "E0403", "ceil(1e308)"),
        ("9223372036854775807 * 2", "E0403", "9223372036854775807 * 2"),
        ("1 + true", "E0401", "true"),
        ('1 + "a"', "E0401", '"a"'),
        ("3x3 * 2", "E0401", "3x3"),
        ("not 1", "E0401", "1"),
        ("1 and true", "E0401", "1"),
        ("if 1 then 2 else 3", "E0401", "1"),
        ('"a" < "b"', "E0401", '"a"'),
        ("(1, (2, 3))", "E0401", "(2, 3)"),
        ("unknown", "E0201", "unknown"),
        ("in", "E0201", "in"),
    ],
)
def test_expressions_that_have_no_value(expression, code, marked):
    found = fault(f"x: A({expression})", "block A(v) { relu }")
    if expression == "in":  # the parser's to say
        assert found.code in ("E0101", "E0201")
        return
    assert (found.code, found.primary.span.text) == (code, marked)


def test_long_chains_of_definitions_stay_small():
    doubled = "\n".join(f"let a{index + 1} = a{index} + a{index}" for index in range(62))
    found = flow(f"let a0 = n\n{doubled}\na: conv(a3, 1x1)", parameters="n = 1")
    assert found["a"].op.channels == 8
    assert found["a"].origins["channels"].formula == "(((n + n) + (n + n)) + ((n + n) + (n + n)))"
    tuples = "\n".join(f"let a{index + 1} = (a{index}, a{index})" for index in range(60))
    refused(tuples, "E0401", "a1", before="let a0 = 1")


# --- arguments -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call, code, marked, help",
    [
        ("conv(4, 3x3, 2)", "E0404", "2", None),
        ("conv(4, 3x3, stirde=2)", "E0404", "stirde", "did you mean `stride`?"),
        ("conv(4, 3x3, kernel=3x3)", "E0404", "kernel=3x3", None),
        ("conv(4, 3x3, stride=1, stride=2)", "E0404", "stride=2", None),
        ("conv(kernel=3x3)", "E0404", "conv", None),
        ("conv(4/2, 3x3)", "E0401", "4/2", "write `2`, or use `//` to divide whole numbers"),
        ("conv(4, 3x3, stride=0)", "E0402", "0", None),
        ("conv(4, 3x3, pad=smae)", "E0201", "smae", "did you mean `same`?"),
        ("conv(4, 3x3, bias=1)", "E0401", "1", None),
        ("conv(4, 3x3, groups=2)", "E0303", "2", None),
        ("conv(4, 9x9, pad=valid)", "E0302", "9x9", None),
        ("conv(4, { relu })", "E0401", "{ relu }", None),
        ("linear(10)", "E0303", "linear(10)", None),
    ],
)
def test_argument_faults_are_shown_at_the_argument(call, code, marked, help):
    found = fault(f"a: {call}")
    assert (found.code, found.primary.span.text) == (code, marked)
    assert help is None or found.help == help


def test_an_argument_fault_is_shown_where_the_user_wrote_the_value_through_blocks_and_defaults():
    before = "block B(c, s) { x: conv(c, 3x3, stride=s) }\nblock A(w, s = 1) { b: B(w, s=s) }"
    for body, marked in (
        ("a: A(0)", "0"),
        ("a: A(4, s=2.5)", "2.5"),
        ("defaults A(s=0)\na: A(4)", "0"),
        ("let w = -4\na: A(w)", "-4"),
    ):
        found = fault(body, before)
        assert (found.primary.span.text, found.path) == (marked, "a.b.x"), str(found)
        assert found.secondary[0].text == "in this `conv`"


def test_block_arguments():
    before = "block A(c, k = 3x3, s = 1) { a: conv(c, k, stride=s) }"
    assert shapes(flow("x: A(4, 1x1, s=2)", before))["x.a"] == (4, 4, 4)
    missing = refused("x: A()", "E0404", "A", before)
    assert missing.secondary[0].span.text == "c"
    refused("x: A(4, 1x1, 2)", "E0404", "2", before)
    assert refused("x: A(4, q=1)", "E0404", "q", before).notes == ("`A` takes `c`, `k`, `s`",)


def test_a_default_may_use_earlier_parameters():
    before = "let base = 2\nblock A(c, wide = base * c) { a: conv(wide, 1x1) }"
    assert shapes(flow("x: A(4)", before))["x.a"][0] == 8
    refused("x: A()", "E0201", "later", "block A(c = later, later = 2) { a: conv(c, 1x1) }")


def test_true_and_one_are_different_arguments():
    assert flow("a: conv(4, 1x1, bias=true)")["a"].op.bias is True
    refused("a: conv(1, 1x1, bias=true)\nb: conv(true, 1x1)", "E0401", "true")


# --- the network's parameters --------------------------------------------------------------------------------------------


def test_parameters_from_the_caller():
    body = "let wide = 2 * w\na: conv(wide, 1x1)"
    found = flow(body, parameters="w = 4", w=8)
    assert (found["a"].op.channels, found.arguments) == (16, {"w": 8})
    assert flow(body, parameters="w = 4", w=Source("<command line>", "3 + 2"))["a"].op.channels == 10
    missing = refused(body, "E0404", "w", parameters="w")
    assert missing.help == "give it: `--set w=…`"


def test_an_unknown_parameter_is_refused_with_what_was_meant():
    found = fault("relu", parameters="classes = 10", clases=5)
    assert (found.code, found.help, found.notes) == ("E0405", "did you mean `classes`?", ("parameters: `classes`",))


@pytest.mark.parametrize(
    "value, code",
    [(None, "E0401"), ({}, "E0401"), (float("nan"), "E0402"), (10**400, "E0402"), ((1, (2,)), "E0401"), (0, "E0402")],
)
def test_values_of_python_that_the_language_does_not_have(value, code):
    with pytest.raises(ArchError) as caught:
        open_spec(Source("net.arch", arch("a: conv(w, 1x1)", parameters="w = 4")), Choices(parameters={"w": value}))
    assert caught.value.diagnostics[0].code == code


def test_a_list_is_a_tuple():
    assert flow("a: pad(w)", parameters="w = 1", w=[1, 2, 3, 4])["a"].type.shape == (3, 15, 11)


# --- inputs --------------------------------------------------------------------------------------------------------------


def test_symbolic_sizes():
    spec = "arch n() { input image: [N, 3, H = 8, W = 2*5]; a: conv(4, 3x3); output y }"
    assert graph(spec)["a"].type.shape == (4, 8, 10)
    assert graph(spec)["image"].op.dims == (None, "H", "W")
    assert graph(spec, input=(3, 16, 12))["a"].type.shape == (4, 16, 12)
    free = spec.replace("H = 8", "H")
    assert graph(free, input=(3, 16, 12))["a"].type.shape == (4, 16, 12)
    (found,) = faults(free)
    assert (found.code, found.primary.span.text) == ("E0405", "H")


def test_a_vector_may_be_an_input():
    assert graph("arch n() { input v: [N, 16]; fc: linear(4); output y }")["fc"].type.shape == (4,)


@pytest.mark.parametrize(
    "dims, code, marked",
    [
        ("[3, 8, 8]", "E0401", "3"),
        ("[N = 1, 3, 8, 8]", "E0401", "N = 1"),
        ("[N, 3, 8]", "E0303", None),
        ("[N, 3, 8, 8, 8]", "E0303", None),
        ("[N, 0, 8, 8]", "E0402", "0"),
        ("[N, 3, -8, 8]", "E0402", "-8"),
        ("[N, 3, 8, 2147483648]", "E0402", "2147483648"),
        ("[N, 3, 2.5, 8]", "E0401", "2.5"),
        ("[N, 3, true, 8]", "E0401", "true"),
    ],
)
def test_inputs_that_are_none(dims, code, marked):
    (found,) = faults(f"arch n() {{ input image: {dims}; output y }}")
    assert found.code == code
    assert marked is None or found.primary.span.text == marked


def test_input_sizes_of_the_caller_must_fit():
    assert fault("relu", input=(3, 8)).code == "E0405"
    found = fault("relu", input=(3, 8, 0))
    assert (found.code, found.primary.span.text) == ("E0402", "image")


# --- captions ------------------------------------------------------------------------------------------------------------


def notes(spec, **choices):
    import archdsl

    return [note.primary.span.text for note in archdsl.load(Source("net.arch", spec), **choices).notes]


def test_a_caption_is_checked_at_the_declared_size():
    spec = arch("a: conv(4, 3x3, stride=2)\nexpect [N, 4, 4, 4]")
    assert notes(spec) == []
    assert notes(spec, input=(3, 8, 8)) == []
    found = refused("a: conv(4, 3x3)\nexpect [N, 4, 4, 4]", "E0304", "conv(4, 3x3)")
    assert found.message == "expected [N, 4, 4, 4], the value is [N, 4, 8, 8]"
    assert found.primary.text == "with `stride=2` it would hold"
    assert found.secondary[0].span.text == "expect [N, 4, 4, 4]"


def test_a_caption_is_skipped_at_any_other_size_and_where_the_network_was_edited():
    spec = arch("a: conv(w, 3x3)\nexpect [N, 4, 8, 8]", parameters="w = 4")
    assert notes(spec, input=(3, 16, 16)) == ["expect [N, 4, 8, 8]"]
    assert notes(spec, w=5) == ["expect [N, 4, 8, 8]"]
    assert notes(spec, edits="set a:channels = 5") == ["expect [N, 4, 8, 8]"]
    variant = spec + "\nvariant v of net { insert relu after a }"
    assert notes(variant, variant="v") == ["expect [N, 4, 8, 8]"]


def test_captions_are_expressions_and_stand_in_blocks():
    before = "block A(c) { a: conv(2*c, 3x3); expect [N, 2*c, in.h, in.w] }"
    assert notes(arch("x: A(4)", before)) == []
    found = refused("x: A(4)", "E0304", "conv(2*c, 3x3)", "block A(c) { a: conv(2*c, 3x3); expect [N, c] }")
    assert found.path == "x"


def test_a_caption_begins_with_the_batch():
    found = refused("expect [3, 8, 8]", "E0401", "3")
    assert found.help == "write `[N, …]`"
    refused("expect [N, 3.5, 8, 8]", "E0401", "3.5")


# --- where values come from ----------------------------------------------------------------------------------------------


def test_origins():
    before = """
    let eps = 1e-3
    defaults bn(eps=eps)
    block A(c, k = 3x3) { conv(c, k, stride = 1 + 0); bn }
    """
    spec = arch("let s = 2\nx: A(w)\ny: conv(2*w, 1x1, stride=s)", before, parameters="w = 4")
    found = graph(spec)
    origins = {name: (origin.kind, origin.span.text, origin.formula) for name, origin in found["x.conv"].origins.items()}
    assert origins == {
        "channels": ("parameter", "4", "c"),
        "kernel": ("default", "3x3", "k"),
        "stride": ("expression", "1 + 0", "(1 + 0)"),
    }
    assert [(each.kind, each.span.text) for each in found["x.bn"].origins.values()] == [("defaults", "1e-3")]
    assert found["y"].origins["stride"].kind == "let"
    assert found["y"].origins["channels"].formula == "(2 * w)"
    edited = graph(spec, edits="set y:stride = 1")
    assert (edited["y"].origins["stride"].kind, edited["y"].origins["stride"].span.text) == ("command line", "1")


def test_a_program_may_be_elaborated_again_and_again():
    program = read(Source("net.arch", arch("a: conv(4, 3x3)")))
    one, other = (elaborate(program, operators=BY_KEYWORD).graph for _ in range(2))
    assert one.nodes == other.nodes


def test_facts_and_docstrings_are_kept():
    spec = '"""Of the file."""\nabout { paper = "p"; year = 2016 }\n' + arch("about { top1 = 80.0 }\nrelu")
    found = graph(spec)
    assert (found.doc, dict(found.about)) == ("Of the file.", {"paper": "p", "year": 2016, "top1": 80.0})
    with pytest.raises(ArchError):
        graph(arch("relu") + "\nabout { a = { relu } }")
