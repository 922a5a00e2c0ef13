"""Normalisations: ``y = (x - mean) / sqrt(variance + eps) * weight + bias``, and local response normalisation.

Batch norm (Ioffe and Szegedy, 2015) takes mean and variance per channel over the batch, at inference from running averages;
layer norm (Ba et al., 2016) over one sample or one position; group norm (Wu and He, 2018) over groups of channels of one sample.
"""

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
    Unsupported,
    Weight,
)
from archdsl.ops.attributes import Flag, Fraction, Number, Positive, Size, choice
from archdsl.ops.operands import the_map


def _scale_and_shift(shape: tuple[int, ...]) -> tuple[Weight, ...]:
    return Weight("weight", shape, "scale"), Weight("bias", shape, "shift")


class BatchNorm(Op):
    """Batch normalisation of a map or a vector per channel; ``momentum`` is the weight of the newest batch."""

    keyword: ClassVar[str] = "bn"
    family: ClassVar[str] = "norm"

    eps: Positive = 1e-5
    momentum: Fraction = 0.1
    affine: Flag = True

    def infer(self, inputs: Types) -> TensorType:
        if len(inputs[0].shape) not in (1, 3):
            raise OpError(f"`bn` takes a map [N, C, H, W] or a vector [N, C], not {inputs[0]}")
        return inputs[0]

    def weights(self, inputs: Types) -> tuple[Weight, ...]:
        shape = (inputs[0].channels,)
        return (
            *(_scale_and_shift(shape) if self.affine else ()),
            Weight("running_mean", shape, "mean"),
            Weight("running_var", shape, "variance"),
            Weight("num_batches_tracked", (), "count"),
        )

    def cost(self, inputs: Types, output: TensorType) -> Cost:
        # At inference the running statistics fold into one product and one sum per value.
        return self.moved(inputs, output, mul=output.elements, add=output.elements)

    def torch(self, inputs: Types, output: TensorType) -> TorchTarget:
        args = (
            Arg("num_features", inputs[0].channels, positional=True),
            Arg("eps", self.eps, 1e-5, "eps"),
            Arg("momentum", self.momentum, 0.1, "momentum"),
            Arg("affine", self.affine, True, "affine"),
        )
        return TorchModule("nn.BatchNorm2d" if inputs[0].is_map else "nn.BatchNorm1d", args)

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        scale, shift = ("weight", "bias") if self.affine else ("ones", "zeros")
        names = ("in0", scale, shift, "running_mean", "running_var")
        node = OnnxNode("BatchNormalization", names, ("out",), {"epsilon": self.eps})
        if self.affine:
            return OnnxTarget((node,))
        channels = inputs[0].channels
        constants = {
            "ones": OnnxConstant((1.0,) * channels, "float32", (channels,)),
            "zeros": OnnxConstant((0.0,) * channels, "float32", (channels,)),
        }
        return OnnxTarget((node,), constants)


