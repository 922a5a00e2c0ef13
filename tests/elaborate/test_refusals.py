"""What the language keeps for itself or takes once only, and a `set` whose argument not everything has."""

import pytest

from archdsl.ir import dump
from tests.elaborate.specs import arch, faults, graph

NET = arch(
    """
a: conv(4, 3x3)
bn_a: bn
b: repeat 2 { c: conv(4, 3x3); n: bn; p: max_pool(3x3) }
""",
    "block Unused(w) { conv(w, 1x1) }",
)


# --- reserved words ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["if", "then", "else", "and", "or", "not", "in", "true", "false"])
@pytest.mark.parametrize(
    "text",
    [
        "block B(WORD) { conv(3, 1x1) }\narch net() { input x: [N, 3, 8, 8]; b: B(3); output y }",
        "block B(WORD = 2) { conv(3, 1x1) }\narch net() { input x: [N, 3, 8, 8]; b: B(); output y }",
        "arch net(WORD = 2) { input x: [N, 3, 8, 8]; relu; output y }",
        "let WORD = 3\narch net() { input x: [N, 3, 8, 8]; relu; output y }",
        "arch net() { input x: [N, 3, 8, 8]; let WORD = 3; relu; output y }",
        "block WORD() { relu }\narch net() { input x: [N, 3, 8, 8]; relu; output y }",
    ],
)
def test_a_word_of_expressions_names_no_value(text, word):
    spec = text.replace("WORD", word)
    (found,) = faults(spec)
    assert (found.code, found.primary.span.text) == ("E0203", word)
    assert found.help == f"write `{word}_`"


def test_labels_may_be_any_word_but_those_of_python():
    assert "then" in graph(arch("then: conv(3, 1x1)"))


# --- once only -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "about { top1 = 80.0; year = 2016; top1 = 81.0 }\narch net() { input x: [N, 3, 8, 8]; relu; output y }",
        "arch net() { about { top1 = 80.0; top1 = 80.0 }\ninput x: [N, 3, 8, 8]; relu; output y }",
        "arch net() { input x: [N, 3, 8, 8]; relu; output y }\nvariant v of net { about { top1 = 1; top1 = 2 } }",
    ],
)
def test_a_fact_is_told_once(text):
    (found,) = faults(text)
    assert (found.code, found.message) == ("E0202", "`top1` is given twice")
    assert found.primary.span.start > found.secondary[0].span.start


def test_all_inputs_have_one_batch():
    text = "arch net() { input a: [N, 3, 8, 8]; input b: [M, 3, 8, 8]; add { {}; from a }; output y }"
    (found,) = faults(text)
    assert (found.code, found.primary.span.text, found.secondary[0].span.text) == ("E0301", "M", "N")
    assert len(graph(text.replace("[M", "[N")).inputs) == 2


# --- set over a glob -----------------------------------------------------------------------------------------------------


def test_a_set_over_everything_acts_on_what_has_the_argument():
    found = graph(NET, edits="set **:momentum = 0.2")
    assert [node.op.momentum for node in found if node.op.keyword == "bn"] == [0.2, 0.2, 0.2]
    assert dump(found).replace("momentum=0.2", "momentum=0.1") == dump(graph(NET))


def test_it_counts_the_places_where_it_acted(load_with_hits):
    assert load_with_hits("set **:momentum = 0.2") == (("set **:momentum = 0.2", 3),)
    assert load_with_hits("set b[*].*:kernel = 1x1") == (("set b[*].*:kernel = 1x1", 4),)


@pytest.fixture
def load_with_hits():
    import archdsl
    from archdsl.source import Source

    return lambda edits: archdsl.load(Source("net.arch", NET), edits=edits).hits


def test_an_argument_that_nothing_has_is_refused_once():
    (found,) = faults(NET, edits="set **:momentom = 0.2")
    assert (found.code, found.primary.span.text) == ("E0404", "momentom")
    assert found.help == "did you mean `momentum`?"
    assert found.notes == ("it meets `conv`, `bn`, `max_pool`",)


@pytest.mark.parametrize("path", ["a", "b[*].c", "b[0..1].c"])
def test_where_it_meets_one_operator_it_is_told_of_that_one(path):
    (found,) = faults(NET, edits=f"set {path}:strides = 2")
    assert (found.code, found.message) == ("E0404", "`conv` has no argument `strides`")
    assert found.help == "did you mean `stride`?"


@pytest.mark.parametrize(
    "arguments, meant",
    [
        ("8, 3x3, strid=1", "stride"),
        ("8, 3x3, stride=2, strid=1", None),
        ("8, 3x3, strid=1, stride=2", None),
        ("8, kernl=3", "kernel"),
    ],
)
def test_no_argument_is_proposed_that_is_given_already(arguments, meant):
    (found,) = faults(f"arch net() {{ input x: [N, 3, 8, 8]; c: conv({arguments}); output y }}")
    assert found.code == "E0404"
    assert found.help == (f"did you mean `{meant}`?" if meant else None)
    assert [fix.replacement for fix in found.fixes] == ([meant] if meant else [])


def test_a_path_that_hits_nothing_is_still_told_as_that():
    (found,) = faults(NET, edits="set q:stride = 2")
    assert (found.code, found.message) == ("E0405", "`q` hits nothing")


@pytest.mark.parametrize("name", ["class", "forward", "train", "_gem", "__gem"])
@pytest.mark.parametrize("body", ["conv: conv(c, 1x1)", "relu"])
def test_what_is_called_lends_no_name_that_a_label_cannot_have(name, body):
    before = f"block {name}(c) {{ {body} }}"
    (fault,) = faults(arch(f"{name}(4)", before))
    assert (fault.code, fault.help) == ("E0203", f"label it: `name: {name}…`")
    graph(arch(f"a: {name}(4)", before))
