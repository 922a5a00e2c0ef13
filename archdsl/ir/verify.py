"""The verifier: what must hold of every graph, after elaboration and after every pass."""

from archdsl.diagnostics import InternalError
from archdsl.ir.graph import Graph, Node
from archdsl.ir.op import OpError
from archdsl.ir.types import TensorType

_Claim = tuple[int, tuple[TensorType, ...], TensorType, int, int]
"""What a node says of itself: operator, types of its inputs, its type, weights, cost (by `id`: the graph keeps them alive)."""


def verify(graph: Graph) -> Graph:
    """The graph itself, once it is known to be sound; a graph that is not raises :class:`InternalError`.

    Sound: paths unique, every input defined before its use (hence no cycle), arity within the operator's bounds, every type,
    weight and cost what the operator says of its inputs, every scope and guard inside the graph, outputs named once and present.
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
    for index, scope in enumerate(graph.scopes):
        if (scope.parent is None) != (index == 0) or (scope.parent is not None and not 0 <= scope.parent < index):
            raise InternalError(f"scope `{scope.path}` does not come after its parent")
        for value in (scope.entry, scope.exit):
            if value and value not in paths:
                raise InternalError(f"scope `{scope.path}` refers to `{value}`, which does not exist")
    for guard in graph.guards:
        first, last = guard.nodes
        if not 0 <= first <= last <= len(graph.nodes) or not 0 <= guard.scope < len(graph.scopes):
            raise InternalError(f"the guard of `{guard.label}` lies outside the graph")
    names = [output.name for output in graph.outputs]
    if not names or len(set(names)) != len(names):
        raise InternalError("outputs must be named once each")
    for output in graph.outputs:
        if output.node not in paths:
            raise InternalError(f"output `{output.name}` refers to `{output.node}`, which does not exist")
