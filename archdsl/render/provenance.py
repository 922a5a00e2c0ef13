"""Where a place of a network comes from, as text for a reader and as JSON.

A value's way is a list of equations, from the use to where it was first written::

    stride = 2x2
      stride = stride   in the call                      inception.arch:13:21  conv(c, k, stride=stride, pad=pad, bias=false)
      stride = 2        parameter of block `ReductionA`  net.arch:22:10        red: ReductionA(stride=2)
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from archdsl.diagnostics import printable
from archdsl.ir import Origin, Provenance, Use, show
from archdsl.ir.provenance import Setting
from archdsl.source import Source, Span

_LONGEST_LINE, _LONGEST_EXPRESSION = 100, 48
_STEPS = 40
"""Steps of one value's way that are told; a spec may hand a value on a million times."""
_PLAIN = re.compile(r'-?[\w.]+([eE][-+]?\d+)?|".*"|\(.*\)|\[.*\]|')
"""A name or a value, which needs no result beside it."""
_SIZES = {"in.c": "channels", "in.h": "height", "in.w": "width"}


@dataclass(frozen=True, slots=True)
class _Step:
    """One equation: ``name = text``, how it came about, and where that is written; ``depth`` indents what it is made of."""

    name: str
    text: str
    how: str
    place: Span | None
    depth: int
    value: Any


def text(found: Provenance) -> str:
    """The provenance for a terminal."""
    names = _Names(_places(found))
    written = [(each.path, each.what, each.span) for each in found.enclosing]
    written.append((found.path, found.title, found.span))
    if found.definition is not None:
        written.append(("", f"defines `{found.what}`", found.definition))
    lines = [*_head(found), "", "written", *_aligned([(name, what, names[place], _line(place)) for name, what, place in written])]
    if found.settings:
        lines += ["", "attributes" if found.kind == "node" else "arguments"]
    for setting in found.settings:
        if setting.origin is not None:
            lines.append(f"  {setting.name} = {show(setting.value)}")
            lines += _aligned([_cells(step, names) for step in _steps(setting)], indent=4)
    own = [f"{each.name}={show(each.value)}" for each in found.settings if each.origin is None]
    if own:
        lines.append(f"  {', '.join(own)}: defaults of `{found.what}`")
    lines += names.legend()
    return "\n".join(printable(line) for line in lines) + "\n"


def as_json(found: Provenance) -> dict[str, Any]:
    """The provenance as the object that ``why --json`` prints, schema 1; each value's way is a list, first use first."""
    return {
        "schema": 1,
        "network": found.network,
        "path": found.path,
        "kind": found.kind,
        "what": found.what,
        "title": found.title,
        "written": _place(found.span),
        "definition": _place(found.definition),
        "doc": found.doc,
        "in": [{"path": each.path, "what": each.what, "written": _place(each.span)} for each in found.enclosing],
        "inputs": [{"path": path, "shape": list(type_.shape)} for path, type_ in found.inputs],
        "out": None if found.type is None else list(found.type.shape),
        "nodes": found.nodes,
        "params": found.params,
        "macs": found.macs,
        "settings": [
            {"name": each.name, "value": each.value, "text": show(each.value), "from": [_step(step) for step in _steps(each)]}
            for each in found.settings
        ],
    }


# --- the way of a value --------------------------------------------------------------------------------------------------


def _steps(setting: Setting) -> Iterator[_Step]:
    """The equations that lead from a setting to what was first written; each name of one place once."""
    if setting.origin is None:
        return
    waiting: list[tuple[str, Origin, Use | None, int]] = [(setting.name, setting.origin, None, 0)]
    seen: set[int] = set()
    count = 0
    while waiting:
        name, origin, use, depth = waiting.pop()
        count += 1
        if count > _STEPS:
            yield _Step("…", "", "and so on", None, depth, None)
            return
        value = setting.value if use is None else use.value
        text = show(value) if use is not None and use.origin is None else _expression(origin)
        yield _Step(name, show(value) if text is None else text, _how(origin, use), origin.place, depth, value)
        inner = depth + 1 if len(origin.uses) > 1 else depth
        for each in reversed(origin.uses):
            if each.origin is None:
                waiting.append((each.name, _without_origin(each), each, inner))
            elif id(each.origin) not in seen:
                seen.add(id(each.origin))
                waiting.append((each.name, each.origin, each, inner))


def _without_origin(use: Use) -> Origin:
    return Origin("literal", place=use.defined)


def _expression(origin: Origin) -> str | None:
    """What stands at the origin's place, on one line and cut where it is long; None where nothing is written."""
    if origin.place is None:
        return None
    text = " ".join(origin.place.text.split())
    return text if len(text) <= _LONGEST_EXPRESSION else f"{text[:_LONGEST_EXPRESSION]}…"


