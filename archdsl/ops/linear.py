"""The end of a classifier: fully connected layers, what flattens a map for them, and dropout."""

from typing import ClassVar

from archdsl.ir import (
    Arg,
    Cost,
    OnnxForm,
    OnnxNode,
    OnnxTarget,
    Op,
    TensorType,
    TorchExpr,
    TorchModule,
    TorchTarget,
    Types,
    Unsupported,
    Weight,
)
from archdsl.ops.attributes import Flag, Probability, Scheme, Size
from archdsl.ops.conv import kernel_and_bias
from archdsl.ops.operands import the_vector


class Linear(Op):
    """``y = weight x + bias`` with ``channels`` outputs."""

    keyword: ClassVar[str] = "linear"
    family: ClassVar[str] = "linear"
    positional: ClassVar[tuple[str, ...]] = ("channels",)
    counts_as_layer: ClassVar[bool] = True

    channels: Size
    bias: Flag = True
    init: Scheme = None

    def infer(self, inputs: Types) -> TensorType:
        the_vector(self.keyword, inputs, help="put `flatten` or `global_avg_pool` before it")
        return TensorType((self.channels,))

    def weights(self, inputs: Types) -> tuple[Weight, ...]:
        return kernel_and_bias((self.channels, inputs[0].channels), self.bias, self.init)

    def cost(self, inputs: Types, output: TensorType) -> Cost:
        return self.moved(inputs, output, mac=inputs[0].channels * self.channels, add=self.channels if self.bias else 0)

    def torch(self, inputs: Types, output: TensorType) -> TorchTarget:
        args = (
            Arg("in_features", inputs[0].channels, positional=True),
            Arg("out_features", self.channels, attribute="channels", positional=True),
            Arg("bias", self.bias, True, "bias"),
        )
        return TorchModule("nn.Linear", args)

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        names = ("in0", "weight", "bias") if self.bias else ("in0", "weight")
        return OnnxTarget((OnnxNode("Gemm", names, ("out",), {"transB": 1}),))


class Flatten(Op):
    """A map ``[C, H, W]`` as a vector ``[C * H * W]``, channels outermost."""

    keyword: ClassVar[str] = "flatten"
    family: ClassVar[str] = "shape"

    def infer(self, inputs: Types) -> TensorType:
        return TensorType((inputs[0].elements,))

    def cost(self, inputs: Types, output: TensorType) -> Cost:
        return self.moved(inputs, output)

    def torch(self, inputs: Types, output: TensorType) -> TorchTarget:
        return TorchExpr("{0}.flatten(1)")

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        if form.dynamic and inputs[0].is_map:
            raise Unsupported(
                "`flatten` makes a vector as long as height times width, which are to be free:"
                " put `global_avg_pool` or `adaptive_avg_pool` before it"
            )
        return OnnxTarget((OnnxNode("Flatten", ("in0",), ("out",), {"axis": 1}),))


class Dropout(Op):
    """In training, each value zeroed with probability ``p`` and the others divided by ``1 - p``; otherwise the identity."""

    keyword: ClassVar[str] = "dropout"
    family: ClassVar[str] = "regularisation"
    positional: ClassVar[tuple[str, ...]] = ("p",)

    p: Probability

    def infer(self, inputs: Types) -> TensorType:
        return inputs[0]

    def cost(self, inputs: Types, output: TensorType) -> Cost:
        return self.moved(inputs, output)

    def torch(self, inputs: Types, output: TensorType) -> TorchTarget:
        return TorchModule("nn.Dropout", (Arg("p", self.p, 0.5, "p", positional=True),))

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        return OnnxTarget((OnnxNode("Identity", ("in0",)),))
