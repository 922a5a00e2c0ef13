"""Costs, depth and scopes of small graphs whose figures can be counted by hand."""

import time
from dataclasses import dataclass, field

import pytest

from archdsl.analysis import report
from archdsl.ir import Graph, Input, Node, Output, Scope
from archdsl.ir.cost import ZERO
from archdsl.ops import Add, Conv, Linear, Relu
from archdsl.ops.global_pool import GlobalAvgPool
from archdsl.source import Source, Span

HERE = Span(Source("by hand", "by hand"), 0, 7)


@dataclass
class Bench:
    """A graph under construction, one call a node or scope."""

    nodes: list = field(default_factory=list)
    scopes: list = field(default_factory=lambda: [Scope("", "arch", "net", None, HERE)])
    outputs: list = field(default_factory=list)
    types: dict = field(default_factory=dict)

    def node(self, path, op, *inputs, scope=0):
        types = [self.types[each] for each in inputs]
        self.types[path] = op.infer(types)
        cost = op.cost(types, self.types[path])
        self.nodes.append(Node(path, op, inputs, self.types[path], scope, HERE, cost, op.weights(types)))
        return path

    def scope(self, path, kind, callee="", parent=0, exit=""):
        self.scopes.append(Scope(path, kind, callee, parent, HERE, exit=exit))
        return len(self.scopes) - 1

    def output(self, name, node, *, auxiliary=False):
        self.outputs.append(Output(name, node, HERE, auxiliary))

    def report(self):
        return report(Graph("net", tuple(self.nodes), tuple(self.scopes), tuple(self.outputs)))


def conv(channels, kernel=1):
    return Conv(channels=channels, kernel=(kernel, kernel), bias=False)


@pytest.fixture
def bench():
    made = Bench()
    made.node("image", Input(shape=(2, 5, 7)))
    return made


def by_path(rows):
    return {row.path: row for row in rows}


def test_totals_of_a_straight_line_are_those_counted_by_hand(bench):
    bench.node("c", conv(3, 3), "image")
    bench.node("r", Relu(), "c")
    bench.node("p", GlobalAvgPool(), "r")
    bench.node("fc", Linear(channels=4), "p")
    bench.output("logits", "fc")
    found = bench.report()
    assert found.total.params == 3 * 2 * 9 + (3 * 4 + 4)
    assert found.total.macs == 5 * 7 * 3 * 2 * 9 + 3 * 4
    assert found.total.flops == 2 * found.total.macs
    assert found.total.bytes_out == 4 * (2 * 3 * 5 * 7 + 3 + 4)
    assert found.depth == 2
    assert found.with_aux is None
    assert (found.inputs, found.outputs) == ({"image": (2, 5, 7)}, {"logits": (4,)})


def test_every_node_has_a_row_in_the_order_of_the_graph(bench):
    bench.node("c", conv(3), "image")
    bench.node("r", Relu(), "c")
    bench.output("out", "r")
    assert [(row.path, row.kind, row.out, row.level) for row in bench.report().nodes] == [
        ("image", "input", (2, 5, 7), 0),
        ("c", "conv", (3, 5, 7), 0),
        ("r", "relu", (3, 5, 7), 0),
    ]


def test_depth_follows_the_longest_of_parallel_paths(bench):
    bench.node("a1", conv(3), "image")
    bench.node("a2", conv(3), "a1")
    bench.node("a3", conv(3), "a2")
    bench.node("short", conv(3), "image")
    bench.node("sum", Add(), "a3", "short")
    bench.node("last", conv(3), "sum")
    bench.output("out", "last")
    assert bench.report().depth == 4


def test_a_network_without_layers_has_depth_0(bench):
    bench.node("r", Relu(), "image")
    bench.output("out", "r")
    assert bench.report().depth == 0


