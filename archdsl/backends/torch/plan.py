"""Instances grouped into classes: which objects can share one, and the template that then serves all of them."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from archdsl.backends.torch.instances import CallItem, Content, Instance, Key, OpItem, RepeatItem
from archdsl.backends.torch.shapes import Shape, shape_of, union
from archdsl.backends.torch.templates import (
    ABSENT,
    Conditional,
    Construct,
    Expression,
    Hole,
    Listed,
    Module,
    Piece,
    Repeated,
    Template,
    plain,
)
from archdsl.ir import Arg, Origin, TorchModule

_TRIED = 64
"""How many classes of one definition an object is compared with, so that a block in thousands of structures ends soon."""
_WRITTEN = ("expression", "let", "defaults")
"""Kinds of origin whose text stands where the names of the hole's own block are known."""


def _kind(content: Content, templates: dict[int, Template]) -> Hashable:
    """What an item is, without its numbers."""
    if isinstance(content, OpItem):
        target = content.target
        names = tuple(arg.name for arg in target.args)
        if isinstance(target, TorchModule):
            return ("module", target.type, names, content.inits)
        return ("expression", target.template, target.plain, names)
    if isinstance(content, CallItem):
        return ("call", id(templates[id(content.instance)]))
    kinds = tuple(_kind(element, templates) for element in content.elements)
    return ("repeat", kinds[0]) if _is_loop(content, kinds, templates) else ("list", kinds)


def _is_loop(content: RepeatItem, kinds: Sequence[Hashable], templates: dict[int, Template]) -> bool:
    """Whether iterations are of one kind, and, where they are repeats themselves, equal."""
    if len(set(kinds)) > 1:
        return False
    if not isinstance(content.elements[0], RepeatItem):
        return True
    return len({_numbers(element, templates) for element in content.elements}) == 1


def _numbers(content: Content, templates: dict[int, Template]) -> Hashable:
    """The numbers of an item, which together with its kind say all about it."""
    if isinstance(content, OpItem):
        return tuple(plain(arg.value) for arg in content.target.args)
    if isinstance(content, CallItem):
        template = templates[id(content.instance)]
        place = template.positions[id(content.instance)]
        return tuple(argument.values[place] for argument in template.arguments)
    return tuple(_numbers(element, templates) for element in content.elements)


