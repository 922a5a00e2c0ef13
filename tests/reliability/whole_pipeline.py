"""T14: random specs through everything: what the graph says of each node is what PyTorch and ONNX Runtime find.

For each network, at its declared size and at another, for batches of 1 and 3:

- the shape of every node is that of PyTorch, node by node, and of every value of the flat ONNX model;
- parameters are those of the live module and of the model, multiply-accumulates those that PyTorch counts on its own;
- the live module, and the emitted source executed from its text, give in float64 what the reference interpreter gives;
- both forms of the ONNX model, and the one read back from its file, give that in float32;
- every value of every output is a finite number, but where float32 has none.

Where PyTorch's own float32 strays from its float64 by more than a hundred-thousandth, as behind norms of nearly equal values, the
bound is ten times that.  One run may stray little by luck, as where tanh is taken of tanh of large numbers; a network beyond its
bound is therefore asked how far its outputs move when each operator's values are moved by a few float32 roundings, and ten times
that is the bound then.  Where a value on the way is larger than float32 has squares for, as random products of products are, or
ONNX Runtime computes a response norm or a sigmoid too coarsely for it, no values are asked of that.  Each kind is counted.
"""

import math
import os
import tempfile
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import archdsl
from archdsl.diagnostics import ArchError
from archdsl.ir import Graph
from archdsl.pipeline import Network
from archdsl.source import Source
from tests.reliability.isolated import side_by_side
from tests.reliability.outcome import SEED, Outcome, Test
from tests.reliability.wider_specs import WiderWriter

COUNTS = {True: 20_000, False: 300}
SECONDS = {True: 3_600, False: 300}
WORKERS = 2
BATCHES = (1, 3)
EXACT = 1e-10
CLOSE = 1e-4
STRAYS = 1e-5
ASTRAY = 10
"""How many times farther from float64 than PyTorch's float32 ONNX Runtime's may be, which adds in another order."""
ROUNDING = 2.0**-22
"""A convolution in float32 is right to about this, relative to its value."""
TRIALS = 8
LARGEST = 1e18
"""The square of a larger number, which norms take, is none in float32."""
LARGEST_NORMED = 30
"""ONNX Runtime's response norm adds and takes off squares in turn: those of larger numbers round a sum of ones too coarsely."""
SMALLEST_GATE = 1e-3
"""ONNX Runtime's sigmoid is right to some 5e-8 and no closer, which is much of a value that is smaller."""
MOST_VALUES = 30_000_000
"""Of all nodes and weights together; networks of more, of which one in a thousand random ones is, take too much memory."""
REFUSED = frozenset({"E0202", "E0203", "E0301", "E0305", "E0501", "E0502"})
"""What a random spec may run into: a name twice, a name barred, widths that differ in a sum, a size beyond all bounds, a value of
no use, a merge whose guards leave nothing."""
MEGABYTES = 16_000


