"""Every operator through the whole backend, as a network of its own; and forms of custom operators that do not hold together."""

from typing import ClassVar

import onnx
import pytest

import archdsl
from archdsl import ArchError, verification
from archdsl.choices import Choices
from archdsl.ir import Cost, OnnxConstant, OnnxNode, OnnxTarget, Op
from archdsl.ops import BY_KEYWORD
from archdsl.source import Source
from tests.conformance.cases import CASES

MERGES = {keyword for keyword, each in BY_KEYWORD.items() if each.inputs[1] is None}
ALONE = [case for case in CASES if case.keyword not in MERGES]
BARE = ("same", "sym", "valid")
"""Values that a spec writes as names; other texts are strings."""


def written(value):
    """A value as a spec has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value if value in BARE else f'"{value}"'
    return f"({', '.join(map(str, value))})" if isinstance(value, tuple) else str(value)


def network(body, shape=(6, 11, 14)):
    return Source("net.arch", f"arch net() {{\n input x: [N, {', '.join(map(str, shape))}]\n y: {body}\n output result\n}}")


def test_every_operator_but_merges_is_there():
    assert {case.keyword for case in ALONE} == BY_KEYWORD.keys() - MERGES


@pytest.mark.parametrize("case", ALONE, ids=str)
def test_an_operator_alone_is_a_model_that_computes_the_same(case):
    arguments = ", ".join(f"{name}={written(value)}" for name, value in case.attributes.items())
    spec = network(f"{case.keyword}({arguments})", case.shapes[0])
    net = archdsl.load(spec)
    model = net.to_onnx()
    onnx.checker.check_model(model, full_check=True)
    assert verification.verify(spec, Choices(), network=net).agrees


# --- forms that do not hold together ---------------------------------------------------------------------------------------


def target(*nodes, **constants):
    return OnnxTarget(nodes, constants)


RELU = OnnxNode("Relu", ("in0",))
WRONG = {
    "does not make `out`": target(),
    "uses `elsewhere`": target(OnnxNode("Add", ("in0", "elsewhere"))),
    "uses `in1`": target(OnnxNode("Add", ("in0", "in1"))),
    "makes `out`, which is there already": target(RELU, RELU),
    "makes `in0`": target(OnnxNode("Relu", ("in0",), ("in0",)), RELU),
    "makes `c`": target(OnnxNode("Relu", ("in0",), ("c",)), RELU, c=OnnxConstant((1,), "int64", (1,))),
    "has a constant `c`": target(OnnxNode("Add", ("in0", "c")), c=OnnxConstant((1.0, 2.0), "float32", (3,))),
    "is no ONNX": target(OnnxNode("LeakyRelu", ("in0",), attributes={"alpha": object()})),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_form_that_does_not_hold_together_is_refused(wrong):
    class Odd(Op):
        keyword: ClassVar[str] = "odd"
        family: ClassVar[str] = "activation"

        def infer(self, inputs):
            return inputs[0]

        def cost(self, inputs, output):
            return Cost()

        def onnx(self, inputs, output, form):
            return WRONG[wrong]

    for spec in (network("odd"), network("{ c: conv(4, 3x3); odd }")):
        with pytest.raises(ArchError, match="E0506") as raised:
            archdsl.load(spec, ops=Odd).to_onnx()
        assert wrong in raised.value.diagnostics[0].message
