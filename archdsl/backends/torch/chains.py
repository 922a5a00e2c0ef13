"""Labelled bodies that are nothing but modules one after another, folded into one ``nn.Sequential`` each."""

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
    guards: tuple[Key, ...] = ()


def fold(template: Template) -> list[Step]:
    """The template's pieces with every plain chain folded, inner ones first."""
    steps = [_step(piece) for piece in template.pieces]
    for path in sorted(template.bodies, key=len, reverse=True):
        entry, exit_ = template.bodies[path]
        steps = _fold_one(steps, path, entry, exit_, template)
    return steps


def _step(piece: Piece) -> Step:
    return Step(piece.key, piece.path, piece.part, piece.inputs, piece.guards)


def _fold_one(steps: list[Step], path: tuple[str, ...], entry: Ref, exit_: Ref, template: Template) -> list[Step]:
    members = [step for step in steps if step.path[: len(path)] == path]
    value = entry
    parts: list[tuple[str, Module | Chain]] = []
    for step in members:
        direct = len(step.path) == len(path) + 1 and not step.path[-1].isdigit()
        if isinstance(step.part, Expression) or not direct or step.inputs != [value] or step.guards != members[0].guards:
            return steps
        value = step.key
        parts.append((step.path[-1], step.part))
    if not parts or value != exit_:
        return steps
    inner = {step.key for step in members[:-1]}
    outside = [ref for step in steps if step not in members for ref in step.inputs]
    watched = [ref for each in template.conditionals for ref in (each.entry, each.exit)]
    if any(ref in inner for ref in [*outside, *watched, template.output]):
        return steps
    whole = replace(members[-1], path=path, part=Chain(parts), inputs=[entry])
    place = steps.index(members[0])
    return [*steps[:place], whole, *(step for step in steps[place:] if step not in members)]