class LocalResponseNorm(Op):
    """``y = x / (k + alpha / size * sum of x^2 over size neighbouring channels) ** beta`` (Krizhevsky et al., 2012, section 3.3).

    ``alpha`` is divided by ``size``, as in PyTorch and ONNX; the paper's own alpha is not.
    """

    keyword: ClassVar[str] = "lrn"
    family: ClassVar[str] = "norm"
    positional: ClassVar[tuple[str, ...]] = ("size",)

    size: Size
    alpha: Number = 1e-4
    beta: Number = 0.75
    k: Number = 1.0

    def infer(self, inputs: Types) -> TensorType:
        return the_map(self.keyword, inputs)

    def cost(self, inputs: Types, output: TensorType) -> Cost:
        each = output.elements
        return self.moved(inputs, output, mul=2 * each, add=self.size * each, exp=each, div=each)

    def torch(self, inputs: Types, output: TensorType) -> TorchTarget:
        args = (
            Arg("size", self.size, attribute="size", positional=True),
            Arg("alpha", self.alpha, 1e-4, "alpha"),
            Arg("beta", self.beta, 0.75, "beta"),
            Arg("k", self.k, 1.0, "k"),
        )
        return TorchModule("nn.LocalResponseNorm", args)

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        # ONNX leans to the later channels where an even number has no middle, and torch to the earlier ones; runtimes take
        # neither an even number, nor a factor or power that is not positive.
        if self.size % 2 and self.alpha > 0 and self.beta > 0:
            attributes = {"size": self.size, "alpha": self.alpha, "beta": self.beta, "bias": self.k}
            return OnnxTarget((OnnxNode("LRN", ("in0",), ("out",), attributes),))
        pool = {"kernel_shape": (self.size, 1, 1), "count_include_pad": 1}
        pool["pads"] = (self.size // 2, 0, 0, (self.size - 1) // 2, 0, 0)
        nodes = (
            OnnxNode("Mul", ("in0", "in0"), ("squares",)),
            OnnxNode("Unsqueeze", ("squares", "depth"), ("volume",)),
            OnnxNode("AveragePool", ("volume",), ("means",), pool),
            OnnxNode("Squeeze", ("means", "depth"), ("mean",)),
            OnnxNode("Mul", ("mean", "alpha"), ("weighed",)),
            OnnxNode("Add", ("weighed", "k"), ("base",)),
            OnnxNode("Pow", ("base", "beta"), ("divisor",)),
            OnnxNode("Div", ("in0", "divisor")),
        )
        numbers = {"alpha": self.alpha, "k": self.k, "beta": self.beta}
        constants = {name: OnnxConstant((number,), "float32", ()) for name, number in numbers.items()}
        return OnnxTarget(nodes, {"depth": OnnxConstant((1,), "int64", (1,)), **constants})


_LAYER_NORM = TorchSource(
    "LayerNorm2d",
    '''
class LayerNorm2d(nn.LayerNorm):
    """Layer normalisation over the channels of each position of a map [N, C, H, W]."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
''',
)


class LayerNorm(Op):
    """Layer normalisation over the channels of each position (as in ConvNeXt), or over all of a sample."""

    keyword: ClassVar[str] = "layer_norm"
    family: ClassVar[str] = "norm"

    over: Annotated[Literal["channels", "all"], choice("channels", "all")] = "channels"
    eps: Positive = 1e-5

    def infer(self, inputs: Types) -> TensorType:
        return inputs[0]

    def weights(self, inputs: Types) -> tuple[Weight, ...]:
        return _scale_and_shift(self._normalised(inputs[0]))

    def _normalised(self, entering: TensorType) -> tuple[int, ...]:
        return entering.shape[:1] if self.over == "channels" else entering.shape

    def cost(self, inputs: Types, output: TensorType) -> Cost:
        statistics = output.elements // output.channels if self.over == "channels" else 1
        return _normalised_cost(self, inputs, output, statistics)

    def torch(self, inputs: Types, output: TensorType) -> TorchTarget:
        shape = self._normalised(inputs[0])
        size: object = shape if len(shape) > 1 else shape[0]
        args = (Arg("normalized_shape", size, positional=True), Arg("eps", self.eps, 1e-5, "eps"))
        if self.over == "channels" and len(inputs[0].shape) > 1:
            return TorchModule("LayerNorm2d", args, (_LAYER_NORM,))
        return TorchModule("nn.LayerNorm", args)

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        if self.over == "all" and form.dynamic and inputs[0].is_map:
            raise Unsupported("`layer_norm` over all of a map has weights of its height and width, which are to be free")
        across = self.over == "channels" and inputs[0].is_map
        if form.opset < 17:
            return self._in_steps(inputs[0], across)
        names = ("weight", "bias")
        if not across:
            attributes = {"axis": 1, "epsilon": self.eps}
            return OnnxTarget((OnnxNode("LayerNormalization", ("in0", *names), ("out",), attributes),))
        nodes = (
            OnnxNode("Transpose", ("in0",), ("last",), {"perm": (0, 2, 3, 1)}),
            OnnxNode("LayerNormalization", ("last", *names), ("normalised",), {"axis": -1, "epsilon": self.eps}),
            OnnxNode("Transpose", ("normalised",), ("out",), {"perm": (0, 3, 1, 2)}),
        )
        return OnnxTarget(nodes)

    def _in_steps(self, entering: TensorType, across: bool) -> OnnxTarget:
        """By means and a root, for opsets before 17."""
        axes = (1,) if across else tuple(range(1, 1 + len(entering.shape)))
        scale, shift = ("scale", "shift") if across else ("weight", "bias")
        nodes = (
            OnnxNode("ReduceMean", ("in0",), ("mean",), {"axes": axes, "keepdims": 1}),
            OnnxNode("Sub", ("in0", "mean"), ("centred",)),
            OnnxNode("Mul", ("centred", "centred"), ("squares",)),
            OnnxNode("ReduceMean", ("squares",), ("variance",), {"axes": axes, "keepdims": 1}),
            OnnxNode("Add", ("variance", "eps"), ("above_zero",)),
            OnnxNode("Sqrt", ("above_zero",), ("deviation",)),
            OnnxNode("Div", ("centred", "deviation"), ("normalised",)),
            *(_per_channel() if across else ()),
            OnnxNode("Mul", ("normalised", scale), ("scaled",)),
            OnnxNode("Add", ("scaled", shift)),
        )
        constants = {"eps": OnnxConstant((self.eps,), "float32", ())}
        return OnnxTarget(nodes, constants | (_CHANNEL_AXES if across else {}))


def _per_channel() -> tuple[OnnxNode, ...]:
    """``weight`` and ``bias`` as ``scale`` and ``shift`` of a map: [C, 1, 1]."""
    return OnnxNode("Unsqueeze", ("weight", "axes"), ("scale",)), OnnxNode("Unsqueeze", ("bias", "axes"), ("shift",))


_CHANNEL_AXES: Final = {"axes": OnnxConstant((1, 2), "int64", (2,))}


class GroupNorm(Op):
    """Group normalisation of a map: statistics over ``groups`` groups of channels of each sample."""

    keyword: ClassVar[str] = "group_norm"
    family: ClassVar[str] = "norm"
    positional: ClassVar[tuple[str, ...]] = ("groups",)

    groups: Size
    eps: Positive = 1e-5

    def infer(self, inputs: Types) -> TensorType:
        channels = the_map(self.keyword, inputs).channels
        if channels % self.groups:
            raise OpError(f"{self.groups} groups do not divide {channels} channels", code="E0303", attribute="groups")
        return inputs[0]

    def weights(self, inputs: Types) -> tuple[Weight, ...]:
        return _scale_and_shift((inputs[0].channels,))

    def cost(self, inputs: Types, output: TensorType) -> Cost:
        return _normalised_cost(self, inputs, output, self.groups)

    def torch(self, inputs: Types, output: TensorType) -> TorchTarget:
        args = (
            Arg("num_groups", self.groups, attribute="groups", positional=True),
            Arg("num_channels", inputs[0].channels, positional=True),
            Arg("eps", self.eps, 1e-5, "eps"),
        )
        return TorchModule("nn.GroupNorm", args)

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        # ONNX infers no shape for GroupNormalization; instances that are whole groups are the same.
        channels, height, width = inputs[0].shape
        values = -1 if form.dynamic else channels // self.groups * height * width
        nodes = (
            OnnxNode("Reshape", ("in0", "grouped_shape"), ("grouped",)),
            OnnxNode("InstanceNormalization", ("grouped", "ones", "zeros"), ("normalised",), {"epsilon": self.eps}),
            *((OnnxNode("Shape", ("in0",), ("shape",)),) if form.dynamic else ()),
            OnnxNode("Reshape", ("normalised", "shape"), ("restored",)),
            *_per_channel(),
            OnnxNode("Mul", ("restored", "scale"), ("scaled",)),
            OnnxNode("Add", ("scaled", "shift")),
        )
        constants = {
            "grouped_shape": OnnxConstant((0, self.groups, values), "int64", (3,)),
            **_CHANNEL_AXES,
            "ones": OnnxConstant((1.0,) * self.groups, "float32", (self.groups,)),
            "zeros": OnnxConstant((0.0,) * self.groups, "float32", (self.groups,)),
        }
        if not form.dynamic:
            constants["shape"] = OnnxConstant((0, channels, height, width), "int64", (4,))
        return OnnxTarget(nodes, constants)


def _normalised_cost(op: Op, inputs: Types, output: TensorType, statistics: int) -> Cost:
    """Mean, centring, squares, variance, scaling, weight and bias of every value, and a mean, variance and root per statistic."""
    each = output.elements
    return op.moved(inputs, output, add=4 * each, mul=3 * each, div=2 * statistics, exp=statistics)
