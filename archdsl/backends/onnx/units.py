"""The graph cut into units: what becomes a function of the model, and which values pass its border.

A unit is a block call, an iteration of a repeat that is written in place, or a labelled body of the network itself.  All other
structure (merges, residuals, bodies inside a block) stays in the unit around it, as paths such as ``res.mix.b7``::

    top     a[0] = ResnetA(stem.relu, a.0.b1.conv.weight, …)
            a[1] = ResnetA(a[0].act, a.1.b1.conv.weight, …)
    ResnetA(in, b1.conv.weight, …)   b1 = cbr(in, b1.conv.weight, …) … act = Relu(res) -> act
"""

import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field

from archdsl.diagnostics import InternalError
from archdsl.ir import Graph, Node, Scope


@dataclass(eq=False, slots=True)
class Unit:
    """What one scope holds: operations and further units, in order; ``inputs`` and ``outputs`` are the paths of the values that
    enter and leave it, the one that flows in, or out, first.

    ``docs`` are the texts of structure that has no unit of its own, by the path of the value that it gives.
    """

    scope: Scope
    parts: list["Node | Unit"] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    docs: dict[str, list[str]] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What its function is called after: its block, or the label of the repeat or body."""
        label = re.sub(r"(\[\d+\])+$", "", self.scope.path).rpartition(".")[2]
        return self.scope.callee if self.scope.kind == "block" else label

    def below(self, path: str) -> str:
        """``path`` as seen from this unit; a merge that is a unit itself makes a value that has no label of its own."""
        own = self.scope.path
        if path == own:
            return f"{self.scope.callee}/out"
        return path[len(own) + 1 :] if own and path.startswith(f"{own}.") else path


def needed(graph: Graph, outputs: Iterable[str]) -> set[str]:
    """Paths of the nodes that these values are made of."""
    found = set(outputs)
    for node in reversed(graph.nodes):
        if node.path in found:
            found.update(node.inputs)
    return found


def cut(graph: Graph, outputs: Sequence[str], kept: Container[str], *, flat: bool) -> Unit:
    """The unit of the network, with all others inside it; only one where ``flat``.

    Nodes that are not ``kept`` are left out.  Raises :class:`InternalError` where the nodes of a unit do not stand together.
    """
    return _Cutter(graph, flat=flat).network(outputs, kept)


class _Cutter:
    def __init__(self, graph: Graph, *, flat: bool) -> None:
        self._graph = graph
        self._chains: list[tuple[int, ...]] = []
        """For each scope the units around it, outermost first."""
        for index, scope in enumerate(graph.scopes):
            around = () if scope.parent is None else self._chains[scope.parent]
            own = scope.parent is None or (not flat and _is_unit(scope, graph.scopes[scope.parent]))
            self._chains.append((*around, index) if own else around)
        self._units: dict[int, Unit] = {0: Unit(graph.scopes[0])}
        self._homes: dict[str, tuple[int, ...]] = {}
        self._entering: dict[int, dict[str, None]] = {}
        self._leaving: dict[int, dict[str, None]] = {}

    def network(self, outputs: Sequence[str], kept: Container[str]) -> Unit:
        for node in self._graph.nodes:
            if node.op.family == "input":
                self._homes[node.path] = (0,)
            elif node.path in kept:
                self._add(node)
        for value in outputs:
            self._cross(value, (0,))
        order = {path: position for position, path in enumerate(self._homes)}
        for index, unit in self._units.items():
            entry, exit_ = unit.scope.entry, unit.scope.exit
            unit.inputs = sorted(self._entering.get(index, ()), key=lambda path, first=entry: path != first)
            leaving = self._leaving.get(index, ())
            unit.outputs = sorted(leaving, key=lambda path, first=exit_: (path != first, order[path]))
        self._document()
        return self._units[0]

    def _add(self, node: Node) -> None:
        chain = self._chains[node.scope]
        unit = self._units[0]
        for index in chain[1:]:
            inner = self._units.get(index)
            if inner is None:
                inner = self._units[index] = Unit(self._graph.scopes[index])
                unit.parts.append(inner)
            elif unit.parts[-1] is not inner:
                raise InternalError(f"the parts of `{inner.scope.path}` do not stand together")
            unit = inner
        unit.parts.append(node)
        for value in node.inputs:
            self._cross(value, chain)
        self._homes[node.path] = chain

    def _cross(self, value: str, to: tuple[int, ...]) -> None:
        """Notes the borders that ``value`` passes on its way to a node in the units ``to``."""
        home = self._homes[value]
        if home == to:
            return
        shared = 0
        while shared < min(len(home), len(to)) and home[shared] == to[shared]:
            shared += 1
        for index in home[shared:]:
            self._leaving.setdefault(index, {})[value] = None
        for index in to[shared:]:
            self._entering.setdefault(index, {})[value] = None

    def _document(self) -> None:
        """Puts the texts of structure that is no unit beside the value that it gives, the innermost first."""
        for index in range(len(self._graph.scopes) - 1, 0, -1):
            scope, chain = self._graph.scopes[index], self._chains[index]
            unit = self._units.get(chain[-1])
            if scope.doc and chain[-1] != index and scope.exit != scope.entry and unit is not None:
                unit.docs.setdefault(scope.exit, []).append(scope.doc)


def _is_unit(scope: Scope, parent: Scope) -> bool:
    if scope.kind == "block" or (scope.kind == "body" and parent.parent is None):
        return True
    return parent.kind == "repeat" and scope.kind != "repeat"
