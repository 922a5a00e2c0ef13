"""The cases of the conformance suite: at least one for every operator.

Heights differ from widths and the batch (2) from every channel count, so that swapped axes cannot pass unseen.
"""

from dataclasses import dataclass, field

from archdsl.ir import Op, TensorType
from archdsl.ops import BY_KEYWORD, build

BATCH = 2
MAP = (6, 11, 14)
VECTOR = (10,)


@dataclass(frozen=True)
class Case:
    keyword: str
    attributes: dict[str, object] = field(default_factory=dict)
    shapes: tuple[tuple[int, ...], ...] = (MAP,)

    @property
    def op(self) -> Op:
        return build(BY_KEYWORD[self.keyword], self.attributes)

    @property
    def inputs(self) -> tuple[TensorType, ...]:
        return tuple(TensorType(shape) for shape in self.shapes)

    def __str__(self) -> str:
        attributes = ",".join(f"{name}={value}" for name, value in self.attributes.items())
        return f"{self.keyword}({attributes}){'' if self.shapes == (MAP,) else self.shapes}".replace(" ", "")


def conv(keyword: str = "conv", **attributes: object) -> Case:
    channels = {} if keyword == "depthwise_conv" else {"channels": 8}
    return Case(keyword, {**channels, "kernel": 3, **attributes})


