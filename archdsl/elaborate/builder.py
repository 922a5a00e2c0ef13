"""The graph under construction: every node is typed as it is added, so that every shape error has its line at hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from archdsl.diagnostics import ArchError, error
from archdsl.ir import Cost, Graph, Guard, Node, Op, Origin, Output, Scope, TensorType, Weight
from archdsl.ir.graph import ScopeKind
from archdsl.limits import Limits
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
        self.outputs: list[Output] = []
        self.guards: list[Guard] = []
        self.renames: dict[str, tuple[str, ...]] = {}
        self._scopes: list[Scope] = []
        self._limits = limits
        self._steps = 0
        self._facts: dict[tuple[Op, tuple[TensorType, ...]], Facts] = {}

    def facts(self, op: Op, inputs: Sequence[Node], span: Span) -> Facts:
        """What ``op`` gives for these inputs; raises :class:`~archdsl.ir.OpError` where it cannot take them."""
        types = tuple(each.type for each in inputs)
        facts = self._facts.get((op, types))
        if facts is None:
            output = op.infer(types)
            if max(output.shape) > self._limits.dimension:
                label = f"a size is beyond {self._limits.dimension}"
                raise error("E0305", f"a value of shape {output} is too large", span, label)
            facts = self._facts[(op, types)] = Facts(output, op.cost(types, output), op.weights(types))
        return facts

    def add(
        self, op: Op, inputs: Sequence[Node], path: str, scope: int, span: Span, origins: Mapping[str, Origin], facts: Facts
    ) -> Node:
        """A new node with the ``facts`` that hold of it."""
        if len(self.nodes) >= self._limits.nodes:
            raise too_large(len(self.nodes) + 1, self._limits.nodes, span)
        sources = tuple(each.path for each in inputs)
        node = Node(path, op, sources, facts.type, scope, span, facts.cost, facts.weights, origins)
        self.nodes.append(node)
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
    ) -> int:
        """The index of a new scope."""
        value = "" if entry is None else entry.path
        self._scopes.append(
            Scope(path, kind, callee, parent, span, definition, value, value, arguments or {}, origins or {}, doc)
        )
        return len(self._scopes) - 1

    def close(self, scope: int, exit_: Node | None) -> None:
        """Records the value that flows out of a scope."""
        if exit_ is not None and self._scopes[scope].exit != exit_.path:
            self._scopes[scope] = replace(self._scopes[scope], exit=exit_.path)

    def step(self, span: Span) -> None:
        """Counts one elaborated statement; raises E0505 beyond the limit."""
        self._steps += 1
        if self._steps > self._limits.steps:
            raise error("E0505", "the network takes too many statements", span, f"more than {self._limits.steps:,}")

    def graph(
        self, name: str, sources: tuple[Source, ...], arguments: Mapping[str, Any], about: Mapping[str, Any], doc: str
    ) -> Graph:
        """The finished graph."""
        return Graph(
            name,
            tuple(self.nodes),
            tuple(self._scopes),
            tuple(self.outputs),
            tuple(self.guards),
            sources,
            arguments,
            self.renames,
            about,
            doc,
        )


def too_large(count: int, limit: int, span: Span) -> ArchError:
    """The E0505 error for a network of at least ``count`` operations."""
    return error("E0505", f"the network is too large: at least {count:,} operations", span, f"the limit is {limit:,}")