@dataclass
class Tally:
    """What was done and what was found."""

    specs: int = 0
    networks: int = 0
    nodes: int = 0
    straying: int = 0
    beyond: int = 0
    chaotic: int = 0
    exact: float = 0.0
    close: float = 0.0
    faults: list[str] = field(default_factory=list)

    def join(self, other: "Tally") -> None:
        for name in ("specs", "networks", "nodes", "straying", "beyond", "chaotic", "faults"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.exact, self.close = max(self.exact, other.exact), max(self.close, other.close)


def attack(first: int, last: int, step: int, seconds: float) -> Tally:
    """The tally of the specs of these numbers, as many as the time allows."""
    import torch

    torch.set_num_threads(1)
    tally, start = Tally(), time.monotonic()
    for number in range(first, last, step):
        if time.monotonic() - start > seconds:
            break
        tally.specs += 1
        try:
            examine(number, tally)
        except (AssertionError, ArchError) as fault:
            tally.faults.append(f"random spec {number}: {str(fault).strip().splitlines()[0][:200]}")
        except Exception as fault:  # noqa: BLE001
            tally.faults.append(f"random spec {number}: {type(fault).__name__}: {str(fault)[:200]}")
    return tally


def networks(number: int) -> tuple[Network, Network] | None:
    """The network of this number as declared and at another size; None for one that is refused, as a few are."""
    source = Source(f"{number}.arch", WiderWriter(SEED + number).spec())
    try:
        declared = archdsl.load(source)
        larger = archdsl.load(source, input={name: (c, h + 8, w + 5) for name, (c, h, w) in declared.inputs.items()})
    except ArchError as fault:
        if {each.code for each in fault.diagnostics} <= REFUSED:
            return None
        raise
    weights = sum(weight.elements for node in larger.graph for weight in node.weights)
    values = sum(math.prod(node.type.shape) for node in larger.graph)
    return None if weights + values > MOST_VALUES else (declared, larger)


def examine(number: int, tally: Tally) -> None:
    """Adds the spec of this number to ``tally``; raises AssertionError where it does not hold."""
    found = networks(number)
    if found is None:
        return
    declared, larger = found
    from tests.backends import interpreter

    module = interpreter.randomised(declared.to_torch()).eval()
    state = {key: value.clone() for key, value in module.state_dict().items()}
    check_counts(declared, module)
    executed = from_text(declared.to_torch_source(), state)
    arrays = {key: value.float().numpy() for key, value in state.items()}
    strayed = [check_values(network, (module, executed), state, arrays, tally) for network in (declared, larger)]
    tally.nodes += len(declared.graph) + len(larger.graph)
    check_file(declared, state, arrays, has_values=max(strayed) < math.inf)
    tally.networks += 1
    tally.straying += STRAYS < max(strayed) < math.inf
    tally.beyond += max(strayed) == math.inf


def check_counts(network: Network, module: Any) -> None:
    """Parameters and multiply-accumulates are those of the module, all outputs taken together."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    learnable = sum(weight.elements for node in network.graph for weight in node.weights if weight.learnable)
    held = sum(each.numel() for each in module.parameters())
    assert held == learnable == sum(node.cost.params for node in network.graph), f"{learnable} params, the module has {held}"
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(*(torch.zeros(1, *shape, dtype=torch.float64) for shape in network.inputs.values()))
    macs = sum(node.cost.macs for node in network.graph)
    assert counter.get_total_flops() == 2 * macs, f"{macs} MACs, torch counts {counter.get_total_flops() / 2:g}"
    inference = needed(network.graph)
    assert network.macs == sum(node.cost.macs for node in network.graph if node.path in inference)
    assert network.params == sum(node.cost.params for node in network.graph if node.path in inference)


def needed(graph: Graph) -> set[str]:
    """Paths of the nodes that outputs which are not auxiliary are made of; of all outputs where each is."""
    main = [output.node for output in graph.outputs if not output.auxiliary] or [output.node for output in graph.outputs]
    found = set(main)
    for node in reversed(graph.nodes):
        if node.path in found:
            found.update(node.inputs)
    return found


def from_text(source: str, state: Any) -> Any:
    """The module that the emitted source defines, executed from its text alone."""
    from torch import nn

    names: dict[str, Any] = {"__name__": "emitted"}
    exec(compile(source, "<emitted>", "exec"), names)
    own = [each for each in names.values() if isinstance(each, type) and each.__module__ == "emitted"]
    made = own[-1]().double()
    made.load_state_dict(state)
    for each in made.modules():
        if isinstance(each, nn.Dropout):
            each.p = 0.0
    return made.eval()


def check_values(network: Network, modules: tuple[Any, ...], state: Any, arrays: Any, tally: Tally) -> float:
    """Shapes of every node and values of every output agree.

    Gives how far float32 strays by itself: infinite where it has no values, or none that mean much.
    """
    import numpy as np
    import onnx
    import torch

    from tests.backends import interpreter
    from tests.backends.onnx import runtime

    graph = network.graph
    wanted = {node.path: node.type.shape for node in graph}
    reference = interpreter.Interpreter(graph, state).eval()
    flat = network.to_onnx(arrays, "native", flat=True, auxiliary=True)
    stored = sum(int(np.prod(each.dims)) for each in flat.graph.initializer if each.name in arrays)
    assert stored == sum(weight.elements for node in graph for weight in node.weights if weight.role != "count")
    outputs = len(flat.graph.output)
    nested = runtime.session(network.to_onnx_bytes(arrays, "native", auxiliary=True))
    given = {each.name for each in flat.graph.output}
    stated = runtime.stated(flat)
    inferred = runtime.inferred(flat)
    assert stated == {name: inferred[name] for name in stated}, "strict inference finds other shapes"
    exposed = onnx.ModelProto()
    exposed.CopyFrom(flat)
    exposed.graph.output.extend([each for each in flat.graph.value_info if each.name not in given])
    session, single = runtime.session(exposed), runtime.session(flat)
    names = [each.name for each in exposed.graph.output]
    strayed = 0.0
    for batch in BATCHES:
        feeds = runtime.images(network, batch, seed=batch)
        images = [torch.from_numpy(each).double() for each in feeds.values()]
        with torch.no_grad():
            values = reference(*images)
            for path, shape in wanted.items():
                found = tuple(values[path].shape)
                assert found == (batch, *shape), f"{path}: {shape} by the graph, {found[1:]} by PyTorch"
            expected = [values[output.node].numpy() for output in graph.outputs]
            for module in modules:
                made = _listed(module(*images))
                if not all(np.isfinite(each).all() for each in expected):
                    assert all(np.array_equal(one, other, equal_nan=True) for one, other in zip(made, expected, strict=True))
                    continue
                distance = _error(made, expected)
                tally.exact = max(tally.exact, distance)
                assert distance <= EXACT, f"the module is {distance:.1e} from the interpreter at batch {batch}"
            own = modules[1].float()
            astray = _error(_listed(own(*(each.float() for each in images))), expected)
            own.double().load_state_dict(state)
        if not _has_values(graph, values):
            astray = math.inf
        bound = _bound(astray)
        strayed = max(strayed, astray)
        made = session.run(None, feeds)
        by_name = {output.node: value for output, value in zip(graph.outputs, made[:outputs], strict=True)}
        by_name = dict(zip(names[outputs:], made[outputs:], strict=True)) | by_name
        declared = {output.name for output in graph.outputs}
        for path, shape in wanted.items():
            value = by_name.get(path) if path not in declared or path in by_name else by_name.get(f"{path}:value")
            if value is not None:
                assert value.shape == (batch, *shape), f"{path}: {shape} by the graph, {value.shape[1:]} by ONNX Runtime"
            else:
                assert graph[path].op.family == "input", f"{path} is no value of the model"
        for results in (single.run(None, feeds), nested.run(None, feeds)):
            distance = _error(results, expected) if astray < math.inf else 0.0
            if distance > bound:
                bound = max(bound, ASTRAY * moved(network, state, images))
                tally.chaotic += 1
            elif astray <= STRAYS:
                tally.close = max(tally.close, distance)
            assert distance <= bound, f"ONNX Runtime is {distance:.1e} from the interpreter at batch {batch}, bound {bound:.1e}"
    return strayed


def moved(network: Network, state: Any, images: list[Any]) -> float:
    """How far the outputs move in float64 when the value of every node is moved at random by as much as float32 rounds it."""
    import torch

    from tests.backends import interpreter

    reference = interpreter.Interpreter(network.graph, state).eval()
    generator = torch.Generator().manual_seed(SEED)

    def rounded(module: Any, inputs: Any, value: Any) -> Any:
        return value * (1 + ROUNDING * (2 * torch.rand(value.shape, generator=generator, dtype=value.dtype) - 1))

    with torch.no_grad():
        expected = [each.numpy() for each in reference.outputs(*images)]
        for part in reference.parts:
            part.register_forward_hook(rounded)
        return max(_error([each.numpy() for each in reference.outputs(*images)], expected) for _ in range(TRIALS))


def _has_values(graph: Graph, values: Any) -> bool:
    """Whether float32, and ONNX Runtime in it, can hold what these are made of."""
    largest = {node.path: float(values[node.path].abs().max()) for node in graph}
    normed = [largest[path] for node in graph if node.op.keyword == "lrn" for path in node.inputs]
    gates = [largest[node.path] for node in graph if node.op.keyword == "sigmoid"]
    held = all(each < LARGEST for each in largest.values()) and all(each < LARGEST_NORMED for each in normed)
    return held and all(each > SMALLEST_GATE for each in gates)


def _bound(astray: float) -> float:
    """How far float32 may be from float64 in ONNX Runtime, where PyTorch's own is ``astray``."""
    return max(CLOSE, ASTRAY * astray) if astray > STRAYS else CLOSE


def check_file(network: Network, state: Any, arrays: Any, *, has_values: bool) -> None:
    """A model read back from its file is the same network with the same weights, and gives what the interpreter gives.

    The latter only where the network ``has_values`` in float32.
    """
    import numpy as np
    import torch

    from tests.backends.onnx import runtime

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "net.onnx")
        network.save_onnx(path, arrays, "native", auxiliary=True)
        again = archdsl.load(path)
        assert again.fingerprint == network.fingerprint, "the file holds another network"
        found = again.weights()
        assert all(np.array_equal(found[key], arrays[key]) for key in found), "the file holds other weights"
        with open(path, "rb") as file:
            stored = file.read()
        feeds = runtime.images(network, BATCHES[-1])
        results = runtime.run(stored, feeds)
        written_again = runtime.run(again.to_onnx_bytes(auxiliary=True), feeds)
    assert all(np.array_equal(one, other, equal_nan=True) for one, other in zip(results, written_again, strict=True)), (
        "written again it differs"
    )
    if not has_values:
        return
    expected, bound = _expected(network, state, feeds)
    distance = _error(results, expected)
    if distance > bound:
        bound = max(bound, ASTRAY * moved(network, state, [torch.from_numpy(each).double() for each in feeds.values()]))
    assert distance <= bound, f"the stored file is {distance:.1e} from the interpreter, bound {bound:.1e}"


