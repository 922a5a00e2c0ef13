"""The verifier against graphs that are wrong in one place, and the dump."""

from dataclasses import replace

import pytest

import archdsl
from archdsl.diagnostics import InternalError
from archdsl.ir import Cost, Graph, TensorType, Weight, dump, fingerprint, show, verify
from archdsl.ops import BY_KEYWORD, build
from archdsl.source import Source

SPEC = """
arch net() {
  input image: [N, 3, 8, 8]
  a: repeat 2 { c: conv(4, 3x3, bias=false); relu if in.c > 3 }
  m: concat { {}; b: conv(4, 3x3, bias=false) }
  side { output early }
  output y
}
"""


@pytest.fixture
def graph():
    return archdsl.load(Source("net.arch", SPEC)).graph


def changed(graph, at, **fields):
    """``graph`` with fields of one node changed."""
    return replace(graph, nodes=tuple(replace(node, **fields) if node.path == at else node for node in graph.nodes))


def scoped(graph, at, **fields):
    """The scopes of ``graph`` with fields of one changed."""
    return tuple(replace(scope, **fields) if scope.path == at else scope for scope in graph.scopes)


def test_a_sound_graph_is_given_back(graph):
    assert verify(graph) is graph


@pytest.mark.parametrize(
    "path, fields, words",
    [
        ("m", {"type": TensorType((9, 8, 8))}, "is typed"),
        ("m", {"type": TensorType((8, 8, 8), "float16")}, "is typed"),
        ("m", {"inputs": ()}, "has 0 inputs"),
        ("m", {"inputs": ("a[1].relu", "nowhere")}, "not defined before it"),
        ("m", {"inputs": ("m",)}, "not defined before it"),
        ("a[1].c", {"inputs": ("m",)}, "not defined before it"),
        ("a[1].c", {"inputs": ("a[0].c", "a[0].c")}, "has 2 inputs"),
        ("a[1].c", {"inputs": ("image",)}, "weights"),
        ("a[1].c", {"cost": Cost()}, "cost"),
        ("a[1].c", {"weights": ()}, "weights"),
        ("a[1].c", {"weights": (Weight("weight", (4, 4, 3, 5), "kernel"),)}, "weights"),
        ("a[1].c", {"op": build(BY_KEYWORD["conv"], {"channels": 5, "kernel": 3, "bias": False})}, "is typed"),
        ("a[1].c", {"op": build(BY_KEYWORD["conv"], {"channels": 4, "kernel": 3, "bias": True})}, "weights"),
        ("a[1].c", {"op": build(BY_KEYWORD["conv"], {"channels": 4, "kernel": 9, "pad": "valid"})}, "does not fit"),
        ("a[1].c", {"path": "a[0].c"}, "two nodes at"),
        ("a[1].c", {"scope": 99}, "scope that does not exist"),
    ],
)
def test_a_node_that_is_wrong_is_noticed(graph, path, fields, words):
    with pytest.raises(InternalError, match=words):
        verify(changed(graph, path, **fields))


def test_an_operator_that_was_right_once_is_not_taken_on_trust(graph):
    """The second of two nodes with one operator and equal inputs lies."""
    spec = SPEC.replace("repeat 2 {", "repeat 3 {")
    twins = archdsl.load(Source("net.arch", spec)).graph
    assert twins["a[1].c"].op is twins["a[2].c"].op
    for fields in ({"cost": replace(graph["m.b"].cost, mac=1)}, {"weights": ()}, {"type": TensorType((4, 8, 9))}):
        with pytest.raises(InternalError):
            verify(changed(twins, "a[2].c", **fields))


