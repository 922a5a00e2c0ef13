"""Labelled bodies that are nothing but modules one after another, folded into one ``nn.Sequential`` each."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from archdsl.backends.torch.instances import Key, Ref
from archdsl.backends.torch.templates import Expression, Module, Piece, Template


@dataclass(slots=True)
class Chain:
    """Named modules in sequence."""

    parts: list[tuple[str, "Module | Chain"]]


@dataclass(slots=True)
class Step:
    """A piece of a template as it is written: like :class:`Piece`, but its part may be a chain."""

    key: Key
    path: tuple[str, ...]
    part: "Module | Chain | Expression"
    inputs: list[Ref]
    end: int
    guards: tuple[Key, ...] = ()


def fold(template: Template, returned: Iterable[Ref]) -> list[Step]:
    """The template's pieces with every plain chain folded, inner ones first; what is ``returned`` stays a value of its own."""
    steps = {piece.key: _step(piece) for piece in template.pieces}
    uses: dict[Ref, int] = {}
    watched = [ref for each in template.conditionals for ref in (each.entry, each.exit)]
    for ref in [*watched, *returned, *(ref for step in steps.values() for ref in step.inputs)]:
        uses[ref] = uses.get(ref, 0) + 1
    bodies = template.shape.bodies
    members: dict[tuple[str, ...], list[Key]] = {path: [] for path in bodies}
    for key, step in steps.items():
        for length in range(1, len(step.path)):
            if step.path[:length] in members:
                members[step.path[:length]].append(key)
    for path in sorted(bodies, key=len, reverse=True):
        inside = [key for key in members[path] if key in steps]
        whole = _chain([steps[key] for key in inside], path, bodies[path][1], uses)
        if whole is not None:
            for key in inside:
                del steps[key]
            steps[whole.key] = whole
    order = {piece.key: position for position, piece in enumerate(template.pieces)}
    return sorted(steps.values(), key=lambda step: order[step.key])


def _step(piece: Piece) -> Step:
    return Step(piece.key, piece.path, piece.part, piece.inputs, piece.end, piece.guards)


def _chain(members: list[Step], path: tuple[str, ...], leaves: Ref, uses: dict[Ref, int]) -> Step | None:
    """``members`` as one step, if they are modules in sequence and no value between them is used elsewhere."""
    if not members or len(members[0].inputs) != 1:
        return None
    entry = value = members[0].inputs[0]
    parts: list[tuple[str, Module | Chain]] = []
    for step in members:
        direct = len(step.path) == len(path) + 1 and not step.path[-1].isdigit()
        if isinstance(step.part, Expression) or not direct or step.inputs != [value] or step.guards != members[0].guards:
            return None
        if value != entry and uses[value] > 1:
            return None
        value = step.key
        parts.append((step.path[-1], step.part))
    if value != leaves:
        return None
    return replace(members[-1], path=path, part=Chain(parts), inputs=[entry])
