"""A thousand random windows against loops that are written from the definitions alone; torch and ONNX Runtime against those.

Windows that are refused come on top of the thousand that are compared.  In ONNX each is tried twice, at an opset that is drawn:
of its own fixed size, and of free size, made for another one.
"""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from archdsl.ir import OnnxForm, OpError, TensorType, Unsupported
from tests.conformance.cases import Case
from tests.conformance.onnx_model import OPSETS, inferred_shape, model, run
from tests.conformance.torch_module import live

CHANNELS = 3
COMPARED = 1000
CLOSE = 1e-5
"""Of the largest value of an output."""
HOME = TensorType((CHANNELS, 31, 29))
"""The input for which models of free size are made; every window that is drawn fits it."""


@dataclass(frozen=True)
class Axis:
    """One axis of a window, as its starts relative to the input and the cells that count."""

    size: int
    kernel: int
    dilation: int
    before: int
    after: int
    starts: tuple[int, ...]

    def cells(self, start: int) -> list[int]:
        return [start + tap * self.dilation for tap in range(self.kernel)]

    def inside(self, start: int) -> list[int]:
        return [cell for cell in self.cells(start) if 0 <= cell < self.size]

    def declared(self, start: int) -> list[int]:
        """Cells of the input and of the padding asked for, without what ceil mode adds."""
        return [cell for cell in self.cells(start) if -self.before <= cell < self.size + self.after]


