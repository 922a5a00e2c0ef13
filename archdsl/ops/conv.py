"""Convolutions.

``y[o, p] = bias[o] + sum over c, k of weight[o, c, k] * x[c, p * stride - pad + k * dilation]``

A depthwise convolution has one group per input channel; a separable one is a depthwise and then a 1x1 convolution (Chollet,
"Xception", 2017, section 2).
"""

from typing import ClassVar

from archdsl.ir import (
    Arg,
    Cost,
    Init,
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
    Weight,
    Window,
)
from archdsl.ops.attributes import Flag, Padding, Pair, Scheme, Size
from archdsl.ops.free_sizes import same_pads
from archdsl.ops.initialisation import parse_init
from archdsl.ops.operands import the_map
from archdsl.ops.torch_padding import PAD_CONV, SAME_CONV
from archdsl.ops.window import follows_size, is_even, is_same_upper, onnx_pads, place, slide


def kernel_and_bias(
    shape: tuple[int, ...], bias: bool, init: str | None, *, kernel_name: str = "weight", bias_name: str = "bias"
) -> tuple[Weight, ...]:
    """The kernel and, if wanted, the bias over its first axis; a stated ``init`` holds for the kernel and zeroes the bias."""
    kernel = Weight(kernel_name, shape, "kernel", None if init is None else parse_init(init))
    if not bias:
        return (kernel,)
    return kernel, Weight(bias_name, shape[:1], "bias", None if init is None else Init("zeros"))


def _torch_padding(window: Window, pad: str | tuple[int, ...]) -> tuple[str, tuple[Arg, ...], tuple[TorchSource, ...]]:
    """How torch states this padding: prefix of the class (``Same``, ``Pad`` or nothing), argument, and sources needed."""
    if follows_size(window, pad):
        return "Same", (), (SAME_CONV,)
    left, _, top, _ = window.pads
    if is_even(window.pads):
        return "", (Arg("padding", (top, left), (0, 0), "pad"),), ()
    return "Pad", (Arg("pad", window.pads, attribute="pad"),), (PAD_CONV,)


def _torch_args(
    op: "Conv | DepthwiseConv | SeparableConv", inputs: Types, output: TensorType
) -> tuple[str, tuple[Arg, ...], tuple[TorchSource, ...]]:
    """What the torch classes of all convolutions have in common: prefix, arguments and sources."""
    prefix, padding, sources = _torch_padding(op.window(inputs), op.pad)
    args = (
        Arg("in_channels", inputs[0].channels, positional=True),
        Arg("out_channels", output.channels, attribute=None if isinstance(op, DepthwiseConv) else "channels", positional=True),
        Arg("kernel_size", op.kernel, attribute="kernel", positional=True),
        Arg("stride", op.stride, (1, 1), "stride"),
        *padding,
        Arg("dilation", op.dilation, (1, 1), "dilation"),
        Arg("bias", op.bias, True, "bias"),
    )
    return prefix, args, sources


def _onnx_conv(
    op: "Conv | DepthwiseConv | SeparableConv",
    inputs: Types,
    form: OnnxForm,
    groups: int,
    names: tuple[str, ...],
    out: str = "out",
) -> tuple[tuple[OnnxNode, ...], dict[str, OnnxConstant]]:
    """The nodes and constants of a convolution of ``in0`` by the weights ``names``."""
    window = op.window(inputs)
    attributes = {"kernel_shape": window.kernel, "strides": window.stride, "dilations": window.dilation, "group": groups}
    if not (form.dynamic and follows_size(window, op.pad)):
        return (OnnxNode("Conv", ("in0", *names), (out,), attributes | {"pads": onnx_pads(window.pads)}),), {}
    if is_same_upper(window):
        return (OnnxNode("Conv", ("in0", *names), (out,), attributes | {"auto_pad": "SAME_UPPER"}),), {}
    nodes, constants = same_pads(window)
    padding = OnnxNode("Pad", ("in0", "pads"), ("padded",), {"mode": "constant"})
    return (*nodes, padding, OnnxNode("Conv", ("padded", *names), (out,), attributes)), constants


