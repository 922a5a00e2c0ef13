"""Which place to show for a fault: the argument or the line that a reader would change."""

from collections.abc import Mapping, Sequence

from archdsl.diagnostics import ArchError, Label, error
from archdsl.elaborate.environment import Trace
from archdsl.ir import Node, OpError, Origin
from archdsl.source import Source, Span


def operator_fault(
    fault: OpError, keyword: str, call: Span, origins: Mapping[str, Origin], calls: Sequence[Span], path: str, main: Source
) -> ArchError:
    """The error for an operator that cannot take its attributes or inputs.

    The place is the argument to blame, if there is one; else the call that leads here from the main file (``calls``, outermost
    first), since a block of a library is seldom at fault.
    """
    origin = origins.get(fault.attribute or "")
    place = origin.span if origin is not None and origin.span is not None else None
    if place is None:
        place = _outermost_in(main, call, calls)
    secondary = []
    if place.source is not call.source or place.start < call.start or place.end > call.end:
        secondary.append(Label(call, f"in this `{keyword}`"))
    message = fault.message if f"`{keyword}`" in fault.message else f"`{keyword}`: {fault.message}"
    return error(fault.code, message, place, "", secondary=secondary, help=fault.help, path=path)


def _outermost_in(main: Source, call: Span, calls: Sequence[Span]) -> Span:
    """``call`` if it stands in the main file, else the innermost call from there that leads to it."""
    if call.source is main:
        return call
    return next((each for each in reversed(calls) if each.source is main), call)


def merge_fault(fault: OpError, what: str, call: Span, branches: Sequence[tuple[Node, Sequence[Trace]]], path: str) -> ArchError:
    """The error for branches whose shapes do not fit together: the odd one out is primary, the others are shown beside it."""
    odd = _odd_one_out([node.type.shape for node, _ in branches])
    places = [_culprit(trail, node) or call for node, trail in branches]
    secondary = [
        Label(place, f"this branch gives {node.type}")
        for index, (place, (node, _)) in enumerate(zip(places, branches, strict=True))
        if index != odd and place is not call
    ]
    message = fault.message if f"`{what}`" in fault.message else f"`{what}`: {fault.message}"
    label = f"this branch gives {branches[odd][0].type}"
    return error(fault.code, message, places[odd], label, secondary=secondary, help=fault.help, path=path)


def _odd_one_out(shapes: Sequence[tuple[int, ...]]) -> int:
    """Index of the branch to blame: the one whose height and width fewest others share; of two, the larger map.

    A forgotten stride is the likelier mistake, and it leaves the larger map behind.
    """
    spatial = [shape[1:] for shape in shapes]
    keys = spatial if len(set(spatial)) > 1 else list(shapes)
    return min(range(len(keys)), key=lambda index: (keys.count(keys[index]), [-size for size in keys[index]]))


def _culprit(trail: Sequence[Trace], end: Node) -> Span | None:
    """The last step of a branch that changed height or width, else its last step."""
    for trace in reversed(trail):
        if trace.before.type.shape[1:] != trace.after.type.shape[1:]:
            return trace.span
    return trail[-1].span if trail and trail[-1].after is end else None


def residual_fault(
    shortcut: Node, body: Node, trail: Sequence[Trace], call: Span, callee: Span, path: str, *, plain: bool
) -> ArchError:
    """E0301 for a residual whose body does not end in the shape of its shortcut."""
    other = "input" if plain else "shortcut"
    if shortcut.type.shape[1:] == body.type.shape[1:]:
        message = f"residual body has {body.type.channels} channels, its {other} has {shortcut.type.channels}"
        place = _width_of(trail, body) or call
        help_ = f"end the body with {shortcut.type.channels} channels" + (", `in.c`" if plain else "")
    else:
        message = f"residual body is shaped {body.type}, its {other} {shortcut.type}"
        place = _culprit(trail, body) or call
        help_ = "the body must keep height and width" if plain else "body and shortcut need the same strides"
    secondary = [Label(callee, f"{other} is {shortcut.type}")]
    return error("E0301", message, place, f"body ends as {body.type}", secondary=secondary, help=help_, path=path)


def _width_of(trail: Sequence[Trace], body: Node) -> Span | None:
    """The argument that set the body's width where it is written in the last step, else that step."""
    if not trail:
        return None
    last = trail[-1].span
    for trace in reversed(trail):
        if trace.before.type.channels != trace.after.type.channels:
            last = trace.span
            break
    origin = body.origins.get("channels")
    if origin is not None and origin.span is not None and _inside(origin.span, last):
        return origin.span
    return last


def _inside(inner: Span, outer: Span) -> bool:
    return inner.source is outer.source and outer.start <= inner.start and inner.end <= outer.end
