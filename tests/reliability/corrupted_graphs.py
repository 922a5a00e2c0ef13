"""T11: a graph that was tampered with is refused by the verifier, or is another network and shows that in all that is made of it.

The mutants that the verifier accepts are well-formed graphs that say something else than the original: their dump differs, and
with it the fingerprint that goes with all that is made of a graph.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from archdsl import pipeline
from archdsl.diagnostics import ArchError, InternalError
from archdsl.ir import Cost, Graph, OpError, TensorType, Weight, dump, fingerprint, verify
from archdsl.ops import BY_KEYWORD, build
from tests.reliability.isolated import side_by_side
from tests.reliability.outcome import SEED, Outcome, Test, table

COUNTS = {True: 20_000, False: 600}
NETWORKS = {True: 30, False: 8}

Corruption = Callable[[random.Random, Graph], Graph | None]


def _with(graph: Graph, index: int, **changes: Any) -> Graph:
    """The graph with one node changed."""
    nodes = list(graph.nodes)
    nodes[index] = replace(nodes[index], **changes)
    return replace(graph, nodes=tuple(nodes))


def _pick(r: random.Random, graph: Graph) -> int:
    """Index of a node that takes something."""
    return r.choice([index for index, node in enumerate(graph.nodes) if node.inputs])


def drop_edge(r: random.Random, graph: Graph) -> Graph:
    index = _pick(r, graph)
    inputs = list(graph.nodes[index].inputs)
    del inputs[r.randrange(len(inputs))]
    return _with(graph, index, inputs=tuple(inputs))


def double_edge(r: random.Random, graph: Graph) -> Graph:
    index = _pick(r, graph)
    inputs = graph.nodes[index].inputs
    return _with(graph, index, inputs=(*inputs, r.choice(inputs)))


def rewire(r: random.Random, graph: Graph) -> Graph:
    """An input taken from somewhere else, defined or not."""
    index = _pick(r, graph)
    inputs = list(graph.nodes[index].inputs)
    slot = r.randrange(len(inputs))
    inputs[slot] = r.choice([*(node.path for node in graph.nodes if node.path != inputs[slot]), "nowhere"])
    return _with(graph, index, inputs=tuple(inputs))


def rewire_alike(r: random.Random, graph: Graph) -> Graph | None:
    """An input taken from an earlier node of the same shape: what a verifier cannot see."""
    index = _pick(r, graph)
    node = graph.nodes[index]
    slot = r.randrange(len(node.inputs))
    wanted = graph[node.inputs[slot]].type
    others = [each.path for each in graph.nodes[:index] if each.type == wanted and each.path != node.inputs[slot]]
    return _with(graph, index, inputs=(*node.inputs[:slot], r.choice(others), *node.inputs[slot + 1 :])) if others else None


def swap_inputs(r: random.Random, graph: Graph) -> Graph | None:
    """The inputs of a node in another order; that of an addition or product says nothing."""
    many = [index for index, node in enumerate(graph.nodes) if len(node.inputs) > 1 and node.op.keyword == "concat"]
    if not many:
        return None
    index = r.choice(many)
    return _with(graph, index, inputs=graph.nodes[index].inputs[::-1])


def cycle(r: random.Random, graph: Graph) -> Graph:
    index = _pick(r, graph)
    later = r.choice(graph.nodes[index:])
    return _with(graph, index, inputs=(later.path, *graph.nodes[index].inputs[1:]))


def attribute(r: random.Random, graph: Graph) -> Graph | None:
    """An attribute with another value, its node's type and weights as before."""
    index = _pick(r, graph)
    op = graph.nodes[index].op
    names = list(type(op).model_fields)
    if not names:
        return None
    name = r.choice(names)
    value = getattr(op, name)
    other: Any = not value if isinstance(value, bool) else None
    if isinstance(value, int) and not isinstance(value, bool):
        other = value + r.choice((1, 3, value))
    elif isinstance(value, float):
        other = value * 0.5 + 0.1
    elif isinstance(value, tuple):
        other = tuple(each + 1 for each in value)
    elif isinstance(value, str):
        other = {"same": "valid", "valid": "same", "sym": "valid"}.get(value)
    try:
        return None if other is None else _with(graph, index, op=build(type(op), {**op.model_dump(), name: other}))
    except OpError:
        return None


