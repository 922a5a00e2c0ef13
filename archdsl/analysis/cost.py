"""Costs of every node, every named scope and the whole network.

A scope costs the sum of the nodes inside it, so that cost is additive over scopes.  The total counts what the main outputs
need; the heads that only auxiliary outputs need come on top of it in ``with_aux``.
"""

from collections.abc import Iterable

from archdsl.analysis.depth import depth
from archdsl.ir import Cost, Graph, Node, Report, Row, Scope
from archdsl.ir.cost import ZERO


def report(graph: Graph) -> Report:
    """Shape and cost of every node and named scope, in the order of the graph, with totals; linear in the graph's size."""
    main = needed(graph, (output.node for output in graph.outputs if not output.auxiliary))
    with_aux = None
    if any(output.auxiliary for output in graph.outputs):
        both = needed(graph, (output.node for output in graph.outputs))
        with_aux = total(node for node in graph.nodes if node.path in both)
    levels = _levels(graph.scopes)
    return Report(
        network=graph.name,
        inputs={node.path: node.type.shape for node in graph.inputs},
        outputs={output.name: graph[output.node].type.shape for output in graph.outputs},
        total=total(node for node in graph.nodes if node.path in main),
        depth=depth(graph, main),
        with_aux=with_aux,
        scopes=_scope_rows(graph, levels),
        nodes=tuple(Row(node.path, node.op.keyword, node.type.shape, node.cost, levels[node.scope][1]) for node in graph.nodes),
    )


def needed(graph: Graph, values: Iterable[str]) -> set[str]:
    """Paths of all nodes on which any of ``values`` depends, themselves included."""
    found = set(values)
    pending = list(found)
    while pending:
        for each in graph[pending.pop()].inputs:
            if each not in found:
                found.add(each)
                pending.append(each)
    return found


def total(nodes: Iterable[Node]) -> Cost:
    """The sum of the costs of ``nodes``."""
    result = ZERO
    for node in nodes:
        result += node.cost
    return result


def _levels(scopes: tuple[Scope, ...]) -> list[tuple[bool, int]]:
    """For each scope, whether it has a row of its own, and how many rows enclose what lies inside it.

    A scope without a label adds no segment to the path, so that it bears the path of the scope around it and is one with it.
    """
    levels: list[tuple[bool, int]] = []
    for scope in scopes:
        if scope.parent is None:
            levels.append((False, 0))
            continue
        named = bool(scope.path) and scope.path != scopes[scope.parent].path
        levels.append((named, levels[scope.parent][1] + named))
    return levels


def _scope_rows(graph: Graph, levels: list[tuple[bool, int]]) -> tuple[Row, ...]:
    """A row for each named scope; costs flow from children to parents, which stand before them."""
    costs = [ZERO] * len(graph.scopes)
    counts = [0] * len(graph.scopes)
    for node in graph.nodes:
        costs[node.scope] += node.cost
        counts[node.scope] += 1
    for index in range(len(graph.scopes) - 1, 0, -1):
        parent = graph.scopes[index].parent
        if parent is not None:
            costs[parent] += costs[index]
            counts[parent] += counts[index]
    return tuple(
        Row(scope.path, _kind(scope), _out(graph, scope), costs[index], levels[index][1] - 1, counts[index])
        for index, scope in enumerate(graph.scopes)
        if levels[index][0]
    )


def _kind(scope: Scope) -> str:
    """What a scope is, for a reader: the name of what was called, else the sort of structure; what a repeat repeats is inside."""
    return scope.kind if scope.kind == "repeat" or not scope.callee else scope.callee


def _out(graph: Graph, scope: Scope) -> tuple[int, ...]:
    return graph[scope.exit].type.shape if scope.exit else ()
