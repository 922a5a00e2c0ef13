"""Writes the pages that follow from code and specs: `cli.md`, `operators.md`, `networks.md`, `fidelity.md`, those in `errors/`,
and README's table.

    python docs/generate.py            write what differs
    python docs/generate.py --check    write nothing; exit with 1 where something differs

`fidelity.md.in` has the words of `fidelity.md`, `fidelity.py` its figures; `archdsl/explanations/` has the words of `errors/`,
whose examples `error_pages.py` runs.  What an operator's shapes and costs are in words
stands here (``OPERATORS``); the tests evaluate each formula.  All else is asked of click and of the operators.
"""
# ruff: noqa: INP001 - a script beside the pages, no part of the package

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import click

from archdsl import pipeline
from archdsl.cli import COMMANDS, archdsl
from archdsl.diagnostics import CODES
from archdsl.elaborate import networks
from archdsl.ir import OnnxForm, Op, TensorType, TorchModule, Unsupported, show
from archdsl.ops import ALL, SCHEMES, build
from archdsl.ops.attributes import Amounts, Flag, Fraction, Number, Padding, Pair, Positive, Probability, Scheme, Size

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))  # a script sees its own folder alone; `docs.fidelity` is what the tests import too
NOTE = "<!-- Written by docs/generate.py; change that, or the code it asks, and run `make docs`. -->"
WIDTH = 100
MOST_NODES = 16
"""Longer lists of ONNX nodes are told by their length."""
MARKS = ("<!-- networks: written by docs/generate.py -->", "<!-- end of networks -->")

# --- operators -----------------------------------------------------------------------------------------------------------

MAP, VECTOR = (6, 12, 14), (10,)


@dataclass(frozen=True)
class Words:
    """What the code does not say of an operator.

    ``shapes`` is input and output, ``cost`` a formula for each kind of work over the names that :data:`LEGEND` explains,
    ``samples`` are attributes that show every torch form, ``inputs`` the shapes that go with them.
    """

    shapes: str
    cost: dict[str, str] = field(default_factory=dict)
    samples: tuple[dict[str, object], ...] = ({},)
    inputs: tuple[tuple[int, ...], ...] = (MAP,)
    note: str = ""