def operator(r: random.Random, graph: Graph) -> Graph:
    """Another operator in the place of one, its type and weights as before."""
    index = _pick(r, graph)
    others = [
        each
        for each in ("relu", "sigmoid", "tanh", "identity", "flatten", "softmax", "gelu")
        if each != graph.nodes[index].op.keyword
    ]
    return _with(graph, index, op=build(BY_KEYWORD[r.choice(others)], {}))


def stale_shape(r: random.Random, graph: Graph) -> Graph:
    index = r.randrange(len(graph.nodes))
    shape = list(graph.nodes[index].type.shape)
    at = r.randrange(len(shape))
    shape[at] += r.choice((-1, 1, 7))
    return _with(graph, index, type=replace(graph.nodes[index].type, shape=tuple(shape)))


def fewer_axes(r: random.Random, graph: Graph) -> Graph:
    index = r.randrange(len(graph.nodes))
    shape = graph.nodes[index].type.shape
    return _with(graph, index, type=replace(graph.nodes[index].type, shape=shape[:1] if len(shape) > 1 else (*shape, 1, 1)))


def wrong_dtype(r: random.Random, graph: Graph) -> Graph:
    index = r.randrange(len(graph.nodes))
    return _with(graph, index, type=TensorType(graph.nodes[index].type.shape, "float16"))  # type: ignore[arg-type]


def stale_cost(r: random.Random, graph: Graph) -> Graph:
    index = r.randrange(len(graph.nodes))
    return _with(graph, index, cost=graph.nodes[index].cost + Cost(mac=1))


def stale_weight(r: random.Random, graph: Graph) -> Graph | None:
    with_weights = [index for index, node in enumerate(graph.nodes) if node.weights]
    if not with_weights:
        return None
    index = r.choice(with_weights)
    first, *rest = graph.nodes[index].weights
    changed = (replace(first, shape=(*first.shape[:-1], first.shape[-1] + 1)), *rest)
    return _with(
        graph, index, weights=r.choice((changed, tuple(rest), (*graph.nodes[index].weights, Weight("more", (1,), "bias"))))
    )


def orphan(r: random.Random, graph: Graph) -> Graph:
    """A node whose value nothing uses."""
    node = graph.nodes[_pick(r, graph)]
    return replace(graph, nodes=(*graph.nodes, replace(node, path=f"{node.path}_orphan")))


def lost_node(r: random.Random, graph: Graph) -> Graph:
    index = r.randrange(len(graph.nodes))
    return replace(graph, nodes=graph.nodes[:index] + graph.nodes[index + 1 :])


def same_path(r: random.Random, graph: Graph) -> Graph:
    one, other = r.sample(range(len(graph.nodes)), 2)
    return _with(graph, one, path=graph.nodes[other].path)


def other_order(r: random.Random, graph: Graph) -> Graph:
    """A node before one that it takes its value from."""
    index = _pick(r, graph)
    nodes = list(graph.nodes)
    node = nodes.pop(index)
    first = next(at for at, each in enumerate(nodes) if each.path in node.inputs)
    return replace(graph, nodes=(*nodes[:first], node, *nodes[first:]))


def no_scope(r: random.Random, graph: Graph) -> Graph:
    return _with(graph, r.randrange(len(graph.nodes)), scope=r.choice((-1, len(graph.scopes), len(graph.scopes) + 5)))


def scope_loop(r: random.Random, graph: Graph) -> Graph:
    scopes = list(graph.scopes)
    at = r.randrange(len(scopes))
    scopes[at] = replace(scopes[at], parent=r.choice((at, len(scopes))) if at else 0)
    return replace(graph, scopes=tuple(scopes))


def scope_value(r: random.Random, graph: Graph) -> Graph:
    scopes = list(graph.scopes)
    at = r.randrange(len(scopes))
    scopes[at] = replace(scopes[at], **{r.choice(("entry", "exit")): "nowhere"})
    return replace(graph, scopes=tuple(scopes))


