"""Which place to show for a fault: the argument or the line that a reader would change."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from archdsl.diagnostics import ArchError, Diagnostic, Label, error
from archdsl.elaborate.environment import Trace
from archdsl.ir import Node, OpError, Origin
from archdsl.source import Source, Span
from archdsl.syntax import ast

_OF_AN_INSTANCE = ("E03", "E0401", "E0402", "E0403", "E0502")
"""Codes of faults that one use of a block may have and another not."""


def operator_fault(fault: OpError, keyword: str, call: ast.Call, origins: Mapping[str, Origin], path: str) -> ArchError:
    """The error for an operator that cannot take its attributes or inputs, at the argument to blame; else at the call."""
    origin = origins.get(fault.attribute or "")
    place = call.callee.span if fault.code == "E0404" else call.span
    secondary = []
    if origin is not None and origin.span is not None:
        place = origin.span
        if not _inside(place, call.span):
            secondary.append(Label(call.span, f"in this `{keyword}`"))
    message = fault.message if f"`{keyword}`" in fault.message else f"`{keyword}`: {fault.message}"
    return error(fault.code, message, place, "", secondary=secondary, help=fault.help, path=path)


def seen_from(fault: ArchError, call: ast.Call, path: str, library: Collection[Source]) -> ArchError:
    """The fault of a block called at ``path``: which instance it is in, and where another file calls it.

    The bundled library works elsewhere, so a shape or value that it cannot take is shown at the call, and its own line beside it.
    """
    return ArchError(*(_seen_from(each, call, path, library) for each in fault.diagnostics))


def _seen_from(each: Diagnostic, call: ast.Call, path: str, library: Collection[Source]) -> Diagnostic:
    if not each.code.startswith(_OF_AN_INSTANCE):
        return each
    each = replace(each, path=each.path or path)
    primary = each.primary
    if primary is None or primary.span.source is call.span.source:
        return each
    if primary.span.source in library and call.span.source not in library:
        within = tuple(label for label in each.secondary if label.span != call.span)
        return replace(each, primary=Label(call.span, "in this call"), secondary=(primary, *within), fixes=())
    if any(label.span.source is call.span.source for label in each.secondary):
        return each
    return replace(each, secondary=(*each.secondary, Label(call.span, "called here")))


def merge_fault(fault: OpError, what: str, call: Span, branches: Sequence[tuple[Node, Sequence[Trace]]], path: str) -> ArchError:
    """The error for branches whose shapes do not fit together: the odd one out is primary, the others are shown beside it."""
    shapes = [node.type.shape for node, _ in branches]
    odd = _odd_one_out(shapes)
    spatial = len({shape[1:] for shape in shapes}) > 1
    places = [_culprit(trail, node, spatial=spatial) or call for node, trail in branches]
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


def _culprit(trail: Sequence[Trace], end: Node, *, spatial: bool) -> Span | None:
    """The last step of a branch that changed height or width, or else the number of channels; else its last step."""
    axes = slice(1, None) if spatial else slice(1)
    for trace in reversed(trail):
        if trace.before.type.shape[axes] != trace.after.type.shape[axes]:
            return trace.span
    return trail[-1].span if trail and trail[-1].after is end else None


def residual_fault(shortcut: Node, body: Node, trail: Sequence[Trace], call: ast.Call, path: str, *, plain: bool) -> ArchError:
    """E0301 for a residual whose body does not end in the shape of its shortcut."""
    other = "input" if plain else "shortcut"
    if shortcut.type.shape[1:] == body.type.shape[1:]:
        message = f"residual body has {body.type.channels} channels, its {other} has {shortcut.type.channels}"
        place = _width_of(trail, body) or call.span
        help_ = f"end the body with {shortcut.type.channels} channels" + (", `in.c`" if plain else "")
    else:
        message = f"residual body is shaped {body.type}, its {other} {shortcut.type}"
        place = _culprit(trail, body, spatial=True) or call.span
        help_ = "the body must keep height and width" if plain else "body and shortcut need the same strides"
    secondary = [Label(call.callee.span, f"{other} is {shortcut.type}")]
    return error("E0301", message, place, f"body ends as {body.type}", secondary=secondary, help=help_, path=path)


def _width_of(trail: Sequence[Trace], body: Node) -> Span | None:
    """The argument that set the body's width where it is written in the last step or handed to it, else that step."""
    if not trail:
        return None
    changed = (trace for trace in reversed(trail) if trace.before.type.channels != trace.after.type.channels)
    last = next(changed, trail[-1]).span
    origin = body.origins.get("channels")
    if origin is None or origin.span is None:
        return last
    handed = origin.kind == "parameter" and origin.span.source is not last.source
    return origin.span if handed or _inside(origin.span, last) else last


def _inside(inner: Span, outer: Span) -> bool:
    return inner.source is outer.source and outer.start <= inner.start and inner.end <= outer.end
