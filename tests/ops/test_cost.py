"""Costs against closed forms worked out by hand."""

import pytest

from archdsl.ir import Cost, TensorType
from archdsl.ops import BY_KEYWORD, build


def cost(keyword, *shapes, **attributes) -> Cost:
    op = build(BY_KEYWORD[keyword], attributes)
    inputs = tuple(map(TensorType, shapes))
    return op.cost(inputs, op.infer(inputs))


def work(found: Cost) -> dict[str, int]:
    """The kinds of scalar work that are not zero."""
    return {kind: count for kind in ("mac", "add", "mul", "div", "cmp", "exp") if (count := getattr(found, kind))}


MAP = (8, 10, 12)
CELLS = 10 * 12
EACH = 8 * CELLS


@pytest.mark.parametrize(
    "keyword, attributes, mac, add, params",
    [
        ("conv", {"channels": 16, "kernel": 3}, 16 * CELLS * 9 * 8, 16 * CELLS, 16 * 8 * 9 + 16),
        ("conv", {"channels": 16, "kernel": 3, "bias": False}, 16 * CELLS * 9 * 8, 0, 16 * 8 * 9),
        ("conv", {"channels": 16, "kernel": (1, 7)}, 16 * CELLS * 7 * 8, 16 * CELLS, 16 * 8 * 7 + 16),
        ("conv", {"channels": 16, "kernel": 3, "groups": 4}, 16 * CELLS * 9 * 2, 16 * CELLS, 16 * 2 * 9 + 16),
        ("conv", {"channels": 8, "kernel": 3, "groups": 8}, 8 * CELLS * 9, 8 * CELLS, 8 * 9 + 8),
        ("conv", {"channels": 16, "kernel": 3, "dilation": 2}, 16 * CELLS * 9 * 8, 16 * CELLS, 16 * 8 * 9 + 16),
        ("conv", {"channels": 16, "kernel": 3, "dilation": 2, "pad": "valid"}, 16 * 6 * 8 * 9 * 8, 16 * 6 * 8, 16 * 8 * 9 + 16),
        ("conv", {"channels": 16, "kernel": 3, "stride": (2, 5)}, 16 * 5 * 3 * 9 * 8, 16 * 5 * 3, 16 * 8 * 9 + 16),
        ("depthwise_conv", {"kernel": 3}, EACH * 9, EACH, 8 * 9 + 8),
        ("depthwise_conv", {"kernel": 3, "multiplier": 2}, 2 * EACH * 9, 2 * EACH, 16 * 9 + 16),
        ("separable_conv", {"channels": 16, "kernel": 3}, EACH * 9 + 16 * CELLS * 8, 16 * CELLS, 8 * 9 + 8 * 16 + 16),
        (
            "separable_conv",
            {"channels": 16, "kernel": 3, "stride": 2, "bias": False},
            8 * 5 * 6 * 9 + 16 * 5 * 6 * 8,
            0,
            8 * 9 + 8 * 16,
        ),
    ],
)
def test_convolutions(keyword, attributes, mac, add, params):
    found = cost(keyword, MAP, **attributes)
    assert work(found) == {kind: count for kind, count in (("mac", mac), ("add", add)) if count}
    assert found.params == params


@pytest.mark.parametrize(
    "keyword, attributes, expected",
    [
        ("bn", {}, {"add": EACH, "mul": EACH}),
        ("lrn", {"size": 5}, {"mul": 2 * EACH, "add": 5 * EACH, "exp": EACH, "div": EACH}),
        ("layer_norm", {}, {"add": 4 * EACH, "mul": 3 * EACH, "div": 2 * CELLS, "exp": CELLS}),
        ("layer_norm", {"over": "all"}, {"add": 4 * EACH, "mul": 3 * EACH, "div": 2, "exp": 1}),
        ("group_norm", {"groups": 4}, {"add": 4 * EACH, "mul": 3 * EACH, "div": 8, "exp": 4}),
        ("relu", {}, {"cmp": EACH}),
        ("relu6", {}, {"cmp": 2 * EACH}),
        ("gelu", {}, {"mul": 3 * EACH, "add": EACH, "exp": EACH}),
        ("gelu", {"approximate": True}, {"mul": 6 * EACH, "add": 2 * EACH, "exp": EACH}),
        ("sigmoid", {}, {"exp": EACH, "add": EACH, "div": EACH}),
        ("softmax", {}, {"cmp": EACH, "add": 2 * EACH, "exp": EACH, "div": EACH}),
        ("max_pool", {"kernel": 3}, {"cmp": 8 * EACH}),
        ("max_pool", {"kernel": (1, 3), "stride": 2, "pad": "valid"}, {"cmp": 2 * 8 * 5 * 5}),
        ("avg_pool", {"kernel": 3}, {"add": 8 * EACH, "div": EACH}),
        ("global_avg_pool", {}, {"add": EACH - 8, "div": 8}),
        ("global_max_pool", {"keep": True}, {"cmp": EACH - 8}),
        ("adaptive_avg_pool", {"size": (5, 4)}, {"add": EACH - 8 * 20, "div": 8 * 20}),
        # Bins of 10 rows over 4: 0-3, 2-5, 5-8, 7-10 (12 rows read); of 12 columns over 5: 3 cells each but 4 shared (16 read).
        ("adaptive_avg_pool", {"size": (4, 5)}, {"add": 8 * (12 * 16 - 20), "div": 8 * 20}),
        ("upsample", {"scale": 2, "mode": "bilinear"}, {"mul": 16 * EACH, "add": 12 * EACH}),
        ("upsample", {"scale": 2}, {}),
        ("pad", {"pad": 1}, {}),
        ("dropout", {"p": 0.5}, {}),
        ("flatten", {}, {}),
        ("identity", {}, {}),
        ("pad_channels", {"channels": 16}, {}),
        ("concat", {}, {}),
    ],
)
def test_other_work(keyword, attributes, expected):
    found = cost(keyword, MAP, **attributes)
    assert work(found) == expected
    assert found.bytes_in >= 4 * EACH
    assert found.bytes_out > 0


def test_linear():
    assert work(cost("linear", (64,), channels=10)) == {"mac": 640, "add": 10}
    assert work(cost("linear", (64,), channels=10, bias=False)) == {"mac": 640}


def test_merges():
    assert work(cost("add", MAP, MAP)) == {"add": EACH}
    assert work(cost("add", MAP, MAP, MAP, scale=0.1)) == {"add": 2 * EACH, "mul": EACH}
    assert work(cost("mul", MAP, (8, 1, 1))) == {"mul": EACH}
    assert work(cost("add", MAP)) == {}


def test_bytes_and_buffers_of_batch_norm():
    found = cost("bn", MAP)
    assert found.params == 16  # the statistics are no parameters …
    assert found.bytes_in == 4 * (EACH + 4 * 8 + 1)  # … but are read
    assert found.bytes_out == 4 * EACH


def test_counts_do_not_overflow():
    found = cost("conv", (1 << 20, 1 << 20, 1 << 20), channels=1 << 20, kernel=7)
    assert found.mac == (1 << 80) * 49
