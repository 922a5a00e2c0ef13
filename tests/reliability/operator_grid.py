"""T15: operators with windows, and local response norm, over the grid of their attributes and of small maps.

Each case is a network of one step.  Its PyTorch module and its ONNX model, the latter checked in full and run by ONNX Runtime,
must give what loops over windows give, which are written here from the definitions alone; or the network is refused, for a reason
that these definitions give too.  Nothing may differ silently.  No map is square, and no batch as large as a number of channels.
"""

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from archdsl import pipeline
from archdsl.diagnostics import ArchError
from archdsl.source import Source
from tests.reliability.outcome import SEED, Outcome, Test, table

BATCH, CHANNELS, OPSET = 2, 6, 22
SIZES = ((8, 11), (7, 5), (12, 9), (4, 3), (3, 6), (1, 2))
KERNELS = ((2, 2), (3, 3), (2, 5))
STRIDES = ((1, 1), (2, 2), (1, 3))
PADS = ("valid", "same", "sym", (2, 1, 0, 1), (1, 1, 1, 1))
DILATIONS = ((1, 1), (2, 2), (3, 1))
TOLERANCE = 1e-5
QUICK = 250


@dataclass(frozen=True)
class Case:
    """One step of a spec on a map of this height and width; ``pad`` is a word, or (left, right, top, bottom)."""

    keyword: str
    size: tuple[int, int]
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    pad: str | tuple[int, int, int, int] = "valid"
    ceil: bool = False
    further: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        given = dict(self.further)
        if self.keyword != "lrn":
            given |= {"kernel": self.kernel, "stride": self.stride, "pad": self.pad}
        if self.dilation != (1, 1):
            given["dilation"] = self.dilation
        if self.ceil:
            given["ceil"] = True
        return f"{self.keyword}({', '.join(f'{name}={_written(value)}' for name, value in given.items())})"

    @property
    def spec(self) -> str:
        height, width = self.size
        return f"arch grid() {{\n  input x: [N, {CHANNELS}, {height}, {width}]\n  s: {self}\n  output y\n}}\n"


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def cases() -> Iterator[Case]:
    """The whole product."""
    places = list(itertools.product(SIZES, KERNELS, STRIDES))
    for (size, kernel, stride), pad, ceil in itertools.product(places, PADS, (False, True)):
        for dilation in DILATIONS:
            yield Case("max_pool", size, kernel, stride, dilation, pad, ceil)
        for counting in (False, True):
            yield Case("avg_pool", size, kernel, stride, (1, 1), pad, ceil, {"count_pad": counting})
    for (size, kernel, stride), pad, dilation in itertools.product(places, PADS, DILATIONS):
        for groups in (1, 3):
            yield Case("conv", size, kernel, stride, dilation, pad, further={"channels": 9, "groups": groups})
    for (size, kernel, stride), pad in itertools.product(places, PADS):
        yield Case("depthwise_conv", size, kernel, stride, (1, 1), pad, further={"multiplier": 2, "bias": False})
    numbers = ({}, {"alpha": 2.0}, {"alpha": 0.5, "beta": 1.5, "k": 2.0}, {"alpha": 0.0, "k": 0.5}, {"alpha": 1.0, "beta": -0.5})
    for size, neighbours, given in itertools.product(SIZES, range(1, 8), numbers):
        yield Case("lrn", size, further={"size": neighbours, **given})


# --- from the definitions alone --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Axis:
    """The windows along one axis: ``cells[i]`` are the places that window i sees, those of the input being 0 to ``size - 1``."""

    size: int
    cells: np.ndarray
    padded: tuple[int, int]

    @property
    def inside(self) -> np.ndarray:
        return (self.cells >= 0) & (self.cells < self.size)

    @property
    def declared(self) -> np.ndarray:
        """As :attr:`inside`, with the padding that was asked for."""
        return (self.cells >= -self.padded[0]) & (self.cells < self.size + self.padded[1])


