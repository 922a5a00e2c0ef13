"""Shapes of outputs, and what operators say of inputs that they cannot take."""

import pytest

from archdsl.ir import OpError, TensorType, TorchExpr
from archdsl.ops import BY_KEYWORD, build


def infer(keyword, *shapes, **attributes):
    return build(BY_KEYWORD[keyword], attributes).infer(tuple(map(TensorType, shapes))).shape


@pytest.mark.parametrize(
    "keyword, shape, attributes, expected",
    [
        # The Inception-v4 stem at 299 and its pools.
        ("conv", (3, 299, 299), {"channels": 32, "kernel": 3, "stride": 2, "pad": "valid"}, (32, 149, 149)),
        ("conv", (32, 149, 149), {"channels": 32, "kernel": 3, "pad": "valid"}, (32, 147, 147)),
        ("max_pool", (64, 147, 147), {"kernel": 3, "stride": 2, "pad": "valid"}, (64, 73, 73)),
        ("conv", (64, 73, 73), {"channels": 64, "kernel": (1, 7)}, (64, 73, 73)),
        # TensorFlow's `same` against torch's `sym` at an even size.
        ("conv", (3, 224, 224), {"channels": 64, "kernel": 7, "stride": 2}, (64, 112, 112)),
        ("conv", (3, 224, 224), {"channels": 64, "kernel": 7, "stride": 2, "pad": "sym"}, (64, 112, 112)),
        ("conv", (3, 5, 5), {"channels": 4, "kernel": 2, "pad": "sym"}, (4, 6, 6)),
        # GoogLeNet's ceil mode.
        ("max_pool", (64, 112, 112), {"kernel": 3, "stride": 2, "pad": "valid"}, (64, 55, 55)),
        ("max_pool", (64, 112, 112), {"kernel": 3, "stride": 2, "pad": "valid", "ceil": True}, (64, 56, 56)),
        # One more window would begin beyond the input: left out.
        ("max_pool", (1, 4, 4), {"kernel": 1, "stride": 2, "pad": "valid", "ceil": True}, (1, 2, 2)),
        ("avg_pool", (8, 17, 17), {"kernel": 5, "stride": 3, "pad": "valid"}, (8, 5, 5)),
        ("pad", (3, 5, 6), {"pad": (1, 2, 3, 4)}, (3, 12, 9)),
        ("pad", (3, 5, 6), {"pad": (1, 2)}, (3, 7, 10)),
        ("pad_channels", (16, 5, 6), {"channels": 32, "stride": 2}, (32, 3, 3)),
        ("upsample", (3, 5, 6), {"scale": (2, 3)}, (3, 10, 18)),
        ("flatten", (3, 5, 6), {}, (90,)),
        ("flatten", (3,), {}, (3,)),
        ("global_avg_pool", (3, 5, 6), {}, (3,)),
        ("global_avg_pool", (3, 5, 6), {"keep": True}, (3, 1, 1)),
        ("adaptive_avg_pool", (3, 5, 6), {"size": (7, 2)}, (3, 7, 2)),
    ],
)
def test_shape(keyword, shape, attributes, expected):
    assert infer(keyword, shape, **attributes) == expected


@pytest.mark.parametrize(
    "size, kernel, stride, dilation, pads",
    [
        (10, 3, 1, 1, (1, 1)),
        (10, 3, 2, 1, (0, 1)),
        (11, 3, 2, 1, (1, 1)),
        (10, 4, 1, 1, (1, 2)),
        (10, 3, 1, 2, (2, 2)),
        (10, 1, 2, 1, (0, 0)),
        (10, 2, 5, 1, (0, 0)),
        (1, 3, 2, 1, (1, 1)),
    ],
)
def test_same_padding(size, kernel, stride, dilation, pads):
    op = build(BY_KEYWORD["conv"], {"channels": 1, "kernel": kernel, "stride": stride, "dilation": dilation})
    left, right, top, bottom = op.window((TensorType((1, size, size)),)).pads
    assert (left, right) == (top, bottom) == pads


