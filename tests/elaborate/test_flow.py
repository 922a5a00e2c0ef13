"""Pipes, guards, merges, residuals, side roads, outputs and repeats."""

import pytest

from tests.elaborate.specs import arch, fault, faults, flow, graph, paths, refused, shapes, text

# --- pipes ---------------------------------------------------------------------------------------------------------------


def test_a_chain_is_the_same_as_its_steps_on_lines_of_their_own():
    assert text("a: conv(4, 3x3) -> relu -> max_pool(2x2)") == text("a: conv(4, 3x3)\nrelu\nmax_pool(2x2)")


def test_from_restarts_the_flow():
    assert flow("tap p\na: relu\nside { output z }\nfrom p\nb: relu")["b"].inputs == ("image",)


def test_what_nothing_uses_is_refused():
    found = refused("tap p\na: relu\nfrom p", "E0501", "relu")
    assert found.path == "a"


def test_a_call_of_what_does_not_exist_is_refused():
    assert refused("a: cnov(4, 3x3)", "E0201", "cnov").help == "did you mean `conv`?"
    assert refused("a: Sten()", "E0201", "Sten", "block Stem() { relu }").help == "did you mean `Stem`?"
    refused("a: net()", "E0201", "net")


def test_nothing_flows_before_the_input():
    (found,) = faults("arch n() { relu; input i: [N, 3, 8, 8]; output y }")
    assert (found.code, found.primary.span.text) == ("E0503", "relu")


# --- guards --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "guarded, deleted",
    [
        ("a: conv(4, 1x1)\nb: relu if false\nc: relu", "a: conv(4, 1x1)\nc: relu"),
        ("relu -> sigmoid if false\nrelu", "relu"),
        ("concat { a: relu; b: sigmoid if in.c > 3; c: tanh }", "concat { a: relu; c: tanh }"),
        ("a: { b: relu if false }", "a: { }"),
        ("tap p if false\nrelu", "relu"),
        ("side { a: relu; output z } if false\nrelu", "relu"),
        ("a: repeat 3 relu if false\nrelu", "relu"),
        ("conv(4, 1x1) if false\nconv(5, 1x1)", "conv(5, 1x1)"),
    ],
)
def test_a_false_guard_is_a_deleted_statement(guarded, deleted):
    assert text(guarded) == text(deleted)


def test_a_true_guard_is_no_guard():
    assert text("a: relu if in.c == 3 and in.h > in.w // 2") == text("a: relu")


def test_a_merge_without_branches_is_refused():
    found = refused("m: concat { a: relu if false }", "E0502", "concat")
    assert found.path == "m"
    refused("concat { }", "E0502", "concat")


def test_a_guard_is_a_truth_value():
    refused("relu if in.c", "E0401", "in.c")
    refused("relu if 1", "E0401", "1")


def test_a_shortcut_whose_only_step_is_guarded_away_is_the_identity():
    before = """
    block Bottleneck(w, stride = 1) {
      residual(shortcut = { proj: conv(4*w, 1x1, stride=stride) if stride != 1 or in.c != 4*w }) {
        a: conv(w, 1x1, stride=stride)
        b: conv(4*w, 1x1)
      }
      act: relu
    }"""
    found = flow("x: Bottleneck(2, stride=2)\ny: Bottleneck(2)", before)
    assert found["x.residual"].inputs == ("x.proj", "x.b")
    assert found["y.residual"].inputs == ("x.act", "y.b")
    assert [guard.present for guard in found.guards] == [True, False]


# --- merges --------------------------------------------------------------------------------------------------------------


def test_branches_are_steps_bodies_the_identity_and_taps():
    body = "tap p\nm: concat { one: relu; several: { a: relu; b: sigmoid }; keep: {}; skip: from p; chain: relu -> tanh }"
    found = flow("x: conv(4, 1x1)\n" + body)
    assert found["m"].inputs == ("m.one", "m.several.b", "x", "x", "m.tanh")
    assert found["m"].type.shape == (20, 8, 8)


def test_merges_add_and_multiply():
    assert shapes(flow("add { relu; {} }"))["add"] == (3, 8, 8)
    gate = "mul { keep: {}; gate: { s: global_avg_pool(keep=true); u: conv(in.c, 1x1); sigmoid } }"
    assert shapes(flow(gate))["mul"] == (3, 8, 8)


