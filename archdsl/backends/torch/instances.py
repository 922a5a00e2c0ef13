"""The graph cut into class instances: what each block of the spec, each network and each iteration holds.

A block call, the network itself, and an iteration of a repeat whose step is written in place each become an object of a class of
their own.  Structure between them (merges, residuals, labelled bodies) stays inside, as attribute paths such as ``res.mix.b7``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from archdsl.ir import (
    Graph,
    Guard,
    Init,
    Node,
    Op,
    Scope,
    TensorType,
    TorchExpr,
    TorchSource,
    TorchTarget,
    Unsupported,
)

Key = tuple[str, int, int]
"""Which statement made an item: source path, offset, and how many times it was met before in the same instance."""

Ref = tuple[str, int] | Key
"""A value inside an instance: ``("in", n)`` for the n-th value from outside, or the key of the item that makes it."""


@dataclass(slots=True)
class OpItem:
    """An operator."""

    node: Node
    target: TorchTarget

    @property
    def inits(self) -> tuple[tuple[str, Init], ...]:
        return tuple((weight.name, weight.init) for weight in self.node.weights if weight.init is not None)


@dataclass(slots=True)
class CallItem:
    """An object of a class that the plan makes for ``instance``."""

    instance: "Instance"


@dataclass(slots=True)
class RepeatItem:
    """The iterations of a labelled repeat."""

    scope: Scope
    elements: list["OpItem | CallItem | RepeatItem"]


Content = OpItem | CallItem | RepeatItem


@dataclass(slots=True)
class Item:
    """A part of an instance: its attribute path below it, the values it takes, and the value it makes (a node path).

    ``channels`` is the width of that value, ``end`` the offset at which the statement ends that ``key`` begins, ``position``
    that of its first node in the graph.
    """

    key: Key
    path: tuple[str, ...]
    content: Content
    inputs: tuple[str, ...]
    value: str
    channels: int
    end: int
    position: int


@dataclass(slots=True)
class Instance:
    """One object: the scope it stands for, its items in order, and the values it takes from outside.

    ``channels`` is the width of the first of them, which is a ``vector`` or a map.  ``parameters`` are those of the block, or
    network, in whose text it stands.

    ``bodies`` are the labelled bodies in it: attribute path, entry and exit value.  ``definition`` tells which definition it is
    an instance of.
    """

    scope: Scope
    definition: tuple[str, int]
    items: list[Item] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    channels: int = 0
    vector: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)
    bodies: list[tuple[tuple[str, ...], str, str]] = field(default_factory=list)
    guards: dict[Key, Guard] = field(default_factory=dict)

    def refs(self) -> dict[str, Ref]:
        """Every value visible in this instance (by node path) as it is known inside."""
        known: dict[str, Ref] = {value: ("in", index) for index, value in enumerate(self.inputs)}
        known.update((item.value, item.key) for item in self.items)
        return known


class Cutter:
    """Walks the graph once and gives the instance of the network, with all others inside it.

    ``sources`` are then the classes and functions that its operators bring, by name, each after those that it needs.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._children: dict[int, list[int]] = {}
        for index, scope in enumerate(graph.scopes):
            if scope.parent is not None:
                self._children.setdefault(scope.parent, []).append(index)
        self._members: dict[int, list[Node]] = {}
        self._order: dict[str, int] = {}
        for position, node in enumerate(graph.nodes):
            self._members.setdefault(node.scope, []).append(node)
            self._order[node.path] = position
        self._guards: dict[int, list[Guard]] = {}
        self._guard_order: dict[int, int] = {}
        for position, guard in enumerate(graph.guards):
            self._guards.setdefault(guard.scope, []).append(guard)
            self._guard_order[id(guard)] = position
        self._first: dict[int, int] = {}
        self.sources: dict[str, TorchSource] = {}
        self._targets: dict[tuple[Op, tuple[TensorType, ...]], TorchTarget] = {}

    def network(self) -> Instance:
        """The network's instance."""
        instance = self._instance(0)
        instance.inputs = [node.path for node in self._graph.inputs]
        return instance

    def _instance(self, index: int) -> Instance:
        scope = self._graph.scopes[index]
        definition = scope.definition or scope.span
        instance = Instance(scope, (definition.source.path, definition.start))
        instance.parameters = self._parameters(index)
        prefix = len(scope.path) + 1 if scope.path else 0
        seen: dict[tuple[str, int], int] = {}
        for position, path, content in sorted(self._contents(index, prefix, instance, {}), key=lambda each: each[0]):
            item = self._item(position, path, content, seen)
            if item is not None:
                instance.items.append(item)
        instance.guards = dict(sorted(instance.guards.items(), key=lambda each: self._guard_order[id(each[1])]))
        made = {item.value for item in instance.items}
        outside = [scope.entry] if scope.entry else []
        for item in instance.items:
            outside += [value for value in item.inputs if value not in made]
        used = {value for item in instance.items for value in item.inputs} | {scope.exit}
        instance.inputs = [value for value in dict.fromkeys(outside) if value in used]
        if instance.inputs:
            entering = self._graph[instance.inputs[0]].type
            instance.channels, instance.vector = entering.channels, not entering.is_map
        return instance

    def _parameters(self, index: int) -> Mapping[str, Any]:
        scope = self._graph.scopes[index]
        while scope.kind not in ("block", "arch") and scope.parent is not None:
            scope = self._graph.scopes[scope.parent]
        return scope.arguments

    def _contents(
        self, index: int, prefix: int, instance: Instance, times: dict[tuple[str, int], int]
    ) -> Iterator[tuple[int, tuple[str, ...], Content]]:
        """Everything in a scope, and in the structure inside that has no class of its own: position, path, content.

        ``times`` counts how often each guarded statement was met.
        """
        for guard in self._guards.get(index, ()):
            site = (guard.span.source.path, guard.span.start)
            times[site] = times.get(site, 0) + 1
            instance.guards[(*site, times[site])] = guard
        for node in self._members.get(index, ()):
            if node.op.family != "input":
                yield self._order[node.path], _segments(node.path[prefix:]), self._op(node)
        for child in self._children.get(index, ()):
            scope = self._graph.scopes[child]
            path = _segments(scope.path[prefix:])
            if scope.kind == "block":
                yield self._position(child), path, CallItem(self._instance(child))
            elif scope.kind == "repeat":
                yield from self._repeat(child, path)
            else:
                if scope.kind == "body" and scope.exit != scope.entry:
                    instance.bodies.append((path, scope.entry, scope.exit))
                yield from self._contents(child, prefix, instance, times)

    def _repeat(self, index: int, path: tuple[str, ...]) -> Iterator[tuple[int, tuple[str, ...], Content]]:
        scope = self._graph.scopes[index]
        elements: list[Content] = [self._op(node) for node in self._members.get(index, ())]
        for child in self._children.get(index, ()):
            inner = self._graph.scopes[child]
            if inner.kind == "repeat":
                nested = list(self._repeat(child, path))
                if len(nested) != 1 or not isinstance(nested[0][2], RepeatItem):
                    yield from self._unrolled(index, path)
                    return
                elements.append(nested[0][2])
            else:
                elements.append(CallItem(self._instance(child)))
        if elements and _sequential(scope, elements):
            yield self._position(index), path, RepeatItem(scope, elements)
        else:
            yield from self._unrolled(index, path)

    def _unrolled(self, index: int, path: tuple[str, ...]) -> Iterator[tuple[int, tuple[str, ...], Content]]:
        """The parts of a repeat whose iterations are no chain, each on its own: ``a.0``, ``a.1``."""
        prefix = len(self._graph.scopes[index].path)
        for child in self._children.get(index, ()):
            below = (*path, *_segments(self._graph.scopes[child].path[prefix:].strip("[").rstrip("]").replace("][", ".")))
            if self._graph.scopes[child].kind == "repeat":
                yield from self._unrolled(child, below)
            else:
                yield self._position(child), below, CallItem(self._instance(child))
        for node in self._members.get(index, ()):
            yield self._order[node.path], (*path, node.path[prefix:].strip("[]")), self._op(node)

    def _op(self, node: Node) -> OpItem:
        types = self._graph.types(node.inputs)
        target = self._targets.get((node.op, types))
        if target is None:
            target = self._targets[(node.op, types)] = node.op.torch(types, node.type)
            for source in target.sources:
                self._collect(source)
        return OpItem(node, target)

    def _collect(self, source: TorchSource) -> None:
        """Adds what an operator brings to ``sources``, after what it needs itself."""
        known = self.sources.get(source.name)
        if known is None:
            for need in source.needs:
                self._collect(need)
            self.sources[source.name] = source
        elif known.text != source.text:
            raise Unsupported(f"two operators bring different sources named `{source.name}`")

    def _position(self, index: int) -> int:
        """Where a scope's first node stands; scopes without nodes go to the end and are dropped."""
        found = self._first.get(index)
        if found is None:
            own = [self._order[node.path] for node in self._members.get(index, ())[:1]]
            inner = [self._position(child) for child in self._children.get(index, ())]
            found = self._first[index] = min([*own, *inner], default=len(self._graph.nodes))
        return found

    def _item(self, position: int, path: tuple[str, ...], content: Content, seen: dict[tuple[str, int], int]) -> Item | None:
        if isinstance(content, OpItem):
            span, inputs, value = content.node.span, content.node.inputs, content.node.path
        else:
            scope = content.scope if isinstance(content, RepeatItem) else content.instance.scope
            if scope.exit == scope.entry or position == len(self._graph.nodes):
                return None  # nothing in it acts on the flow
            span, value = scope.span, scope.exit
            inputs = tuple(_inputs(content))
        site = (span.source.path, span.start)
        seen[site] = seen.get(site, 0) + 1
        channels = self._graph[value].type.channels
        return Item((*site, seen[site]), path, content, inputs, value, channels, span.end, position)


def _inputs(content: Content) -> list[str]:
    """The values that an item takes from outside itself, its entry first."""
    if isinstance(content, OpItem):
        return list(content.node.inputs)
    if isinstance(content, CallItem):
        return content.instance.inputs
    return _inputs(content.elements[0])


def element_value(content: Content) -> str:
    """The node path of the value that an item makes."""
    if isinstance(content, OpItem):
        return content.node.path
    return content.scope.exit if isinstance(content, RepeatItem) else content.instance.scope.exit


def _sequential(scope: Scope, contents: list[Content]) -> bool:
    """Whether every iteration is a module that takes the value of the one before it, and beside it what all others take."""
    value = scope.entry
    others = _inputs(contents[0])[1:]
    for content in contents:
        if isinstance(content, OpItem) and isinstance(content.target, TorchExpr):
            return False
        if _inputs(content) != [value, *others] or (others and isinstance(content, RepeatItem)):
            return False
        value = element_value(content)
    return True


def _segments(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))
