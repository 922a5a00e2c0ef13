"""What files define and import, the bundled library, and operators of the caller's own."""

from typing import ClassVar

import pytest

import archdsl
from archdsl.diagnostics import ArchError
from archdsl.ir import Cost, Op, OpError, TensorType
from archdsl.source import Source
from tests.elaborate.specs import arch, faults, flow, graph, paths, refused, shapes


@pytest.fixture
def load(tmp_path):
    """Writes files and loads the first of them."""

    def write(**texts):
        for name, text in texts.items():
            (tmp_path / f"{name}.arch").write_text(text, encoding="utf-8")
        return archdsl.load(tmp_path / f"{next(iter(texts))}.arch").graph

    return write


def refusal(load, **texts):
    with pytest.raises(ArchError) as caught:
        load(**texts)
    (found,) = caught.value.diagnostics
    return found


PARTS = """
let eps = 1e-3
defaults bn(eps=eps)
block cbr(c, k = 3x3) { conv(c, k, bias=false); bn; relu }
block Twice(c) { a: cbr(c); b: cbr(c) }
arch part(w = 4) { input image: [N, 3, 8, 8]; t: Twice(w); output y }
"""


def test_blocks_constants_and_networks_are_imported_under_any_name(load):
    main = """
    from "parts.arch" import Twice as Pair, eps as small, part
    arch main() { input image: [N, 3, 8, 8]; p: Pair(4); n: bn(eps=2*small); m: bn; output y }
    variant other of part { set w = 7 }
    """
    found = load(main=main, parts=PARTS)
    assert paths(found)[:3] == ["p.a.conv", "p.a.bn", "p.a.relu"]
    assert (found["p.a.bn"].op.eps, found["n"].op.eps, found["m"].op.eps) == (1e-3, 2e-3, 1e-5)  # defaults are not imported
    assert found["n"].origins["eps"].kind == "expression"


def test_a_variant_of_an_imported_network(load):
    main = 'from "parts.arch" import part\nvariant main of part { set w = 7; drop t.b }'
    assert load(main=main, parts=PARTS)["t.a.conv"].op.channels == 7


def test_an_import_must_name_what_is_there(load):
    found = refusal(load, main='from "parts.arch" import Twicee\n' + arch("relu"), parts=PARTS)
    assert (found.code, found.primary.span.text, found.help) == ("E0201", "Twicee", "did you mean `Twice`?")
    twice = refusal(load, main='from "parts.arch" import cbr, Twice as cbr\n' + arch("relu"), parts=PARTS)
    assert twice.code == "E0202"
    assert refusal(load, main='from "parts.arch" import cbr as conv\n' + arch("relu"), parts=PARTS).code == "E0203"
    assert refusal(load, main='from "parts.arch" import eps as same\n' + arch("relu"), parts=PARTS).code == "E0203"


def test_what_is_not_imported_is_not_visible(load):
    found = refusal(load, main='from "parts.arch" import Twice\n' + arch("c: cbr(4)"), parts=PARTS)
    assert (found.code, found.primary.span.text) == ("E0201", "cbr")


def test_recursion_through_variants_and_files_is_refused(load):
    found = refusal(load, main="variant main of other { }\nvariant other of main { }\n")
    assert (found.code, found.message) == ("E0504", "variant `main` is a variant of itself")
    circle = refusal(
        load, main='from "b.arch" import B\nblock A() { B() }\n' + arch("A()"), b='from "main.arch" import A\nblock B() { A() }'
    )
    assert circle.code == "E0603"


def test_a_fault_in_a_file_of_the_user_is_shown_there_with_its_call(load):
    parts = "block Bad() { r: residual { up: conv(5, 1x1) } }"
    found = refusal(load, main='from "parts.arch" import Bad\n' + arch("x: Bad()"), parts=parts)
    assert (found.code, found.primary.span.text, found.path) == ("E0301", "5", "x.r")
    assert [label.text for label in found.secondary] == ["input is [N, 3, 8, 8]", "called here"]
    assert found.secondary[1].span.text == "Bad()"


def test_a_shape_that_a_bundled_block_cannot_take_is_shown_at_the_call():
    spec = 'from "lib/inception.arch" import Stem, cbr\n'
    for call, code in (("s: Stem()", "E0302"), ("p: global_avg_pool\ns: cbr(4, 1x1)", "E0303")):
        found = refused(call, code, call.split(": ")[-1], spec)
        assert found.secondary[0].span.source.path.endswith("lib/inception.arch")
        assert found.path.startswith("s.")
    assert refused("s: cbr(4, 99x99, pad=valid)", "E0302", "99x99", spec).path == "s.conv"
    assert refused("s: cbr(4/2, 1x1)", "E0401", "4/2", spec).path == "s.conv"


def test_blocks_may_be_defined_behind_their_use():
    assert paths(graph(arch("x: B()") + "block B() { a: A() }\nblock A() { r: relu }")) == ["x.a.r"]


# --- operators of the caller's own ---------------------------------------------------------------------------------------


class Blend(Op):
    """The mean of exactly two inputs."""

    keyword: ClassVar[str] = "blend"
    family: ClassVar[str] = "merge"
    inputs: ClassVar[tuple[int, int | None]] = (2, 2)

    def infer(self, inputs):
        if inputs[0] != inputs[1]:
            raise OpError("`blend` takes two values of one shape", code="E0301")
        return inputs[0]

    def cost(self, inputs, output):
        return Cost(add=output.elements)


class Halve(Op):
    """Every second channel."""

    keyword: ClassVar[str] = "halve"
    family: ClassVar[str] = "shape"
    positional: ClassVar[tuple[str, ...]] = ("times",)

    times: int = 1

    def infer(self, inputs):
        if inputs[0].channels < 2**self.times:
            raise OpError("too few channels", attribute="times")
        return TensorType((inputs[0].channels // 2**self.times, *inputs[0].shape[1:]))

    def cost(self, inputs, output):
        return Cost()


def test_custom_operators_are_called_like_any_other():
    found = flow("h: halve\nb: blend { {}; relu }", size="4, 8, 8", ops=[Blend, Halve])
    assert shapes(found) == {"image": (4, 8, 8), "h": (2, 8, 8), "b.relu": (2, 8, 8), "b": (2, 8, 8)}
    assert shapes(flow("halve(2)", size="4, 8, 8", ops=Halve))["halve"] == (1, 8, 8)


def test_custom_operators_are_checked_like_any_other():
    assert refused("h: halve(3)", "E0303", "3", ops=Halve).message == "`halve`: too few channels"
    refused("h: halve(2.5)", "E0401", "2.5", ops=Halve)
    found = refused("b: blend { {}; relu; tanh }", "E0501", "blend", ops=Blend)
    assert found.message == "`blend` takes 2 branches, here it has 3"
    refused("b: blend { relu }", "E0501", "blend", ops=Blend)
    refused("b: blend { relu if false }", "E0502", "blend", ops=Blend)
    refused("h: halve", "E0201", "halve")


def test_a_spec_cannot_enable_operators():
    (found,) = faults('from "halve.py" import Halve\n' + arch("h: halve"))
    assert found.code.startswith("E06")


def test_the_bundled_networks_have_graphs_that_say_where_they_come_from():
    found = archdsl.load("inception_v4").graph
    assert found.sources[0].path.endswith("inception_v4.arch")
    assert all(node.span.source in found.sources for node in found)
    assert Source("x", "") not in found.sources