def _expected(network: Network, state: Any, feeds: Any) -> tuple[list[Any], float]:
    """The outputs that the interpreter gives in float64, and how far float32 may be from them."""
    import torch

    from tests.backends import interpreter

    images = [torch.from_numpy(each) for each in feeds.values()]
    outputs = [output.node for output in network.graph.outputs]
    module = network.to_torch().double().eval()
    module.load_state_dict(state)
    with torch.no_grad():
        values = interpreter.Interpreter(network.graph, state).eval()(*(each.double() for each in images))
        single = _listed(module.float()(*images))
    expected = [values[path].numpy() for path in outputs]
    return expected, _bound(_error(single, expected))


def _listed(made: Any) -> list[Any]:
    import torch

    return [each.numpy() for each in ([made] if isinstance(made, torch.Tensor) else made)]


def _error(ours: list[Any], theirs: list[Any]) -> float:
    """The largest difference of any output, relative to its largest value; infinite where a value is not finite."""
    import numpy as np

    assert [each.shape for each in ours] == [each.shape for each in theirs]
    if not all(np.isfinite(each).all() for each in (*ours, *theirs)):
        return math.inf
    pairs = zip(ours, theirs, strict=True)
    return max(float(np.abs(one - other).max() / max(np.abs(other).max(), 1e-30)) for one, other in pairs)