@pytest.mark.parametrize(
    "kernel, dilation, each", [(1, 1, 0), (2, 1, 1), (3, 1, 1), (4, 1, 2), (7, 1, 3), (3, 2, 2), (2, 2, 1), (5, 3, 6)]
)
def test_sym_padding_is_half_the_extent(kernel, dilation, each):
    op = build(BY_KEYWORD["conv"], {"channels": 1, "kernel": kernel, "dilation": dilation, "pad": "sym", "stride": 2})
    assert op.window((TensorType((1, 9, 12)),)).pads == (each,) * 4


def test_operators_without_a_window_have_none():
    assert build(BY_KEYWORD["relu"], {}).window((TensorType((1, 2, 3)),)) is None


FLATTEN = "put `flatten` or `global_avg_pool` before it"
REFUSED = [
    ("conv", [(3,)], {"channels": 4, "kernel": 3}, "E0303", None, "`conv` takes a map [N, C, H, W], not [N, 3]", None),
    ("linear", [(3, 4, 5)], {"channels": 4}, "E0303", None, "`linear` takes a vector [N, C], not [N, 3, 4, 5]", FLATTEN),
    ("bn", [(3, 4)], {}, "E0303", None, "`bn` takes a map [N, C, H, W] or a vector [N, C], not [N, 3, 4]", None),
    (
        "conv",
        [(3, 2, 2)],
        {"channels": 4, "kernel": 3, "pad": "valid"},
        "E0302",
        "kernel",
        "a 3x3 window does not fit an input of 2x2",
        None,
    ),
    (
        "max_pool",
        [(3, 2, 9)],
        {"kernel": 5, "pad": 1},
        "E0302",
        "kernel",
        "a 5x5 window does not fit an input of 2x9 padded to 4x11",
        None,
    ),
    (
        "conv",
        [(3, 4, 9)],
        {"channels": 4, "kernel": 3, "dilation": 2, "pad": "valid"},
        "E0302",
        "kernel",
        "a 3x3 window dilated to 5x5 does not fit an input of 4x9",
        None,
    ),
    (
        "avg_pool",
        [(3, 9, 9)],
        {"kernel": 3, "pad": (0, 3, 0, 0)},
        "E0302",
        "pad",
        "padding of 3 along the width leaves windows of 3 with nothing but padding",
        None,
    ),
    (
        "max_pool",
        [(3, 2, 9)],
        {"kernel": 2, "dilation": 3},
        "E0302",
        "dilation",
        "a dilation of 3 along the height steps over the whole input of 2, onto padding",
        None,
    ),
    (
        "conv",
        [(3, 4, 4)],
        {"channels": 4, "kernel": 3, "groups": 2},
        "E0303",
        "groups",
        "2 groups do not divide 3 input channels",
        None,
    ),
    (
        "conv",
        [(4, 4, 4)],
        {"channels": 3, "kernel": 3, "groups": 2},
        "E0402",
        "groups",
        "2 groups do not divide 3 output channels",
        None,
    ),
    ("group_norm", [(6, 4, 4)], {"groups": 4}, "E0303", "groups", "4 groups do not divide 6 channels", None),
    (
        "concat",
        [(3, 4, 5), (3, 5, 5)],
        {},
        "E0301",
        None,
        "branches of `concat` must agree in height and width: [N, 3, 4, 5], [N, 3, 5, 5]",
        None,
    ),
    (
        "concat",
        [(3, 4, 5), (3,)],
        {},
        "E0301",
        None,
        "branches of `concat` must agree in kind (maps with maps, vectors with vectors): [N, 3, 4, 5], [N, 3]",
        None,
    ),
    ("add", [(3,), (5,)], {}, "E0301", None, "branches of `add` must have one shape: [N, 3], [N, 5]", None),
    (
        "mul",
        [(3, 4, 5), (3,)],
        {},
        "E0301",
        None,
        "branches of `mul` must have one shape, or [N, C, 1, 1] beside a map: [N, 3, 4, 5], [N, 3]",
        "keep the gate a map: `global_avg_pool(keep=true)` and 1x1 convolutions",
    ),
    (
        "mul",
        [(3, 4, 5), (1, 1, 1)],
        {},
        "E0301",
        None,
        "branches of `mul` must have one shape, or [N, C, 1, 1] beside a map: [N, 3, 4, 5], [N, 1, 1, 1]",
        None,
    ),
    (
        "pad",
        [(3, 4, 5)],
        {"pad": 4, "mode": "reflect"},
        "E0302",
        "pad",
        "an input of 4x5 is too small to mirror: padding must be smaller than the side it extends",
        None,
    ),
    (
        "pad",
        [(3, 4, 5)],
        {"pad": 1, "mode": "reflect", "value": 1},
        "E0402",
        "value",
        "`value` means nothing where `mode` is `reflect`",
        None,
    ),
    (
        "pad_channels",
        [(8, 4, 5)],
        {"channels": 4},
        "E0402",
        "channels",
        "`pad_channels` adds channels, but 4 is less than the 8 of its input",
        None,
    ),
]