def output_elsewhere(r: random.Random, graph: Graph) -> Graph:
    output = graph.outputs[0]
    others = [node.path for node in graph.nodes if node.path != output.node]
    return replace(graph, outputs=(replace(output, node=r.choice([*others, "nowhere"])), *graph.outputs[1:]))


def output_lost(r: random.Random, graph: Graph) -> Graph:
    return replace(graph, outputs=r.choice(((), (*graph.outputs, graph.outputs[0]))))


def guard_outside(r: random.Random, graph: Graph) -> Graph | None:
    if not graph.guards:
        return None
    guards = list(graph.guards)
    at = r.randrange(len(guards))
    guards[at] = replace(guards[at], nodes=(len(graph.nodes) + 1, len(graph.nodes) + 2))
    return replace(graph, guards=tuple(guards))


CORRUPTIONS: tuple[Corruption, ...] = (
    *(
        drop_edge,
        double_edge,
        rewire,
        rewire_alike,
        swap_inputs,
        cycle,
        attribute,
        operator,
        stale_shape,
        fewer_axes,
        wrong_dtype,
    ),
    *(stale_cost, stale_weight, orphan, lost_node, same_path, other_order, no_scope, scope_loop, scope_value),
    *(output_elsewhere, output_lost, guard_outside),
)


def outcome(corruption: Corruption, r: random.Random, graph: Graph, original: tuple[str, str]) -> str | None:
    """How a mutant ends: refused, told apart, or not noticed; None where the corruption has nothing to act on."""
    mutant = corruption(r, graph)
    if mutant is None:
        return None
    try:
        verify(mutant)
    except (InternalError, ArchError):
        return "refused"
    except Exception as fault:  # noqa: BLE001
        return f"{type(fault).__name__}: {str(fault)[:80]}"
    text, digest = original
    return "told apart" if dump(mutant) != text and fingerprint(mutant) != digest else "not noticed"


def corrupt(names: list[str], count: int, part: int) -> Counter[tuple[str, str]]:
    """How the mutants of these networks end, by kind."""
    graphs = [(graph, (dump(graph), fingerprint(graph))) for graph in (pipeline.load(name).graph for name in names)]
    found: Counter[tuple[str, str]] = Counter()
    r = random.Random(SEED + part)
    while found.total() < count:
        corruption = r.choice(CORRUPTIONS)
        graph, original = r.choice(graphs)
        end = outcome(corruption, r, graph, original)
        if end is not None:
            found[corruption.__name__.replace("_", " "), end] += 1
    return found


def small_first(names: tuple[str, ...]) -> Iterator[str]:
    yield from sorted(names, key=lambda name: len(pipeline.load(name).graph))


def run(full: bool) -> Outcome:
    names = list(small_first(pipeline.bundled()))[: NETWORKS[full]]
    halves = [names[0::2], names[1::2]]
    ended = side_by_side([(corrupt, (half, COUNTS[full] // 2, part)) for part, half in enumerate(halves)], seconds=900)
    faults = [each.fault for each in ended if each.fault is not None]
    found: Counter[tuple[str, str]] = sum((each.value for each in ended if each.value is not None), Counter())
    faults += [f"{kind}: {end} ({count} mutants)" for (kind, end), count in found.items() if end not in ("refused", "told apart")]
    kinds = sorted({kind for kind, _ in found})
    rows = [
        [
            kind,
            str(sum(n for (k, _), n in found.items() if k == kind)),
            str(found[kind, "refused"]),
            str(found[kind, "told apart"]),
        ]
        for kind in kinds
    ]
    total, refused = found.total(), sum(count for (_, end), count in found.items() if end == "refused")
    apart = sum(count for (_, end), count in found.items() if end == "told apart")
    figure = (
        f"{total:,} corrupted graphs of {len(names)} networks: "
        f"{100 * (refused + apart) / max(1, total):.1f} % refused or told apart, "
        f"by the verifier alone {100 * refused / max(1, total):.1f} %"
    )
    return Outcome(figure, tuple(faults), table(["corruption", "mutants", "refused", "another network"], rows))


TEST = Test("T11", "Corrupted graphs", run)
