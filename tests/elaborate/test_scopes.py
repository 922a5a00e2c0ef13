"""Names, what `in` means, taps, `let` and `defaults`: what is visible where."""

import pytest

from tests.elaborate.specs import fault, faults, flow, paths, refused, shapes, text

# --- labels and paths ----------------------------------------------------------------------------------------------------


def test_structure_without_a_label_adds_no_segment():
    before = "block Cell() { concat { b1: conv(4, 1x1); b2: { r: conv(5, 1x1); relu } } }"
    body = "a: repeat 2 Cell()\nres: residual { c: conv(in.c, 1x1) }\nresidual { { d: conv(in.c, 1x1) } }"
    assert paths(flow(body, before)) == [
        "a[0].b1",
        "a[0].b2.r",
        "a[0].b2.relu",
        "a[0].concat",
        "a[1].b1",
        "a[1].b2.r",
        "a[1].b2.relu",
        "a[1].concat",
        "res.c",
        "res",
        "d",
        "residual",
    ]


def test_a_labelled_operator_is_its_label_and_a_labelled_block_a_scope():
    before = "block cbr(c, k) { conv(c, k, bias=false); bn; relu }"
    found = flow("c0: conv(4, 3x3)\nc1: cbr(4, 3x3)", before)
    assert paths(found) == ["c0", "c1.conv", "c1.bn", "c1.relu"]
    assert [f"{node.path}.{weight.name}" for node in found for weight in node.weights if weight.role == "kernel"] == [
        "c0.weight",
        "c1.conv.weight",
    ]


def test_weightless_operators_without_a_label_are_numbered():
    assert paths(flow("relu; relu\nrelu")) == ["relu", "relu_2", "relu_3"]


def test_automatic_numbers_leave_written_labels_alone():
    assert paths(flow("relu\nrelu\nrelu_2: relu")) == ["relu", "relu_3", "relu_2"]


def test_an_outer_merge_is_named_before_what_it_holds():
    assert paths(flow("concat { {}; { concat { {}; {} } } }")) == ["concat_2", "concat"]


def test_two_weighted_operators_of_one_name_ask_for_labels():
    found = refused("conv(4, 3x3)\nconv(4, 3x3)", "E0204", "conv")
    assert found.primary.span.line == 5
    assert found.secondary[0].span.line == 4
    assert found.help == "name it: `name: conv…`"


def test_two_unlabelled_blocks_with_weights_ask_for_labels():
    before = "block cbr(c) { conv(c, 3x3) }\nblock act() { relu }"
    refused("cbr(4)\ncbr(4)", "E0204", "cbr", before)
    assert paths(flow("act()\nact()", before)) == ["act.relu", "act_2.relu"]


@pytest.mark.parametrize("body", ["a: relu\na: relu", "a: relu\n{ a: relu }", "concat { a: relu; a: relu }", "image: relu"])
def test_a_label_is_unique_in_its_scope(body):
    assert fault(body).code == "E0202"


def test_labels_may_repeat_in_other_scopes_and_under_guards():
    assert paths(flow("a: { x: relu }\nb: { x: relu }")) == ["a.x", "b.x"]
    assert paths(flow("a: relu if in.c > 3\na: sigmoid if in.c <= 3")) == ["a"]


@pytest.mark.parametrize("name", ["forward", "type", "training", "state_dict", "lambda", "class", "None", "_x", "parameters"])
def test_a_label_that_would_hide_an_attribute_is_refused(name):
    found = refused(f"{name}: relu", "E0203", name)
    assert found.help == ("write `x`" if name == "_x" else f"write `{name}_`")


def test_a_tap_or_output_takes_no_label():
    refused("t: tap p", "E0501", "t")


def test_rename_history_is_kept_as_paths():
    found = flow("a: { b7 was branch1, branch0: conv(4, 1x1) }")
    assert dict(found.renames) == {"a.b7": ("a.branch1", "a.branch0")}


# --- `in` ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body, width",
    [
        ("a: conv(5, 1x1)\nb: conv(2*in.c, 1x1)", 6),  # the braces of the arch: its input
        ("a: conv(5, 1x1)\nx: { b: conv(2*in.c, 1x1) }", 10),
        ("a: conv(5, 1x1)\nx: { c: conv(7, 1x1); b: conv(2*in.c, 1x1) }", 10),  # not the current tensor
        ("a: conv(5, 1x1)\nconcat { b: conv(2*in.c, 1x1) }", 10),
        ("a: conv(5, 1x1)\nconcat { { c: conv(7, 1x1); b: conv(2*in.c, 1x1) } }", 10),
        ("a: conv(5, 1x1)\nr: repeat 2 { c: conv(in.c+1, 1x1) }\nb: conv(1, 1x1)", 1),
        ("let w = in.c\nx: { a: conv(5, 1x1); y: { b: conv(w, 1x1) } }", 3),  # an outer one is reached with `let`
        ("a: conv(5, 1x1)\nx: Twice() -> b: conv(1, 1x1)", 1),
    ],
)
def test_in_is_the_value_that_entered_the_innermost_braces(body, width):
    before = "block Twice() { c: conv(2*in.c, 1x1) }"
    found = shapes(flow(body, before))
    assert next(shape[0] for path, shape in reversed(found.items()) if path.rpartition(".")[2] == "b") == width