@pytest.mark.parametrize("keyword, shapes, attributes, code, attribute, message, help", REFUSED)
def test_refusal(keyword, shapes, attributes, code, attribute, message, help):
    with pytest.raises(OpError) as caught:
        infer(keyword, *shapes, **attributes)
    fault = caught.value
    assert (fault.code, fault.attribute, fault.message, fault.help) == (code, attribute, message, help)


def target(keyword, **attributes):
    op = build(BY_KEYWORD[keyword], attributes)
    inputs = (TensorType((6, 11, 14)),) * (2 if keyword == "add" else 1)
    return op.torch(inputs, op.infer(inputs))


@pytest.mark.parametrize(
    "keyword, attributes, type",
    [
        ("conv", {"kernel": 3}, "nn.Conv2d"),
        ("conv", {"kernel": 3, "stride": 2}, "SameConv2d"),
        ("conv", {"kernel": 1, "stride": 2}, "nn.Conv2d"),
        ("conv", {"kernel": (1, 3), "stride": (2, 1)}, "nn.Conv2d"),
        ("conv", {"kernel": 4}, "PadConv2d"),
        ("conv", {"kernel": 3, "pad": (1, 0, 0, 0)}, "PadConv2d"),
        ("conv", {"kernel": 3, "stride": 2, "pad": "sym"}, "nn.Conv2d"),
        ("separable_conv", {"kernel": 3}, "SeparableConv2d"),
        ("separable_conv", {"kernel": 3, "stride": 2}, "SameSeparableConv2d"),
        ("max_pool", {"kernel": 3}, "nn.MaxPool2d"),
        ("max_pool", {"kernel": 3, "stride": 2}, "SameMaxPool2d"),
        ("max_pool", {"kernel": (1, 5)}, "nn.MaxPool2d"),
        ("max_pool", {"kernel": (3, 5), "pad": (2, 1)}, "PadMaxPool2d"),
        ("max_pool", {"kernel": 3, "pad": 2}, "PadMaxPool2d"),
        ("avg_pool", {"kernel": 3}, "nn.AvgPool2d"),
        ("avg_pool", {"kernel": 2}, "PadAvgPool2d"),
    ],
)
def test_torch_s_own_modules_wherever_they_say_the_same(keyword, attributes, type):
    channels = {} if "pool" in keyword else {"channels": 8}
    assert target(keyword, **channels, **attributes).type == type


def test_scale_of_a_sum_is_written_only_where_it_matters():
    expression = target("add", scale=0.17)
    assert isinstance(expression, TorchExpr)
    assert (expression.template, expression.plain) == ("{0} + {scale} * {1}", "{0} + {1}")