LEGEND = {
    "out": "values of the output",
    "into": "values of the input (of all inputs together)",
    "cells": "height times width of the output",
    "c": "channels of the input",
    "k": "kernel height times kernel width",
    "n": "number of inputs",
    "bias, scaled": "1 where there is a bias, or a scale other than 1; else 0",
}
SAME = "`[C, H, W]` or `[C]`; unchanged"
ELEMENTWISE = "any shape; unchanged"
WINDOW = "`[C, H, W]` to `[{}, H', W']`, H' and W' by [the window rule](language.md#windows-and-padding)"
PADS: tuple[dict[str, object], ...] = ({}, {"stride": 2}, {"pad": (0, 1, 0, 1)})
OPERATORS: dict[str, Words] = {
    "conv": Words(
        WINDOW.format("channels"),
        {"mac": "out * k * c // groups", "add": "out * bias"},
        tuple({"channels": 8, "kernel": 3, **pads} for pads in PADS),
    ),
    "depthwise_conv": Words(
        WINDOW.format("C * multiplier"),
        {"mac": "out * k", "add": "out * bias"},
        tuple({"kernel": 3, **pads} for pads in PADS),
    ),
    "separable_conv": Words(
        WINDOW.format("channels"),
        {"mac": "cells * c * k + out * c", "add": "out * bias"},
        tuple({"channels": 8, "kernel": 3, **pads} for pads in PADS),
        note="Counts as one layer of depth, though it is two convolutions.",
    ),
    "bn": Words(SAME, {"mul": "out", "add": "out"}, note="Running mean, variance and count are buffers, not parameters."),
    "lrn": Words(
        "`[C, H, W]`; unchanged", {"mul": "2 * out", "add": "size * out", "exp": "out", "div": "out"}, ({"size": 5}, {"size": 4})
    ),
    "layer_norm": Words(
        ELEMENTWISE,
        {"add": "4 * out", "mul": "3 * out", "div": "2 * statistics", "exp": "statistics"},
        ({}, {"over": "all"}),
        note="`statistics` is the number of positions where `over` is `channels`, else 1.",
    ),
    "group_norm": Words(
        "`[C, H, W]`; unchanged. `groups` divides C",
        {"add": "4 * out", "mul": "3 * out", "div": "2 * groups", "exp": "groups"},
        ({"groups": 3},),
    ),
    "relu": Words(ELEMENTWISE, {"cmp": "out"}),
    "relu6": Words(ELEMENTWISE, {"cmp": "2 * out"}),
    "leaky_relu": Words(ELEMENTWISE, {"cmp": "out", "mul": "out"}),
    "elu": Words(ELEMENTWISE, {"cmp": "out", "exp": "out", "add": "out", "mul": "out"}),
    "gelu": Words(
        ELEMENTWISE,
        {"mul": "3 * out", "add": "out", "exp": "out"},
        note="With `approximate=true`: mul `6 * out`, add `2 * out`, exp `out`.",
    ),
    "silu": Words(ELEMENTWISE, {"exp": "out", "add": "out", "div": "out"}),
    "sigmoid": Words(ELEMENTWISE, {"exp": "out", "add": "out", "div": "out"}),
    "tanh": Words(ELEMENTWISE, {"exp": "out"}),
    "softmax": Words(ELEMENTWISE, {"cmp": "out", "add": "2 * out", "exp": "out", "div": "out"}),
    "hard_swish": Words(ELEMENTWISE, {"add": "out", "cmp": "2 * out", "mul": "2 * out"}),
    "max_pool": Words(WINDOW.format("C"), {"cmp": "out * (k - 1)"}, tuple({"kernel": 3, **pads} for pads in PADS)),
    "avg_pool": Words(WINDOW.format("C"), {"add": "out * (k - 1)", "div": "out"}, tuple({"kernel": 3, **pads} for pads in PADS)),
    "global_avg_pool": Words(
        "`[C, H, W]` to `[C]`, or to `[C, 1, 1]` with `keep`", {"add": "into - out", "div": "out"}, ({}, {"keep": True})
    ),
    "adaptive_avg_pool": Words(
        "`[C, H, W]` to `[C, *size]`",
        {"add": "read - out", "div": "out"},
        ({"size": (4, 7)}, {"size": (5, 4)}),
        note="`read` is how many cells the bins read together: those that two bins share count twice.",
    ),
    "global_max_pool": Words("`[C, H, W]` to `[C]`, or to `[C, 1, 1]` with `keep`", {"cmp": "into - out"}, ({}, {"keep": True})),
    "linear": Words("`[C]` to `[channels]`", {"mac": "c * out", "add": "out * bias"}, ({"channels": 5},), (VECTOR,)),
    "flatten": Words("any shape to `[values]`, channels outermost"),
    "dropout": Words(ELEMENTWISE, {}, ({"p": 0.5},)),
    "concat": Words(
        "inputs that differ in C at most; `[sum of C, H, W]`",
        {},
        inputs=((6, 12, 14), (3, 12, 14)),
        note="Takes branches in `{ }`.",
    ),
    "add": Words(
        "inputs of one shape; unchanged",
        {"add": "(n - 1) * out", "mul": "out * scaled"},
        ({"scale": 0.5}, {}),
        (MAP, MAP),
        note="Takes branches in `{ }`; the last one is scaled. `residual` is made of it.",
    ),
    "mul": Words(
        "inputs of one shape, or `[C, 1, 1]` beside `[C, H, W]`; the largest",
        {"mul": "(n - 1) * out"},
        inputs=(MAP, (6, 1, 1)),
        note="Takes branches in `{ }`.",
    ),
    "pad": Words(
        "`[C, H, W]` to `[C, top + H + bottom, left + W + right]`",
        {},
        ({"pad": 1}, {"pad": 1, "value": 1.0}, {"pad": 1, "mode": "reflect"}, {"pad": 1, "mode": "replicate"}),
    ),
    "pad_channels": Words("`[C, H, W]` to `[channels, ceil(H / stride), ceil(W / stride)]`", {}, ({"channels": 8},)),
    "identity": Words(ELEMENTWISE),
    "upsample": Words(
        "`[C, H, W]` to `[C, H * scale, W * scale]`",
        {},
        ({"scale": 2},),
        note="With `mode=bilinear`: mul `4 * out`, add `3 * out`.",
    ),
}

