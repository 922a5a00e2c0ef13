"""The verifier: what must hold of every graph, after elaboration and after every pass."""

from collections.abc import Mapping

from archdsl.diagnostics import InternalError
from archdsl.ir.graph import Graph, Guard, Node
from archdsl.ir.op import OpError
from archdsl.ir.types import TensorType

_Claim = tuple[int, tuple[TensorType, ...], TensorType, int, int]
"""What a node says of itself: operator, types of its inputs, its type, weights, cost (by `id`: the graph keeps them alive)."""


def verify(graph: Graph) -> Graph:
    """The graph itself, once it is known to be sound; a graph that is not raises :class:`InternalError`.

    Sound: paths unique, every input defined before its use (hence no cycle), arity within the operator's bounds, every type,
    weight and cost what the operator says of its inputs, outputs named once and present.  Scopes nest as their paths do, nodes
    lie in them by their paths, and what leaves a scope is its exit; guards stand around nodes of their scope.  All is used.
    """
    seen: set[str] = set()
    sound: set[_Claim] = set()
    for node in graph.nodes:
        if node.path in seen:
            raise InternalError(f"two nodes at `{node.path}`")
        missing = [each for each in node.inputs if each not in seen]
        if missing:
            raise InternalError(f"`{node.path}` takes `{missing[0]}`, which is not defined before it")
        seen.add(node.path)
        if not 0 <= node.scope < len(graph.scopes):
            raise InternalError(f"`{node.path}` is in a scope that does not exist")
        _verify_op(node, graph.types(node.inputs), sound)
    _verify_structure(graph, seen)
    return graph


def _verify_op(node: Node, types: tuple[TensorType, ...], sound: set[_Claim]) -> None:
    """Holds where type, weights and cost are what the operator says; ``sound`` are the claims already found to be true."""
    claim = (id(node.op), types, node.type, id(node.weights), id(node.cost))
    if claim in sound:
        return
    path = node.path
    fewest, most = node.op.inputs
    if len(types) < fewest or (most is not None and len(types) > most):
        raise InternalError(f"`{path}` has {len(types)} inputs")
    try:
        inferred = node.op.infer(types)
    except OpError as fault:
        raise InternalError(f"`{path}`: {fault}") from fault
    if inferred != node.type:
        raise InternalError(f"`{path}` is typed {node.type}, its operator gives {inferred}")
    if node.op.weights(types) != node.weights:
        raise InternalError(f"`{path}` does not have the weights of its operator")
    if node.op.cost(types, node.type) != node.cost:
        raise InternalError(f"`{path}` does not have the cost of its operator")
    sound.add(claim)


def _verify_structure(graph: Graph, paths: set[str]) -> None:
    place = {node.path: index for index, node in enumerate(graph.nodes)}
    _verify_tree(graph)
    first = _first_nodes(graph)
    for index, scope in enumerate(graph.scopes):
        for value in (scope.entry, scope.exit):
            if (value or index) and value not in paths:
                raise InternalError(f"scope `{scope.path}` refers to `{value}`, which does not exist")
        if index and index in first and place[scope.entry] >= first[index]:
            raise InternalError(f"what enters scope `{scope.path}` is made in it or after it")
    for node in graph.nodes:
        for path in node.inputs:
            _verify_way(graph, graph[path], node)
    for guard in graph.guards:
        _verify_guard(graph, guard, place)
    names = [output.name for output in graph.outputs]
    if not names or len(set(names)) != len(names):
        raise InternalError("outputs must be named once each")
    for output in graph.outputs:
        if output.node not in paths:
            raise InternalError(f"output `{output.name}` refers to `{output.node}`, which does not exist")
    used = {output.node for output in graph.outputs}.union(*(node.inputs for node in graph.nodes))
    idle = [node.path for node in graph.nodes if node.path not in used]
    if idle:
        raise InternalError(f"nothing uses the value of `{idle[0]}`")


def _verify_tree(graph: Graph) -> None:
    """Holds where scopes nest as their paths do, and every node is in the innermost one that its path lies in."""
    known: dict[str, int] = {}
    for index, scope in enumerate(graph.scopes):
        if (scope.parent is None) != (index == 0) or (scope.parent is not None and not 0 <= scope.parent < index):
            raise InternalError(f"scope `{scope.path}` does not come after its parent")
        if scope.path in known or bool(scope.path) != bool(index):
            raise InternalError(f"two scopes at `{scope.path}`")
        known[scope.path] = index
        told = type(scope.arguments.get("count")) is int and "count" in scope.origins
        if scope.kind == "repeat" and not told:
            raise InternalError(f"`{scope.path}` repeats, and does not say how often, or from where it has that")
    for scope in graph.scopes[1:]:
        if _around(scope.path, known, within=True) != scope.parent:
            raise InternalError(f"scope `{scope.path}` does not lie in its parent")
    for node in graph.nodes:
        if _around(node.path, known) != node.scope:
            raise InternalError(f"`{node.path}` does not lie in its scope")


def _around(path: str, scopes: Mapping[str, int], *, within: bool = False) -> int:
    """The innermost of ``scopes`` that ``path`` lies in, or, unless it is to be ``within`` that, is the path of."""
    ends = [end for end in range(1, len(path)) if path[end] in ".["]
    found = [path[:end] for end in ends] if within else [*(path[:end] for end in ends), path]
    return next((scopes[each] for each in reversed(found) if each in scopes), 0)


def _first_nodes(graph: Graph) -> dict[int, int]:
    """For each scope with nodes in it, which is the first of them."""
    found: dict[int, int] = {}
    for place, node in enumerate(graph.nodes):
        index: int | None = node.scope
        while index is not None and index not in found:
            found[index] = place
            index = graph.scopes[index].parent
    return found


def _verify_way(graph: Graph, source: Node, node: Node) -> None:
    """Holds where the value of ``source`` gets to ``node`` as what leaves each scope that holds the former only."""
    if source.scope == node.scope:
        return
    inside: int | None = node.scope
    around = set()
    while inside is not None:
        around.add(inside)
        inside = graph.scopes[inside].parent
    index = source.scope
    while index not in around:
        scope = graph.scopes[index]
        if scope.exit != source.path:
            raise InternalError(f"`{node.path}` takes `{source.path}` out of scope `{scope.path}`, which gives another value")
        index = scope.parent or 0


def _verify_guard(graph: Graph, guard: Guard, place: Mapping[str, int]) -> None:
    """Holds where a guard stands in a scope, between the values that it names, around nodes of that scope if it is present."""
    first, last = guard.nodes
    inside = 0 <= first <= last <= len(graph.nodes) and 0 <= guard.scope < len(graph.scopes)
    if not inside or not all(_is_in(graph, node.scope, guard.scope) for node in graph.nodes[first:last]):
        raise InternalError(f"the guard of `{guard.label}` lies outside the graph, or its nodes outside its scope")
    for value in (guard.entry, guard.exit):
        if value not in place:
            raise InternalError(f"the guard of `{guard.label}` refers to `{value}`, which does not exist")
    if place[guard.entry] >= first or place[guard.exit] >= max(last, first):
        raise InternalError(f"the guard of `{guard.label}` refers to what comes after it")
    if not guard.present and (first != last or guard.entry != guard.exit):
        raise InternalError(f"the guard of `{guard.label}` does not hold, and lets something be made")


def _is_in(graph: Graph, scope: int | None, outer: int) -> bool:
    """Whether ``scope`` is ``outer`` or lies in it."""
    while scope is not None and scope > outer:
        scope = graph.scopes[scope].parent
    return scope == outer
