"""An operator that a backend cannot express is the spec's fault, not a bug."""

from typing import ClassVar

import pytest

import archdsl
from archdsl.ir import Cost, Op, TensorType, Types
from archdsl.source import Source


class Silent(Op):
    keyword: ClassVar[str] = "silent"
    family: ClassVar[str] = "activation"

    def infer(self, inputs: Types) -> TensorType:
        return inputs[0]

    def cost(self, inputs: Types, output: TensorType) -> Cost:
        return self.moved(inputs, output)


def test_an_operator_without_a_torch_form():
    text = "arch a() { input x: [N, 3, 8, 8]; silent; output y }"
    network = archdsl.load(Source("a", text), ops=Silent)
    with pytest.raises(archdsl.ArchError, match="`silent` has no PyTorch form") as raised:
        network.to_torch_source()
    assert [each.code for each in raised.value.diagnostics] == ["E0701"]