MEANINGS = {
    "channels": "channels of the output",
    "kernel": "size of the window",
    "stride": "step of the window",
    "pad": "what is added around the input",
    "dilation": "distance of the cells that a kernel touches",
    "groups": "groups of channels that see only each other",
    "bias": "whether a learnt vector is added",
    "init": "how the kernel is initialised; the bias then starts at 0. `none`: PyTorch's own default",
    "multiplier": "kernels for each input channel",
    "eps": "added to the variance",
    "momentum": "weight of the newest batch in the running statistics",
    "affine": "whether scale and shift are learnt",
    "size": "channels that are looked at",
    "alpha": "factor of the sum, divided by `size`",
    "beta": "exponent",
    "k": "constant term",
    "over": "what one mean is taken over: the channels of a position, or all of a sample",
    "slope": "factor of negative values",
    "approximate": "whether `tanh` takes the place of `erf`",
    "ceil": "whether a last window may hang over the end",
    "count_pad": "whether the mean divides by padding too",
    "keep": "whether the output stays a map",
    "p": "probability that a value is zeroed in training",
    "scale": "factor of the last branch",
    "value": "what constant padding is made of",
    "mode": "what the new cells hold",
}
OWN_MEANINGS = {
    ("elu", "alpha"): "limit of negative values, times -1",
    ("adaptive_avg_pool", "size"): "height x width of the output",
    ("group_norm", "groups"): "groups of channels that share mean and variance",
    ("pad", "pad"): "rows and columns to add",
    ("pad_channels", "stride"): "step; the cells between are left out",
    ("upsample", "scale"): "factor of height x width",
    ("upsample", "mode"): "`nearest` repeats cells, `bilinear` interpolates between their centres",
    ("pad_channels", "channels"): "channels of the output; the new ones are zero",
}
KINDS = {
    Size: "count",
    Pair: "size",
    Padding: "padding",
    Amounts: "amounts",
    Flag: "true or false",
    Scheme: "scheme",
    Number: "number",
    Positive: "number above 0",
    Fraction: "number in [0, 1]",
    Probability: "number in [0, 1)",
}
KINDS_EXPLAINED = """\
| kind | values |
| --- | --- |
| count | a whole number of 1 or more |
| size | `3x3` (height x width), a pair, or one whole number for both |
| padding | `same`, `valid`, `sym`, or amounts; see [windows and padding](language.md#windows-and-padding) |
| amounts | a whole number, `1x2` (height x width), or `(left, right, top, bottom)` |
| scheme | a string: {schemes} |
"""


def operators_page() -> str:
    """The reference of all operators."""
    missing = {operator.keyword for operator in ALL} ^ OPERATORS.keys()
    if missing:
        raise SystemExit(f"docs/generate.py: no words, or no operator, for {', '.join(sorted(missing))}")
    schemes = ", ".join(f'`"{name}({number})"`' if number else f'`"{name}"`' for name, number in SCHEMES.items())
    lines = [
        "# Operators",
        "",
        NOTE,
        "",
        f"All {len(ALL)} built-in operators. The attributes marked 1 and 2 may be given by position, all others by name.",
        "Shapes are per sample, without the batch. [The language](language.md) says how operators are called.",
        "",
        "## Kinds of attributes",
        "",
        KINDS_EXPLAINED.format(schemes=schemes),
        "## How to read the costs",
        "",
        "A cost is the work of one forward pass on one sample, as scalar operations by kind: `mac` (multiply-accumulate), `add`,",
        "`mul`, `div`, `cmp` (comparison), `exp` (exponential, logarithm, root, power or error function). A multiply-accumulate",
        "counts under `mac` alone. The MACs of a network are its `mac`, its FLOPs twice that.",
        "",
        "| name | stands for |",
        "| --- | --- |",
        *(f"| {name} | {meaning} |" for name, meaning in LEGEND.items()),
        "",
        f"Other names are attributes. *ONNX form* lists the nodes that the operator is in a model of opset {OnnxForm().opset},",
        "the default; where they differ, those of lower opsets, down to 13, and those of a model with free height and width.",
        "",
    ]
    for operator in ALL:
        lines += [*_operator(operator, OPERATORS[operator.keyword]), ""]
    return "\n".join(lines).rstrip() + "\n"


def _operator(operator: type[Op], words: Words) -> Iterator[str]:
    yield f"## {operator.keyword}"
    yield ""
    yield re.sub(r"``(.+?)``", r"`\1`", " ".join((operator.__doc__ or "").split()))
    if words.note:
        yield ""
        yield words.note
    yield ""
    if operator.model_fields:
        yield "| attribute | kind | default | meaning |"
        yield "| --- | --- | --- | --- |"
        for name, attribute in operator.model_fields.items():
            place = f" ({operator.positional.index(name) + 1})" if name in operator.positional else ""
            default = "required" if attribute.is_required() else f"`{show(attribute.default)}`"
            meaning = OWN_MEANINGS.get((operator.keyword, name)) or MEANINGS[name]
            yield f"| `{name}`{place} | {_kind(operator, name)} | {default} | {meaning} |"
        yield ""
    yield f"- Shapes: {words.shapes}."
    cost = ", ".join(f"{kind} `{formula}`" for kind, formula in words.cost.items())
    yield f"- Cost: {cost or 'nothing but moving values'}."
    samples = [build(operator, attributes) for attributes in words.samples]
    types = [TensorType(shape) for shape in words.inputs]
    weights = ", ".join(f"`{weight.name}`" for weight in samples[0].weights(types))
    if weights:
        yield f"- Weights: {weights}."
    yield f"- PyTorch: {_unique(_torch(op, types) for op in samples)}."
    yield f"- ONNX form: {_unique(_onnx(op, types) for op in samples)}."


