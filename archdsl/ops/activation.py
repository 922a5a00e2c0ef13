"""Activations: each value by itself, and softmax over the channels.

The cost of an activation is counted per value; an exponential, error function or hyperbolic tangent counts once under ``exp``.
"""

from math import pi, sqrt
from typing import ClassVar

from archdsl.ir import Arg, Cost, OnnxConstant, OnnxForm, OnnxNode, OnnxTarget, Op, TensorType, TorchModule, TorchTarget, Types
from archdsl.ops.attributes import Flag, Number


class _Activation(Op):
    """Keeps the type of its input; ``module`` is torch's class, ``node`` the operator of ONNX, ``work`` the cost per value."""

    family: ClassVar[str] = "activation"
    module: ClassVar[str]
    node: ClassVar[str]
    work: ClassVar[dict[str, int]]

    def infer(self, inputs: Types) -> TensorType:
        return inputs[0]

    def cost(self, inputs: Types, output: TensorType) -> Cost:
        return self.moved(inputs, output, **{kind: count * output.elements for kind, count in self.work.items()})

    def torch(self, inputs: Types, output: TensorType) -> TorchTarget:
        return TorchModule(self.module)

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        return OnnxTarget((OnnxNode(self.node, ("in0",)),))


class Relu(_Activation):
    """``max(x, 0)``."""

    keyword: ClassVar[str] = "relu"
    nonnegative: ClassVar[bool] = True
    module: ClassVar[str] = "nn.ReLU"
    node: ClassVar[str] = "Relu"
    work: ClassVar[dict[str, int]] = {"cmp": 1}


class Relu6(_Activation):
    """``min(max(x, 0), 6)``."""

    keyword: ClassVar[str] = "relu6"
    nonnegative: ClassVar[bool] = True
    module: ClassVar[str] = "nn.ReLU6"
    work: ClassVar[dict[str, int]] = {"cmp": 2}

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        return OnnxTarget((OnnxNode("Clip", ("in0", "zero", "six")),), {"zero": _scalar(0.0), "six": _scalar(6.0)})


class LeakyRelu(_Activation):
    """``x`` where positive, ``slope * x`` elsewhere."""

    keyword: ClassVar[str] = "leaky_relu"
    positional: ClassVar[tuple[str, ...]] = ("slope",)
    work: ClassVar[dict[str, int]] = {"cmp": 1, "mul": 1}

    slope: Number = 0.01

    def torch(self, inputs: Types, output: TensorType) -> TorchTarget:
        return TorchModule("nn.LeakyReLU", (Arg("negative_slope", self.slope, 0.01, "slope", positional=True),))

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        return OnnxTarget((OnnxNode("LeakyRelu", ("in0",), ("out",), {"alpha": self.slope}),))


class Elu(_Activation):
    """``x`` where positive, ``alpha * (exp(x) - 1)`` elsewhere (Clevert et al., 2016)."""

    keyword: ClassVar[str] = "elu"
    positional: ClassVar[tuple[str, ...]] = ("alpha",)
    work: ClassVar[dict[str, int]] = {"cmp": 1, "exp": 1, "add": 1, "mul": 1}

    alpha: Number = 1.0

    def torch(self, inputs: Types, output: TensorType) -> TorchTarget:
        return TorchModule("nn.ELU", (Arg("alpha", self.alpha, 1.0, "alpha", positional=True),))

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        return OnnxTarget((OnnxNode("Elu", ("in0",), ("out",), {"alpha": self.alpha}),))


class Gelu(_Activation):
    """``x / 2 * (1 + erf(x / sqrt(2)))``, or about ``x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))``.

    Both are from Hendrycks and Gimpel, 2016, section 2.
    """

    keyword: ClassVar[str] = "gelu"
    work: ClassVar[dict[str, int]] = {"mul": 3, "add": 1, "exp": 1}

    approximate: Flag = False

    def cost(self, inputs: Types, output: TensorType) -> Cost:
        if not self.approximate:
            return super().cost(inputs, output)
        each = output.elements
        return self.moved(inputs, output, mul=6 * each, add=2 * each, exp=each)

    def torch(self, inputs: Types, output: TensorType) -> TorchTarget:
        return TorchModule("nn.GELU", (Arg("approximate", "tanh" if self.approximate else "none", "none"),))

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        if form.opset >= 20:
            attributes = {"approximate": "tanh" if self.approximate else "none"}
            return OnnxTarget((OnnxNode("Gelu", ("in0",), ("out",), attributes),))
        return _gelu_by_tanh() if self.approximate else _gelu_by_erf()