class Planner:
    """Groups instances, inner ones first, so that an item that makes an object knows its class."""

    def __init__(self) -> None:
        self._of: dict[int, Template] = {}

    def plan(self, network: Instance) -> Iterator[Template]:
        """All classes, those that others use before them; each is to be resolved before the next is asked for."""
        for instances in _by_definition(network):
            for template in self._grouped(instances):
                self._fill(template)
                yield template

    def _grouped(self, instances: list[Instance]) -> list[Template]:
        """The classes of one definition's objects, which join the class that has the most in common with them first."""
        found: list[Template] = []
        known: dict[Hashable, Template] = {}
        shapes = {}
        for instance in instances:
            kinds = {item.key: _kind(item.content, self._of) for item in instance.items}
            shapes[id(instance)] = shape_of(instance, kinds)
        for instance in sorted(instances, key=lambda each: -len(each.items)):
            shape = shapes[id(instance)]
            identity = shape.identity()
            template = known.get(identity) or _joined(found, shape)
            if template is None:
                template = Template(instance, shape)
                found.append(template)
            known[identity] = template
            self._of[id(instance)] = template
        for instance in instances:
            template = self._of[id(instance)]
            template.positions[id(instance)] = len(template.instances)
            template.instances.append(instance)
        return list({id(self._of[id(each)]): self._of[id(each)] for each in instances}.values())

    def _fill(self, template: Template) -> None:
        """The pieces of a template, with the values of all its instances."""
        shape, instances = template.shape, template.instances
        by_key = [{item.key: item for item in instance.items} for instance in instances]
        live = {key for key, site in shape.sites.items() if site.present and not all(_present(key, each) for each in instances)}
        for key, slot in shape.slots.items():
            items = [each.get(key) for each in by_key]
            part = self._part([None if each is None else each.content for each in items])
            sites = tuple(site for site in slot.guards if site in live)
            channels = [ABSENT if each is None else each.channels for each in items]
            template.pieces.append(Piece(key, slot.path, part, list(slot.inputs), slot.end, channels, sites))
        guarding = {key for slot in shape.slots.values() for key in slot.guards}
        for key, site in shape.sites.items():
            if key in live and key in guarding and site.entry is not None and site.exit is not None:
                guards = [each.guards[key] for each in instances if key in each.guards]
                present = [each.guards[key].present if key in each.guards else ABSENT for each in instances]
                guarded = [slot.path[-1] for slot in shape.slots.values() if key in slot.guards]
                hole = Hole(f"with_{site.label or guarded[-1]}", present, exact=True)
                hole.formula = _shared(guard.formula for guard in guards)
                hole.written = _shared(guard.span.text.rpartition(" if ")[2] for guard in guards)
                template.conditionals.append(Conditional(key, hole, site.entry, site.exit))

    def _part(self, contents: Sequence[Content | None]) -> Module | Expression:
        content = next(each for each in contents if each is not None)
        if isinstance(content, OpItem):
            return _operator(contents, content)
        if isinstance(content, CallItem):
            return self._call(contents, content)
        return self._repeat(contents, content)

    def _call(self, contents: Sequence[Content | None], content: CallItem) -> Construct:
        callee = self._of[id(content.instance)]
        places = [callee.positions[id(each.instance)] if isinstance(each, CallItem) else None for each in contents]
        calls = [each.instance for each in contents if isinstance(each, CallItem)]
        holes = []
        for argument in callee.arguments:
            values = [argument.values[place] if place is not None else ABSENT for place in places]
            hole = Hole(argument.name, values, argument.default, derived=True)
            name = argument.parameter
            if name is not None:
                hole.derived = False
                _explain(hole, [_origin(name, instance) for instance in calls])
                present = (value for value in values if value is not ABSENT)
                given = [plain(each.scope.arguments.get(name, each.parameters.get(name, ABSENT))) for each in calls]
                hole.exact = all(one == other for one, other in zip(given, present, strict=True))
            holes.append(hole)
        return Construct(callee, holes)

    def _repeat(self, contents: Sequence[Content | None], content: RepeatItem) -> Module:
        repeats = [each if isinstance(each, RepeatItem) else None for each in contents]
        kinds = [_kind(element, self._of) for element in content.elements]
        if not _is_loop(content, kinds, self._of):
            parts = []
            for index in range(len(content.elements)):
                part = self._part([None if each is None else each.elements[index] for each in repeats])
                assert not isinstance(part, Expression)
                parts.append(part)
            return Listed(parts)
        counts = [ABSENT if each is None else len(each.elements) for each in repeats]
        origins = [each.scope.origins["count"] for each in repeats if each is not None]
        count = Hole("count", counts, exact=True)
        _explain(count, origins)
        if isinstance(content.elements[0], RepeatItem):
            inner = self._part([None if each is None else each.elements[0] for each in repeats])
            assert not isinstance(inner, Expression)
            return Repeated(count, None, inner)
        flat = [element for each in repeats if each is not None for element in each.elements]
        lengths = [0 if each is None else len(each.elements) for each in repeats]
        whole = self._part(flat)
        assert isinstance(whole, Construct)
        return _repeated(whole, count, lengths)


def _operator(contents: Sequence[Content | None], content: OpItem) -> Construct | Expression:
    target = content.target
    holes = []
    for position, arg in enumerate(target.args):
        values = [plain(each.target.args[position].value) if isinstance(each, OpItem) else ABSENT for each in contents]
        holes.append(_attribute_hole(arg, values, contents))
    if isinstance(target, TorchModule):
        return Construct(target.type, holes, content.inits)
    return Expression(target, holes)


def _attribute_hole(arg: Arg, values: list[Any], contents: Sequence[Content | None]) -> Hole:
    hole = Hole(arg.name, values, plain(arg.default), positional=arg.positional, derived=arg.attribute is None)
    name = arg.attribute
    if name is not None:
        nodes = [each.node for each in contents if isinstance(each, OpItem)]
        _explain(hole, [node.origins.get(name) for node in nodes])
        present = (value for value in values if value is not ABSENT)
        hole.exact = all(plain(getattr(node.op, name)) == value for node, value in zip(nodes, present, strict=True))
    return hole


def _origin(name: str, instance: Instance) -> Origin | None:
    """Where the text around ``instance`` has the value of a parameter from."""
    if instance.scope.kind == "block":
        return instance.scope.origins.get(name)
    return Origin("parameter", formula=name)


def _explain(hole: Hole, origins: Sequence[Origin | None]) -> None:
    """Gives ``hole`` the expression that all ``origins`` have."""
    hole.formula = _shared(None if each is None else each.formula for each in origins)
    hole.written = _shared(
        each.span.text if each is not None and each.span is not None and each.kind in _WRITTEN else None for each in origins
    )


