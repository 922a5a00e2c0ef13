"""Edits by path: set, drop, replace, insert; globs, order, variants, hits and misses."""

import pytest

import archdsl
from archdsl.ir import dump
from archdsl.source import Source
from tests.elaborate.specs import arch, fault, faults, flow, graph, paths, refused, shapes, text

NET = """
block cbr(c, k = 3x3, stride = 1) { conv(c, k, stride=stride, bias=false); bn; relu }
block Cell(w) { mix: concat { b1: cbr(w); b7: { r: cbr(w); h: cbr(w, 1x7) } }; up: conv(in.c, 1x1) }
arch net(w = 4) {
  input image: [N, 3, 8, 8]
  stem: { c1: cbr(w, stride=2); c2: cbr(w) }
  a: repeat 3 Cell(w)
  b: repeat 2 { x: relu; y: sigmoid }
  end: conv(5, 1x1)
  output y
}
"""


def edited(edits, spec=NET, **choices):
    """Dump of the network under edits."""
    return dump(graph(spec, edits=edits, **choices))


def written(*changes):
    """Dump of the network with its text changed."""
    spec = NET
    for before, after in changes:
        assert before in spec
        spec = spec.replace(before, after)
    return dump(graph(spec))


def hits(edits, spec=NET, **choices):
    return [count for _, count in archdsl.load(Source("net.arch", spec), edits=edits, **choices).hits]


# --- each kind of edit ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "edits, changes",
    [
        ("set stem.c1:stride = 1", [("c1: cbr(w, stride=2)", "c1: cbr(w, stride=1)")]),
        ("set stem.c1:c = 2*w", [("c1: cbr(w, stride=2)", "c1: cbr(2*w, stride=2)")]),
        ("set a:repeat = 2", [("repeat 3", "repeat 2")]),
        ("set a:w = 6", [("repeat 3 Cell(w)", "repeat 3 Cell(6)")]),
        ("set a[*].mix.b7.h:k = 1x3", [("cbr(w, 1x7)", "cbr(w, 1x3)")]),
        ("set **.conv:bias = true", [("bias=false", "bias=true")]),
        ("drop stem.c2", [("; c2: cbr(w) }", " }")]),
        ("drop a[*].mix.b7", [("; b7: { r: cbr(w); h: cbr(w, 1x7) }", "")]),
        ("drop **.h", [("; h: cbr(w, 1x7)", "")]),
        ("drop a", [("  a: repeat 3 Cell(w)\n", "")]),
        ("drop **.relu", [("; bn; relu }", "; bn }")]),
        ("replace end with conv(7, 3x3)", [("end: conv(5, 1x1)", "end: conv(7, 3x3)")]),
        ("replace stem with cbr(9)", [("stem: { c1: cbr(w, stride=2); c2: cbr(w) }", "stem: cbr(9)")]),
        ("replace end with relu -> conv(7, 3x3)", [("end: conv(5, 1x1)", "end: { relu -> conv(7, 3x3) }")]),
        ("insert new: conv(in.c, 3x3) before end", [("  end:", "  new: conv(in.c, 3x3)\n  end:")]),
        ("insert n: relu after stem.c1", [("c1: cbr(w, stride=2);", "c1: cbr(w, stride=2); n: relu;")]),
        ("insert n: cbr(2) after a[*].mix.b1", [("b1: cbr(w);", "b1: cbr(w); n: cbr(2);")]),
        ("insert n: relu before b[*].y", [("y: sigmoid", "n: relu; y: sigmoid")]),
    ],
)
def test_an_edit_is_a_changed_text(edits, changes):
    assert without_origin(edited(edits)) == without_origin(written(*changes))


def without_origin(dumped):
    """The dump without the first line, which lists the same arguments."""
    return dumped.split("\n", 1)[1]