CASES = (
    conv(),
    conv(stride=2),
    conv(stride=2, pad="valid"),
    conv(stride=2, pad="sym"),
    conv(stride=(1, 3), kernel=(2, 5)),
    conv(kernel=(1, 7)),
    conv(kernel=(7, 1), bias=False),
    conv(kernel=1, stride=2),
    conv(kernel=(2, 3), stride=(3, 1)),
    conv(kernel=(2, 4)),
    conv(kernel=4, pad="sym"),
    conv(pad=2),
    conv(pad=(1, 2)),
    conv(pad=(0, 3, 2, 1)),
    conv(pad=5),
    conv(dilation=2),
    conv(dilation=(1, 3), stride=2),
    conv(groups=2),
    conv(groups=2, stride=2, dilation=2, init="trunc_normal(0.1)"),
    conv("depthwise_conv"),
    conv("depthwise_conv", stride=2, bias=False),
    conv("depthwise_conv", multiplier=3, pad="valid"),
    conv("depthwise_conv", pad=(1, 0, 0, 1), dilation=2, init="kaiming_normal"),
    conv("separable_conv"),
    conv("separable_conv", stride=2, bias=False),
    conv("separable_conv", pad=(1, 0, 0, 1), init="normal(0.01)"),
    conv("separable_conv", kernel=(1, 5), dilation=2, pad="sym"),
    Case("bn"),
    Case("bn", {"eps": 1e-3, "momentum": 0.01, "affine": False}),
    Case("bn", {"eps": 1e-3}, (VECTOR,)),
    Case("bn", {"affine": False}, (VECTOR,)),
    Case("lrn", {"size": 5}),
    Case("lrn", {"size": 3, "alpha": 2.0, "beta": 0.5, "k": 2}),
    Case("lrn", {"size": 1, "alpha": 0.5}),
    Case("lrn", {"size": 9, "alpha": 0.5}),
    Case("lrn", {"size": 2, "alpha": 2.0}),
    Case("lrn", {"size": 4, "alpha": 2.0, "beta": 0.5, "k": 2}),
    Case("lrn", {"size": 14, "alpha": 3.0}),
    Case("lrn", {"size": 3, "alpha": 0.0, "k": 2}),
    Case("lrn", {"size": 5, "alpha": 2.0, "beta": -0.5}),
    Case("layer_norm"),
    Case("layer_norm", {"eps": 1e-2}),
    Case("layer_norm", {"over": "all", "eps": 1e-2}),
    Case("layer_norm", {}, (VECTOR,)),
    Case("layer_norm", {"over": "all"}, (VECTOR,)),
    Case("group_norm", {"groups": 3}),
    Case("group_norm", {"groups": 1, "eps": 1e-2}),
    Case("group_norm", {"groups": 6}),
    Case("relu"),
    Case("relu", {}, (VECTOR,)),
    Case("relu6"),
    Case("leaky_relu"),
    Case("leaky_relu", {"slope": 0.2}),
    Case("elu"),
    Case("elu", {"alpha": 0.5}),
    Case("gelu"),
    Case("gelu", {"approximate": True}),
    Case("silu"),
    Case("sigmoid"),
    Case("tanh"),
    Case("softmax"),
    Case("softmax", {}, (VECTOR,)),
    Case("hard_swish"),
    Case("max_pool", {"kernel": 3}),
    Case("max_pool", {"kernel": 3, "stride": 2}),
    Case("max_pool", {"kernel": 3, "stride": 2, "pad": "valid"}),
    Case("max_pool", {"kernel": 3, "stride": 2, "pad": "valid", "ceil": True}),
    Case("max_pool", {"kernel": 3, "stride": 2, "pad": "sym", "ceil": True}),
    Case("max_pool", {"kernel": (2, 4), "stride": (3, 1), "pad": (1, 2, 0, 1)}),
    Case("max_pool", {"kernel": 3, "dilation": 2}),
    Case("max_pool", {"kernel": 2, "dilation": 5, "pad": 4}),
    Case("max_pool", {"kernel": 3, "dilation": 2, "stride": 2, "pad": (1, 2, 0, 3), "ceil": True}),
    Case("max_pool", {"kernel": 2, "stride": (3, 2)}),
    Case("max_pool", {"kernel": (3, 2), "stride": 2, "dilation": (1, 2)}),
    Case("max_pool", {"kernel": 2, "stride": 3, "pad": 1, "ceil": True}),
    Case("max_pool", {"kernel": 2, "stride": (3, 6), "dilation": 4, "pad": (0, 3, 4, 1), "ceil": True}),
    Case("avg_pool", {"kernel": 3}),
    Case("avg_pool", {"kernel": 3, "stride": 2}),
    Case("avg_pool", {"kernel": 3, "stride": 2, "count_pad": True}),
    Case("avg_pool", {"kernel": 3, "count_pad": True}),
    Case("avg_pool", {"kernel": 2, "count_pad": True}),
    Case("avg_pool", {"kernel": (2, 4)}),
    Case("avg_pool", {"kernel": 5, "stride": 3, "pad": "valid"}),
    Case("avg_pool", {"kernel": 5, "stride": 3, "pad": "valid", "ceil": True}),
    Case("avg_pool", {"kernel": 5, "stride": 3, "pad": "sym", "ceil": True}),
    Case("avg_pool", {"kernel": 5, "stride": 4, "pad": "sym", "ceil": True, "count_pad": True}),
    Case("avg_pool", {"kernel": 4, "stride": 3, "pad": (1, 3, 0, 2), "ceil": True, "count_pad": True}),
    Case("avg_pool", {"kernel": 4, "stride": 3, "pad": (1, 3, 0, 2), "ceil": True}),
    Case("avg_pool", {"kernel": 2, "stride": (3, 2)}),
    Case("avg_pool", {"kernel": 2, "stride": 3, "count_pad": True}),
    Case("avg_pool", {"kernel": (3, 2), "stride": 3, "pad": (1, 0, 1, 1), "ceil": True}),
    Case("global_avg_pool"),
    Case("global_avg_pool", {"keep": True}),
    Case("adaptive_avg_pool", {"size": (11, 7)}),
    Case("adaptive_avg_pool", {"size": 1}),
    Case("adaptive_avg_pool", {"size": (3, 5)}),
    Case("adaptive_avg_pool", {"size": (13, 20)}),
    Case("global_max_pool"),
    Case("global_max_pool", {"keep": True}),
    Case("linear", {"channels": 7}, (VECTOR,)),
    Case("linear", {"channels": 7, "bias": False, "init": "xavier_uniform"}, (VECTOR,)),
    Case("flatten"),
    Case("flatten", {}, (VECTOR,)),
    Case("dropout", {"p": 0.2}),
    Case("dropout", {"p": 0.5}, (VECTOR,)),
    Case("concat"),
    Case("concat", {}, ((6, 11, 14), (3, 11, 14), (5, 11, 14))),
    Case("concat", {}, ((6,), (3,))),
    Case("add", {}, (MAP, MAP)),
    Case("add", {"scale": 0.17}, (MAP, MAP)),
    Case("add", {"scale": -2}, (MAP, MAP, MAP)),
    Case("add", {"scale": 0.5}, (VECTOR,)),
    Case("add", {}, (VECTOR,)),
    Case("mul", {}, (MAP, MAP)),
    Case("mul", {}, (MAP, (6, 1, 1))),
    Case("mul", {}, ((6, 1, 1), MAP, MAP)),
    Case("mul", {}, (VECTOR, VECTOR)),
    Case("mul", {}, (VECTOR,)),
    Case("pad", {"pad": 2}),
    Case("pad", {"pad": (1, 2)}),
    Case("pad", {"pad": (0, 1, 2, 3), "value": -1.5}),
    Case("pad", {"pad": (3, 1, 2, 0), "mode": "reflect"}),
    Case("pad", {"pad": (3, 1, 2, 20), "mode": "replicate"}),
    Case("pad_channels", {"channels": 9}),
    Case("pad_channels", {"channels": 6}),
    Case("pad_channels", {"channels": 12, "stride": 2}),
    Case("pad_channels", {"channels": 7, "stride": (3, 4)}),
    Case("identity"),
    Case("upsample", {"scale": 2}),
    Case("upsample", {"scale": (1, 3)}),
    Case("upsample", {"scale": (3, 2), "mode": "bilinear"}),
)