def axis(case: Case, which: int) -> Axis | str:
    """The windows along height (0) or width (1), or why there are none."""
    size, kernel, stride, dilation = (each[which] for each in (case.size, case.kernel, case.stride, case.dilation))
    reach = (kernel - 1) * dilation + 1
    if case.pad == "same":
        total = max((-(-size // stride) - 1) * stride + reach - size, 0)
        padded = (total // 2, total - total // 2)
    elif isinstance(case.pad, str):
        padded = (reach // 2, reach // 2) if case.pad == "sym" else (0, 0)
    else:
        padded = case.pad[2:] if which == 0 else case.pad[:2]
    end = size + padded[1]
    if reach > end + padded[0]:
        return "no window fits"
    starts = [start for start in range(-padded[0], end, stride) if start + reach <= end or (case.ceil and start < size)]
    # Ceil mode adds one window at most: the first that hangs over.
    complete = sum(start + reach <= end for start in starts)
    hanging = complete < len(starts) and starts[complete - 1] + reach < end
    starts = starts[: complete + hanging]
    pools = case.keyword.endswith("pool")
    if pools and (max(padded) >= reach or (dilation > size and any(padded))):
        return "windows may see padding alone"
    return Axis(size, np.array(starts)[:, None] + dilation * np.arange(kernel), padded)


def expected(case: Case, x: np.ndarray, weights: dict[str, np.ndarray]) -> np.ndarray | str:
    """The output for ``x``: [batch, channels, height, width] in float64; or why there is none."""
    if case.keyword == "lrn":
        return _responses(case, x)
    rows, columns = axis(case, 0), axis(case, 1)
    if isinstance(rows, str) or isinstance(columns, str):
        return rows if isinstance(rows, str) else str(columns)
    # [batch, channels, output rows, kernel rows, output columns, kernel columns]
    seen = x[:, :, rows.cells.clip(0, rows.size - 1)][..., columns.cells.clip(0, columns.size - 1)]
    inside = rows.inside[:, :, None, None] & columns.inside
    if case.keyword == "max_pool":
        found: np.ndarray = np.where(inside, seen, -np.inf).max((3, 5))
        return found
    if case.keyword == "avg_pool":
        counted = rows.declared[:, :, None, None] & columns.declared if case.further["count_pad"] else inside
        average: np.ndarray = (seen * inside).sum((3, 5)) / counted.sum((1, 3))
        return average
    return _products(case, seen * inside, weights)


def _products(case: Case, seen: np.ndarray, weights: dict[str, np.ndarray]) -> np.ndarray:
    groups = case.further.get("groups", CHANNELS)
    kernel = weights["s.weight"].astype(np.float64)
    grouped = seen.reshape(BATCH, groups, CHANNELS // groups, *seen.shape[2:])
    kernels = kernel.reshape(groups, len(kernel) // groups, *kernel.shape[1:])
    out = np.einsum("ngchkwl,gockl->ngohw", grouped, kernels)
    bias = weights.get("s.bias", np.zeros(1))
    return out.reshape(BATCH, len(kernel), *out.shape[3:]) + bias[:, None, None]


def _responses(case: Case, x: np.ndarray) -> np.ndarray:
    size = case.further["size"]
    alpha, beta, k = (case.further.get(name, default) for name, default in (("alpha", 1e-4), ("beta", 0.75), ("k", 1.0)))
    squares = [(x[:, max(channel - size // 2, 0) : channel + (size - 1) // 2 + 1] ** 2).sum(1) for channel in range(x.shape[1])]
    return x / (k + alpha / size * np.stack(squares, 1)) ** beta


# --- what becomes of it ----------------------------------------------------------------------------------------------------


def by_onnx_runtime(model: Any, x: np.ndarray) -> np.ndarray:
    """The output by ONNX Runtime of a model that its checker and strict inference accept."""
    import onnx
    import onnxruntime

    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(None, {"x": x})[0]
    return found


def difference(found: np.ndarray, wanted: np.ndarray) -> str | None:
    """In what the two differ."""
    if found.shape != wanted.shape:
        return f"shape {found.shape}, not {wanted.shape}"
    if not np.isfinite(found).all():
        return "values that are no numbers"
    error = float(np.abs(found - wanted).max() / max(np.abs(wanted).max(), 1e-6))
    return f"values differ by {error:.1e}" if error > TOLERANCE else None


def attempt(case: Case, number: int) -> tuple[str, str | None]:
    """How the case ends (``equal``, or the code of the refusal) and what is wrong with that."""
    import torch

    x = np.random.default_rng(SEED + number).standard_normal((BATCH, CHANNELS, *case.size), np.float32) - 3
    name = f"{case} on {case.size[0]}x{case.size[1]}"
    try:
        network = pipeline.load(Source("grid", case.spec))
        torch.manual_seed(number)
        module: Any = network.to_torch().eval()
        state = {key: value.numpy() for key, value in module.state_dict().items()}
        model = network.to_onnx(state, opset=OPSET, flat=True)
    except ArchError as fault:
        codes = ",".join(each.code for each in fault.diagnostics)
        reason = expected(case, x, {}) if case.keyword.endswith("pool") or case.keyword == "lrn" else _misfit(case)
        return codes, None if isinstance(reason, str) and codes == "E0302" else f"{name}: refused ({codes}) for no reason"
    wanted = expected(case, x.astype(np.float64), state)
    if isinstance(wanted, str):
        return "equal", f"{name}: accepted, though {wanted}"
    with torch.no_grad():
        by_torch = module(torch.from_numpy(x)).numpy()
    outputs = {"torch": by_torch, "ONNX Runtime": by_onnx_runtime(model, x)}
    wrong = [f"{name}, {by}: {told}" for by, found in outputs.items() if (told := difference(found, wanted))]
    if network.outputs["y"] != wanted.shape[1:]:
        wrong.append(f"{name}: shape {network.outputs['y']}, not {wanted.shape[1:]}")
    return "equal", "; ".join(wrong) or None


def _misfit(case: Case) -> str | None:
    return next((each for each in (axis(case, 0), axis(case, 1)) if isinstance(each, str)), None)


def run(full: bool) -> Outcome:
    known = list(enumerate(cases()))
    tried = known if full else random.Random(SEED).sample(known, QUICK)
    ends: Counter[tuple[str, str]] = Counter()
    faults = []
    for number, case in tried:
        end, fault = attempt(case, number)
        ends[case.keyword, end] += 1
        faults += [fault] if fault is not None else []
    equal = sum(count for (_, end), count in ends.items() if end == "equal")
    figure = (
        f"{len(tried):,} cases at opset {OPSET}: {equal:,} equal in loops, torch and ONNX Runtime, "
        f"{len(tried) - equal:,} refused at compile time with a reason, {len(faults)} silent or wrong"
    )
    keywords = dict.fromkeys(keyword for keyword, _ in sorted(ends))
    rows = [
        [
            keyword,
            f"{ends[keyword, 'equal']:,}",
            f"{sum(count for (each, end), count in ends.items() if each == keyword and end != 'equal'):,}",
        ]
        for keyword in keywords
    ]
    return Outcome(figure, tuple(faults), table(["operator", "equal", "refused"], rows))


TEST = Test("T15", "Grid of operators: equal everywhere, or refused", run)
