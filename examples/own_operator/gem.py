"""Generalised-mean pooling, an operator that archdsl does not have.

    y[c] = (mean over h, w of max(x[c, h, w], floor) ** p) ** (1 / p)

The exponent p is learnt: p = 1 is average pooling, and the larger it is, the closer the result comes to the maximum.
Radenović, Tolias, Chum, "Fine-tuning CNN Image Retrieval with No Human Annotation", arXiv:1711.02512, section 3.2.

The class below is all there is to it.  Checking, counting, PyTorch and ONNX ask it what they need to know; none of them
has to be told about it.
"""

from typing import ClassVar

from archdsl.ir import (
    Arg,
    Cost,
    OnnxConstant,
    OnnxForm,
    OnnxNode,
    OnnxTarget,
    Op,
    OpError,
    TensorType,
    TorchModule,
    TorchSource,
    Types,
    Weight,
)

# Emitted files contain this text, and so need neither archdsl nor this module.
GEM_POOL = TorchSource(
    "GemPool",
    '''class GemPool(nn.Module):
    """The generalised mean over height and width, with a learnt exponent."""

    def __init__(self, p=3.0, floor=1e-6):
        super().__init__()
        self.p = nn.Parameter(torch.full((1,), p))
        self.floor = floor

    def forward(self, x):
        return x.clamp(min=self.floor).pow(self.p).mean(dim=(2, 3)).pow(1 / self.p)
''',
)


class Gem(Op):
    keyword: ClassVar[str] = "gem"
    family: ClassVar[str] = "pool"

    p: float = 3.0
    floor: float = 1e-6

    def infer(self, inputs: Types) -> TensorType:
        if not inputs[0].is_map:
            raise OpError(f"`gem` takes a map [N, C, H, W], not {inputs[0]}")
        if self.p <= 0:
            raise OpError(f"`p` must be greater than 0, not {self.p:g}", code="E0402", attribute="p")
        return TensorType((inputs[0].channels,))

    def weights(self, inputs: Types) -> tuple[Weight, ...]:
        return (Weight("p", (1,), "scale"),)

    def cost(self, inputs: Types, output: TensorType) -> Cost:
        elements, channels = inputs[0].elements, output.elements
        return self.moved(inputs, output, cmp=elements, exp=elements + channels, add=elements - channels, div=channels + 1)

    def torch(self, inputs: Types, output: TensorType) -> TorchModule:
        arguments = (Arg("p", self.p, default=3.0, attribute="p"), Arg("floor", self.floor, default=1e-6, attribute="floor"))
        return TorchModule("GemPool", arguments, sources=(GEM_POOL,))

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        return OnnxTarget(
            (
                OnnxNode("Max", ("in0", "floor"), ("clamped",)),
                OnnxNode("Pow", ("clamped", "p"), ("powers",)),
                OnnxNode("GlobalAveragePool", ("powers",), ("mean",)),
                OnnxNode("Flatten", ("mean",), ("flat",), {"axis": 1}),
                OnnxNode("Reciprocal", ("p",), ("root",)),
                OnnxNode("Pow", ("flat", "root")),
            ),
            {"floor": OnnxConstant((self.floor,), "float32", ())},
        )


OPERATORS = (Gem,)
