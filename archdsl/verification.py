"""The two backends against each other: one network with the same weights, run by PyTorch and by ONNX Runtime.

Runs are over input sizes, batches, and the two forms of a model, flat and with blocks as functions; a network that comes from an
ONNX file and is as it was written has that file as a third.  Where an output differs by more than is tolerated, the values on the
way are compared too, and the first node is named at which both part.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from archdsl.choices import Choices, Inputs
from archdsl.diagnostics import ArchError, error, printable
from archdsl.ir import Graph, OnnxForm, Output
from archdsl.ir.weights import state_key
from archdsl.pipeline import MissingExtra, Network, Spec, Weights, open_spec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

TOLERANCE = 1e-5
BATCHES = (1, 3)
FORMS = ("flat", "functions")
FILE = "the file"
"""The form that a network from an ONNX file has beside these: the model in that file, whatever its nodes are."""
_SMALLER = ((0.5, 0.625), (0.625, 0.75), (0.75, 0.875), (0.875, 0.75), (0.9, 0.95))
_LARGER = ((1.125, 1.25), (1.25, 1.5), (1.5, 1.25), (2.0, 1.5))
"""Height and width to try, as multiples of those declared."""
_SPREAD = 0.2
"""How far scales, shifts and statistics are moved from where they start: there, none of them would be missed."""
_SMALLEST = 1e-30
_MOST_SAID = 300  # characters of what ONNX Runtime says

Sizes = Mapping[str, tuple[int, ...]]
"""The shape of each input per sample."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How far two arrays are apart: ``absolute``, and ``relative`` to the largest absolute value; both infinite where one has
    another shape, or a value that is not finite.
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
        for found in trial.runs((*FORMS, FILE) if each is declared and weights is None and _is_file(declared) else FORMS):
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

    if ours.shape != theirs.shape or not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        return Difference(math.inf, math.inf)
    absolute = float(np.abs(ours.astype(np.float64) - theirs).max(initial=0.0))
    return Difference(absolute, absolute / max(float(np.abs(theirs).max(initial=0.0)), _SMALLEST))


def weights_for(network: Network, seed: int) -> dict[str, Any]:
    """First values for every weight, from ``seed``, such that a mistake anywhere shows in the outputs.

    Scales, shifts and statistics are moved from 1 and 0; kernels are as large as keeps the image from fading on its way through
    the layers (He et al. 2015, "Delving Deep into Rectifiers", section 2.2), which published first values often are not.
    """
    import numpy as np

    arrays = network.weights(seed)
    generator = np.random.default_rng(seed)
    for node in network.graph:
        for weight in node.weights:
            key = state_key(node.path, weight.name)
            if weight.role == "kernel":
                spread = float(arrays[key].std())
                factor = math.sqrt(2 / math.prod(weight.shape[1:])) / spread if spread else 1.0
                arrays[key] = (arrays[key] * factor).astype(np.float32)
            elif weight.role != "count":
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
    return network.weights(seed) if network.file is not None and network.file.entries else weights_for(network, seed)


def _is_file(network: Network) -> bool:
    """Whether there is a file with weights whose model is to compute what the network does."""
    return network.is_as_stored and network.file is not None and bool(network.file.entries)


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

    def _model(self, form: str) -> "bytes | str":
        """The model in that form: its bytes, or the path of a file that no bytes can hold."""
        if form == FILE:
            from archdsl.backends.onnx.storage import runnable

            assert self._network.file is not None
            return runnable(self._network.file.path)
        return self._network.to_onnx_bytes(self._arrays, "native", opset=self._opset, flat=form == "flat", auxiliary=True)

    def runs(self, forms: Iterable[str]) -> Iterator[Run]:
        """The difference of every output, batch and form.

        A file may lack auxiliary outputs.  Raises E0604 for one that ONNX Runtime does not take, or with other outputs.
        """
        from archdsl.backends.onnx.runtime import Session
        from archdsl.backends.torch.run import run

        sizes = self._network.inputs
        outputs = [output.name for output in self._network.graph.outputs]
        wanted = {batch: run(self._module, images(sizes, batch, self._seed)) for batch in BATCHES}
        for form in forms:
            with _runnable(self._network, form):
                session = Session(self._model(form))
            for batch in BATCHES:
                with _runnable(self._network, form):
                    made = [*session.run(images(sizes, batch, self._seed)).values()]
                theirs = dict(zip(outputs, wanted[batch], strict=True))
                for output, ours in zip(self._outputs(len(made)), made, strict=True):
                    yield Run(sizes, batch, form, output.name, difference(ours, theirs[output.name]))

    def _outputs(self, count: int) -> list[Output]:
        """Those of the network that a model with so many gives: a file may leave auxiliary ones out."""
        outputs = self._network.graph.outputs
        main = [each for each in outputs if not each.auxiliary]
        found = next((each for each in ([*outputs], main) if len(each) == count), None)
        if found is None:
            raise error("E0604", f"`{self._network.name}` has {len(outputs)} outputs, and the model in its file {count}")
        return found

    def _shown(self, form: str) -> Any:
        """A model in which to look for values; the blocks of a file may be functions, whose insides do not show."""
        from archdsl.backends.onnx.storage import load

        if form == FILE and self._network.file is not None:
            return load(self._network.file.path)
        return self._network.to_onnx(self._arrays, "native", opset=self._opset, flat=True, auxiliary=True)

    def parting(self, run: Run, tolerance: float) -> Parting | None:
        """The first node that differs in such a run; None where none that can be compared does."""
        from archdsl.backends.onnx import runtime
        from archdsl.backends.torch.run import values

        graph = self._network.graph
        inputs = images(run.sizes, run.batch, self._seed)
        theirs = _by_path(graph, values(self._module, inputs))
        model = self._shown(run.form)
        outputs = self._outputs(len(model.graph.output))
        ours = _of_nodes(graph, outputs, runtime.values(model, inputs))
        seen = 0
        for node in graph:
            if node.path in theirs and node.path in ours:
                seen += 1
                found = difference(ours[node.path], theirs[node.path])
                if found.relative > tolerance:
                    return Parting(node.path, node.op.keyword, found, run, seen, len(graph))
        return None


@contextmanager
def _runnable(network: Network, form: str) -> Iterator[None]:
    """Raises E0604 where the file of a network is not a model that runs as the network does; its nodes may be anybody's."""
    try:
        yield
    except ArchError:
        raise
    except Exception as fault:  # ONNX Runtime has an exception of its own for each thing that may be wrong
        if form != FILE or network.file is None:
            raise
        reason = " ".join(str(fault).split())[:_MOST_SAID]
        raise error("E0604", f"`{printable(network.file.path)}` does not run", notes=[printable(reason)]) from fault


def _of_nodes(graph: Graph, outputs: Sequence[Output], made: "Mapping[str, Array]") -> "dict[str, Array]":
    """Values of a model by the paths of the nodes that give them: an output, and a node called like one, has another name."""
    named = {output.name for output in graph.outputs}
    own = {path: f"{path}:value" if path in named else path for path in (node.path for node in graph)}
    found = {path: made[name] for path, name in own.items() if name in made}
    return found | {output.node: value for output, value in zip(outputs, made.values(), strict=False)}


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