def test_in_of_each_kind_of_braces():
    before = "block Wider(c = 2*in.c) { o: conv(c + in.c, 1x1) }"
    body = """
    a: conv(5, 1x1)
    x: Wider()
    r: repeat 2 { c: conv(in.c + 1, 1x1) }
    s: repeat 2 conv(in.c + 1, 1x1)
    res: residual(shortcut = { p: conv(in.c + in.c, 1x1) }) { q: conv(2*in.c, 1x1) }
    side { t: conv(in.c + 1, 1x1); output aux }
    n: repeat in.c relu
    """
    found = shapes(flow(body, before))
    widths = {path: shape[0] for path, shape in found.items()}
    # The default is the new block's input, 5; in an iteration with braces it grows, without them it is that of the arch.
    assert (widths["x.o"], widths["r[0].c"], widths["r[1].c"]) == (15, 16, 17)
    assert (widths["s[0]"], widths["s[1]"]) == (4, 4)
    assert (widths["res.p"], widths["res.q"], widths["t"]) == (8, 8, 9)
    assert [path for path in widths if path.startswith("n")] == ["n[0]", "n[1]", "n[2]"]


def test_in_has_height_and_width():
    found = flow("a: max_pool(2x2, stride=2)\nx: { b: conv(in.h * 10 + in.w, 1x1) }", size="3, 8, 12")
    assert found["x.b"].type.shape == (46, 4, 6)


@pytest.mark.parametrize(
    "spec, marked",
    [
        ("arch n() { let c = in.c; input i: [N, 3, 8, 8]; output y }", "in.c"),
        ("arch n(c = in.c) { input i: [N, 3, 8, 8]; output y }", "in.c"),
        ("let c = in.c\narch n() { input i: [N, 3, 8, 8]; output y }", "in.c"),
        ("defaults conv(channels = in.c)\narch n() { input i: [N, 3, 8, 8]; conv(kernel=1x1); output y }", "in.c"),
    ],
)
def test_in_means_nothing_before_an_input(spec, marked):
    (found,) = faults(spec)
    assert (found.code, found.primary.span.text) == ("E0205", marked)


def test_in_of_a_vector_has_no_height():
    refused("global_avg_pool\nx: { a: linear(in.h) }", "E0303", "in.h")
    refused("a: conv(in.depth, 1x1)", "E0201", "in.depth")
    assert refused("a: conv(in.d, 1x1)", "E0201", "in.d").help == "`in.c`, `in.h` and `in.w` are its sizes"


# --- taps ----------------------------------------------------------------------------------------------------------------


def test_a_tap_is_visible_from_its_line_to_the_end_of_its_block_in_nested_braces_too():
    body = "a: conv(5, 1x1)\nx: { { tap p; b: conv(7, 1x1) } }\nc: conv(9, 1x1)\ny: concat { keep: {}; z: { from p } }"
    assert flow(body)["y"].inputs == ("c", "a")


def test_an_input_name_is_a_tap():
    assert flow("a: conv(5, 1x1)\ny: concat { {}; from image }")["y"].inputs == ("a", "image")


def test_a_tap_is_not_visible_before_its_line_nor_in_other_blocks():
    refused("from p\ntap p", "E0205", "p")
    refused("tap p\nA()", "E0205", "p", "block A() { from p }")
    refused("A()\nfrom p", "E0205", "p", "block A() { tap p; relu }")


def test_a_tap_is_local_to_one_iteration():
    assert flow("a: repeat 2 { tap p; relu; add { {}; from p } }\ntap p")["a[1].add"].inputs == ("a[1].relu", "a[0].add")
    refused("a: repeat 2 { tap p; relu }\nfrom p", "E0205", "p")
    assert flow("tap q\na: repeat 2 { relu; add { {}; from q } }")["a[1].add"].inputs == ("a[1].relu", "image")


def test_a_tap_under_a_false_guard_is_not_there():
    refused("tap p if in.c > 3\nrelu\nfrom p", "E0205", "p")


def test_two_taps_of_one_name_are_refused():
    refused("tap p\nrelu\ntap p", "E0202", "p")
    refused("tap image", "E0202", "image")


def test_a_label_is_no_tap():
    found = refused("c1: relu\nfrom c1", "E0205", "c1")
    assert found.help == "a label is no tap; write `-> tap c1` behind the step"
    assert refused("tap skip\nfrom skp", "E0205", "skp").help == "did you mean `skip`?"


def test_a_tap_is_no_value():
    assert refused("tap p\na: conv(p, 1x1)", "E0201", "p").help == "`p` names a tensor; `from p` restarts the flow there"