@pytest.mark.parametrize(
    "fields, words",
    [
        (lambda graph: {"outputs": ()}, "outputs"),
        (lambda graph: {"outputs": graph.outputs * 2}, "outputs"),
        (lambda graph: {"outputs": (replace(graph.outputs[0], node="nowhere"),)}, "does not exist"),
        (lambda graph: {"guards": (replace(graph.guards[0], nodes=(0, 99)),)}, "outside the graph"),
        (lambda graph: {"guards": (replace(graph.guards[0], nodes=(3, 2)),)}, "outside the graph"),
        (lambda graph: {"guards": (replace(graph.guards[0], scope=99),)}, "outside the graph"),
        (lambda graph: {"scopes": (graph.scopes[0], replace(graph.scopes[1], parent=1), *graph.scopes[2:])}, "after its parent"),
        (lambda graph: {"scopes": (graph.scopes[0], replace(graph.scopes[1], exit="x"), *graph.scopes[2:])}, "does not exist"),
        (lambda graph: {"scopes": (replace(graph.scopes[0], parent=0), *graph.scopes[1:])}, "after its parent"),
        (lambda graph: {"scopes": scoped(graph, "a", exit="a[0].c")}, "which gives another value"),
        (lambda graph: {"scopes": scoped(graph, "a", entry="a[0].c")}, "made in it or after it"),
        (lambda graph: {"scopes": scoped(graph, "a", entry="")}, "does not exist"),
        (lambda graph: {"scopes": scoped(graph, "a", arguments={})}, "does not say how often"),
        (lambda graph: {"scopes": scoped(graph, "a", origins={})}, "does not say how often"),
        (lambda graph: {"scopes": scoped(graph, "a", path="m")}, "two scopes at"),
        (lambda graph: {"scopes": scoped(graph, "a[1]", path="b[1]")}, "does not lie in its parent"),
        (lambda graph: {"scopes": scoped(graph, "a[1]", path="a[2]")}, "does not lie in its scope"),
        (lambda graph: {"guards": (replace(graph.guards[0], entry="nowhere"),)}, "does not exist"),
        (lambda graph: {"guards": (replace(graph.guards[0], exit="m"),)}, "comes after it"),
        (lambda graph: {"guards": (replace(graph.guards[0], scope=1, nodes=(0, 1)),)}, "outside its scope"),
        (lambda graph: {"guards": (replace(graph.guards[0], present=True, exit="m"),)}, "comes after it"),
        (lambda graph: {"guards": (replace(graph.guards[1], present=False),)}, "lets something be made"),
        (lambda graph: {"outputs": (replace(graph.outputs[0], node="a[0].c"),)}, "nothing uses the value"),
    ],
)
def test_a_structure_that_is_wrong_is_noticed(graph, fields, words):
    with pytest.raises(InternalError, match=words):
        verify(replace(graph, **fields(graph)))


def test_the_graph_is_frozen(graph):
    import networkx as nx

    with pytest.raises(AttributeError):
        graph.name = "other"
    with pytest.raises(nx.NetworkXError):
        graph.nx.add_node("x")
    assert list(graph.nx.edges(data="slot"))[:2] == [("image", "a[0].c", 0), ("a[0].c", "a[1].c", 0)]
    assert nx.is_directed_acyclic_graph(graph.nx)
    assert [node.path for node in graph.within(0)] == [node.path for node in graph]
    assert "m.b" in graph and "nowhere" not in graph
    with pytest.raises(KeyError):
        graph["nowhere"]


def test_the_fingerprint_follows_every_text_and_nothing_else(graph):
    again = archdsl.load(Source("elsewhere.arch", SPEC)).graph
    assert fingerprint(again) == fingerprint(graph)
    assert fingerprint(archdsl.load(Source("net.arch", SPEC + "# note\n")).graph) != fingerprint(graph)
    assert dump(archdsl.load(Source("net.arch", SPEC + "# note\n")).graph) == dump(graph)


@pytest.mark.parametrize(
    "value, text",
    [
        (True, "true"),
        (3, "3"),
        (0.001, "0.001"),
        (1e-05, "1e-05"),
        ((3, 5), "3x5"),
        ((-1, 2), "(-1, 2)"),
        ((1, 2, 3, 4), "(1, 2, 3, 4)"),
        ("same", "same"),
        ("trunc_normal(0.1)", '"trunc_normal(0.1)"'),
        ('a"b\\', '"a\\"b\\\\"'),
        (None, "none"),
    ],
)
def test_values_are_shown_as_in_a_spec(value, text):
    assert show(value) == text


def test_an_empty_graph_is_refused():
    with pytest.raises(InternalError):
        verify(Graph("none", (), (), ()))