def test_a_merge_may_hold_let_and_defaults_and_nothing_else_beside_branches():
    found = flow("concat { let w = 4; defaults conv(bias=false); a: conv(w, 1x1) }")
    assert (found["a"].type.shape[0], found["a"].op.bias) == (4, False)
    for line in ("tap p", "output z", "side { relu }", "expect [N, 3, 8, 8]"):
        assert fault(f"concat {{ relu; {line} }}").code == "E0501"


def test_an_operator_that_needs_a_body_says_where_the_brace_goes():
    assert refused("m: concat\n{ relu }", "E0501", "concat").help == "move `{` up to the line of `concat`"
    assert refused("m: concat\nrelu", "E0501", "concat").help == "write `concat { … }`, with `{` on the same line"
    refused("a: relu { sigmoid }", "E0501", "{ sigmoid }")
    refused("a: A() { sigmoid }", "E0501", "{ sigmoid }", "block A() { relu }")


def test_branches_that_do_not_fit_are_shown_beside_each_other():
    found = refused("m: concat { a: conv(4, 3x3, stride=2); b: conv(4, 3x3) }", "E0301", "conv(4, 3x3)")
    assert found.primary.text == "this branch gives [N, 4, 8, 8]"
    assert [label.text for label in found.secondary] == ["this branch gives [N, 4, 4, 4]"]
    assert found.path == "m"
    refused("add { {}; b: conv(4, 3x3) }", "E0301", "conv(4, 3x3)")


# --- residuals -----------------------------------------------------------------------------------------------------------


def test_a_residual_is_a_scaled_sum():
    found = flow("r: residual(scale=0.17) { a: conv(in.c, 3x3) }")
    assert (found["r"].op.keyword, found["r"].op.scale, found["r"].inputs) == ("add", 0.17, ("image", "r.a"))


def test_a_residual_names_the_widths_that_disagree():
    found = refused("r: residual { a: conv(5, 3x3) }", "E0301", "5")
    assert found.message == "residual body has 5 channels, its input has 3"
    assert found.help == "end the body with 3 channels, `in.c`"
    assert found.path == "r"
    refused("r: residual(shortcut={ p: conv(4, 1x1) }) { a: conv(5, 3x3) }", "E0301", "5")
    stride = refused("r: residual { a: conv(3, 3x3, stride=2) }", "E0301", "conv(3, 3x3, stride=2)")
    assert stride.message == "residual body is shaped [N, 3, 4, 4], its input [N, 3, 8, 8]"


def test_a_residual_takes_a_scale_and_a_shortcut():
    refused("residual(shortcut = 3) { relu }", "E0401", "3")
    refused("residual(scael = 3) { relu }", "E0404", "scael")
    refused('residual(scale = "a") { relu }', "E0401", '"a"')
    refused("residual(0.1) { relu }", "E0404", "0.1")


# --- side roads and outputs ----------------------------------------------------------------------------------------------


def test_a_side_is_discarded_and_the_flow_resumes_from_before_it():
    body = "a: conv(4, 3x3)\nside { p: global_avg_pool; fc: linear(7); output aux1(weight = 0.3) }\nb: relu"
    found = flow(body)
    assert found["b"].inputs == ("a",)
    outputs = [(each.name, each.node, each.auxiliary, each.weight) for each in found.outputs]
    assert outputs == [("aux1", "fc", True, 0.3), ("y", "b", False, None)]


def test_a_labelled_side_adds_a_segment():
    assert paths(flow("head: side { a: relu; output z }\nb: relu")) == ["head.a", "b"]


def test_auxiliary_heads_hang_on_a_parameter():
    body = "side { a: relu; output aux1(weight = 0.3) } if aux\nb: relu"
    assert [each.name for each in flow(body, parameters="aux = false").outputs] == ["y"]
    assert [each.name for each in flow(body, parameters="aux = false", aux=True).outputs] == ["aux1", "y"]


def test_outputs_are_named_once_and_stand_in_an_arch():
    refused("output y", "E0202", "y")
    refused("A()", "E0501", "output z", "block A() { output z }")
    refused("output z(weight = -1)", "E0401", "-1")
    refused("output z(wieght = 1)", "E0404", "wieght")
    refused("output self", "E0203", "self")