def axis(size: int, kernel: int, stride: int, dilation: int, pad: tuple[int, int] | str, ceil: bool) -> Axis | None:
    """The windows along one axis by enumeration; None where not one fits."""
    reach = (kernel - 1) * dilation + 1
    if pad == "same":  # as TensorFlow's documentation words it
        total = max(reach - stride, 0) if size % stride == 0 else max(reach - size % stride, 0)
        pad = (total // 2, total - total // 2)
    before, after = {"valid": (0, 0), "sym": (reach // 2, reach // 2)}.get(pad, pad)
    starts = [start for start in range(-before, size + after, stride) if start + reach <= size + after]
    if not starts:
        return None
    following = starts[-1] + stride
    if ceil and starts[-1] + reach < size + after and following < size:
        starts.append(following)
    return Axis(size, kernel, dilation, before, after, tuple(starts))


def windows(case: Case) -> tuple[Axis, Axis] | None:
    attributes = case.attributes
    dilation, ceil = attributes.get("dilation", (1, 1)), attributes.get("ceil", False)
    pad = attributes["pad"]
    pads = (pad, pad) if isinstance(pad, str) else ((pad[2], pad[3]), (pad[0], pad[1]))
    found = [
        axis(case.shapes[0][1 + index], attributes["kernel"][index], attributes["stride"][index], dilation[index], each, ceil)
        for index, each in enumerate(pads)
    ]
    return None if None in found else tuple(found)


def expected(case: Case, axes: tuple[Axis, Axis], x: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """The output by looping over windows."""
    rows, columns = axes
    channels = len(weight) if weight is not None else x.shape[1]
    out = np.zeros((x.shape[0], channels, len(rows.starts), len(columns.starts)))
    for (i, top), (j, left) in itertools.product(enumerate(rows.starts), enumerate(columns.starts)):
        seen = x[:, :, rows.inside(top), :][:, :, :, columns.inside(left)].astype(np.float64)
        if weight is not None:
            taps = [tap for tap, cell in enumerate(rows.cells(top)) if 0 <= cell < rows.size]
            across = [tap for tap, cell in enumerate(columns.cells(left)) if 0 <= cell < columns.size]
            out[:, :, i, j] = np.einsum("nchw,ochw->no", seen, weight[:, :, taps, :][:, :, :, across])
        elif case.keyword == "max_pool":
            out[:, :, i, j] = seen.max((2, 3))
        elif case.attributes["count_pad"]:
            out[:, :, i, j] = seen.sum((2, 3)) / (len(rows.declared(top)) * len(columns.declared(left)))
        else:
            out[:, :, i, j] = seen.mean((2, 3))
    return out


def draw(seed: int) -> Case:
    """A window operator with every switch drawn; strides beyond the kernel and padding beyond half of it are common."""
    dice = random.Random(seed)
    keyword = dice.choice(("conv", "max_pool", "avg_pool"))
    kernel = (dice.randint(1, 5), dice.randint(1, 5))
    pad = dice.choice(("same", "same", "valid", "sym", "numbers"))
    attributes: dict[str, object] = {
        "kernel": kernel,
        "stride": (dice.randint(1, 4), dice.randint(1, 4)),
        "pad": tuple(dice.randint(0, 4) for _ in range(4)) if pad == "numbers" else pad,
    }
    if keyword != "avg_pool":
        attributes["dilation"] = (dice.choice((1, 1, 2, 3)), dice.choice((1, 1, 2, 3)))
    if keyword == "conv":
        attributes |= {"channels": 4, "bias": False}
    else:
        attributes["ceil"] = dice.random() < 0.5
    if keyword == "avg_pool":
        attributes["count_pad"] = dice.random() < 0.5
    return Case(keyword, attributes, ((CHANNELS, dice.randint(1, 12), dice.randint(1, 12)),))


def blind(case: Case, axes: tuple[Axis, Axis]) -> bool:
    """Whether a pool may have windows that see padding alone: the reasons for which one is refused."""
    if case.keyword == "conv":
        return False
    return any(
        max(each.before, each.after) > (each.kernel - 1) * each.dilation
        or (each.dilation > each.size and each.before + each.after > 0)
        for each in axes
    )


def taken(case: Case) -> bool:
    """Whether the definitions give the case an output."""
    axes = windows(case)
    return axes is not None and not blind(case, axes)


def seeds() -> Iterator[int]:
    """Every number from 0 to that of the last window that is needed to compare so many."""
    count = 0
    for seed in itertools.count():
        if count == COMPARED:
            return
        count += taken(draw(seed))
        yield seed


SEEDS = tuple(seeds())
TAKEN = tuple(seed for seed in SEEDS if taken(draw(seed)))
REFUSED = tuple(seed for seed in SEEDS if seed not in set(TAKEN))


def assert_close(found: np.ndarray, truth: np.ndarray) -> None:
    """The arrays are of one shape, and nowhere apart by more than a little of the largest value."""
    assert found.shape == truth.shape
    assert np.abs(found - truth).max() <= CLOSE * np.abs(truth).max()


@pytest.mark.parametrize("seed", REFUSED)
def test_random_window_without_an_output_is_refused(seed):
    case = draw(seed)
    with pytest.raises(OpError) as refused:
        case.op.infer(case.inputs)
    assert refused.value.code == "E0302"


@pytest.mark.parametrize("seed", TAKEN)
def test_random_window(seed):
    case = draw(seed)
    axes = windows(case)
    output = case.op.infer(case.inputs)
    assert output.shape[1:] == tuple(len(each.starts) for each in axes)
    assert case.op.window(case.inputs).pads == (axes[1].before, axes[1].after, axes[0].before, axes[0].after)
    assert case.keyword == "conv" or all(each.inside(start) for each in axes for start in each.starts)

    module = live(case.op, case.inputs).eval()
    x = torch.randn(2, *case.shapes[0], generator=torch.Generator().manual_seed(seed)) - 3  # zeros in a maximum would show
    weights = {name: value.numpy() for name, value in module.state_dict().items()}
    truth = expected(case, axes, x.numpy(), weights.get("weight"))
    with torch.no_grad():
        by_torch = module(x).numpy()
    assert_close(by_torch, truth)

    opset = random.Random(-1 - seed).choice(OPSETS)
    proto = model(case.op, case.inputs, weights, OnnxForm(opset))
    assert inferred_shape(proto) == ("N", *output.shape)
    assert_close(run(proto, [x.numpy()]), truth)
    try:
        proto = model(case.op, (HOME,), weights, OnnxForm(opset, dynamic=True))
    except Unsupported:
        assert opset < 22
        assert (case.keyword, case.attributes["ceil"]) == ("avg_pool", True)
        return
    assert len(inferred_shape(proto)) == 4
    assert_close(run(proto, [x.numpy()]), truth)


def test_so_many_random_windows_are_compared():
    """Refusals come on top, and of each operator a fair share is compared."""
    assert len(TAKEN) == COMPARED
    assert len(REFUSED) > 100
    for keyword in ("conv", "max_pool", "avg_pool"):
        assert sum(draw(seed).keyword == keyword for seed in TAKEN) > 250