def run(full: bool) -> Outcome:
    missing = [each for each in ("torch", "onnxruntime") if find_spec(each) is None]
    if missing:
        return Outcome(f"not measured: {' and '.join(missing)} not installed")
    calls = [(attack, (worker, COUNTS[full], WORKERS, SECONDS[full])) for worker in range(WORKERS)]
    ended = side_by_side(calls, seconds=1.2 * SECONDS[full] + 60, megabytes=MEGABYTES, workers=WORKERS)
    tally = Tally(faults=[each.fault for each in ended if each.fault is not None])
    for each in ended:
        if each.value is not None:
            tally.join(each.value)
    return Outcome(
        f"{tally.specs:,} specs, {tally.networks:,} of them networks, {2 * len(BATCHES)} runs of each, {tally.nodes:,} nodes: "
        f"{len(tally.faults)} mismatches; at most {tally.exact:.0e} apart in float64 and {tally.close:.0e} by ONNX Runtime "
        f"({tally.straying:,} networks where float32 itself strays by more than {STRAYS:.0e} are held to {ASTRAY} times that; "
        f"{tally.chaotic:,} runs to {ASTRAY} times what a rounding in each operator does; "
        f"{tally.beyond:,} have values that float32 or its runtime cannot hold, and are compared in float64 alone)",
        tuple(tally.faults),
    )


TEST = Test("T14", "Random specs through the whole pipeline", run)