def _shared(formulas: Iterable[str | None]) -> str | None:
    """The formula that all instances have; None where they differ."""
    found = set(formulas)
    return found.pop() if len(found) == 1 else None


def _repeated(whole: Construct, count: Hole, lengths: Sequence[int]) -> Repeated:
    """A repeat from one construct whose holes list the values of all iterations of all instances."""

    def cut(hole: Hole) -> list[list[Any]]:
        values = iter(hole.values)
        return [[next(values) for _ in range(length)] for length in lengths]

    def scalar(hole: Hole, index: int) -> Hole:
        values = [row[index] if len(row) > index else ABSENT for row in cut(hole)]
        return replace(hole, values=values)

    cuts = [cut(hole) for hole in whole.holes]
    uniform = all(_equal(row) for rows in cuts for row in rows)
    if uniform:
        return Repeated(count, None, Construct(whole.callee, [scalar(hole, 0) for hole in whole.holes], whole.inits))
    if all(_equal(row[1:]) for rows in cuts for row in rows) and min(lengths) > 0 and max(lengths) > 1:
        first = Construct(whole.callee, [scalar(hole, 0) for hole in whole.holes], whole.inits)
        rest = Construct(whole.callee, [scalar(hole, 1) for hole in whole.holes], whole.inits)
        return Repeated(count, first, rest)
    varying, holes = [], []
    for hole, rows in zip(whole.holes, cuts, strict=True):
        if all(_equal(row) for row in rows):
            holes.append(scalar(hole, 0))
            continue
        each = replace(hole, values=[tuple(row) if row else ABSENT for row in rows], formula=None, exact=False, derived=False)
        varying.append(each)
        holes.append(each)
    return Repeated(count, None, Construct(whole.callee, holes, whole.inits), varying)


def _equal(values: Sequence[Any]) -> bool:
    return all(value == values[0] for value in values)


def _inner_first(instance: Instance) -> Iterator[Instance]:
    """Every instance inside ``instance``, then itself."""
    for item in instance.items:
        for inner in _direct(item.content):
            yield from _inner_first(inner)
    yield instance


def _direct(content: Content) -> Iterator[Instance]:
    """The instances that an item holds, without those inside them."""
    if isinstance(content, CallItem):
        yield content.instance
    elif isinstance(content, RepeatItem):
        for element in content.elements:
            yield from _direct(element)


def _by_definition(network: Instance) -> list[list[Instance]]:
    """The instances of each definition, after those of all definitions that they contain.

    Blocks that hold one another, under guards that do not hold at once, have no such order: their instances are set apart by how
    much is nested in them.
    """
    instances = list(_inner_first(network))
    found: dict[tuple[str, int], list[Instance]] = {}
    for instance in instances:
        found.setdefault(instance.definition, []).append(instance)
    uses = {
        definition: {inner.definition: None for each in members for inner in _inside(each)}
        for definition, members in found.items()
    }
    try:
        TopologicalSorter(uses).prepare()
    except CycleError:
        return _by_height(instances)
    ordered: dict[tuple[str, int], None] = {}

    def visit(definition: tuple[str, int]) -> None:
        if definition not in ordered:
            for inner in uses[definition]:
                visit(inner)
            ordered[definition] = None

    for definition in uses:
        visit(definition)
    return [found[definition] for definition in ordered]


def _by_height(instances: list[Instance]) -> list[list[Instance]]:
    """The instances, inner ones first, by definition and by how many levels of others they hold; those with fewest first."""
    heights: dict[int, int] = {}
    found: dict[tuple[tuple[str, int], int], list[Instance]] = {}
    for instance in instances:
        height = heights[id(instance)] = 1 + max((heights[id(inner)] for inner in _inside(instance)), default=0)
        found.setdefault((instance.definition, height), []).append(instance)
    return [found[group] for group in sorted(found, key=lambda group: group[1])]


def _inside(instance: Instance) -> Iterator[Instance]:
    """The instances that one holds, without those inside them."""
    for item in instance.items:
        yield from _direct(item.content)


def _joined(templates: list[Template], shape: Shape) -> Template | None:
    """The first class that ``shape`` fits, made to serve it too."""
    for template in templates[:_TRIED]:
        whole = union(template.shape, shape)
        if whole is not None:
            template.shape = whole
            return template
    return None


def _present(key: Key, instance: Instance) -> bool:
    return key in instance.guards and instance.guards[key].present
