"""T16: parameters and multiply-accumulates are those of the closed form, exactly, and those that torch's own counter finds.

A multiply-accumulate is one MAC and two FLOPs.  Only convolutions and fully connected layers count; biases, normalisation and
activations do not, and padding counts as if it were data.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from archdsl import pipeline
from archdsl.source import Source
from tests.reliability.outcome import Outcome, Test

_HUGE = 2_147_483_647


@dataclass(frozen=True)
class Case:
    """A body on the given input (per sample), its parameters and MACs by hand; ``live`` is false where torch cannot run it."""

    body: str
    size: tuple[int, ...]
    params: int
    macs: int
    live: bool = True


CASES = {
    "1x1 convolution": Case("c: conv(8, 1x1)", (6, 11, 14), 6 * 8 + 8, 6 * 8 * 11 * 14),
    "3x3 convolution": Case("c: conv(8, 3x3)", (6, 11, 14), 9 * 6 * 8 + 8, 9 * 6 * 8 * 11 * 14),
    "without bias": Case("c: conv(8, 3x3, bias=false)", (6, 11, 14), 9 * 6 * 8, 9 * 6 * 8 * 11 * 14),
    "stride 2, same": Case("c: conv(8, 3x3, stride=2)", (6, 11, 14), 9 * 6 * 8 + 8, 9 * 6 * 8 * 6 * 7),
    "stride 2, valid": Case("c: conv(8, 3x3, stride=2, pad=valid)", (6, 11, 14), 9 * 6 * 8 + 8, 9 * 6 * 8 * 5 * 6),
    "stride 2x3": Case("c: conv(8, 3x3, stride=2x3, pad=valid)", (6, 11, 14), 9 * 6 * 8 + 8, 9 * 6 * 8 * 5 * 4),
    "1x7": Case("c: conv(8, 1x7)", (6, 11, 14), 7 * 6 * 8 + 8, 7 * 6 * 8 * 11 * 14),
    "7x1, valid": Case("c: conv(8, 7x1, pad=valid)", (6, 11, 14), 7 * 6 * 8 + 8, 7 * 6 * 8 * 5 * 14),
    "dilated": Case("c: conv(8, 3x3, dilation=2, pad=valid)", (6, 11, 14), 9 * 6 * 8 + 8, 9 * 6 * 8 * 7 * 10),
    "padded by hand": Case("c: conv(8, 3x3, pad=(0, 3, 2, 1))", (6, 11, 14), 9 * 6 * 8 + 8, 9 * 6 * 8 * 12 * 15),
    "grouped": Case("c: conv(8, 3x3, groups=2)", (6, 11, 14), 9 * 3 * 8 + 8, 9 * 3 * 8 * 11 * 14),
    "depthwise": Case("c: depthwise_conv(3x3)", (6, 11, 14), 9 * 6 + 6, 9 * 6 * 11 * 14),
    "depthwise, three each": Case("c: depthwise_conv(3x3, multiplier=3)", (6, 11, 14), 9 * 18 + 18, 9 * 18 * 11 * 14),
    "separable": Case("c: separable_conv(8, 3x3, bias=false)", (6, 11, 14), 9 * 6 + 6 * 8, (9 * 6 + 6 * 8) * 11 * 14),
    "fully connected": Case("l: linear(10)", (7,), 7 * 10 + 10, 70),
    "fully connected without bias": Case("l: linear(10, bias=false)", (7,), 70, 70),
    "flattened": Case("flatten -> l: linear(10)", (2, 3, 5), 30 * 10 + 10, 300),
    "batch norm": Case("bn", (6, 11, 14), 12, 0),
    "batch norm without weights": Case("bn(affine=false)", (6, 11, 14), 0, 0),
    "group norm": Case("group_norm(3)", (6, 11, 14), 12, 0),
    "layer norm": Case("layer_norm", (6, 11, 14), 12, 0),
    "response norm": Case("lrn(5)", (6, 11, 14), 0, 0),
    "pooling and activations": Case(
        "max_pool(3x3, stride=2) -> avg_pool(3x3) -> relu -> sigmoid -> dropout(0.5)", (6, 11, 14), 0, 0
    ),
    "two branches": Case(
        "concat { a: conv(4, 1x1); b: { p: conv(2, 1x1); q: conv(3, 3x3) } }",
        (6, 11, 14),
        (24 + 4) + (12 + 2) + (54 + 3),
        (24 + 12 + 54) * 154,
    ),
    "residual": Case("residual(scale=0.1) { a: conv(6, 3x3) }", (6, 11, 14), 330, 324 * 154),
    "residual with projection": Case(
        "residual(shortcut = { p: conv(8, 1x1) }) { a: conv(8, 3x3) }", (6, 11, 14), 56 + 440, (48 + 432) * 154
    ),
    "repeated": Case("r: repeat 5 { c: conv(6, 3x3, bias=false) }", (6, 11, 14), 5 * 324, 5 * 324 * 154),
    "squeeze and excite": Case(
        "mul { keep: {}; gate: { global_avg_pool(keep=true); d: conv(2, 1x1); relu; u: conv(6, 1x1); sigmoid } }",
        (6, 11, 14),
        (12 + 2) + (12 + 6),
        24,
    ),
    "auxiliary head apart": Case("c: conv(4, 1x1)\n side { h: conv(9, 3x3); output aux }", (6, 11, 14), 28, 24 * 154, live=False),
    "a branch that is not there": Case("concat { a: conv(4, 1x1); b: conv(5, 1x1) if false }", (6, 11, 14), 28, 24 * 154),
    "beyond 10^22": Case(
        "c: conv(2147483647, 1x1, bias=false)", (_HUGE, 60_000, 60_000), _HUGE**2, _HUGE**2 * 60_000**2, live=False
    ),
    "beyond 10^27": Case(
        "c: conv(2147483647, 3x3, bias=false)", (_HUGE, 10**5, 10**4), 9 * _HUGE**2, 9 * _HUGE**2 * 10**9, live=False
    ),
}
NETWORKS = {True: None, False: ("lenet5", "resnet20", "squeezenet1_1")}


def network(case: Case) -> pipeline.Network:
    sizes = ", ".join(map(str, case.size))
    return pipeline.load(Source("case", f"arch case() {{\n input x: [N, {sizes}]\n {case.body}\n output y\n}}"))


def counted_by_torch(loaded: pipeline.Network) -> int:
    """MACs of one forward pass as torch counts the FLOPs of a module without memory."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"), torch.no_grad():
        module: Any = loaded.to_torch().eval()
        with FlopCounterMode(display=False) as counter:
            module(*[torch.empty((1, *size)) for size in loaded.inputs.values()])
    flops: int = counter.get_total_flops()
    return flops // 2


def run(full: bool) -> Outcome:
    faults = []
    torch = find_spec("torch") is not None
    for name, case in CASES.items():
        loaded = network(case)
        if (loaded.params, loaded.macs) != (case.params, case.macs):
            faults.append(f"{name}: {loaded.params:,} params, {loaded.macs:,} MACs; by hand {case.params:,} and {case.macs:,}")
        if torch and case.live and counted_by_torch(loaded) != case.macs:
            faults.append(f"{name}: torch counts {counted_by_torch(loaded):,} MACs")
    names = NETWORKS[full] or pipeline.bundled()
    for name in names if torch else ():
        loaded = pipeline.load(name)
        found = counted_by_torch(loaded)
        if found != loaded.macs:
            faults.append(f"{name}: {loaded.macs:,} MACs, torch counts {found:,}")
    beside = f"and {len(names)} networks equal to torch's own count" if torch else "torch is not installed"
    return Outcome(
        f"{len(CASES) - len(faults)}/{len(CASES)} closed forms exact, up to {_HUGE**2 * 9 * 10**9:.0e} MACs, {beside}",
        tuple(faults),
    )


TEST = Test("T16", "Counters", run)
