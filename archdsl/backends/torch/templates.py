"""Instances grouped into classes: one template for all instances of a definition that differ in numbers, or by a guard, alone."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from archdsl.backends.torch.instances import CallItem, Content, Instance, Key, OpItem, Ref, RepeatItem
from archdsl.ir import REQUIRED, Arg, Init, TorchExpr, TorchModule, TorchSource


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()
"""The value of a hole in an instance that does not have the item."""


@dataclass(slots=True)
class Hole:
    """A value in a template: what it is in every instance, and how the spec writes it.

    ``formula`` is the spec's expression as Python over the block's parameters; ``exact`` tells whether the value is that
    expression's, or was lowered from it (numbers of padding from ``same``).  ``role`` names the value where the spec does not,
    ``derived`` tells that it follows from the type of the input.  ``text`` is how the constructor writes it, once resolved.
    """

    role: str
    values: list[Any]
    default: object = REQUIRED
    formula: str | None = None
    exact: bool = False
    positional: bool = False
    derived: bool = False
    text: str = ""

    @property
    def constant(self) -> bool:
        present = [value for value in self.values if value is not ABSENT]
        return all(value == present[0] and type(value) is type(present[0]) for value in present)

    @property
    def constant_value(self) -> Any:
        return next(value for value in self.values if value is not ABSENT)


@dataclass(slots=True)
class Construct:
    """A constructor call: ``callee`` is a module type or a template, ``holes`` its arguments."""

    callee: "str | Template"
    holes: list[Hole]
    inits: tuple[tuple[str, Init], ...] = ()
    sources: tuple[TorchSource, ...] = ()


@dataclass(slots=True)
class Expression:
    """A Python expression over the inputs."""

    target: TorchExpr
    holes: list[Hole]


@dataclass(slots=True)
class Repeated:
    """``count`` parts of one class in sequence.

    ``first`` is written apart where it alone differs from the ``rest``; ``varying`` names the holes of ``rest`` that differ
    from iteration to iteration, whose values are tuples.
    """

    count: Hole
    first: Construct | None
    rest: Construct
    varying: list[Hole] = field(default_factory=list)


@dataclass(slots=True)
class Listed:
    """Parts in sequence that differ in structure."""

    parts: list["Construct | Repeated | Listed"]


Module = Construct | Repeated | Listed


@dataclass(slots=True)
class Piece:
    """One item of a template; ``guards`` are the keys of the conditionals that it stands under, outermost first."""

    key: Key
    path: tuple[str, ...]
    part: Module | Expression
    inputs: list[Ref]
    guards: tuple[Key, ...] = ()


@dataclass(slots=True)
class Conditional:
    """A guarded statement of a template: in which instances it is there, and the flow around it."""

    key: Key
    label: str
    present: Hole
    entry: Ref
    exit: Ref


@dataclass(slots=True)
class Argument:
    """An argument of a template's constructor, with its value in every instance; ``default`` is REQUIRED where it has none.

    ``parameter`` tells one that is named after a parameter of the block.
    """

    name: str
    values: list[Any]
    default: object = REQUIRED
    parameter: bool = False


@dataclass(slots=True)
class Template:
    """A class: its pieces in order, the instances that it serves, and its constructor's ``arguments`` once resolved.

    ``width`` is the name of the argument that gives the channels of its output, if one does.
    """

    definition: tuple[str, int]
    first: Instance
    name: str = ""
    instances: list[Instance] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    conditionals: list[Conditional] = field(default_factory=list)
    bodies: dict[tuple[str, ...], tuple[Ref, Ref]] = field(default_factory=dict)
    output: Ref = ("in", 0)
    arguments: list[Argument] = field(default_factory=list)
    width: str | None = None
    positions: dict[int, int] = field(default_factory=dict)


def plain(value: Any) -> Any:
    """A value as PyTorch code writes it: a pair of equal numbers is one number."""
    if isinstance(value, tuple) and len(value) == 2 and value[0] == value[1] and isinstance(value[0], int):
        return value[0]
    return value


# --- what must be equal for two instances to share a class ---------------------------------------------------------------------


def _signature(content: Content, templates: dict[int, Template]) -> Any:
    """The structure of an item without its numbers."""
    if isinstance(content, OpItem):
        target = content.target
        names = tuple(arg.name for arg in target.args)
        if isinstance(target, TorchModule):
            return ("module", target.type, names, content.inits)
        return ("expression", target.template, target.plain, names)
    if isinstance(content, CallItem):
        return ("call", id(templates[id(content.instance)]))
    inner = [_signature(element, templates) for element in content.elements]
    alike = inner[0][0] != "repeat" and all(each == inner[0] for each in inner)
    return ("repeat", inner[0]) if alike else ("list", tuple(inner))


def _fits(instance: Instance, first: Instance, templates: dict[int, Template]) -> bool:
    """Whether two instances differ in numbers and guards alone."""
    if len(instance.inputs) != len(first.inputs):
        return False
    ours, theirs = {item.key: item for item in instance.items}, {item.key: item for item in first.items}
    common = [key for key in theirs if key in ours]
    if [key for key in ours if key in theirs] != common:
        return False
    for key in common:
        if ours[key].path != theirs[key].path:
            return False
        if _signature(ours[key].content, templates) != _signature(theirs[key].content, templates):
            return False
    return (
        _explained([key for key in theirs if key not in ours], first, instance)
        and _explained([key for key in ours if key not in theirs], instance, first)
        and _flow(instance, first, common) == _flow(first, instance, common)
    )


def _explained(keys: Iterable[Key], having: Instance, lacking: Instance) -> bool:
    """Whether each of ``keys``, which only ``having`` has, stands under a guard that is false in ``lacking``."""
    guarded = guards_of(having)
    return all(any(_switched(site, having, lacking) for site in guarded.get(key, ())) for key in keys)


def _switched(site: Key, having: Instance, lacking: Instance) -> bool:
    """Whether a guard is true in one instance and false in the other, and what it guards is a step of a pipe."""
    ours, theirs = having.guards[site], lacking.guards.get(site)
    return ours.present and not ours.merged and theirs is not None and not theirs.present


def guards_of(instance: Instance) -> dict[Key, tuple[Key, ...]]:
    """The guards that each guarded item stands under, outermost first."""
    found: dict[Key, tuple[Key, ...]] = {}
    for site, guard in sorted(instance.guards.items(), key=lambda each: (each[1].nodes[0], -each[1].nodes[1])):
        first, last = guard.nodes
        for item in instance.items:
            if first <= item.position < last:
                found[item.key] = (*found.get(item.key, ()), site)
    return found


def _flow(instance: Instance, other: Instance, keys: Sequence[Key]) -> list[tuple[Ref, ...]]:
    """What the items ``keys`` take, and what leaves, once the statements that ``other`` lacks count as the identity."""
    refs = instance.refs()
    around: dict[Ref, Ref] = {}
    for site, guard in instance.guards.items():
        if _switched(site, instance, other) and guard.exit in refs and guard.entry in refs:
            around[refs[guard.exit]] = refs[guard.entry]

    def resolve(value: str) -> Ref:
        ref = refs[value]
        while around.get(ref, ref) != ref:
            ref = around[ref]
        return ref

    inputs = {item.key: item.inputs for item in instance.items}
    flow = [tuple(resolve(value) for value in inputs[key]) for key in keys]
    return [*flow, (resolve(instance.scope.exit),)] if instance.scope.exit in refs else flow


# --- building templates --------------------------------------------------------------------------------------------------------


class Planner:
    """Groups instances, inner ones first, so that an item that makes an object knows its class."""

    def __init__(self) -> None:
        self._by_definition: dict[tuple[str, int], list[Template]] = {}
        self._of: dict[int, Template] = {}

    def plan(self, network: Instance) -> Iterator[Template]:
        """All classes, those that others use before them; each is to be resolved before the next is asked for."""
        by_definition: dict[tuple[str, int], list[Instance]] = {}
        for instance in _inner_first(network):
            by_definition.setdefault(instance.definition, []).append(instance)
        for definition in _ordered(by_definition):
            for instance in by_definition[definition]:
                self._assign(instance)
            for template in self._by_definition[definition]:
                self._fill(template)
                yield template

    def _assign(self, instance: Instance) -> None:
        known = self._by_definition.setdefault(instance.definition, [])
        template = next((each for each in known if _fits(instance, each.first, self._of)), None)
        if template is None:
            template = Template(instance.definition, instance)
            known.append(template)
        elif len(instance.items) > len(template.first.items):
            template.first = instance
        template.positions[id(instance)] = len(template.instances)
        template.instances.append(instance)
        self._of[id(instance)] = template

    def _fill(self, template: Template) -> None:
        """The pieces of a template from its fullest instance, with the values of all."""
        first = template.first
        refs, guarded = first.refs(), guards_of(first)
        by_key = [{item.key: item for item in instance.items} for instance in template.instances]
        live = [site for site in first.guards if any(_switched(site, first, each) for each in template.instances)]
        for item in first.items:
            items = [each.get(item.key) for each in by_key]
            part = self._part([None if each is None else each.content for each in items])
            sites = tuple(site for site in guarded.get(item.key, ()) if site in live)
            template.pieces.append(Piece(item.key, item.path, part, [refs[value] for value in item.inputs], sites))
        for site in live:
            guard = first.guards[site]
            present = [each.guards[site].present if site in each.guards else ABSENT for each in template.instances]
            formula = _shared(each.guards[site].formula for each in template.instances if site in each.guards)
            hole = Hole(f"with_{guard.label}" if guard.label else "with_step", present, formula=formula, exact=True)
            template.conditionals.append(Conditional(site, guard.label, hole, refs[guard.entry], refs[guard.exit]))
        for path, entry, exit_ in first.bodies:
            if entry in refs and exit_ in refs:
                template.bodies[path] = (refs[entry], refs[exit_])
        if first.scope.exit in refs:
            template.output = refs[first.scope.exit]

    def _part(self, contents: Sequence[Content | None]) -> Module | Expression:
        content = next(each for each in contents if each is not None)
        if isinstance(content, OpItem):
            return _operator(contents, content)
        if isinstance(content, CallItem):
            return self._call(contents, content)
        return self._repeat(contents, content)

    def _call(self, contents: Sequence[Content | None], content: CallItem) -> Construct:
        callee = self._of[id(content.instance)]
        holes = []
        for argument in callee.arguments:
            values = [
                argument.values[callee.positions[id(each.instance)]] if isinstance(each, CallItem) else ABSENT for each in contents
            ]
            hole = Hole(argument.name, values, argument.default, derived=not argument.parameter)
            calls = [each.instance for each in contents if isinstance(each, CallItem)]
            hole.formula = _shared(_formula(argument, instance) for instance in calls)
            present = (value for value in values if value is not ABSENT)
            hole.exact = all(
                plain(instance.parameters.get(argument.name, ABSENT)) == value
                for instance, value in zip(calls, present, strict=True)
            )
            holes.append(hole)
        return Construct(callee, holes)

    def _repeat(self, contents: Sequence[Content | None], content: RepeatItem) -> Module:
        repeats = [each if isinstance(each, RepeatItem) else None for each in contents]
        if _signature(content, self._of)[0] == "list":
            parts = []
            for index in range(len(content.elements)):
                part = self._part([None if each is None else each.elements[index] for each in repeats])
                if not isinstance(part, Expression):
                    parts.append(part)
            return Listed(parts)
        counts = [ABSENT if each is None else len(each.elements) for each in repeats]
        origins = [each.scope.origins["count"].formula for each in repeats if each is not None]
        count = Hole("count", counts, formula=_shared(origins), exact=True)
        flat = [element for each in repeats if each is not None for element in each.elements]
        lengths = [0 if each is None else len(each.elements) for each in repeats]
        whole = self._part(flat)
        if not isinstance(whole, Construct):
            return Listed([])
        return _repeated(whole, count, lengths)


def _operator(contents: Sequence[Content | None], content: OpItem) -> Construct | Expression:
    target = content.target
    holes = []
    for position, arg in enumerate(target.args):
        values = [plain(each.target.args[position].value) if isinstance(each, OpItem) else ABSENT for each in contents]
        holes.append(_attribute_hole(arg, values, contents))
    if isinstance(target, TorchModule):
        return Construct(target.type, holes, content.inits, target.sources)
    return Expression(target, holes)


def _attribute_hole(arg: Arg, values: list[Any], contents: Sequence[Content | None]) -> Hole:
    hole = Hole(arg.name, values, plain(arg.default), positional=arg.positional, derived=arg.attribute is None)
    name = arg.attribute
    if name is not None:
        nodes = [each.node for each in contents if isinstance(each, OpItem)]
        hole.formula = _shared(node.origins[name].formula if name in node.origins else None for node in nodes)
        present = (value for value in values if value is not ABSENT)
        hole.exact = all(plain(getattr(node.op, name)) == value for node, value in zip(nodes, present, strict=True))
    return hole


def _formula(argument: Argument, instance: Instance) -> str | None:
    """How the text around ``instance`` writes an argument of its class."""
    if instance.scope.kind != "block":
        return argument.name if argument.parameter else None
    origin = instance.scope.origins.get(argument.name)
    return None if origin is None else origin.formula


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
        return Hole(hole.role, values, hole.default, hole.formula, hole.exact, hole.positional, hole.derived)

    cuts = [cut(hole) for hole in whole.holes]
    uniform = all(_equal(row) for rows in cuts for row in rows)
    if uniform:
        return Repeated(count, None, Construct(whole.callee, [scalar(hole, 0) for hole in whole.holes], whole.inits, whole.sources))
    if all(_equal(row[1:]) for rows in cuts for row in rows) and min(lengths) > 0 and max(lengths) > 1:
        first = Construct(whole.callee, [scalar(hole, 0) for hole in whole.holes], whole.inits, whole.sources)
        rest = Construct(whole.callee, [scalar(hole, 1) for hole in whole.holes], whole.inits, whole.sources)
        return Repeated(count, first, rest)
    varying, holes = [], []
    for hole, rows in zip(whole.holes, cuts, strict=True):
        if all(_equal(row) for row in rows):
            holes.append(scalar(hole, 0))
            continue
        each = Hole(hole.role, [tuple(row) if row else ABSENT for row in rows], hole.default, positional=hole.positional)
        varying.append(each)
        holes.append(each)
    return Repeated(count, None, Construct(whole.callee, holes, whole.inits, whole.sources), varying)


def _equal(values: Sequence[Any]) -> bool:
    return all(value == values[0] for value in values)


def _inner_first(instance: Instance) -> Iterator[Instance]:
    """Every instance inside ``instance``, then itself."""
    for item in instance.items:
        yield from _inside(item.content)
    yield instance


def _inside(content: Content) -> Iterator[Instance]:
    if isinstance(content, CallItem):
        yield from _inner_first(content.instance)
    elif isinstance(content, RepeatItem):
        for element in content.elements:
            yield from _inside(element)


def _ordered(by_definition: dict[tuple[str, int], list[Instance]]) -> list[tuple[str, int]]:
    """The definitions, each after all that its instances contain."""
    uses = {
        definition: {
            inner.definition for instance in instances for item in instance.items for inner in _inside(item.content)
        }
        for definition, instances in by_definition.items()
    }
    ordered: list[tuple[str, int]] = []
    while len(ordered) < len(uses):
        ordered += [each for each in uses if each not in ordered and uses[each] <= set(ordered)]
    return ordered


