"""The graph under construction: every node is typed as it is added, so that every shape error has its line at hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from archdsl.diagnostics import Label, error
from archdsl.elaborate.environment import Value
from archdsl.elaborate.size import Size, too_large
from archdsl.ir import Cost, Graph, Guard, Node, Op, Origin, Output, Scope, TensorType, Weight
from archdsl.ir.graph import ScopeKind
from archdsl.limits import Limits
from archdsl.ops import build
from archdsl.source import Source, Span


@dataclass(frozen=True, slots=True)
class Facts:
    """What an operator says of given inputs."""

    type: TensorType
    cost: Cost
    weights: tuple[Weight, ...]


class Builder:
    """Nodes, scopes, guards and outputs in the order in which they are elaborated."""

    def __init__(self, limits: Limits) -> None:
        self.nodes: list[Node] = []
        self.guards: list[Guard] = []
        self.renames: dict[str, tuple[str, ...]] = {}
        self._outputs: dict[str, Output] = {}
        self.scopes: list[Scope] = []
        self._limits = limits
        self._steps = 0
        self._ops: dict[object, Op] = {}
        self._facts: dict[tuple[int, tuple[TensorType, ...]], tuple[Op, Facts]] = {}
        self._doubtful: set[str] = set()
        self.stand_ins: list[Node] = []
        self._asides = 0

    def built(self, operator: type[Op], attributes: Mapping[str, Value]) -> Op:
        """The operator with these attributes, one object for equal ones; raises :class:`~archdsl.ir.OpError`."""
        key = (operator, *((name, _kind(value), value) for name, value in attributes.items()))
        op = self._ops.get(key)
        if op is None:
            op = self._ops[key] = build(operator, attributes)
        return op

    def facts(self, op: Op, inputs: Sequence[Node], span: Span) -> Facts:
        """What ``op`` gives for these inputs; raises :class:`~archdsl.ir.OpError` where it cannot take them."""
        types = tuple(each.type for each in inputs)
        known = self._facts.get((id(op), types))
        if known is not None:
            return known[1]
        output = op.infer(types)
        if max(output.shape) > self._limits.dimension:
            label = f"a size is beyond {self._limits.dimension}"
            raise error("E0305", f"a value of shape {output} is too large", span, label)
        facts = Facts(output, op.cost(types, output), op.weights(types))
        self._facts[(id(op), types)] = (op, facts)  # the operator is kept, so that no other gets its `id`
        return facts

    def add(
        self, op: Op, inputs: Sequence[Node], path: str, scope: int, span: Span, origins: Mapping[str, Origin], facts: Facts
    ) -> Node:
        """A new node with the ``facts`` that hold of it."""
        if len(self.nodes) >= self._limits.nodes:
            raise too_large(Size(len(self.nodes) + 1), self._limits, span)
        sources = tuple(each.path for each in inputs)
        if self._doubtful and not self._doubtful.isdisjoint(sources):
            self._doubtful.add(path)
        node = Node(path, op, sources, facts.type, scope, span, facts.cost, facts.weights, origins)
        self.nodes.append(node)
        return node

    def doubtful(self, *values: Node | None) -> bool:
        """Whether the type of any of these follows from a guess."""
        return bool(self._doubtful) and any(each is not None and each.path in self._doubtful for each in values)

    def aside(self, path: str) -> str:
        """A path that no node or scope has, for what follows from a second use of ``path``."""
        self._asides += 1
        return f"{path}?{self._asides}"

    def stand_in(self, value: Node, type_: TensorType, *, doubtful: bool) -> Node:
        """A value of type ``type_`` in the place of ``value`` for what follows a fault; no node of the graph."""
        node = replace(value, path=f"{value.path.partition('?')[0]}?{len(self.stand_ins)}", type=type_, inputs=(value.path,))
        self.stand_ins.append(node)
        if doubtful:
            self._doubtful.add(node.path)
        return node

    def open(
        self,
        path: str,
        kind: ScopeKind,
        callee: str,
        parent: int | None,
        span: Span,
        *,
        entry: Node | None,
        definition: Span | None = None,
        arguments: Mapping[str, Any] | None = None,
        origins: Mapping[str, Origin] | None = None,
        doc: str = "",
        defaults: Mapping[str, Origin] | None = None,
    ) -> int:
        """The index of a new scope."""
        value = "" if entry is None else entry.path
        self.scopes.append(
            Scope(path, kind, callee, parent, span, definition, value, value, arguments or {}, origins or {}, doc, defaults or {})
        )
        return len(self.scopes) - 1

    def close(self, scope: int, exit_: Node | None) -> None:
        """Records the value that flows out of a scope."""
        if exit_ is not None and self.scopes[scope].exit != exit_.path:
            self.scopes[scope] = replace(self.scopes[scope], exit=exit_.path)

    def output(self, output: Output) -> None:
        """Adds an output; raises E0202 where its name is taken."""
        first = self._outputs.setdefault(output.name, output)
        if first is not output:
            where = Label(first.span, "first here")
            raise error("E0202", f"two outputs `{output.name}`", output.span, "named again", secondary=[where])

    def step(self, span: Span) -> None:
        """Counts one elaborated statement; raises E0505 beyond the limit."""
        self._steps += 1
        if self._steps > self._limits.steps:
            raise too_large(Size(0, self._steps), self._limits, span)

    def graph(
        self, name: str, sources: tuple[Source, ...], arguments: Mapping[str, Any], about: Mapping[str, Any], doc: str
    ) -> Graph:
        """The finished graph."""
        return Graph(
            name,
            tuple(self.nodes),
            tuple(self.scopes),
            tuple(self._outputs.values()),
            tuple(self.guards),
            sources,
            arguments,
            self.renames,
            about,
            doc,
        )


def _kind(value: Value) -> object:
    """What tells values apart that Python takes for equal: 1, 1.0 and `true`."""
    return tuple(map(type, value)) if isinstance(value, tuple) else value.__class__