def _gelu_by_erf() -> OnnxTarget:
    nodes = (
        OnnxNode("Div", ("in0", "root_two"), ("scaled",)),
        OnnxNode("Erf", ("scaled",), ("erf",)),
        OnnxNode("Add", ("erf", "one"), ("gate",)),
        OnnxNode("Mul", ("in0", "gate"), ("gated",)),
        OnnxNode("Mul", ("gated", "half")),
    )
    return OnnxTarget(nodes, {"root_two": _scalar(sqrt(2)), "one": _scalar(1.0), "half": _scalar(0.5)})


def _gelu_by_tanh() -> OnnxTarget:
    nodes = (
        OnnxNode("Mul", ("in0", "in0"), ("square",)),
        OnnxNode("Mul", ("in0", "square"), ("cube",)),
        OnnxNode("Mul", ("cube", "coefficient"), ("bent",)),
        OnnxNode("Add", ("in0", "bent"), ("sum",)),
        OnnxNode("Mul", ("sum", "slope"), ("scaled",)),
        OnnxNode("Tanh", ("scaled",), ("tanh",)),
        OnnxNode("Add", ("tanh", "one"), ("gate",)),
        OnnxNode("Mul", ("in0", "gate"), ("gated",)),
        OnnxNode("Mul", ("gated", "half")),
    )
    constants = {
        "coefficient": _scalar(0.044715),
        "slope": _scalar(sqrt(2 / pi)),
        "one": _scalar(1.0),
        "half": _scalar(0.5),
    }
    return OnnxTarget(nodes, constants)


def _scalar(number: float) -> OnnxConstant:
    return OnnxConstant((number,), "float32", ())


class Silu(_Activation):
    """``x * sigmoid(x)``, also known as swish."""

    keyword: ClassVar[str] = "silu"
    module: ClassVar[str] = "nn.SiLU"
    work: ClassVar[dict[str, int]] = {"exp": 1, "add": 1, "div": 1}

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        return OnnxTarget((OnnxNode("Sigmoid", ("in0",), ("gate",)), OnnxNode("Mul", ("in0", "gate"))))


class Sigmoid(_Activation):
    """``1 / (1 + exp(-x))``."""

    keyword: ClassVar[str] = "sigmoid"
    nonnegative: ClassVar[bool] = True
    module: ClassVar[str] = "nn.Sigmoid"
    node: ClassVar[str] = "Sigmoid"
    work: ClassVar[dict[str, int]] = {"exp": 1, "add": 1, "div": 1}


class Tanh(_Activation):
    """``tanh(x)``."""

    keyword: ClassVar[str] = "tanh"
    module: ClassVar[str] = "nn.Tanh"
    node: ClassVar[str] = "Tanh"
    work: ClassVar[dict[str, int]] = {"exp": 1}


class HardSwish(_Activation):
    """``x * min(max(x + 3, 0), 6) / 6`` (Howard et al., "MobileNetV3", 2019, section 5.2)."""

    keyword: ClassVar[str] = "hard_swish"
    module: ClassVar[str] = "nn.Hardswish"
    work: ClassVar[dict[str, int]] = {"add": 1, "cmp": 2, "mul": 2}

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        if form.opset >= 14:
            return OnnxTarget((OnnxNode("HardSwish", ("in0",)),))
        gate = OnnxNode("HardSigmoid", ("in0",), ("gate",), {"alpha": 1 / 6, "beta": 0.5})
        return OnnxTarget((gate, OnnxNode("Mul", ("in0", "gate"))))


class Softmax(_Activation):
    """``exp(x)`` over its sum across the channels, per position."""

    keyword: ClassVar[str] = "softmax"
    nonnegative: ClassVar[bool] = True
    # The largest value is taken off first, so that no exponential overflows.
    work: ClassVar[dict[str, int]] = {"cmp": 1, "add": 2, "exp": 1, "div": 1}

    def torch(self, inputs: Types, output: TensorType) -> TorchTarget:
        return TorchModule("nn.Softmax", (Arg("dim", 1),))

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        return OnnxTarget((OnnxNode("Softmax", ("in0",), ("out",), {"axis": 1}),))
