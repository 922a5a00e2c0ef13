"""Depth as the literature counts it.

``depth(v) = layer(v) + max(depth(u) for u -> v)``, where ``layer`` is 1 for convolutions and fully connected layers and 0
for the rest: ResNet-50 has fifty on its longest path, its projection shortcuts beside them do not add.
"""

from collections.abc import Set as AbstractSet

from archdsl.ir import Graph


def depth(graph: Graph, needed: AbstractSet[str]) -> int:
    """The most layers on any path of the graph through nodes of ``needed`` only; 0 where there are none."""
    longest: dict[str, int] = {}
    for node in graph.nodes:
        if node.path in needed:
            before = max((longest.get(each, 0) for each in node.inputs), default=0)
            longest[node.path] = before + node.op.counts_as_layer
    return max(longest.values(), default=0)
