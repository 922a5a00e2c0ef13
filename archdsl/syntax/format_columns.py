"""What stands in columns: labels of neighbouring statements, and the guards of adjacent ones."""

from collections.abc import Sequence
from typing import NamedTuple

from archdsl.syntax.format_gaps import guard_of
from archdsl.syntax.format_lines import Line
from archdsl.syntax.format_nodes import WIDTH, Body, Comment, Phrase, Row, Word

_LONGEST_LABEL = 8  # a longer one stands apart: it would push all others far from what they name
_FARTHEST_GUARD = 16


class _Labelled(NamedTuple):
    """A line that begins with a label; ``end`` is the place behind its colon."""

    line: Line
    end: int


def align(items: Sequence[Row | Comment], extents: Sequence[tuple[int, int]], lines: list[Line], indent: int) -> None:
    """Pads the lines of ``items`` so that what follows their labels, then their guards, stands in columns."""
    run: list[_Labelled] = []
    for item, (first, last) in zip(items, extents, strict=True):
        statement = item.statements[0] if isinstance(item, Row) and len(item.statements) == 1 else None
        width = 0 if statement is None else _label_width(statement)
        is_line = last - first == 1
        is_branch = statement is not None and _is_branch(statement)
        if item.blank or not (is_line or is_branch):
            _pad_labels(run)
            run = []
        if 0 < width <= _LONGEST_LABEL + 1 and (is_line or is_branch):
            run.append(_Labelled(lines[first], indent + width))
    _pad_labels(run)
    _align_guards(items, extents, lines)


def _pad_labels(run: Sequence[_Labelled]) -> None:
    column = max((each.end for each in run), default=0)
    for line, end in run:
        if len(line.code) + column - end <= WIDTH:
            line.code = line.code[:end] + " " * (column - end) + line.code[end:]


def _label_width(statement: Phrase) -> int:
    """The width of ``label:``, 0 where the statement has none."""
    first = statement.nodes[0]
    if not (isinstance(first, Word) and first.kind == "LABEL"):
        return 0
    width = 0
    for gap, node in zip(statement.gaps, statement.nodes, strict=True):
        assert isinstance(node, Word)
        width += len(gap) + len(node.text)
        if node.kind == "COLON":
            break
    return width


def _is_branch(statement: Phrase) -> bool:
    """Whether the statement is ``label: { … }``, as the branches of a merge are."""
    nodes = statement.nodes
    return len(nodes) > 2 and isinstance(nodes[2], Body) and _label_width(statement) > 0


def _align_guards(items: Sequence[Row | Comment], extents: Sequence[tuple[int, int]], lines: list[Line]) -> None:
    guarded: list[_Labelled] = []
    for item, (first, last) in zip(items, extents, strict=True):
        width = _guard_width(item) if last - first == 1 else 0
        if not width or item.blank:
            _pad_guards(guarded)
            guarded = []
        if width:
            guarded.append(_Labelled(lines[first], len(lines[first].code) - width))
    _pad_guards(guarded)


def _pad_guards(run: Sequence[_Labelled]) -> None:
    column = max((each.end for each in run), default=0)
    near = all(column - end <= _FARTHEST_GUARD and len(line.code) + column - end <= WIDTH for line, end in run)
    if near:
        for line, end in run:
            line.code = line.code[:end] + " " * (column - end) + line.code[end:]


def _guard_width(item: Row | Comment) -> int:
    """The width of the guard at the end of a line, with the blank before it; 0 where it has none."""
    if isinstance(item, Comment) or len(item.statements) != 1:
        return 0
    statement = item.statements[0]
    first = statement.nodes[0]
    if isinstance(first, Word) and first.kind in ("INSERT", "REPLACE"):
        return 0
    at = guard_of(statement.nodes)
    if at is None or statement.flat is None:
        return 0
    parts = zip(statement.gaps[at:], statement.nodes[at:], strict=True)
    return sum(len(gap) + len(node.flat or "") for gap, node in parts)
