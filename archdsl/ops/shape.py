"""Operators that move values without weighing them: padding, zero channels, nearest or bilinear enlargement, the identity."""

from typing import Annotated, ClassVar, Final, Literal

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
    TorchTarget,
    Types,
)
from archdsl.ops.attributes import Amounts, Number, Pair, Size, choice
from archdsl.ops.operands import the_map
from archdsl.ops.window import onnx_pads, quad


class Pad(Op):
    """A map with rows and columns added around it: ``value``, its mirror image, or its edge repeated."""

    keyword: ClassVar[str] = "pad"
    family: ClassVar[str] = "shape"
    positional: ClassVar[tuple[str, ...]] = ("pad",)

    pad: Amounts
    value: Number = 0.0
    mode: Annotated[Literal["constant", "reflect", "replicate"], choice("constant", "reflect", "replicate")] = "constant"

    def infer(self, inputs: Types) -> TensorType:
        entering = the_map(self.keyword, inputs)
        left, right, top, bottom = quad(self.pad)
        height, width = entering.spatial
        if self.mode == "reflect" and (max(left, right) >= width or max(top, bottom) >= height):
            message = f"an input of {height}x{width} is too small to mirror: padding must be smaller than the side it extends"
            raise OpError(message, code="E0302", attribute="pad")
        if self.mode != "constant" and self.value != 0:
            raise OpError(f"`value` means nothing where `mode` is `{self.mode}`", code="E0402", attribute="value")
        return TensorType((entering.channels, top + height + bottom, left + width + right))

    def cost(self, inputs: Types, output: TensorType) -> Cost:
        return self.moved(inputs, output)

    def torch(self, inputs: Types, output: TensorType) -> TorchTarget:
        pads = quad(self.pad)
        padding = Arg("padding", pads, attribute="pad", positional=True)
        if self.mode == "constant" and self.value != 0:
            return TorchModule("nn.ConstantPad2d", (padding, Arg("value", self.value, attribute="value")))
        modules = {"constant": "nn.ZeroPad2d", "reflect": "nn.ReflectionPad2d", "replicate": "nn.ReplicationPad2d"}
        return TorchModule(modules[self.mode], (padding,))

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        top, left, bottom, right = onnx_pads(quad(self.pad))
        constants = {"pads": OnnxConstant((0, 0, top, left, 0, 0, bottom, right), "int64", (8,))}
        if self.mode == "constant":
            constants["value"] = OnnxConstant((self.value,), "float32", ())
            return OnnxTarget((OnnxNode("Pad", ("in0", "pads", "value"), ("out",), {"mode": "constant"}),), constants)
        mode = "edge" if self.mode == "replicate" else self.mode
        return OnnxTarget((OnnxNode("Pad", ("in0", "pads"), ("out",), {"mode": mode}),), constants)


_PAD_CHANNELS: Final = TorchSource(
    "PadChannels",
    '''
class PadChannels(nn.Module):
    """Every `stride`-th row and column, with channels of zeros appended up to `channels`."""

    def __init__(self, channels, stride=1):
        super().__init__()
        self.channels = channels
        self.stride = (stride, stride) if isinstance(stride, int) else tuple(stride)

    def forward(self, x):
        x = x[:, :, :: self.stride[0], :: self.stride[1]]
        return F.pad(x, (0, 0, 0, 0, 0, self.channels - x.shape[1]))

    def extra_repr(self):
        return f"channels={self.channels}, stride={self.stride}"
''',
)

_END: Final = (1 << 63) - 1  # ONNX: up to the end of the axis, whatever it is


class PadChannels(Op):
    """Every ``stride``-th cell, and zeros for new channels: shortcut option A of He et al., 2016, section 3.3."""

    keyword: ClassVar[str] = "pad_channels"
    family: ClassVar[str] = "shape"
    positional: ClassVar[tuple[str, ...]] = ("channels",)

    channels: Size
    stride: Pair = (1, 1)

    def infer(self, inputs: Types) -> TensorType:
        entering = the_map(self.keyword, inputs)
        if self.channels < entering.channels:
            message = f"`pad_channels` adds channels, but {self.channels} is less than the {entering.channels} of its input"
            raise OpError(message, code="E0402", attribute="channels")
        height, width = entering.spatial
        return TensorType((self.channels, -(-height // self.stride[0]), -(-width // self.stride[1])))

    def cost(self, inputs: Types, output: TensorType) -> Cost:
        return self.moved(inputs, output)

    def torch(self, inputs: Types, output: TensorType) -> TorchTarget:
        args = (
            Arg("channels", self.channels, attribute="channels", positional=True),
            Arg("stride", self.stride, (1, 1), "stride"),
        )
        return TorchModule("PadChannels", args, (_PAD_CHANNELS,))

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        nodes = (
            OnnxNode("Slice", ("in0", "starts", "ends", "axes", "steps"), ("cells",)),
            OnnxNode("Pad", ("cells", "pads", "zero"), ("out",), {"mode": "constant"}),
        )
        added = self.channels - inputs[0].channels
        constants = {
            "starts": OnnxConstant((0, 0), "int64", (2,)),
            "ends": OnnxConstant((_END, _END), "int64", (2,)),
            "axes": OnnxConstant((2, 3), "int64", (2,)),
            "steps": OnnxConstant(self.stride, "int64", (2,)),
            "pads": OnnxConstant((0, 0, 0, 0, 0, added, 0, 0), "int64", (8,)),
            "zero": OnnxConstant((0.0,), "float32", ()),
        }
        return OnnxTarget(nodes, constants)


class Identity(Op):
    """Its input."""

    keyword: ClassVar[str] = "identity"
    family: ClassVar[str] = "shape"

    def infer(self, inputs: Types) -> TensorType:
        return inputs[0]

    def cost(self, inputs: Types, output: TensorType) -> Cost:
        return self.moved(inputs, output)

    def torch(self, inputs: Types, output: TensorType) -> TorchTarget:
        return TorchModule("nn.Identity")

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        return OnnxTarget((OnnxNode("Identity", ("in0",)),))


class Upsample(Op):
    """A map enlarged ``scale`` times by the nearest cell or bilinear interpolation between the centres of cells."""

    keyword: ClassVar[str] = "upsample"
    family: ClassVar[str] = "shape"
    positional: ClassVar[tuple[str, ...]] = ("scale",)

    scale: Pair
    mode: Annotated[Literal["nearest", "bilinear"], choice("nearest", "bilinear")] = "nearest"

    def infer(self, inputs: Types) -> TensorType:
        entering = the_map(self.keyword, inputs)
        height, width = entering.spatial
        return TensorType((entering.channels, height * self.scale[0], width * self.scale[1]))

    def cost(self, inputs: Types, output: TensorType) -> Cost:
        if self.mode == "nearest":
            return self.moved(inputs, output)
        return self.moved(inputs, output, mul=4 * output.elements, add=3 * output.elements)

    def torch(self, inputs: Types, output: TensorType) -> TorchTarget:
        args = (Arg("scale_factor", self.scale, attribute="scale"), Arg("mode", self.mode, "nearest", "mode"))
        return TorchModule("nn.Upsample", args)

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        constants = {"scales": OnnxConstant((1.0, 1.0, float(self.scale[0]), float(self.scale[1])), "float32", (4,))}
        attributes = (
            {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
            if self.mode == "nearest"
            else {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        )
        return OnnxTarget((OnnxNode("Resize", ("in0", "", "scales"), ("out",), attributes),), constants)