def test_a_parameter_of_the_network():
    assert edited("set w = 6").split("\n", 1)[1] == dump(graph(NET, w=6)).split("\n", 1)[1]
    found = faults(NET, edits="set stride = 2")[0]
    assert (found.code, found.message, found.primary.span.text) == ("E0405", "`net` has no parameter `stride`", "stride")


def test_widths_downstream_follow_an_edit():
    found = graph(NET, edits="drop a[1].mix.b1; set stem.c2:c = 10")
    assert [found[f"a[{index}].up"].type.channels for index in range(3)] == [10, 10, 10]
    assert found["a[1].mix"].type.channels == 4


@pytest.mark.parametrize(
    "edit, count",
    [
        ("drop a[*].mix.b7", 3),
        ("drop a[0..1].mix.b7", 2),
        ("drop a[2].mix.b7", 1),
        ("drop a[2]", 1),
        ("set **.bn:eps = 1e-3", 11),
        ("set a:w = 5", 3),
        ("set a[*]:w = 5", 3),
        ("replace b[*].* with tanh", 4),
        ("insert identity after *.c1", 1),
    ],
)
def test_hits_are_counted(edit, count):
    assert hits(edit) == [count]


# --- dropping is deleting ------------------------------------------------------------------------------------------------


def test_a_drop_is_a_false_guard():
    body = "a: conv(4, 1x1)\nb: conv(5, 1x1){}\nc: concat {{ keep: {{}}; d: relu{} }}"
    dropped = text(body.format("", ""), edits="drop b; drop c.d")
    assert dropped == text(body.format(" if false", " if false"))


def test_numbers_close_up_behind_a_drop_and_edits_find_what_was_there():
    assert paths(flow("relu\nsigmoid\nrelu\nrelu", edits="drop relu")) == ["sigmoid", "relu", "relu_2"]
    assert text("relu\nsigmoid\nrelu\nrelu", edits="drop relu") == text("sigmoid\nrelu\nrelu")
    assert text("relu\nsigmoid\nrelu\nrelu", edits="drop relu; drop relu_3") == text("sigmoid\nrelu")
    found = flow("leaky_relu\nleaky_relu\nleaky_relu", edits="drop leaky_relu; set leaky_relu_3:slope = 0.5")
    assert [node.op.slope for node in list(found)[1:]] == [0.01, 0.5]


def test_edits_find_what_is_inside_a_block_whose_number_changed():
    before = "block act() { r: relu; s: sigmoid }"
    dropped = flow("act()\nact()\nact()", before, edits="drop act; drop act_3.r; replace act_2.s with tanh")
    assert [(node.path, node.op.keyword) for node in list(dropped)[1:]] == [
        ("act.r", "relu"),
        ("act.s", "tanh"),
        ("act_2.s", "sigmoid"),
    ]


def test_dropping_one_of_two_weighted_operators_of_a_name_leaves_no_fault():
    refused("conv(4, 1x1)\nconv(5, 1x1)", "E0204", "conv")
    assert text("conv(4, 1x1)\nconv(5, 1x1)", edits="drop conv") == text("conv(5, 1x1)")


def test_a_dropped_iteration_is_the_identity_and_the_others_keep_their_paths():
    assert paths(flow("a: repeat 3 relu", edits="drop a[1]")) == ["a[0]", "a[2]"]


def test_a_dropped_branch_vanishes_and_the_last_one_must_stay():
    refused("m: concat { a: relu; b: relu }", "E0502", "concat", edits="drop m.*")
    assert paths(flow("m: concat { a: relu; b: relu }", edits="drop m.a")) == ["m.b", "m"]


def test_one_step_of_a_chain():
    body = "a: relu -> b: sigmoid -> c: tanh"
    assert paths(flow(body, edits="drop b")) == ["a", "c"]
    assert paths(flow(body, edits="insert n: relu after a; insert m: relu before c")) == ["a", "n", "b", "m", "c"]
    chain = "m: concat { a: relu -> b: sigmoid; c: tanh }"
    assert flow(chain, edits="insert n: relu after m.a")["m"].inputs == ("m.b", "m.c")  # inside the branch
    assert flow(chain, edits="insert n: relu after m.b")["m"].inputs == ("m.b", "m.n", "m.c")  # a branch of its own