def _how(origin: Origin, use: Use | None) -> str:
    """How a value came about, in a reader's words."""
    by = _by(origin)
    if use is None:
        return by or "as written"
    match use.what:
        case "size":
            return f"{_SIZES[use.name]} of `{use.node}`, which enters here"
        case "index":
            return "number of the iteration, from 0"
        case "let":
            return "`let`"
        case "import":
            return "imported"
        case _:
            owner = f"parameter of `{use.owner}`"
            return f"{owner}, {by}" if by else owner


def _by(origin: Origin) -> str:
    """What gave the value in place of the call; "" where the call did."""
    match origin.given:
        case "default":
            return "by default"
        case "defaults":
            return "by `defaults`"
        case "variant":
            return "set by a variant"
        case "command line" if origin.place is not None and origin.place.source.path == "<command line>":
            return "set on the command line"
        case "command line":
            return "set by an edit" if origin.place is not None else "given by the caller"
        case _:
            return ""


# --- text ----------------------------------------------------------------------------------------------------------------


class _Names:
    """Short names of files: as they were given where that is short, else their last parts, as many as tell them apart."""

    def __init__(self, sources: Iterable[Source]) -> None:
        paths = list(dict.fromkeys(source.path for source in sources))
        self._short = {path: path if not os.path.isabs(path) else self._suffix(path, paths) for path in paths}

    def __getitem__(self, place: Span | None) -> str:
        return "" if place is None else f"{self._short[place.source.path]}:{place.line}:{place.column}"

    def legend(self) -> list[str]:
        """A line for each file that is not called by its path."""
        cut = {short: path for path, short in self._short.items() if short != path}
        return ["", "files", *_aligned(list(cut.items()))] if cut else []

    @staticmethod
    def _suffix(path: str, others: Sequence[str]) -> str:
        parts = PurePath(path).parts
        for count in range(1, len(parts)):
            if sum(PurePath(other).parts[-count:] == parts[-count:] for other in others) == 1:
                return "/".join(parts[-count:])
        return path


def _places(found: Provenance) -> Iterator[Source]:
    yield found.span.source
    spans = [found.definition, *(each.span for each in found.enclosing)]
    spans += [step.place for each in found.settings for step in _steps(each)]
    yield from (span.source for span in spans if span is not None)


def _head(found: Provenance) -> list[str]:
    lines = [f"{found.path} of {found.network}: {found.title}"]
    if found.doc:
        lines.append(f"  {' '.join(found.doc.split())}"[:_LONGEST_LINE])
    for path, type_ in found.inputs:
        lines.append(f"  takes   {type_} from `{path}`")
    if found.type is not None:
        lines.append(f"  gives   {found.type}")
    inside = f", {found.nodes:,} nodes inside" if found.nodes != 1 else ""
    lines.append(f"  costs   {found.params:,} params, {found.macs:,} MACs{inside}")
    return lines


def _cells(step: _Step, names: _Names) -> tuple[str, str, str, str]:
    value = "" if _PLAIN.fullmatch(step.text) else f"  (= {show(step.value)})"
    equation = f"{'  ' * step.depth}{step.name} = {step.text}{value}" if step.text else step.name
    return equation, step.how, names[step.place], "" if step.place is None else _code(step.place)


def _line(place: Span) -> str:
    """The line on which ``place`` begins, cut where it is long so that the place stays in sight."""
    line = place.source.line(place.line)
    first = len(line) - len(line.lstrip())
    if place.column - 1 > first + _LONGEST_LINE * 2 // 3:
        first = place.column - 1 - _LONGEST_LINE // 3
        return f"…{line[first : first + _LONGEST_LINE]}{'…' if len(line) > first + _LONGEST_LINE else ''}"
    return line[first : first + _LONGEST_LINE].rstrip() + ("…" if len(line) > first + _LONGEST_LINE else "")


def _code(place: Span) -> str:
    """The same without a comment behind it."""
    line, end = place.source.line(place.line), place.column - 1 + len(place.text)
    comment = line.find("#", end)
    if comment < 0 or line.count('"', end, comment) % 2:
        return _line(place)
    return _line(place).split(line[comment:][:8])[0].rstrip()


def _aligned(rows: Sequence[tuple[str, ...]], indent: int = 2) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [" " * indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


# --- JSON ----------------------------------------------------------------------------------------------------------------


def _place(span: Span | None) -> dict[str, Any] | None:
    if span is None:
        return None
    line = span.source.line(span.line).strip()
    return {"file": span.source.path, "line": span.line, "column": span.column, "text": line[:1000]}


def _step(step: _Step) -> dict[str, Any]:
    return {"name": step.name, "text": step.text, "value": step.value, "how": step.how, "at": _place(step.place)}