class Conv(Op):
    """Convolution of a map with ``channels`` kernels."""

    keyword: ClassVar[str] = "conv"
    family: ClassVar[str] = "conv"
    positional: ClassVar[tuple[str, ...]] = ("channels", "kernel")
    counts_as_layer: ClassVar[bool] = True

    channels: Size
    kernel: Pair
    stride: Pair = (1, 1)
    pad: Padding = "same"
    dilation: Pair = (1, 1)
    groups: Size = 1
    bias: Flag = True
    init: Scheme = None

    def window(self, inputs: Types) -> Window:
        return place(the_map(self.keyword, inputs).spatial, self.kernel, self.stride, self.dilation, self.pad)

    def infer(self, inputs: Types) -> TensorType:
        window = self.window(inputs)
        entering = inputs[0].channels
        if entering % self.groups:
            message = f"{self.groups} groups do not divide {entering} input channels"
            raise OpError(message, code="E0303", attribute="groups")
        if self.channels % self.groups:
            message = f"{self.groups} groups do not divide {self.channels} output channels"
            raise OpError(message, code="E0402", attribute="groups")
        return TensorType((self.channels, *slide(window, inputs[0].spatial)))

    def weights(self, inputs: Types) -> tuple[Weight, ...]:
        shape = (self.channels, inputs[0].channels // self.groups, *self.kernel)
        return kernel_and_bias(shape, self.bias, self.init)

    def cost(self, inputs: Types, output: TensorType) -> Cost:
        products = self.kernel[0] * self.kernel[1] * inputs[0].channels // self.groups
        return self.moved(inputs, output, mac=output.elements * products, add=output.elements if self.bias else 0)

    def torch(self, inputs: Types, output: TensorType) -> TorchTarget:
        prefix, args, sources = _torch_args(self, inputs, output)
        groups = Arg("groups", self.groups, 1, "groups")
        return TorchModule(f"{prefix}Conv2d" if prefix else "nn.Conv2d", (*args, groups), sources)

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        names = ("weight", "bias") if self.bias else ("weight",)
        return OnnxTarget(*_onnx_conv(self, inputs, form, self.groups, names))


class DepthwiseConv(Op):
    """Convolution of every channel by itself, ``multiplier`` kernels each."""

    keyword: ClassVar[str] = "depthwise_conv"
    family: ClassVar[str] = "conv"
    positional: ClassVar[tuple[str, ...]] = ("kernel",)
    counts_as_layer: ClassVar[bool] = True

    kernel: Pair
    stride: Pair = (1, 1)
    pad: Padding = "same"
    dilation: Pair = (1, 1)
    multiplier: Size = 1
    bias: Flag = True
    init: Scheme = None

    def window(self, inputs: Types) -> Window:
        return place(the_map(self.keyword, inputs).spatial, self.kernel, self.stride, self.dilation, self.pad)

    def infer(self, inputs: Types) -> TensorType:
        window = self.window(inputs)
        return TensorType((inputs[0].channels * self.multiplier, *slide(window, inputs[0].spatial)))

    def weights(self, inputs: Types) -> tuple[Weight, ...]:
        return kernel_and_bias((inputs[0].channels * self.multiplier, 1, *self.kernel), self.bias, self.init)

    def cost(self, inputs: Types, output: TensorType) -> Cost:
        products = self.kernel[0] * self.kernel[1]
        return self.moved(inputs, output, mac=output.elements * products, add=output.elements if self.bias else 0)

    def torch(self, inputs: Types, output: TensorType) -> TorchTarget:
        prefix, args, sources = _torch_args(self, inputs, output)
        groups = Arg("groups", inputs[0].channels, 1)
        return TorchModule(f"{prefix}Conv2d" if prefix else "nn.Conv2d", (*args, groups), sources)

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        names = ("weight", "bias") if self.bias else ("weight",)
        return OnnxTarget(*_onnx_conv(self, inputs, form, inputs[0].channels, names))


def _separable_source(prefix: str, sources: tuple[TorchSource, ...]) -> TorchSource:
    """The torch class whose depthwise part is ``{prefix}Conv2d``."""
    name = f"{prefix}SeparableConv2d"
    depthwise = f"{prefix}Conv2d" if prefix else "nn.Conv2d"
    text = f'''
class {name}(nn.Module):
    """A depthwise convolution, given by its `spatial` arguments, and then a 1x1 convolution across channels."""

    def __init__(self, in_channels, out_channels, kernel_size, bias=True, **spatial):
        super().__init__()
        spatial.update(groups=in_channels, bias=False)
        self.depthwise = {depthwise}(in_channels, in_channels, kernel_size, **spatial)
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1, bias=bias)

    def forward(self, x):
        return self.pointwise(self.depthwise(x))
'''
    return TorchSource(name, text, sources)


class SeparableConv(Op):
    """A depthwise convolution without bias, then a 1x1 convolution to ``channels``."""

    keyword: ClassVar[str] = "separable_conv"
    family: ClassVar[str] = "conv"
    positional: ClassVar[tuple[str, ...]] = ("channels", "kernel")
    counts_as_layer: ClassVar[bool] = True

    channels: Size
    kernel: Pair
    stride: Pair = (1, 1)
    pad: Padding = "same"
    dilation: Pair = (1, 1)
    bias: Flag = True
    init: Scheme = None

    def window(self, inputs: Types) -> Window:
        return place(the_map(self.keyword, inputs).spatial, self.kernel, self.stride, self.dilation, self.pad)

    def infer(self, inputs: Types) -> TensorType:
        window = self.window(inputs)
        return TensorType((self.channels, *slide(window, inputs[0].spatial)))

    def weights(self, inputs: Types) -> tuple[Weight, ...]:
        entering = inputs[0].channels
        return (
            *kernel_and_bias((entering, 1, *self.kernel), False, self.init, kernel_name="depthwise.weight"),
            *kernel_and_bias(
                (self.channels, entering, 1, 1),
                self.bias,
                self.init,
                kernel_name="pointwise.weight",
                bias_name="pointwise.bias",
            ),
        )

    def cost(self, inputs: Types, output: TensorType) -> Cost:
        cells = output.elements // output.channels
        depthwise = cells * inputs[0].channels * self.kernel[0] * self.kernel[1]
        pointwise = output.elements * inputs[0].channels
        return self.moved(inputs, output, mac=depthwise + pointwise, add=output.elements if self.bias else 0)

    def torch(self, inputs: Types, output: TensorType) -> TorchTarget:
        prefix, args, sources = _torch_args(self, inputs, output)
        source = _separable_source(prefix, sources)
        return TorchModule(source.name, args, (source,))

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        depthwise, constants = _onnx_conv(self, inputs, form, inputs[0].channels, ("depthwise.weight",), "spatial")
        names = ("spatial", "pointwise.weight", *(("pointwise.bias",) if self.bias else ()))
        pointwise = OnnxNode("Conv", names, ("out",), {"kernel_shape": (1, 1)})
        return OnnxTarget((*depthwise, pointwise), constants)