def _kind(operator: type[Op], name: str) -> str:
    annotation = operator.__annotations__[name]
    known = next((text for kind, text in KINDS.items() if kind == annotation), None)
    if known is not None:
        return known
    choices = annotation.__origin__.__args__
    return " or ".join(f'`"{choice}"`' for choice in choices)


def _torch(op: Op, types: list[TensorType]) -> str:
    target = op.torch(types, op.infer(types))
    return f"`{target.type}`" if isinstance(target, TorchModule) else f"`{target.template}`"


def _onnx(op: Op, types: list[TensorType]) -> str:
    """The nodes at the default opset, what they are at lower ones, and what they are where height and width are free."""
    default = OnnxForm()
    text = usual = _nodes(op, types, default)
    above = usual
    for opset in range(default.opset - 1, 12, -1):
        nodes = _nodes(op, types, OnnxForm(opset))
        if nodes != above:
            text += f" (below opset {opset + 1} {nodes})"
        above = nodes
    if any(each.is_map and each.spatial != (1, 1) for each in types):
        free = _nodes(op, types, OnnxForm(dynamic=True))
        text += f"; of free height and width {free}" if free != usual else ""
    return text


def _nodes(op: Op, types: list[TensorType], form: OnnxForm) -> str:
    try:
        nodes = op.onnx(types, op.infer(types), form).nodes
    except Unsupported:
        return "none"
    listed = " ".join(node.op_type for node in nodes)
    return f"`{listed}`" if len(nodes) <= MOST_NODES else f"{len(nodes)} nodes, `{nodes[0].op_type}` to `{nodes[-1].op_type}`"


def _unique(texts: Iterator[str]) -> str:
    return ", or ".join(dict.fromkeys(texts))


# --- commands ------------------------------------------------------------------------------------------------------------

CLI_INTRODUCTION = """\
A `SPEC` is a file, `-` for standard input, or the name of a bundled network. Standard output gets the result that was asked for;
progress and diagnostics go to standard error. `NO_COLOR` and `FORCE_COLOR` are obeyed.

| exit status | meaning |
| --- | --- |
| 0 | done; warnings alone do not change it |
| 1 | the spec is at fault, or there is none of that name; for `--check` and `--diff`: something would change |
| 2 | usage: an unknown command or option, or a malformed value; for `fmt --check` and `--diff`: a file has faults |
| 3 | environment: a missing optional package, a full disk, a file that may not be written |
| 70 | a bug of archdsl's |
| 130 | interrupted |

`check`, `summary`, `why`, `compile` and the commands of `weights` take the same options for what they do to a network before
looking at it. `--set` with a path,
`--drop`, `--replace` and `--insert` are the [edits](language.md#edits) of the language; every edit tells on standard error how
many places it hit, and one that hits none is an error. Edits by path act in the order in which they stand on the line, those by
`--set` before all others.
"""


def cli_page() -> str:
    """The help of every command as the terminal shows it, and all codes."""
    lines = ["# Commands", "", NOTE, "", CLI_INTRODUCTION, "```text", _help(archdsl, "archdsl"), "```", ""]
    for name in COMMANDS:
        command = archdsl.get_command(click.Context(archdsl), name)
        assert command is not None
        lines += [f"## archdsl {name}", "", "```text", _help(command, f"archdsl {name}"), "```", ""]
    lines += ["## Codes of diagnostics", "", "`archdsl explain CODE` shows the page of a code.", ""]
    lines += ["| code | stands for |", "| --- | --- |"]
    lines += [f"| [{code}](errors/{code}.md) | {meaning} |" for code, meaning in CODES.items()]
    return "\n".join(lines) + "\n"


def _help(command: click.Command, name: str) -> str:
    settings: dict[str, Any] = {"terminal_width": WIDTH, "max_content_width": WIDTH, "help_option_names": ["-h", "--help"]}
    return command.get_help(click.Context(command, info_name=name, **settings)).rstrip()