# --- order ---------------------------------------------------------------------------------------------------------------


def test_edits_act_in_the_order_in_which_they_are_written():
    assert paths(flow("x: relu", edits="insert a: relu after x; insert b: relu after x")) == ["x", "b", "a"]
    assert paths(flow("x: relu", edits="insert a: relu before x; insert b: relu before x")) == ["a", "b", "x"]
    assert paths(flow("x: relu", edits="insert a: relu after x; insert b: relu after a")) == ["x", "a", "b"]
    assert paths(flow("x: relu", edits="insert a: relu after x; drop a")) == ["x"]
    assert [node.op.keyword for node in flow("x: relu", edits="replace x with tanh; replace x with elu")][1:] == ["elu"]
    assert paths(flow("x: relu\ny: relu", edits="replace x with tanh; drop x")) == ["y"]
    early = fault("x: relu", edits="drop a; insert a: relu after x")
    assert (early.code, early.primary.span.text) == ("E0405", "a")
    gone = fault("x: relu\nz: relu", edits="drop x; insert a: relu after x")
    assert (gone.code, gone.primary.span.text) == ("E0405", "x")


def test_all_sets_apply_whatever_their_place():
    assert edited("insert n: cbr(2) after stem; set n:c = 8") == edited("set n:c = 8; insert n: cbr(2) after stem")


def test_what_a_later_edit_removes_counts_as_hit():
    for edits in ("set end:channels = 9; drop end", "drop end; set end:channels = 9", "replace stem.c1 with relu; drop stem"):
        graph(NET, edits=edits)
    graph(NET, edits="set a[*].up:bias = false; set a[*].mix.b7.r:c = 3; drop a")


def test_a_glob_does_not_find_what_it_brings_in():
    assert len(paths(flow("x: relu", edits="insert a: relu -> b: relu after **"))) == 3
    assert len(paths(flow("x: relu\ny: relu", edits="insert relu -> relu before *"))) == 6
    body = flow("x: relu", edits="replace ** with { a: relu; b: relu }")
    assert paths(body) == ["x.a", "x.b"]
    chained = "; ".join(["insert a0: relu after x", *(f"insert a{n + 1}: relu after a{n}" for n in range(300))])
    assert len(paths(flow("x: relu", edits=chained))) == 302


# --- texts of edits ------------------------------------------------------------------------------------------------------


def test_a_replacement_keeps_the_label_of_what_it_replaces():
    assert paths(flow("x: relu", edits="replace x with tanh")) == ["x"]
    assert paths(flow("x: relu", edits="replace x with y: tanh")) == ["x"]
    assert paths(flow("relu", edits="replace relu with y: tanh")) == ["y"]
    assert paths(flow("relu", edits="replace relu with tanh")) == ["tanh"]


def test_the_text_of_an_edit_sees_the_values_of_its_place_and_the_names_of_its_file():
    before = "let wide = 6\nblock Extra(c) { conv(c, 1x1) }\nblock A(q) { x: conv(q, 1x1) }"
    found = flow("a: A(4)", before, edits="replace a.x with Extra(2*q); insert n: conv(wide + in.c, 1x1) after a.x")
    assert {path: shape[0] for path, shape in shapes(found).items()} == {"image": 3, "a.x.conv": 8, "a.n": 9}


def test_guards_of_inserted_texts():
    assert paths(flow("x: relu", edits="insert a: relu if in.c > 3 after x")) == ["x"]
    assert paths(flow("x: relu -> y: relu", edits="insert a: relu if in.c > 3 after x")) == ["x", "y"]
    assert paths(flow("x: relu -> y: relu", edits="insert a: relu if in.c == 3 after x")) == ["x", "a", "y"]


