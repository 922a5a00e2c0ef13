"""Residuals as the graph shows them, however they are written: ``sum = shortcut + factor * body``.

Both roads begin at one value, the ``entry``.  The shortcut is that value itself, or what a few operators without an activation
make of it (a projection, pooling, zero channels); the body holds more layers than the shortcut does.

Two sums that look alike are none of these.  Parallel branches (``conv(x) + conv(x)``) are equals: neither has more layers.
And where the body leaves for a smaller map and comes back to a larger one, the sum joins an encoder with a decoder.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from archdsl.analysis.lints.uses import Uses
from archdsl.ir import Node

_LONGEST_SHORTCUT = 8  # operators
_LARGEST_BODY = 128  # operators; also keeps the search linear in the size of the graph
_MOST_CANDIDATES = 4  # terms of a sum that are tried as its shortcut


@dataclass(frozen=True, slots=True)
class Residual:
    """A sum of the value ``shortcut`` and ``factor`` times the value ``body``, both made of the value ``entry``."""

    sum: Node
    entry: Node
    shortcut: Node
    body: Node
    factor: float
    begins: tuple[Node, ...]
    """The operators of the body that read ``entry``."""

    @property
    def is_identity(self) -> bool:
        """Whether the shortcut passes its value on unchanged."""
        return self.shortcut is self.entry


def residuals(uses: Uses) -> tuple[Residual, ...]:
    """Every residual of the graph, one for each body of each sum."""
    return tuple(found for node in uses.graph.nodes if len(node.inputs) > 1 for found in _of_sum(uses, node))


def _of_sum(uses: Uses, node: Node) -> Iterator[Residual]:
    factors = node.op.terms(uses.types(node))
    if factors is None:
        return
    terms = uses.entering(node)
    candidates = sorted(terms, key=lambda term: uses.index[term.path])[:_MOST_CANDIDATES]
    for shortcut in candidates:
        found = False
        for term, factor in zip(terms, factors, strict=True):
            road = None if term is shortcut else _road(uses, shortcut, term)
            if road is not None:
                entry, begins = road
                yield Residual(node, entry, shortcut, term, factor, begins)
                found = True
        if found:
            return


def _road(uses: Uses, shortcut: Node, body: Node) -> tuple[Node, tuple[Node, ...]] | None:
    """Where the roads to ``shortcut`` and ``body`` part, and which operators of the body begin there."""
    layers = 0
    entry: Node | None = shortcut
    for _ in range(_LONGEST_SHORTCUT):
        if entry is None:
            return None
        between = _between(uses, entry, body)
        if between is not None:
            if sum(node.op.counts_as_layer for node in between) <= layers or any(_enlarges(uses, node) for node in between):
                return None
            return entry, tuple(node for node in between if entry.path in node.inputs)
        layers += entry.op.counts_as_layer
        entry = _before(uses, entry)
    return None


def _before(uses: Uses, node: Node) -> Node | None:
    """The value that a shortcut which ends in ``node`` comes from; None where it cannot be a shortcut."""
    if len(node.inputs) != 1 or node.op.family == "activation":
        return None
    return uses.graph[node.inputs[0]]


def _between(uses: Uses, entry: Node, end: Node) -> list[Node] | None:
    """The operators from ``entry`` to ``end``, with those beside the way; None where there is no way, or a very long one."""
    floor = uses.index[entry.path]
    if uses.index[end.path] <= floor:
        return None
    found = {end.path: end}
    waiting = [end]
    reached = False
    while waiting:
        for path in waiting.pop().inputs:
            if path == entry.path:
                reached = True
            elif path not in found and uses.index[path] > floor:
                if len(found) == _LARGEST_BODY:
                    return None
                found[path] = uses.graph[path]
                waiting.append(found[path])
    return list(found.values()) if reached else None


def _enlarges(uses: Uses, node: Node) -> bool:
    """Whether ``node`` makes a map at least twice as high and wide."""
    if len(node.inputs) != 1 or not node.type.is_map:
        return False
    (entering,) = uses.types(node)
    return entering.is_map and all(2 * old <= new for old, new in zip(entering.spatial, node.type.spatial, strict=True))