# --- networks ------------------------------------------------------------------------------------------------------------

Entry = tuple[str, pipeline.Network]


@cache
def _entries() -> tuple[Entry, ...]:
    """Every bundled network, and below it each variant and each other network of its file, with what selects it."""
    found: list[Entry] = []
    for name in pipeline.bundled():
        chosen = pipeline.load(name)
        found.append((name, chosen))
        others = (other for other in networks(pipeline.read(name)) if other != chosen.name)
        found += [(f"{name} --variant {other}", pipeline.load(name, variant=other)) for other in others]
    return tuple(found)


def networks_table() -> str:
    """All of them, with exact figures."""
    head = "| network | input | parameters | MACs | depth | top-1 % | top-5 % | paper |"
    rows = [head, "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |"]
    for name, network in _entries():
        about = network.graph.about
        facts = " | ".join(str(about.get(fact, "")) for fact in ("top1", "top5"))
        figures = f"{network.params:,} | {network.macs:,} | {network.depth}"
        rows.append(f"| `{name}` | {_inputs(network)} | {figures} | {facts} | {_link(str(about.get('paper', '')))} |")
    return "\n".join(rows)


def short_table() -> str:
    """The networks without their variants, in millions of parameters and thousands of millions of MACs."""
    rows = ["| network | input | params, M | MACs, G | depth |", "| --- | --- | ---: | ---: | ---: |"]
    for name, network in _entries():
        if " " not in name:
            figures = f"{network.params / 1e6:.2f} | {network.macs / 1e9:.3f} | {network.depth}"
            rows.append(f"| `{name}` | {_inputs(network)} | {figures} |")
    return "\n".join(rows)


def _inputs(network: pipeline.Network) -> str:
    return " and ".join("x".join(map(str, each)) for each in network.inputs.values())


def _link(paper: str) -> str:
    return f"[{paper}](https://arxiv.org/abs/{paper.removeprefix('arXiv:')})" if paper.startswith("arXiv:") else paper


NETWORKS_INTRODUCTION = """\
Parameters are learnable values. MACs are multiply-accumulates of convolutions and fully connected layers at batch 1 and the input
shown. Depth is the longest path in those layers. Auxiliary heads are left out. All of these are computed from the spec; the
accuracies are what the spec's authors quote (`about` in the spec, which says where from), not measurements of archdsl.
"""


def networks_page() -> str:
    """Every bundled network with its figures."""
    after = "Where the papers and the released code differ, [the specs say so](../specs/discrepancies.md)."
    return f"# Bundled networks\n\n{NOTE}\n\n{NETWORKS_INTRODUCTION}\n{networks_table()}\n\n{after}\n"


def with_table(text: str) -> str:
    """``text`` with the table of networks between its marks made anew."""
    before, first, rest = text.partition(MARKS[0])
    _, last, after = rest.partition(MARKS[1])
    if not (first and last):
        raise SystemExit(f"docs/generate.py: README.md has no `{MARKS[0]}` … `{MARKS[1]}`")
    return f"{before}{first}\n{short_table()}\n{last}{after}"


# --- all of them ---------------------------------------------------------------------------------------------------------


def readme() -> str:
    """The README with its table made anew."""
    return with_table((ROOT / "README.md").read_text(encoding="utf-8"))


def _fidelity() -> str:
    """The page on what was printed and what was released."""
    from docs.fidelity import fidelity_page

    return fidelity_page()


def _error_page(code: str) -> str:
    """The page of a diagnostic code; that of all of them for ""."""
    from docs.error_pages import error_page, index_page

    return error_page(code, NOTE) if code else index_page(NOTE)


PAGES: dict[str, Callable[[], str]] = {
    "docs/cli.md": cli_page,
    "docs/operators.md": operators_page,
    "docs/networks.md": networks_page,
    "docs/fidelity.md": _fidelity,
    "docs/errors/README.md": partial(_error_page, ""),
    **{f"docs/errors/{code}.md": partial(_error_page, code) for code in CODES},
    "README.md": readme,
}
"""Every generated file, and what gives the text that it should have."""


def main(arguments: list[str]) -> int:
    """Write what differs; with ``--check`` only tell."""
    checking = "--check" in arguments
    differs = False
    for name, page in PAGES.items():
        path, text = ROOT / name, page()
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        differs = True
        if not checking:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        sys.stdout.write(f"{name} {'differs' if checking else 'written'}\n")
    return 1 if differs and checking else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
