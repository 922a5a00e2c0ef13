"""A report as a text table, Markdown, CSV or JSON.

The first three show one row for each stage, block and operator down to a depth; iterations that are equal share a row, which
bears their sum, so that the rows of one level always add up.  Text::

    block    kind             output           params     MACs  activations
    stem     Stem             [384, 35, 35]   605.7 k   2.29 G      33.0 MB
      stem.c1  cbr            [32, 149, 149]    928    19.18 M       8.5 MB
    …
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from archdsl.ir import Cost, Report, Row

MACS = "multiply-accumulates of convolutions and fully connected layers, batch 1"
FLOPS = "FLOPs = 2 x MACs"
DEPTH = 2
"""Levels of structure that a table shows unless asked otherwise: stages and what they are made of."""
_HEADINGS = ("block", "kind", "output", "params", "MACs", "activations")
_NUMERIC = 3  # the first of the columns that are aligned to the right


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a table: what it shows, how deep it is indented, and its cost."""

    name: str
    kind: str
    out: tuple[int, ...]
    level: int
    cost: Cost


def text(report: Report, depth: int = DEPTH) -> str:
    """The table for a terminal, with human numbers in the rows and exact ones below."""
    body = [("  " * line.level + line.name, line.kind, shape(line.out), *_numbers(line.cost)) for line in lines(report, depth)]
    total = ("total", "", "", *_numbers(report.total))
    widths = [max(map(len, column)) for column in zip(_HEADINGS, *body, total, strict=True)]
    rule = "-" * (sum(widths) + 2 * len(widths) - 2)
    table = [_aligned(_HEADINGS, widths), rule, *(_aligned(cells, widths) for cells in body), rule, _aligned(total, widths)]
    return "\n".join([title(report), "", *table, "", *_totals(report)]) + "\n"


def markdown(report: Report, depth: int = DEPTH) -> str:
    """The table as GitHub Markdown, with the exact totals as a list below."""
    head = [_piped(_HEADINGS), _piped(["---" if index < _NUMERIC else "---:" for index in range(len(_HEADINGS))])]
    body = [
        _piped(["&emsp;" * line.level + f"`{line.name}`", line.kind, shape(line.out), *_numbers(line.cost)])
        for line in lines(report, depth)
    ]
    total = _piped(["**total**", "", "", *_numbers(report.total)])
    return "\n".join([f"**{title(report)}**", "", *head, *body, total, "", *(f"- {line}" for line in _totals(report))]) + "\n"


def csv(report: Report, depth: int | None = None) -> str:
    """Exact numbers, one line a row and a last one for the total; every level unless ``depth`` bounds it."""
    rows: list[tuple[object, ...]] = [("path", "level", "kind", "out", "params", "macs", "flops", "activation_bytes")]
    for line in lines(report, depth):
        rows.append((line.name, line.level, line.kind, "x".join(map(str, line.out)), *_exact(line.cost)))
    rows.append(("total", "", "", "", *_exact(report.total)))
    return "".join(",".join(map(str, row)) + "\n" for row in rows)  # names and numbers only: nothing to quote


def as_json(report: Report) -> dict[str, Any]:
    """The report as the object that ``summary --json`` prints: every scope and node, schema 1."""
    result: dict[str, Any] = {
        "schema": 1,
        "network": report.network,
        "input": list(next(iter(report.inputs.values()), ())),
        "inputs": {name: list(size) for name, size in report.inputs.items()},
        "outputs": {name: list(size) for name, size in report.outputs.items()},
        "params": report.total.params,
        "macs": report.total.macs,
        "flops": report.total.flops,
        "depth": report.depth,
        "activation_bytes": report.total.bytes_out,
    }
    if report.with_aux is not None:
        result["with_aux"] = {"params": report.with_aux.params, "macs": report.with_aux.macs}
    result["scopes"] = [{**_row(row, "kind"), "nodes": row.nodes} for row in report.scopes]
    result["nodes"] = [_row(row, "op") for row in report.nodes]
    return result


def _row(row: Row, kind: str) -> dict[str, Any]:
    return {
        "path": row.path,
        kind: row.kind,
        "out": list(row.out),
        "params": row.cost.params,
        "macs": row.cost.macs,
        "activation_bytes": row.cost.bytes_out,
    }


def title(report: Report) -> str:
    """The network with its inputs and outputs, on one line."""
    inputs = ", ".join(f"{name} {shape(size)}" for name, size in report.inputs.items())
    outputs = ", ".join(f"{name} {shape(size)}" for name, size in report.outputs.items())
    return f"{report.network}: {inputs} -> {outputs}"