# --- let and defaults ----------------------------------------------------------------------------------------------------


def test_let_is_lexical():
    body = "let w = 4\nx: { let w = 5; a: conv(w, 1x1) }\nb: conv(w, 1x1)"
    found = shapes(flow(body))
    assert (found["x.a"][0], found["b"][0]) == (5, 4)
    refused("x: { let w = 5; a: conv(w, 1x1) }\nb: conv(w, 1x1)", "E0201", "w")
    refused("let w = 5\nA()", "E0201", "w", "block A() { a: conv(w, 1x1) }")
    refused("let w = 5\nlet w = 6", "E0202", "w")


@pytest.mark.parametrize("name", ["same", "valid", "sym"])
def test_constants_of_the_language_cannot_be_shadowed(name):
    refused(f"let {name} = 1", "E0203", name)
    refused("relu", "E0203", name, before=f"let {name} = 1")
    refused("relu", "E0203", name, before=f"block A({name} = 1) {{ relu }}")
    refused("relu", "E0203", name, parameters=f"{name} = 1")
    refused(f"a: repeat {name} in 2 relu", "E0203", name)


def test_parameters_and_definitions_have_one_name_each():
    refused("relu", "E0202", "c", before="block A(c, c) { relu }")
    refused("relu", "E0202", "c", parameters="c = 1, c = 2")
    refused("relu", "E0202", "A", before="block A() { relu }\nblock A() { relu }")
    refused("relu", "E0203", "conv", before="block conv() { relu }")
    refused("relu", "E0203", "residual", before="block residual() { relu }")


def test_defaults_hold_for_calls_written_later_in_the_same_braces():
    body = "a: conv(4, 1x1)\nx: { defaults conv(bias=false); b: conv(4, 1x1); { c: conv(4, 1x1) } }\nd: conv(4, 1x1)"
    found = flow(body)
    assert {path: found[path].op.bias for path in ("a", "x.b", "x.c", "d")} == {"a": True, "x.b": False, "x.c": False, "d": True}


def test_defaults_of_a_file_hold_for_what_is_written_behind_them():
    before = "block A() { a: conv(4, 1x1) }\ndefaults conv(bias=false)\nblock B() { b: conv(4, 1x1) }"
    found = flow("x: A()\ny: B()\nz: conv(4, 1x1)", before)
    assert (found["x.a"].op.bias, found["y.b"].op.bias, found["z"].op.bias) == (True, False, False)


def test_defaults_never_reach_into_called_blocks():
    found = flow("defaults conv(bias=false)\nx: A()", "block A() { a: conv(4, 1x1) }")
    assert found["x.a"].op.bias is True


def test_explicit_arguments_win_over_defaults_and_inner_defaults_over_outer_ones():
    body = "defaults conv(bias=false, stride=2)\na: conv(4, 1x1, bias=true)\nx: { defaults conv(stride=1); b: conv(4, 1x1) }"
    found = flow(body)
    assert (found["a"].op.bias, found["a"].op.stride) == (True, (2, 2))
    assert (found["x.b"].op.bias, found["x.b"].op.stride) == (False, (1, 1))


def test_defaults_are_evaluated_at_each_call():
    body = "defaults conv(channels = 10 * i)\na: conv(kernel=1x1)"
    refused(body, "E0201", "i")
    assert flow("let i = 2\n" + body)["a"].type.shape[0] == 20
    looped = "a: repeat i in 3 { defaults conv(channels = 10 * i + 1); c: conv(kernel=1x1) }"
    assert [shape[0] for shape in shapes(flow(looped)).values()] == [3, 1, 11, 21]


def test_defaults_for_blocks_and_forms():
    before = "block A(c, bias = true) { a: conv(c, 1x1, bias=bias) }"
    found = flow("defaults A(bias=false)\ndefaults residual(scale=0.5)\nx: A(3)\nr: residual { relu }", before)
    assert (found["x.a"].op.bias, found["r"].op.scale) == (False, 0.5)


@pytest.mark.parametrize("place", ["{}\narch", "arch"])
def test_defaults_for_what_does_not_exist_are_refused_where_they_are_written(place):
    inside = place == "arch"
    written = {"E0201": "defaults cnov(bias=false)", "E0404": "defaults conv(bais=false)"}
    for code, line in written.items():
        marked = "cnov" if code == "E0201" else "bais"
        found = refused(line if inside else "relu", code, marked, before="" if inside else line)
        assert found.help == f"did you mean `{'conv' if code == 'E0201' else 'bias'}`?"
    refused("defaults conv(4)", "E0404", "4")


def test_what_is_written_where_makes_no_difference_to_the_network():
    one = text("defaults conv(bias=false)\na: conv(4, 1x1)")
    assert one == text("a: conv(4, 1x1, bias=false)") == text("a: conv(4, 1x1)", before="defaults conv(bias=false)")
