"""Which place to show for a fault: the argument or the line that a reader would change."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from archdsl.diagnostics import ArchError, Diagnostic, Fix, Label, error
from archdsl.elaborate.environment import Frame, Trace
from archdsl.elaborate.repair import Repair
from archdsl.ir import Node, OpError, Origin, Scope
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
    fixes = _whole_division(place) if fault.code == "E0401" and fault.help is not None and "//" in fault.help else ()
    return error(fault.code, message, place, "", secondary=secondary, help=fault.help, fixes=fixes, path=path)


def _whole_division(place: Span) -> tuple[Fix, ...]:
    """``/`` as ``//`` where it is the only division at ``place``; a fraction may also have been meant for `ceil`."""
    at = place.text.find("/")
    if at < 0 or place.text.count("/") > 1:
        return ()
    return (Fix(Span(place.source, place.start + at, place.start + at + 1), "//"),)


def seen_from(fault: ArchError, call: ast.Call, path: str, library: Collection[Source]) -> ArchError:
    """The fault of a block called at ``path``: which instance it is in, and where another file calls it.

    The bundled library works elsewhere, so a shape or value that it cannot take is shown at the call, and its own line beside it.
    """
    return ArchError(*(instance_seen_from(each, call, path, library) for each in fault.diagnostics))


def instance_seen_from(each: Diagnostic, call: ast.Call, path: str, library: Collection[Source]) -> Diagnostic:
    """One diagnostic of a block called at ``path``, as :func:`seen_from` shows it."""
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


def residual_fault(
    shortcut: Node,
    body: Node,
    trail: Sequence[Trace],
    call: ast.Call,
    path: str,
    nodes: Sequence[Node],
    *,
    plain: bool,
) -> ArchError:
    """E0301 for a residual whose body does not end in the shape of its shortcut; ``nodes`` are those made so far."""
    other = "input" if plain else "shortcut"
    if shortcut.type.shape[1:] == body.type.shape[1:]:
        message = f"residual body has {body.type.channels} channels, its {other} has {shortcut.type.channels}"
        place = _width_of(trail, body) or call.span
        help_ = f"end the body with {shortcut.type.channels} channels" + (", `in.c`" if plain else "")
        notes = _width_note(shortcut, nodes)
        fixes = [Fix(place, "in.c")] if plain and place.text.isdigit() else []
    else:
        message = f"residual body is shaped {body.type}, its {other} {shortcut.type}"
        place = _culprit(trail, body, spatial=True) or call.span
        help_ = "the body must keep height and width" if plain else "body and shortcut need the same strides"
        notes, fixes = [], []
    secondary = [Label(call.callee.span, f"{other} is {shortcut.type}")]
    label = f"body ends as {body.type}"
    return error("E0301", message, place, label, secondary=secondary, notes=notes, help=help_, fixes=fixes, path=path)


def _width_note(value: Node, nodes: Sequence[Node]) -> list[str]:
    """Which operation gave ``value`` its channels, and, where it joins branches, how many each of them has."""
    by_path = {node.path: node for node in nodes}
    node = by_path.get(value.path)  # none where the width is a caption's word, after another fault
    while node is not None and node.inputs:
        inputs = [by_path[path] for path in node.inputs if path in by_path]
        before = [each.type.channels for each in inputs]
        if len(inputs) > 1 and sum(before) == node.type.channels:
            parts = " + ".join(f"{each.type.channels} (`{each.path}`)" for each in inputs)
            return [f"{node.type.channels} comes from `{node.path}`: {parts}"]
        if node.type.channels not in before:
            return [f"{node.type.channels} comes from `{node.path}`"]
        node = inputs[0] if inputs else None
    return []


def caption_fault(
    statement: ast.Expect,
    current: Node,
    wanted: Sequence[int],
    found: Repair | None,
    frame: Frame,
    trail: Sequence[Trace],
    scopes: Sequence[Scope],
    library: Collection[Source],
) -> ArchError:
    """E0304 for a caption that does not hold: at the value to change where one is ``found``, with the caption beside it.

    Where no one change would do, it is at the one step of ``trail``, those since the caption before, that changed the shape; of
    several any may be at fault, or one be missing, and the caption itself is shown.  A place in the bundled library is shown
    where another file calls into it.
    """
    batch = statement.dims[0].name
    written = ", ".join(str(size) for size in wanted)
    message = f"expected [{'N' if batch is None else batch.id}, {written}], the value is {current.type}"
    caption = Label(statement.span, "does not hold")
    if found is None:
        gives = f"this gives {current.type}"
        path = frame.prefix or None
        steps = [trace.span for trace in trail if trace.before.type != trace.after.type]
        if len(steps) == 1:
            return error("E0304", message, steps[0], gives, secondary=[caption], path=path)
        secondary = [Label(span, gives) for span in steps[-1:]]
        return error("E0304", message, caption.span, caption.text, secondary=secondary, path=path)
    place, label, scope = found.place, f"with `{found}` it would hold", scopes[found.node.scope]
    while place.source in library and statement.span.source not in library and scope.parent is not None:
        place, label, scope = scope.span, "in this call", scopes[scope.parent]
    help_ = f"`{found}`, if the caption is right" if found.only else "one place of several: check each step above the caption"
    return error("E0304", message, place, label, secondary=[caption], help=help_, path=found.node.path)


def _width_of(trail: Sequence[Trace], body: Node) -> Span | None:
    """The argument that set the body's width where it is written in the last step that could, or handed to it, else that step."""
    if not trail:
        return None
    own = body.origins.get("channels")
    if own is not None and own.span is not None and _inside(own.span, trail[-1].span):
        return own.span
    changed = (trace for trace in reversed(trail) if trace.before.type.channels != trace.after.type.channels)
    last = next(changed, trail[-1]).span
    origin = body.origins.get("channels")
    if origin is None or origin.span is None:
        return last
    handed = origin.kind == "parameter" and origin.span.source is not last.source
    return origin.span if handed or _inside(origin.span, last) else last


def _inside(inner: Span, outer: Span) -> bool:
    return inner.source is outer.source and outer.start <= inner.start and inner.end <= outer.end