def test_a_network_needs_input_and_output():
    assert [each.code for each in faults("arch n() { }")] == ["E0503"]
    (found,) = faults("arch n() { input i: [N, 3, 8, 8]; relu }")
    assert found.help == "end it with `output logits`"
    (found,) = faults("arch n() { input i: [N, 3, 8, 8]; side { relu; output z }; }")
    assert found.code == "E0503"


def test_several_inputs_and_outputs():
    spec = "arch n() { input a: [N, 3, 8, 8]; input b: [N, 4, 8, 8]; concat { {}; from a }; output y; relu; output z }"
    found = graph(spec)
    assert found["concat"].inputs == ("b", "a")
    assert [each.name for each in found.outputs] == ["y", "z"]
    assert graph(spec, input={"a": (5, 8, 8)})["concat"].type.shape == (9, 8, 8)
    assert faults(spec, input=(3, 8, 8))[0].code == "E0405"
    assert faults(spec, input={"c": (3, 8, 8)})[0].code == "E0405"


@pytest.mark.parametrize("place", ["{ %s }", "concat { %s }", "a: repeat 2 { %s }", "A()"])
def test_inputs_stand_directly_in_an_arch(place):
    line = "input other: [N, 3, 8, 8]"
    before = f"block A() {{ {line} }}"
    body = place % line if "%" in place else place
    found = fault(body, before)
    assert (found.code, found.primary.span.text) == ("E0501", line)


def test_facts_stand_at_the_top():
    assert fault("{ about { a = 1 } }").code == "E0501"
    assert fault("A()", "block A() { about { a = 1 } }").code == "E0501"


# --- repeats -------------------------------------------------------------------------------------------------------------


def test_counts():
    assert paths(flow("a: repeat 1 relu")) == ["a[0]"]
    assert paths(flow("a: repeat 0 relu\nb: relu")) == ["b"]
    assert paths(flow("a: repeat 2 repeat 2 relu")) == ["a[0][0]", "a[0][1]", "a[1][0]", "a[1][1]"]
    assert paths(flow("a: repeat n - 1 { x: relu }", parameters="n = 3")) == ["a[0].x", "a[1].x"]


def test_the_variable_starts_at_zero():
    body = "b: repeat i in 3 { d: dropout(0.1*i/2) }"
    assert [node.op.p for node in flow(body) if node.op.keyword == "dropout"] == [0.0, 0.05, 0.1]
    refused("b: repeat i in 3 relu\nc: conv(i, 1x1)", "E0201", "i")


def test_repeats_without_a_label():
    assert paths(flow("repeat 2 relu")) == ["relu", "relu_2"]
    for body in ("repeat 2 conv(4, 1x1)", "repeat 1 conv(4, 1x1)", "repeat 2 { c: conv(4, 1x1) }", "repeat 2 { r: relu }"):
        found = fault(body)
        assert (found.code, found.primary.span.text, found.help) == ("E0204", body, "write `name: repeat …`")


def test_densely_connected_layers():
    found = flow("layer: repeat 3 concat { keep: {}; new: { bn; relu; conv(4, 3x3) } }")
    assert [found[f"layer[{index}]"].type.channels for index in range(3)] == [7, 11, 15]
    assert "layer[2].new.conv" in found


@pytest.mark.parametrize(
    "count, code",
    [("-1", "E0402"), ("2.5", "E0401"), ("4 / 2", "E0401"), ("true", "E0401"), ('"2"', "E0401"), ("3x3", "E0401")],
)
def test_what_is_no_count(count, code):
    refused(f"a: repeat {count} relu", code, count)


def test_a_fault_in_a_repeated_body_is_reported_once_with_its_first_instance():
    found = refused("a: repeat 5 { x: conv(4, 9x9, pad=valid) }", "E0302", "9x9")
    assert found.path == "a[0].x"
    later = refused("a: repeat 5 { x: max_pool(3x3, stride=2, pad=valid) }", "E0302", "3x3")
    assert later.path == "a[2].x"
    assert len(faults(arch("a: repeat 5 { x: conv(4, 9x9, pad=valid) }"))) == 1
