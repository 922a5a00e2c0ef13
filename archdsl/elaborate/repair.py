"""The one change of a stride, a padding or a width that would give a value the shape that its caption tells.

A caption says what is wrong, not where.  Each written value between the last caption that held and this one is tried with the
values that are usual in its place, and shapes are inferred anew.  Of the changes that lead to the caption's shape that one is
taken which turns the oddest value into a usual one: a stride of 1x2 into 2x2 before one of 2x2 into 1x1, a width of 97 into 96
before one of 64 into 63.  Of equals the last is taken: what stands before it was looked at by more captions.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archdsl.ir import Node, Op, OpError, TensorType, show
from archdsl.ops import build
from archdsl.source import Span

_NODES = 600
"""Nodes that are looked at, the last ones before the caption."""
_INFERENCES = 40_000
_ATTRIBUTES = ("stride", "pad", "kernel")
_STRIDES = ((1, 1), (2, 2), (3, 3), (4, 4))
_PADS = ("same", "valid", (1, 1), (2, 2), (3, 3))
_UNLIKELY = 4
Attribute = str


@dataclass(frozen=True, slots=True)
class Repair:
    """Another value for an attribute written at ``place``, or to be written in the call there where nothing is ``written``."""

    place: Span
    node: Node
    attribute: Attribute
    value: Any
    written: bool
    only: bool
    """Whether no other change is as likely."""

    def __str__(self) -> str:
        return f"{self.attribute}={_shown(self.value)}"


@dataclass(frozen=True, slots=True)
class _Place:
    """Nodes (by number) that take an attribute, worth ``old``, from one place of the text."""

    span: Span
    attribute: Attribute
    old: Any
    nodes: tuple[int, ...]
    literal: bool
    written: bool


def repair(nodes: Sequence[Node], stand_ins: Sequence[Node], end: Node, wanted: tuple[int, ...]) -> Repair | None:
    """The likeliest change within ``nodes`` that gives ``end`` the shape ``wanted``; None where no single one does.

    ``stand_ins`` are values beside the nodes that these may take.
    """
    if len(wanted) != len(end.type.shape):
        return None
    nodes = nodes[-_NODES:]
    trial = _Trial(nodes, {each.path: each.type for each in (*stand_ins, *nodes)})
    found: list[tuple[tuple[int, int], _Place, Any]] = []
    for place in _places(nodes, spatial=wanted[1:] != end.type.shape[1:]):
        for value in _values(place, wanted[0] - end.type.channels, wanted[0]):
            oddness = _oddness(place, value)
            if oddness < _UNLIKELY and trial.left > 0 and trial.shape(end, place, value) == wanted:
                found.append(((oddness, -place.nodes[-1]), place, value))
    if not found:
        return None
    score, place, value = min(found, key=lambda each: each[0])
    only = sum(each[0][0] == score[0] for each in found) == 1
    return Repair(place.span, nodes[place.nodes[-1]], place.attribute, value, place.written, only)


class _Trial:
    """Shapes inferred anew after a change; ``left`` inferences may still be made."""

    def __init__(self, nodes: Sequence[Node], types: Mapping[str, TensorType]) -> None:
        self.nodes, self.types, self.left = nodes, types, _INFERENCES

    def shape(self, end: Node, place: _Place, value: Any) -> tuple[int, ...] | None:
        """The shape that ``end`` then has; None where some operator cannot take its inputs."""
        changed: dict[str, TensorType] = {}
        try:
            for index in range(place.nodes[0], len(self.nodes)):
                node = self.nodes[index]
                if index in place.nodes:
                    op = _with(node.op, place.attribute, value)
                elif any(path in changed for path in node.inputs):
                    op = node.op
                else:
                    continue
                self.left -= 1
                inputs = [changed.get(path) or self.types[path] for path in node.inputs]
                output = op.infer(inputs)
                if output != node.type:
                    changed[node.path] = output
        except (OpError, KeyError):
            return None
        return changed.get(end.path, end.type).shape


def _with(op: Op, attribute: Attribute, value: Any) -> Op:
    return build(type(op), {**{name: getattr(op, name) for name in op.model_fields_set}, attribute: value})


def _places(nodes: Sequence[Node], *, spatial: bool) -> Iterator[_Place]:
    """Where strides and paddings, or else widths, are written or left out."""
    groups: dict[tuple[Span, Attribute, Any], list[int]] = {}
    known: dict[Span, tuple[bool, bool]] = {}
    for index, node in enumerate(nodes):
        for attribute in _ATTRIBUTES if spatial else ("channels",):
            if attribute not in type(node.op).model_fields:
                continue
            origin = node.origins.get(attribute)
            span = node.span if origin is None or origin.span is None else origin.span
            groups.setdefault((span, attribute, getattr(node.op, attribute)), []).append(index)
            known[span] = (origin is not None and span.text.isdigit(), origin is not None)
    for (span, attribute, old), members in groups.items():
        yield _Place(span, attribute, old, tuple(members), *known[span])


def _values(place: _Place, difference: int, wanted: int) -> Iterator[Any]:
    """What may have been meant instead of the old value."""
    old = place.old
    if place.attribute == "kernel":
        yield from ((each, each) for each in sorted(set(old), reverse=True) if old[0] != old[1])
    elif place.attribute == "channels":
        number = len(place.nodes)
        shares = {old + difference, wanted, old + difference // number if difference % number == 0 else 0}
        yield from sorted(each for each in shares if each > 0 and each != old)
    else:
        yield from (each for each in (_STRIDES if place.attribute == "stride" else _PADS) if each != old)


def _oddness(place: _Place, new: Any) -> int:
    """How unlikely it is that ``new`` was meant; the larger, the less likely."""
    old = place.old
    if place.attribute == "channels":
        return (0 if old % 8 else 1 if not place.literal else 2) + (2 if new % 8 else 0)
    if place.attribute == "kernel":
        return 1  # of another height than width
    if place.attribute == "stride":
        return (3 if not place.written else 0 if old not in _STRIDES[:2] else 1 if old == (1, 1) else 2) + (
            0 if new in _STRIDES[:2] else 2
        )
    return (3 if not place.written else 0 if isinstance(old, tuple) else 2) + (1 if isinstance(new, tuple) else 0)


def _shown(value: Any) -> str:
    return str(value[0]) if isinstance(value, tuple) and len(set(value)) == 1 else show(value)
