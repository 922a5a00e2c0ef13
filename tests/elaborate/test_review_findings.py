"""Cases that once went wrong in silence."""

import copy

import pytest

import archdsl
from archdsl import ArchError
from archdsl.source import Source


def load(text, **more):
    return archdsl.load(Source("t.arch", text), **more)


def test_a_kernel_given_as_one_number_equals_its_size():
    text = "block B(k) { c: conv(4, k); relu if k == 3x3 }\narch t() { input x: [N, 3, 8, 8]; a: B(3); b: B(1x3); output y }"
    assert {"a.relu"} == {node.path for node in load(text).graph if node.op.keyword == "relu"}


def test_a_let_cannot_hide_a_parameter_of_its_own_braces():
    text = "arch t(classes = 10) {\n  input x: [N, 3]\n  let classes = 5\n  fc: linear(classes)\n  output y\n}"
    with pytest.raises(ArchError, match="defined twice") as caught:
        load(text)
    assert caught.value.diagnostics[0].primary.span.line == 3


def test_an_edit_of_what_an_earlier_one_removed_says_so():
    text = "arch t() { input x: [N, 3, 8, 8]; a: relu; b: conv(4, 1x1); output y }"
    with pytest.raises(ArchError, match="removed it"):
        load(text, edits=["drop a", "drop a"])


def test_an_iteration_has_no_output_of_its_own():
    step = "repeat i in 3 { c: conv(4, 3x3); side { head: conv(2, 1x1); output aux } if i == 1 }"
    with pytest.raises(ArchError, match="not in a block or a repeat"):
        load(f"arch t() {{ input x: [N, 3, 8, 8]; stage: {step}; output y }}")


FAMILY = "arch g(c = 4) {\n  input x: [N, 3, 8, 8]\n  a: conv(c, 1x1)\n  expect [N, 4, 8, 8]\n  output y\n}\n"


def test_captions_do_not_bind_a_variant_beside_its_base():
    assert load(FAMILY + "variant v of g { set c = 5 }", variant="v").outputs == {"y": (5, 8, 8)}


def test_captions_bind_a_spec_that_sets_parameters_of_an_imported_family(tmp_path):
    (tmp_path / "g.arch").write_text(FAMILY, encoding="utf-8")
    spec = tmp_path / "v.arch"
    spec.write_text('from "g.arch" import g\nvariant v of g { set c = 5 }\n', encoding="utf-8")
    with pytest.raises(ArchError, match="E0304"):
        archdsl.load(spec)


def test_a_subclass_of_a_live_module_stays_one_when_copied():
    torch = pytest.importorskip("torch")
    base = type(load("arch t() { input x: [N, 3]; fc: linear(2); output y }").to_torch())

    class Twice(base):
        def forward(self, x):
            return 2 * super().forward(x)

    model = Twice().eval()
    x = torch.rand(4, 3)
    assert torch.equal(copy.deepcopy(model)(x), model(x))


def test_one_name_to_skip_is_one_name():
    torch = pytest.importorskip("torch")
    net = load("arch t() { input x: [N, 4, 8, 8]; a: conv(4, 1); b: conv(4, 1); ab: conv(4, 1); output y }")
    weights = net.to_torch().state_dict()
    model = net.to_torch(weights=weights, skip="ab")
    assert torch.equal(model.a.weight, weights["a.weight"])
    assert not torch.equal(model.ab.weight, weights["ab.weight"])


def test_a_parameter_with_a_name_of_pythons_own_is_a_plain_argument():
    torch = pytest.importorskip("torch")
    text = "block B(__class__) { c: conv(__class__, 3x3) }\narch t() { input x: [N, 3, 8, 8]; a: B(4); b: B(5); output y }"
    assert load(text).to_torch()(torch.rand(2, 3, 8, 8)).shape == (2, 5, 8, 8)


def test_an_older_name_has_one_heir():
    with pytest.raises(ArchError, match="and so was"):
        load("arch t() { input x: [N, 4, 8, 8]; b was old: conv(4, 3x3); c was old: conv(4, 3x3); output y }")
