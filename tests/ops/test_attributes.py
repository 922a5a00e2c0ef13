"""What operators say of attributes that they cannot take."""

import time
from typing import ClassVar

import pytest

from archdsl.ir import Cost, Op, OpError, TensorType, show
from archdsl.ops import ALL, BY_KEYWORD, build

CONV = {"channels": 8, "kernel": 3}
SIZES = "`stride` must be a positive whole number or a pair of them, not"
AMOUNTS = "a whole number, a pair height x width, or (left, right, top, bottom)"
PADS = "`pad` must be `same`, `valid`, `sym`, " + AMOUNTS + ", not"
DIVIDE = "use `//` to divide whole numbers"

REFUSED = [
    ("conv", {"stride": 0}, "E0402", f"{SIZES} 0", None),
    ("conv", {"stride": (2, 0)}, "E0402", f"{SIZES} 2x0", None),
    ("conv", {"stride": -1}, "E0402", f"{SIZES} -1", None),
    ("conv", {"stride": 1.5}, "E0401", f"{SIZES} 1.5", DIVIDE),
    ("conv", {"stride": 2.0}, "E0401", f"{SIZES} 2.0", f"write `2`, or {DIVIDE}"),
    ("conv", {"stride": (1, 1.5)}, "E0401", f"{SIZES} (1, 1.5)", DIVIDE),
    ("conv", {"stride": (1, 2, 3)}, "E0401", f"{SIZES} (1, 2, 3)", None),
    ("conv", {"stride": ()}, "E0401", f"{SIZES} ()", None),
    ("conv", {"stride": True}, "E0401", f"{SIZES} true", None),
    ("conv", {"stride": "two"}, "E0401", f'{SIZES} "two"', None),
    ("conv", {"stride": None}, "E0401", f"{SIZES} none", None),
    ("conv", {"stride": "s" * 100}, "E0401", f'{SIZES} "{"s" * 60}…"', None),
    ("conv", {"channels": 3.0}, "E0401", "`channels` must be a positive whole number, not 3.0", f"write `3`, or {DIVIDE}"),
    ("conv", {"channels": 1 << 31}, "E0402", "`channels` must be at most 2147483647, not 2147483648", None),
    ("conv", {"channels": 10**5000}, "E0402", "`channels` must be at most 2147483647, not a number beyond 64 bits", None),
    ("conv", {"channels": (8, 8)}, "E0401", "`channels` must be a positive whole number, not 8x8", None),
    ("conv", {"pad": "smae"}, "E0402", f'{PADS} "smae"', "did you mean `same`?"),
    ("conv", {"pad": -1}, "E0402", "`pad` must be 0 or more, not -1", None),
    ("conv", {"pad": (1, 2, 3)}, "E0401", f"{PADS} (1, 2, 3)", None),
    ("conv", {"pad": 0.5}, "E0401", f"{PADS} 0.5", DIVIDE),
    ("conv", {"bias": 1}, "E0401", "`bias` must be `true` or `false`, not 1", None),
    ("conv", {"init": 1}, "E0401", '`init` must be a string such as "trunc_normal(0.1)", not 1', None),
    ("conv", {"init": "normal"}, "E0402", "`init` must give `normal` one number, its standard deviation", 'write "normal(0.1)"'),
    ("conv", {"strides": 2}, "E0404", '`conv` has no argument "strides"', "did you mean `stride`?"),
    ("relu", {"x": 2}, "E0404", '`relu` has no argument "x"', "it takes none"),
    ("dropout", {"p": 1}, "E0402", "`p` must be a number from 0 up to, but not including, 1, not 1", None),
    ("dropout", {"p": True}, "E0401", "`p` must be a number from 0 up to, but not including, 1, not true", None),
    ("bn", {"eps": 0}, "E0402", "`eps` must be a positive number, not 0", None),
    ("bn", {"eps": float("inf")}, "E0402", "`eps` must be a positive number, not inf", None),
    ("bn", {"momentum": 1.1}, "E0402", "`momentum` must be a number from 0 to 1, not 1.1", None),
    ("add", {"scale": float("nan")}, "E0402", "`scale` must be a finite number, not nan", None),
    ("add", {"scale": 10**400}, "E0402", "`scale` must be a finite number, not a number beyond 64 bits", None),
    ("add", {"scale": "0.1"}, "E0401", '`scale` must be a finite number, not "0.1"', None),
    ("layer_norm", {"over": "chanels"}, "E0402", '`over` must be `channels` or `all`, not "chanels"', "did you mean `channels`?"),
    ("upsample", {"mode": 2}, "E0401", "`mode` must be `nearest` or `bilinear`, not 2", None),
    (
        "pad",
        {"pad": "same"},
        "E0401",
        f'`pad` must be {AMOUNTS}, not "same"',
        None,
    ),
]

