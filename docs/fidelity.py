"""Fills in `fidelity.md.in`: each `{{verb network}}` there becomes a figure that archdsl computes from the bundled specs.

A network is written as for `archdsl summary`: the name of a spec and any options.  So the figure that stands on the page is the
one that the command prints.  ``VERBS`` lists what can be asked.
"""
# ruff: noqa: INP001 - a module beside the pages, no part of the package

import io
import json
import re
import shlex
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from archdsl import cli, pipeline

TEMPLATE = Path(__file__).with_name("fidelity.md.in")
FIELD = re.compile(r"\{\{(\w+)(?: (.+?))?\}\}")
ENTRIES = tuple(f"D{number}" for number in range(1, 42))

NAMED = {
    "lenet_caffe": "lenet5 --input 1x28x28 --set c1:channels=20 --set c3:channels=50 --drop c5 --set f6:channels=500",
    "lenet_slim": "lenet5 --input 3x28x28 --set c1:channels=32 --set c1:pad=same --set c3:channels=64 --set c3:pad=same"
    " --drop c5 --set f6:channels=1024",
    "alexnet_slim": "alexnet_owt --set conv1:pad=valid --set conv4:channels=384 --drop avgpool",
    "googlenet_separable": "googlenet --replace"
    " 'conv1 with { a: depthwise_conv(7x7, stride=2, multiplier=8, bias=false); b: conv(64, 1x1, bias=false) -> relu }'",
    "inception_resnet_v2_deep": "inception_resnet_v2 --set a:repeat=10 --set b:repeat=20 --set c:repeat=10",
    "resnet50_v2_last": "resnet50_v2 --set 'stride_on=\"3x3\"'"
    + "".join(f" --set '{stage}_x[0]:stride=1'" for stage in ("conv3", "conv4", "conv5"))
    + "".join(
        f" --set '{unit}:stride=2' --replace '{unit}.proj with {{ from x; max_pool(1x1, stride=2, pad=valid) }}'"
        for unit in ("conv2_x[2]", "conv3_x[3]", "conv4_x[5]")
    ),
}
"""Networks of others that follow from ours by many options, each under a name for the template."""

# --- what archdsl says of a network ---------------------------------------------------------------------------------------


@cache
def summary(network: str) -> dict[str, Any]:
    """What ``archdsl summary NETWORK --json`` prints; ends the program where the command does not succeed."""
    printed, told = io.StringIO(), io.StringIO()
    with redirect_stdout(printed), redirect_stderr(told):
        try:
            status: object = cli.main(["summary", *shlex.split(_options(network)), "--json"])
        except SystemExit as end:
            status = end.code
    if status != 0:
        raise SystemExit(f"docs/fidelity.md.in: archdsl summary {network}: {told.getvalue()}")
    found: dict[str, Any] = json.loads(printed.getvalue())
    return found


def _options(network: str) -> str:
    name, *more = network.split(" ", 1)
    return " ".join([NAMED.get(name, name), *more])


def params(network: str) -> int:
    """Learnable values, auxiliary heads apart."""
    return int(summary(network)["params"])


def macs(network: str) -> int:
    """Multiply-accumulates of convolutions and fully connected layers, batch 1, auxiliary heads apart."""
    return int(summary(network)["macs"])


def with_aux(network: str) -> int:
    """Learnable values of the network and its auxiliary heads."""
    return int(summary(f"{network} --set aux=true")["with_aux"]["params"])