def test_auxiliary_heads_count_under_with_aux_only(bench):
    bench.node("c", conv(3), "image")
    side = bench.scope("aux", "side", exit="aux.c3")
    bench.node("aux.c1", conv(5), "c", scope=side)
    bench.node("aux.c2", conv(5), "aux.c1", scope=side)
    bench.node("aux.c3", conv(5), "aux.c2", scope=side)
    bench.node("d", conv(4), "c")
    bench.output("aux1", "aux.c3", auxiliary=True)
    bench.output("out", "d")
    found = bench.report()
    main, head = 2 * 3 + 3 * 4, 3 * 5 + 5 * 5 + 5 * 5
    assert (found.total.params, found.total.macs) == (main, 35 * main)
    assert (found.with_aux.params, found.with_aux.macs) == (main + head, 35 * (main + head))
    assert found.depth == 2
    assert by_path(found.scopes)["aux"].cost.params == head
    assert set(found.outputs) == {"aux1", "out"}


def test_scopes_sum_what_is_inside_them_at_any_depth(bench):
    repeat = bench.scope("a", "repeat", "Block", exit="a[1].in.c")
    before = "image"
    for index in range(2):
        block = bench.scope(f"a[{index}]", "block", "Block", repeat, exit=f"a[{index}].in.c")
        bench.node(f"a[{index}].c", conv(3), before, scope=block)
        inner = bench.scope(f"a[{index}].in", "body", "", block, exit=f"a[{index}].in.c")
        before = bench.node(f"a[{index}].in.c", conv(7), f"a[{index}].c", scope=inner)
    bench.output("out", before)
    rows = by_path(bench.report().scopes)
    assert {path: (row.kind, row.level, row.nodes, row.cost.params) for path, row in rows.items()} == {
        "a": ("repeat", 0, 4, 2 * 3 + 3 * 7 + 7 * 3 + 3 * 7),
        "a[0]": ("Block", 1, 2, 2 * 3 + 3 * 7),
        "a[0].in": ("body", 2, 1, 3 * 7),
        "a[1]": ("Block", 1, 2, 7 * 3 + 3 * 7),
        "a[1].in": ("body", 2, 1, 3 * 7),
    }
    assert {row.out for row in rows.values()} == {(7, 5, 7)}


def test_structure_without_a_path_of_its_own_has_no_row(bench):
    block = bench.scope("b", "block", "Block", exit="b.c")
    merge = bench.scope("b", "merge", "concat", block, exit="b.c")
    nameless = bench.scope("", "body", "", 0)
    bench.node("b.c", conv(3), "image", scope=merge)
    bench.node("d", conv(4), "b.c", scope=nameless)
    bench.output("out", "d")
    found = bench.report()
    assert [(row.path, row.kind, row.level, row.cost.params) for row in found.scopes] == [("b", "Block", 0, 6)]
    assert [(row.path, row.level) for row in found.nodes] == [("image", 0), ("b.c", 1), ("d", 0)]


def test_cost_is_additive_over_the_outermost_rows(bench):
    stem = bench.scope("stem", "block", "Stem", exit="stem.r")
    bench.node("stem.c", conv(3, 3), "image", scope=stem)
    bench.node("stem.r", Relu(), "stem.c", scope=stem)
    bench.node("p", GlobalAvgPool(), "stem.r")
    bench.output("out", "p")
    found = bench.report()
    outermost = [row.cost for row in (*found.scopes, *found.nodes) if row.level == 0]
    assert sum(outermost, ZERO) == found.total


def measured(count):
    bench = Bench()
    before = bench.node("image", Input(shape=(1, 1, 1)))
    repeat = bench.scope("a", "repeat", "Block")
    op, kind = Relu(), bench.types["image"]
    cost = op.cost([kind], kind)
    for index in range(count):
        block = bench.scope(f"a[{index}]", "block", "Block", repeat, exit=f"a[{index}].r")
        bench.nodes.append(Node(f"a[{index}].r", op, (before,), kind, block, HERE, cost))
        before = f"a[{index}].r"
    bench.output("out", before)
    graph = Graph("net", tuple(bench.nodes), tuple(bench.scopes), tuple(bench.outputs))
    started = time.process_time()
    found = report(graph)
    assert len(found.scopes) == count + 1
    return time.process_time() - started


def test_time_is_linear_up_to_50_000_nodes():
    # Quadratic work would take a hundred times as long.
    small = min(measured(5_000) for _ in range(3))
    assert measured(50_000) < 30 * small + 0.1
