"""The two backends against each other: one network with the same weights, run by PyTorch and by ONNX Runtime.

Runs are over input sizes, batches, and the two forms of a model, flat and with blocks as functions.  Where an output differs by
more than is tolerated, the values on the way are compared too, and the first node is named at which both part.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from archdsl.choices import Choices, Inputs
from archdsl.diagnostics import ArchError, error
from archdsl.ir import Graph, OnnxForm
from archdsl.ir.weights import state_key
from archdsl.pipeline import MissingExtra, Network, Spec, Weights, open_spec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

TOLERANCE = 1e-5
BATCHES = (1, 3)
FORMS = ("flat", "functions")
_SMALLER = ((0.5, 0.625), (0.625, 0.75), (0.75, 0.875), (0.875, 0.75), (0.9, 0.95))
_LARGER = ((1.125, 1.25), (1.25, 1.5), (1.5, 1.25), (2.0, 1.5))
"""Height and width to try, as multiples of those declared."""
_SPREAD = 0.2
"""How far scales, shifts and statistics are moved from where they start: there, none of them would be missed."""
_SMALLEST = 1e-30

Sizes = Mapping[str, tuple[int, ...]]
"""The shape of each input per sample."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How far two arrays are apart: ``absolute``, and ``relative`` to the largest absolute value; both infinite where one has
    another shape, or no number where the other has one.
    """

    absolute: float
    relative: float


@dataclass(frozen=True, slots=True)
class Run:
    """One output of one run."""

    sizes: Sizes
    batch: int
    form: str
    output: str
    difference: Difference


@dataclass(frozen=True, slots=True)
class Parting:
    """The first node, in the order of the graph, whose value differs by more than is tolerated; ``seen`` is how many of the
    ``nodes`` could be compared.
    """

    path: str
    operator: str
    difference: Difference
    run: Run
    seen: int
    nodes: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """All runs, what they were run with, and where the backends part, if they do."""

    network: str
    opset: int
    tolerance: float
    torch: str
    runtime: str
    runs: tuple[Run, ...]
    parting: Parting | None

    @property
    def agrees(self) -> bool:
        return all(each.difference.relative <= self.tolerance for each in self.runs)

    def worst(self) -> dict[str, tuple[Run, float]]:
        """For each output the run with the largest relative difference, and the largest absolute difference of any run."""
        found: dict[str, tuple[Run, float]] = {}
        for each in self.runs:
            known, absolute = found.get(each.output, (each, 0.0))
            worse = each if each.difference.relative > known.difference.relative else known
            found[each.output] = (worse, max(absolute, each.difference.absolute))
        return found


def verify(
    spec: Spec,
    choices: Choices,
    *,
    weights: Weights | None = None,
    seed: int = 0,
    opset: int = OnnxForm().opset,
    sizes: Sequence[tuple[int, int]] = (),
    tolerance: float = TOLERANCE,
    network: Network | None = None,
) -> Verdict:
    """How far both backends are apart on the network that ``spec`` describes, with ``weights``, or first values from ``seed``.

    ``sizes`` are heights and widths of maps to run beside those declared; without any, two are chosen where the network takes
    others.  ``network`` is that of ``spec``, where it is at hand.  Raises :class:`MissingExtra` without PyTorch or ONNX Runtime,
    :class:`ArchError` for a network that cannot be compiled, or that does not take one of ``sizes``.
    """
    with _installed():
        from archdsl.backends.onnx import runtime
        from archdsl.backends.torch import run
    declared = open_spec(spec, choices) if network is None else network
    arrays = _weights(declared, weights, seed)
    networks = [declared, *_resized(declared, spec, choices, sizes)]
    runs: list[Run] = []
    parting: Parting | None = None
    for each in networks:
        trial = _Trial(each, arrays, seed, opset)
        for found in trial.runs():
            runs.append(found)
            if parting is None and found.difference.relative > tolerance:
                parting = trial.parting(found, tolerance)
    return Verdict(declared.name, opset, tolerance, run.VERSION, runtime.VERSION, tuple(runs), parting)


@contextmanager
def _installed() -> Iterator[None]:
    """Turns the absence of a package that both backends need into :class:`MissingExtra`."""
    try:
        yield
    except ModuleNotFoundError as fault:
        if fault.name not in ("torch", "onnx", "onnxruntime"):
            raise
        raise MissingExtra(fault.name, "verify") from fault


def difference(ours: "Array", theirs: "Array") -> Difference:
    """How far ``ours`` is from ``theirs``."""
    import numpy as np

    finite = np.isfinite(theirs)
    if ours.shape != theirs.shape or not np.array_equal(finite, np.isfinite(ours)):
        return Difference(math.inf, math.inf)
    if not finite.any():
        return Difference(0.0, 0.0)
    apart = np.abs(ours[finite].astype(np.float64) - theirs[finite])
    absolute = float(apart.max())
    return Difference(absolute, absolute / max(float(np.abs(theirs[finite]).max()), _SMALLEST))


def weights_for(network: Network, seed: int) -> dict[str, Any]:
    """First values for every weight, from ``seed``, with scales, shifts and statistics moved from 1 and 0."""
    import numpy as np

    arrays = network.weights(seed)
    generator = np.random.default_rng(seed)
    for node in network.graph:
        for weight in node.weights:
            if weight.role in ("scale", "variance", "shift", "mean", "bias"):
                key = state_key(node.path, weight.name)
                moved = generator.uniform(-_SPREAD, _SPREAD, weight.shape)
                arrays[key] = (arrays[key] + moved).astype(np.float32)
    return arrays


def images(sizes: Sizes, batch: int, seed: int) -> "list[Array]":
    """Random inputs of the standard normal distribution."""
    import numpy as np

    generator = np.random.default_rng((seed, batch))
    return [generator.standard_normal((batch, *shape), dtype=np.float32) for shape in sizes.values()]


def _weights(network: Network, given: Weights | None, seed: int) -> dict[str, Any]:
    if given is not None:
        return network.load_weights(given)
    return network.weights(seed) if network.stored is not None else weights_for(network, seed)


def _shapes(graph: Graph) -> dict[str, tuple[int, ...]]:
    return {state_key(node.path, weight.name): weight.shape for node in graph for weight in node.weights}


def _resized(declared: Network, spec: Spec, choices: Choices, sizes: Sequence[tuple[int, int]]) -> Iterator[Network]:
    """The network at each of ``sizes``, or without any at a smaller and a larger one that it takes with the same weights."""
    wanted = _shapes(declared.graph)
    maps = [shape for shape in declared.inputs.values() if len(shape) == 3]
    if not maps or spec == "-":  # what was on standard input is gone
        return
    for height, width in sizes:
        found = open_spec(spec, replace(choices, input=_at(declared, height, width)))
        if _shapes(found.graph) != wanted:
            raise error("E0708", f"`{declared.name}` has other weights at {height}x{width} than as declared")
        yield found
    for factors in () if sizes else (_SMALLER, _LARGER):
        for tall, wide in factors:
            height, width = (max(1, round(side * factor)) for side, factor in zip(maps[0][1:], (tall, wide), strict=True))
            try:
                found = open_spec(spec, replace(choices, input=_at(declared, height, width)))
            except ArchError:
                continue
            if _shapes(found.graph) == wanted:
                yield found
                break


def _at(network: Network, height: int, width: int) -> Inputs:
    """Every map that enters at this height and width, the rest as declared."""
    return {name: (shape[0], height, width) if len(shape) == 3 else shape for name, shape in network.inputs.items()}


class _Trial:
    """One network at one size."""

    def __init__(self, network: Network, arrays: dict[str, Any], seed: int, opset: int) -> None:
        self._network, self._arrays, self._seed, self._opset = network, arrays, seed, opset
        self._module = network.to_torch(arrays, "native").eval()

    def _model(self, form: str) -> bytes:
        return self._network.to_onnx_bytes(self._arrays, "native", opset=self._opset, flat=form == "flat", auxiliary=True)

    def runs(self) -> Iterator[Run]:
        """The difference of every output, batch and form."""
        from archdsl.backends.onnx.runtime import Session
        from archdsl.backends.torch.run import run

        sizes = self._network.inputs
        names = [output.name for output in self._network.graph.outputs]
        wanted = {batch: run(self._module, images(sizes, batch, self._seed)) for batch in BATCHES}
        for form in FORMS:
            session = Session(self._model(form))
            for batch in BATCHES:
                made = session.run(images(sizes, batch, self._seed)).values()
                for name, ours, theirs in zip(names, made, wanted[batch], strict=True):
                    yield Run(sizes, batch, form, name, difference(ours, theirs))

    def parting(self, run: Run, tolerance: float) -> Parting | None:
        """The first node that differs in such a run; None where none that can be compared does."""
        from archdsl.backends.onnx import runtime
        from archdsl.backends.torch.run import values

        graph = self._network.graph
        inputs = images(run.sizes, run.batch, self._seed)
        theirs = _by_path(graph, values(self._module, inputs))
        model = self._network.to_onnx(self._arrays, "native", opset=self._opset, flat=True, auxiliary=True)
        ours = _of_nodes(graph, runtime.values(model, inputs))
        seen = 0
        for node in graph:
            if node.path in theirs and node.path in ours:
                seen += 1
                found = difference(ours[node.path], theirs[node.path])
                if found.relative > tolerance:
                    return Parting(node.path, node.op.keyword, found, run, seen, len(graph))
        return None


def _of_nodes(graph: Graph, made: "Mapping[str, Array]") -> "dict[str, Array]":
    """Values of a model by the paths of the nodes that give them: an output, and a node called like one, has another name."""
    outputs = zip(graph.outputs, made.values(), strict=False)
    named = {output.name for output in graph.outputs}
    own = {path: f"{path}:value" if path in named else path for path in (node.path for node in graph)}
    found = {path: made[name] for path, name in own.items() if name in made}
    return found | {output.node: value for output, value in outputs}


def _by_path(graph: Graph, made: "Mapping[str, Array]") -> "dict[str, Array]":
    """Values by the paths of the nodes that give them: a module is a node, or a scope, which gives the value of its last node."""
    paths = {state_key(scope.path): scope.exit for scope in graph.scopes if scope.exit}
    paths |= {state_key(node.path): node.path for node in graph}
    return {paths[name]: value for name, value in made.items() if name in paths}


def describe(sizes: Sizes) -> str:
    """``3x299x299``, or ``left=3x64x64, right=…`` where there are several inputs."""
    texts = {name: "x".join(map(str, shape)) for name, shape in sizes.items()}
    return ", ".join(texts.values() if len(texts) == 1 else (f"{name}={text}" for name, text in texts.items()))


def described(runs: Iterable[Run]) -> tuple[str, ...]:
    """The sizes that were run, each once."""
    return tuple(dict.fromkeys(describe(each.sizes) for each in runs))