COMPLETE = {"conv": CONV, "dropout": {"p": 0.5}, "upsample": {"scale": 2}}


@pytest.mark.parametrize("keyword, attributes, code, message, help", REFUSED)
def test_refusal(keyword, attributes, code, message, help):
    with pytest.raises(OpError) as caught:
        build(BY_KEYWORD[keyword], {**COMPLETE.get(keyword, {}), **attributes})
    fault = caught.value
    assert (fault.code, fault.message, fault.help) == (code, message, help)
    assert fault.attribute == next(iter(attributes))


def test_missing_attribute():
    with pytest.raises(OpError, match="`conv` needs `kernel`") as caught:
        build(BY_KEYWORD["conv"], {"channels": 8})
    assert (caught.value.code, caught.value.attribute) == ("E0404", "kernel")


def test_unknown_attribute_is_told_before_the_missing_one():
    with pytest.raises(OpError) as caught:
        build(BY_KEYWORD["conv"], {"channels": 8, "kernal": 3})
    assert (caught.value.attribute, caught.value.help) == ("kernal", "did you mean `kernel`?")


@pytest.mark.parametrize("operator", ALL, ids=lambda operator: operator.keyword)
def test_normal_forms_are_fixed_points(operator):
    """An operator rebuilt from its own attributes is the same operator: dumps and JSON read back."""
    given = {"channels": 8, "kernel": 3, "size": 3, "groups": 2, "p": 0.5, "pad": 1, "scale": 2}
    op = build(operator, {name: given[name] for name, field in operator.model_fields.items() if field.is_required()})
    assert build(operator, op.model_dump()) == op
    assert operator.model_validate_json(op.model_dump_json()) == op
    assert all(isinstance(show(getattr(op, name)), str) for name in operator.model_fields)


@pytest.mark.parametrize(
    "pad, normal",
    [
        ("same", "same"),
        ("sym", "sym"),
        (0, (0, 0)),
        (2, (2, 2)),
        ((1, 2), (1, 2)),
        ((0, 1, 2, 3), (0, 1, 2, 3)),
        ([1, 2], (1, 2)),
    ],
)
def test_padding_forms(pad, normal):
    assert build(BY_KEYWORD["conv"], {**CONV, "pad": pad}).pad == normal


def test_no_scheme_overrides_a_default_one():
    assert build(BY_KEYWORD["conv"], {**CONV, "init": "none"}).init is None


def test_whole_numbers_pass_for_real_ones():
    scale = build(BY_KEYWORD["add"], {"scale": 2}).scale
    assert isinstance(scale, float)
    assert scale == 2


class Doubled(Op):
    """An operator from elsewhere, with pydantic's own types."""

    keyword: ClassVar[str] = "doubled"
    family: ClassVar[str] = "activation"

    times: int = 2

    def infer(self, inputs):
        return inputs[0]

    def cost(self, inputs, output):
        return Cost()


def test_plain_pydantic_types_are_refused_in_one_sentence():
    with pytest.raises(OpError) as caught:
        build(Doubled, {"times": "x"})
    assert caught.value.message == '`times` is not valid: input should be a valid integer, not "x"'
    assert (caught.value.code, caught.value.attribute) == ("E0401", "times")
    with pytest.raises(OpError) as caught:
        build(Doubled, {"tims": 1})
    assert caught.value.help == "did you mean `times`?"


def test_building_is_fast():
    """Around 3 microseconds; the bound only catches a change of order."""
    attributes = {"channels": 32, "kernel": (3, 3), "stride": 2, "pad": "valid", "bias": False}
    build(BY_KEYWORD["conv"], attributes)
    start = time.perf_counter()
    for _ in range(2000):
        build(BY_KEYWORD["conv"], attributes)
    assert (time.perf_counter() - start) / 2000 < 50e-6


def outcome(keyword, attributes, shape):
    """The cost, or the code of the error."""
    op = build(BY_KEYWORD[keyword], attributes)
    inputs = (TensorType(shape),)
    try:
        return op.cost(inputs, op.infer(inputs))
    except OpError as fault:
        return fault.code


@pytest.mark.parametrize("keyword", ["conv", "max_pool", "avg_pool", "adaptive_avg_pool"])
def test_the_largest_sizes_take_no_time(keyword):
    largest = (1 << 31) - 1
    fields = BY_KEYWORD[keyword].model_fields
    given = {"channels": largest, "kernel": largest, "stride": largest, "dilation": largest, "size": largest}
    start = time.perf_counter()
    found = outcome(keyword, {name: value for name, value in given.items() if name in fields}, (3, 5, 7))
    assert time.perf_counter() - start < 0.1
    assert isinstance(found, Cost) or found == "E0302"