def shape(size: tuple[int, ...]) -> str:
    """A shape as specs write it, without the batch axis."""
    return f"[{', '.join(map(str, size))}]" if size else ""


def human(number: int) -> str:
    """``number`` to about four figures with a decimal prefix: ``605.7 k``, ``42.68 M``."""
    if number < 1000:
        return f"{number} "
    value, prefixes = number / 1000, "kMGTP"
    while value >= 999.95 and len(prefixes) > 1:
        value, prefixes = value / 1000, prefixes[1:]
    return f"{value:.{2 if value < 99.995 else 1}f} {prefixes[0]}"


def lines(report: Report, depth: int | None = None) -> list[Line]:
    """What a table shows down to ``depth`` levels (None: all), in the order of the network."""
    repeats = _iterations(report)
    folded = {} if depth is None else _folded(repeats.values(), depth - 1)
    result: list[Line] = []
    for row in _in_order(report):
        if depth is not None and row.level >= depth:
            continue
        kind = _times(repeats[row.path]) if row.path in repeats else row.kind
        line = folded.get(row.path, Line(row.path, kind, row.out, row.level, row.cost))
        if line is not None:
            result.append(line)
    return result


def _iterations(report: Report) -> dict[str, list[Row]]:
    """The iterations of each repeat, by the repeat's path; an iteration is a scope, or a node where one operator is repeated."""
    scopes = {row.path for row in report.scopes}
    found: dict[str, list[Row]] = {}
    for row in (*report.scopes, *(node for node in report.nodes if node.path not in scopes)):
        if row.path.endswith("]"):
            found.setdefault(row.path[: row.path.rindex("[")], []).append(row)
    return found


def _times(iterations: list[Row]) -> str:
    kinds = {row.kind for row in iterations}
    return f"{len(iterations)} x {kinds.pop() if len(kinds) == 1 else 'several'}"


def _folded(repeats: Iterable[list[Row]], level: int) -> dict[str, Line | None]:
    """What stands for each iteration on ``level``: the first of a run of equal ones for all of them, None for the others.

    Where all iterations of a repeat are equal none is shown: the line of the repeat itself says as much.
    """
    folded: dict[str, Line | None] = {}
    for iterations in repeats:
        if iterations[0].level != level:
            continue
        runs = [list(run) for _, run in groupby(iterations, key=lambda row: (row.kind, row.out, row.cost))]
        folded.update((row.path, None) for row in iterations)
        if len(runs) > 1:
            folded.update((run[0].path, _run(run)) for run in runs)
    return folded


def _run(rows: list[Row]) -> Line:
    first, last = rows[0], rows[-1]
    if first is last:
        return Line(first.path, first.kind, first.out, first.level, first.cost)
    name = f"{first.path[:-1]}..{last.path[last.path.rindex('[') + 1 :]}"
    return Line(name, f"{len(rows)} x {first.kind}", first.out, first.level, _sum(row.cost for row in rows))


def _in_order(report: Report) -> Iterator[Row]:
    """Scopes and nodes together: each scope before the first node inside it."""
    scopes = {row.path: row for row in report.scopes}
    for node in report.nodes:
        path = node.path
        for position, character in enumerate(f"{path}."):
            if character in ".[":
                scope = scopes.pop(path[:position], None)
                if scope is not None:
                    yield scope
        yield node


def _sum(costs: Iterable[Cost]) -> Cost:
    result = Cost()
    for cost in costs:
        result += cost
    return result


def _numbers(cost: Cost) -> tuple[str, str, str]:
    return human(cost.params), human(cost.macs), f"{human(cost.bytes_out)}B"


def _exact(cost: Cost) -> tuple[int, int, int, int]:
    return cost.params, cost.macs, cost.flops, cost.bytes_out


def _totals(report: Report) -> Iterator[str]:
    total = report.total
    yield f"params: {total.params:,} learnable values"
    yield f"MACs: {total.macs:,} ({MACS})"
    yield f"FLOPs: {total.flops:,} ({FLOPS})"
    yield f"depth: {report.depth} (longest path in convolutions and fully connected layers)"
    yield f"activations: {total.bytes_out:,} bytes (every output once, batch 1)"
    if report.with_aux is not None:
        aux = report.with_aux
        yield f"with auxiliary heads: {aux.params:,} params, {aux.macs:,} MACs, {aux.flops:,} FLOPs"


def _aligned(cells: Iterable[str], widths: list[int]) -> str:
    columns = enumerate(zip(cells, widths, strict=True))
    return "  ".join(cell.ljust(width) if index < _NUMERIC else cell.rjust(width) for index, (cell, width) in columns).rstrip()


def _piped(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