def gammas(network: str) -> int:
    """Channels of all batch normalisations, auxiliary ones included: as many gammas as betas, half the parameters of each."""
    return sum(node["params"] // 2 for node in summary(network)["nodes"] if node["op"] == "bn")


def without_gamma(network: str) -> int:
    """Learnable values if batch normalisation had beta only."""
    return params(network) - gammas(network)


def without_gamma_with_aux(network: str) -> int:
    """The same with the auxiliary heads."""
    return with_aux(network) - gammas(f"{network} --set aux=true")


def with_biases(arguments: str) -> int:
    """Learnable values if those convolutions that match one of the patterns behind `` : `` had a bias as well."""
    network, patterns = arguments.split(" : ")
    convolutions = [node for node in summary(network)["nodes"] if node["op"] == "conv"]
    chosen = [node for node in convolutions if any(fnmatchcase(node["path"], each) for each in patterns.split())]
    return params(network) + sum(int(node["out"][0]) for node in chosen)


def part(arguments: str) -> list[dict[str, Any]]:
    """All nodes at and below the path behind `` : ``; ends the program where there are none."""
    network, path = arguments.split(" : ")
    inside = [
        node for node in summary(network)["nodes"] if node["path"] == path or node["path"].startswith((f"{path}.", f"{path}["))
    ]
    if not inside:
        raise SystemExit(f"docs/fidelity.md.in: {network} has nothing at {path}")
    return inside


def part_params(arguments: str) -> int:
    """Learnable values at a path."""
    return sum(int(node["params"]) for node in part(arguments))


def part_macs(arguments: str) -> int:
    """Multiply-accumulates at a path."""
    return sum(int(node["macs"]) for node in part(arguments))


def part_weights(arguments: str) -> int:
    """Weights of the convolutions at a path without biases: each is used once for every cell of its output."""
    return sum(int(node["macs"]) // (node["out"][1] * node["out"][2]) for node in part(arguments) if node["macs"])


def shape(network: str, path: str) -> str:
    """Size of the value at a path as the papers write it: height x width x channels."""
    found = summary(network)
    sizes = [each["out"] for each in (*found["scopes"], *found["nodes"]) if each["path"] == path]
    if not sizes:
        raise SystemExit(f"docs/fidelity.md.in: {network} has nothing at {path}")
    return "x".join(str(each) for each in (*sizes[0][1:], sizes[0][0]))


# --- LeNet-5 of 1998 ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Layer:
    """A layer of LeNet-5 as section II.B describes it, by what it counts for."""

    name: str
    how: str
    parameters: int
    connections: int


# Maps of C3 that see 3, 4 and 6 of the maps of S2: Table I of the paper.
C3_MAPS = {3: 6, 4: 9, 6: 1}
KERNEL = 5 * 5


def lenet5_1998() -> tuple[Layer, ...]:
    """The layers with their trainable values and connections, worked out from sizes, kernels and the table of C3."""
    pairs = sum(inputs * maps for inputs, maps in C3_MAPS.items())
    c3_maps = sum(C3_MAPS.values())
    c1, c3 = 6 * (KERNEL + 1), pairs * KERNEL + c3_maps
    c5, f6 = 120 * (c3_maps * KERNEL + 1), 84 * (120 + 1)
    return (
        Layer("C1", "6 maps of 28x28, a kernel of 5x5 and a bias each", c1, c1 * 28 * 28),
        Layer("S2", "6 maps of 14x14, each with one factor and one bias; sums of 4 cells", 2 * 6, 6 * 14 * 14 * (4 + 1)),
        Layer("C3", f"{c3_maps} maps of 10x10, a 5x5 kernel for each of {pairs} pairs of maps, a bias each", c3, c3 * 10 * 10),
        Layer("S4", f"{c3_maps} maps of 5x5, as S2", 2 * c3_maps, c3_maps * 5 * 5 * (4 + 1)),
        Layer("C5", f"120 units that see all {c3_maps} maps of 5x5, with a bias", c5, c5),
        Layer("F6", "84 units that see all 120, with a bias", f6, f6),
        Layer("output", "10 radial basis functions on 84 values, their centres fixed", 0, 10 * 84),
    )


def lenet5_table(_: str) -> str:
    """Those layers and their sums."""
    layers = lenet5_1998()
    rows = ["| layer | what it is | trainable | connections |", "| --- | --- | ---: | ---: |"]
    rows += [f"| {each.name} | {each.how} | {each.parameters:,} | {each.connections:,} |" for each in layers]
    return "\n".join([*rows, f"| sum | | {_sum('parameters'):,} | {_sum('connections'):,} |"])


def lenet5_steps(_: str) -> str:
    """How the parameters of 1998 become those of `lenet5`; ends the program where the steps miss them."""
    layers = {each.name: each for each in lenet5_1998()}
    full_c3 = part_params("lenet5 : c3") - layers["C3"].parameters
    pooling = layers["S2"].parameters + layers["S4"].parameters
    output = part_params("lenet5 : out")
    before, after = _sum("parameters"), params("lenet5")
    if before + full_c3 - pooling + output != after:
        raise SystemExit("docs/fidelity.py: the steps from LeNet-5 of 1998 to `lenet5` do not add up")
    return (
        f"{before:,} + {full_c3:,} (C3 sees all maps) - {pooling} (pooling has no weights) + {output} (linear output) = {after:,}"
    )


def _sum(what: str) -> int:
    return sum(getattr(each, what) for each in lenet5_1998())


# --- the register ---------------------------------------------------------------------------------------------------------


@cache
def citations() -> dict[str, tuple[str, ...]]:
    """The spec files that cite each entry, relative to the folder of the specs."""
    folder = pipeline.library()
    texts = {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.arch"))}
    return {entry: tuple(file for file, text in texts.items() if re.search(rf"\b{entry}\b", text)) for entry in ENTRIES}


def cited(arguments: str) -> str:
    """Links to the specs that cite an entry; where none does, the reason behind `` : ``, without which the program ends."""
    entry, _, reason = arguments.partition(" : ")
    files = citations()[entry]
    if not files and not reason:
        raise SystemExit(f"docs/fidelity.md.in: no spec cites {entry}")
    return ", ".join(f"[{file.removesuffix('.arch')}](../specs/{file})" for file in files) or f"concerns no spec: {reason}"


# --- the page -------------------------------------------------------------------------------------------------------------

COUNTS: dict[str, Callable[[str], int]] = {
    "params": params,
    "macs": macs,
    "depth": lambda network: int(summary(network)["depth"]),
    "with_aux": with_aux,
    "without_gamma": without_gamma,
    "without_gamma_with_aux": without_gamma_with_aux,
    "with_biases": with_biases,
    "part_params": part_params,
    "part_macs": part_macs,
    "part_weights": part_weights,
    "lenet5_1998": _sum,
}


def _exact(count: Callable[[str], int]) -> Callable[[str], str]:
    return lambda arguments: f"{count(arguments):,}"


def _counted(arguments: str) -> int:
    verb, network = arguments.split(" ", 1)
    return COUNTS[verb](network)


def _pair(arguments: str, word: str) -> tuple[int, int]:
    """Two counts: of the same kind, unless another verb stands behind ``word``."""
    first, second = arguments.split(f" {word} ")
    verb = second.split(" ", 1)[0]
    return _counted(first), _counted(second if verb in COUNTS else f"{first.split(' ', 1)[0]} {second}")


def _ratio(arguments: str) -> str:
    above, below = _pair(arguments, "over")
    return f"{above / below:.2f}"


def _difference(arguments: str) -> str:
    more, less = _pair(arguments, "less")
    return f"{more - less:,}"


def _row(network: str) -> str:
    found = summary(network)
    return f"{found['params']:,} | {found['macs']:,} | {found['depth']}"


def _stages(arguments: str) -> str:
    network, paths = arguments.split(" : ")
    return ", ".join(f"`{path}` {shape(network, path)}" for path in paths.split())


def _command(network: str) -> str:
    """The command of a network, an option with its value to a line."""
    summary(network)
    return f"archdsl summary {_options(network)}".replace(" --", " \\\n  --")


def _run(network: str) -> str:
    summary(network)
    return f"`archdsl summary {_options(network)}`"


def _shape_of(arguments: str) -> str:
    return shape(*arguments.split(" : "))


VERBS: dict[str, Callable[[str], str]] = {
    **{name: _exact(count) for name, count in COUNTS.items()},
    "millions": lambda arguments: f"{_counted(arguments) / 1e6:.2f} M",
    "giga": lambda arguments: f"{_counted(arguments) / 1e9:.2f} G",
    "kilo": lambda arguments: f"{_counted(arguments) / 1024:.1f}K",
    "ratio": _ratio,
    "difference": _difference,
    "row": _row,
    "stages": _stages,
    "shape_of": _shape_of,
    "run": _run,
    "command": _command,
    "cited": cited,
    "lenet5_table": lenet5_table,
    "lenet5_steps": lenet5_steps,
}
"""What may stand in the template, and the function that gives the text for what stands behind it."""


def template() -> str:
    """The page before its figures are filled in."""
    return TEMPLATE.read_text(encoding="utf-8")


def filled(text: str) -> str:
    """``text`` with each field replaced by its figure; ends the program at a verb that there is none of."""

    def figure(field: re.Match[str]) -> str:
        verb = VERBS.get(field[1])
        if verb is None:
            raise SystemExit(f"docs/fidelity.md.in: there is no verb `{field[1]}`")
        return verb(field[2] or "")

    return FIELD.sub(figure, text)


@cache
def fidelity_page() -> str:
    """The page, with every figure computed."""
    return filled(template())