def test_nothing_stands_between_iterations():
    found = fault("a: repeat 2 relu", edits="insert relu after a[0]")
    assert (found.code, found.help) == ("E0405", "name a step inside: `a[0].name`")


# --- misses --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "edit, marked, help",
    [
        ("drop stm.c1", "stm.c1", "did you mean `stem.c1`?"),
        ("drop a[3]", "a[3]", "did you mean `a[*]`?"),
        ("drop mix.b7", "mix.b7", "did you mean `a[*].mix.b7`?"),
        ("drop a.mix", "a.mix", "did you mean `a[*].mix`?"),
        ("set ned:channels = 3", "ned", "did you mean `end`?"),
        ("replace zzz with relu", "zzz", "`archdsl summary --depth 9` lists the paths"),
        ("drop **.zzz", "**.zzz", "`archdsl summary --depth 9` lists the paths"),
    ],
)
def test_an_edit_that_hits_nothing_says_what_was_meant(edit, marked, help):
    (found,) = faults(NET, edits=edit)
    assert (found.code, found.primary.span.text, found.help) == ("E0405", marked, help)


def test_every_miss_is_reported():
    assert [each.primary.span.text for each in faults(NET, edits="drop x1; set end:channels = 3; drop x2")] == ["x1", "x2"]


def test_faults_of_a_set():
    (found,) = faults(NET, edits="set end:chanels = 3")
    assert (found.code, found.primary.span.text, found.help) == ("E0404", "chanels", "did you mean `channels`?")
    (found,) = faults(NET, edits="set end:channels = 3.5")
    assert (found.code, found.primary.span.text, found.path) == ("E0401", "3.5", "end")
    (found,) = faults(NET, edits="set a:repeat = -1")
    assert (found.code, found.primary.span.text) == ("E0402", "-1")
    (found,) = faults(NET, edits="set a:repeat = 1000000000000")
    assert found.code == "E0505"


# --- variants ------------------------------------------------------------------------------------------------------------

FAMILY = (
    NET
    + """
variant small of net {
  \"\"\"Without the long branch.\"\"\"
  about { year = 2020 }
  drop a[*].mix.b7
}
variant tiny of small { set w = 2; set a:repeat = 1 }
variant other of tiny { insert n: conv(7, 1x1) before end; set n:bias = false }
"""
)


def test_variants_of_variants_apply_from_the_base_outwards():
    small = dump(graph(FAMILY, variant="small"))
    assert without_origin(small) == without_origin(edited("drop a[*].mix.b7"))
    other = graph(FAMILY, variant="other")
    assert (
        dump(other).split("\n", 1)[1]
        == edited("drop a[*].mix.b7; set a:repeat = 1; insert n: conv(7, 1x1, bias=false) before end", w=2).split("\n", 1)[1]
    )
    assert (other.name, other.arguments["w"], other.about["year"], other.doc) == ("other", 2, 2020, "Without the long branch.")


def test_edits_of_the_caller_act_after_those_of_the_variant():
    assert graph(FAMILY, variant="tiny", edits="set w = 6")["stem.c1.conv"].op.channels == 6
    assert "n" not in graph(FAMILY, variant="other", edits="drop n")


def test_variants_that_lead_nowhere():
    assert faults(NET + "variant v of nte { }", variant="v")[0].help == "did you mean `net`?"
    assert faults("variant v of w { }\nvariant w of v { }", variant="v")[0].code == "E0504"
    assert faults(NET, variant="nett")[0].help == "did you mean `net`?"


def test_several_networks_of_a_file():
    spec = arch("relu").replace("net", "one") + arch("tanh").replace("net", "two")
    assert faults(spec)[0].code == "E0503"
    assert "tanh" in graph(spec, variant="two")
    assert "relu" in archdsl.load(Source("one.arch", spec)).graph  # the network named as the file
