"""The straight line from a spec to a network, as a handful of functions, and :class:`Network`, what users hold.

::

    find ─▶ read ─▶ ast.Program ─ build ─▶ Network ─┬─ report ─▶ summary
        (text, parsed)     (elaborated, verified)   └─ torch source ─▶ nn.Module
"""

import gc
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archdsl import analysis, syntax
from archdsl.diagnostics import ArchError, Diagnostic, did_you_mean, error
from archdsl.elaborate import elaborate, networks
from archdsl.extensions import Operators, operators
from archdsl.ir import Graph, Op, Report, fingerprint, verify
from archdsl.limits import DEFAULT, Limits
from archdsl.ops import BY_KEYWORD
from archdsl.render import table
from archdsl.source import Source
from archdsl.syntax import ast

if TYPE_CHECKING:  # numpy comes along, which only those need who have weights
    from archdsl.ir.weights import WeightFile, WeightMap, WeightReport

Spec = str | PathLike[str] | Source
"""A file, ``-`` for standard input, the name of a bundled network, or a text that is already read."""
Inputs = tuple[int, ...] | Mapping[str, tuple[int, ...]]
"""Size of the one input per sample, or of each input by name."""
Weights = str | PathLike[str] | Mapping[str, Any]
"""A safetensors file, a PyTorch checkpoint, or arrays (or tensors) by name."""
Parameters = Mapping[str, Any]
"""Values for parameters of a network: of Python, or sources that hold an expression of the language."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the caller asks of a spec beyond what it says itself.

    ``input`` replaces declared input sizes, ``variant`` picks a variant or one of several networks, ``edits`` are texts of edits
    by path, ``parameters`` values of the network's parameters, ``operators`` the operators that specs may call.
    """

    input: Inputs | None = None
    variant: str | None = None
    edits: tuple[Source, ...] = ()
    parameters: Parameters = field(default_factory=dict)
    operators: Mapping[str, type[Op]] = field(default_factory=lambda: BY_KEYWORD)


Diagnosis = tuple[tuple[str, ...], tuple[Diagnostic, ...]]
"""Names of the networks that were looked at, and what was found."""


class MissingExtra(ImportError):
    """Something was asked for that needs an optional dependency; the message holds the line that installs it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f'{package} is not installed; install it with: pip install "archdsl[{extra}]"', name=package)


@dataclass(frozen=True, eq=False)
class Network:
    """A validated network: its typed graph, what was noted on the way, and all that follows from them."""

    graph: Graph
    notes: tuple[Diagnostic, ...] = ()
    hits: tuple[tuple[str, int], ...] = ()
    """Each edit by path as it was written, and how many places it hit."""

    @property
    def name(self) -> str:
        return self.graph.name

    @cached_property
    def report(self) -> Report:
        """Shapes and costs of every node and scope, batch 1."""
        return analysis.report(self.graph)

    @property
    def params(self) -> int:
        """Learnable values, auxiliary heads apart."""
        return self.report.total.params

    @property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions and fully connected layers, batch 1, auxiliary heads apart."""
        return self.report.total.macs

    @property
    def depth(self) -> int:
        """Longest path in convolutions and fully connected layers."""
        return self.report.depth

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """Shape of each input per sample, by name."""
        return dict(self.report.inputs)

    @property
    def outputs(self) -> dict[str, tuple[int, ...]]:
        """Shape of each output per sample, by name, auxiliary ones included."""
        return dict(self.report.outputs)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the graph and of every text it was made from; equal for equal networks on every machine."""
        return fingerprint(self.graph)

    def summary(self, depth: int = table.DEPTH) -> str:
        """A table of stages and blocks, ``depth`` levels of them, with exact totals below."""
        return table.text(self.report, depth)

    def to_torch_source(self) -> str:
        """The network as PyTorch source text; PyTorch itself is not needed for it."""
        from archdsl.backends.torch.emit import emit

        return emit(self.graph)

    def to_torch(
        self,
        weights: Weights | None = None,
        source: str | None = None,
        *,
        skip: str | Iterable[str] = (),
        ignore: str | Iterable[str] = (),
    ) -> Any:
        """The network as a fresh ``nn.Module``: the emitted source, executed.  Raises :class:`MissingExtra` without PyTorch.

        With ``weights`` it has those, as :meth:`load_weights` reads them; layers that are skipped keep their first values.
        """
        with _torch():
            from archdsl.backends.torch.checkpoint import assign
            from archdsl.backends.torch.live import live
        if weights is None:
            return live(self.graph, self.to_torch_source())
        arrays = self.load_weights(weights, source, skip=skip, ignore=ignore)
        return assign(live(self.graph, self.to_torch_source()), arrays)

    def weight_maps(self, source: str | None = None) -> "tuple[WeightMap, ...]":
        """How this network's weights are called elsewhere: the map of ``source``, or all that are known, our own names first.

        ``source`` is ``native``, ``timm``, ``torchvision``, ``keras``, ``tf-slim``, or the path of a rule file.
        """
        from archdsl import weights

        return weights.maps(self.graph, library() / "weights", source)

    def match_weights(
        self, weights: Weights, source: str | None = None, *, skip: str | Iterable[str] = (), ignore: str | Iterable[str] = ()
    ) -> "tuple[WeightReport, WeightFile]":
        """How ``weights`` fit, and the file, open for reading; raises :class:`ArchError` (E0708) where they do not."""
        from archdsl.weights import fit

        file = open_weights(weights)
        patterns = ((each,) if isinstance(each, str) else tuple(each) for each in (skip, ignore))
        return fit(file, self.weight_maps(source), *patterns), file

    def load_weights(
        self, weights: Weights, source: str | None = None, *, skip: str | Iterable[str] = (), ignore: str | Iterable[str] = ()
    ) -> dict[str, Any]:
        """The weights as numpy arrays under our own names, whatever library named and stored them.

        Without ``source`` it is found out who.  Weights at paths that ``skip`` matches stay out, arrays of the file that
        ``ignore`` matches are left alone; otherwise all must fit, or :class:`ArchError` (E0708) is raised.
        """
        from archdsl.weights import read

        return read(*self.match_weights(weights, source, skip=skip, ignore=ignore))

    def __repr__(self) -> str:
        total = self.report.total
        size = f"{table.human(total.params).strip()} params, {table.human(total.macs).strip()} MACs, depth {self.depth}"
        return f"<Network {table.title(self.report)}; {size}>"


def load(
    spec: Spec,
    *,
    input: Inputs | None = None,
    variant: str | None = None,
    edits: str | Iterable[str] = (),
    ops: Operators | None = None,
    parameters: Parameters | None = None,
    limits: Limits = DEFAULT,
    **more: object,
) -> Network:
    """The network that ``spec`` describes, elaborated and verified.

    ``input`` replaces the declared input size, ``variant`` picks a variant or one of several networks of a file, ``edits`` are
    edits by path as a variant's body has them (``"drop b[*].res.mix.b7"``), ``ops`` enables custom operators.  Parameters of
    the network are given by keyword, or in ``parameters`` where a keyword of this function has the same name.
    Raises :class:`ArchError` where the spec is at fault.
    """
    named = dict(parameters or {})
    twice = sorted(named.keys() & more.keys())
    if twice:
        raise TypeError(f"parameter `{twice[0]}` is given twice")
    texts = tuple(Source("<edits>", text) for text in ([edits] if isinstance(edits, str) else edits))
    return open_spec(spec, Choices(input, variant, texts, {**named, **more}, operators(ops)), limits)


def open_spec(spec: Spec, choices: Choices, limits: Limits = DEFAULT) -> Network:
    """The network that ``spec`` describes under the caller's ``choices``."""
    with _collector_paused():
        return build(read(spec, limits), choices, limits)


def diagnose(
    spec: Spec, choices: Choices = Choices(), limits: Limits = DEFAULT
) -> tuple[tuple[str, ...], tuple[Diagnostic, ...]]:
    """Names of the networks that were looked at, and all that is to be said about them, each thing once.

    Without a ``variant`` among the ``choices`` these are all that the main file defines; edits and parameters then act on each.
    """
    with _collector_paused():
        try:
            program = read(spec, limits)
        except ArchError as fault:
            return (), fault.diagnostics
        names = networks(program) if choices.variant is None else (choices.variant,)
        wanted: tuple[str | None, ...] = names if names or program.main.items else (None,)  # an empty file is no library
        found: list[Diagnostic] = []
        definitions = sum(len(file.items) for file in program.files)
        if len(names) * definitions > limits.steps:  # each network goes through all definitions
            message = f"{len(names):,} networks among {definitions:,} definitions are too many to check at once"
            label = f"the limit of their product is {limits.steps:,}"
            return (), error("E0505", message, program.main.items[0].span, label, help="pick one: `--variant NAME`").diagnostics
        for name in wanted:
            try:
                found += build(program, replace(choices, variant=name), limits).notes
            except ArchError as fault:
                found += fault.diagnostics
    return names, _once(found)


def _once(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """One of each: a fault in a block that several networks use is one fault."""
    seen: dict[object, Diagnostic] = {}
    for each in diagnostics:
        span = each.primary.span if each.primary is not None else None
        place = None if span is None else (span.source.path, span.start, span.end)
        seen.setdefault((each.code, each.message, place), each)
    return tuple(seen.values())


def library() -> Path:
    """The folder of the bundled specs: inside the installed package, or beside it in a source tree."""
    package = Path(__file__).parent
    inside = package / "specs"
    return inside if inside.is_dir() else package.parent / "specs"


def bundled() -> tuple[str, ...]:
    """Names of the bundled networks, sorted."""
    return tuple(sorted(path.stem for path in library().glob("*.arch")))


def open_weights(weights: Weights, key: str | None = None) -> "WeightFile":
    """A file of weights, open for reading; ``key`` picks one of several sets in a PyTorch checkpoint.

    Raises :class:`ArchError` (E0709) for one that cannot be read, :class:`MissingExtra` for a checkpoint without PyTorch.
    """
    from archdsl.weights import beginning, in_memory, open_safetensors

    if isinstance(weights, Mapping):
        return in_memory(weights)
    path = fspath(weights)
    start = beginning(path)
    if start.startswith((b"PK", b"\x80")):
        with _torch():
            from archdsl.backends.torch.checkpoint import open_checkpoint
        return open_checkpoint(path, key)
    if key is not None:
        raise error("E0709", f"`{path}` is not a PyTorch checkpoint, there is nothing under `{key}` in it")
    if start.startswith(b"\x89HDF"):
        help_ = "write its arrays to a safetensors file; docs/howto/weights.md shows how"
        raise error("E0709", f"`{path}` is an HDF5 file, which is not read", help=help_)
    return open_safetensors(path)


def checkpoint_bytes(arrays: Mapping[str, Any]) -> bytes:
    """A PyTorch checkpoint with these arrays as its ``state_dict``; raises :class:`MissingExtra` without PyTorch."""
    with _torch():
        from archdsl.backends.torch import checkpoint
    return checkpoint.checkpoint_bytes(arrays)


@contextmanager
def _torch() -> Iterator[None]:
    """Turns the absence of PyTorch into :class:`MissingExtra`."""
    try:
        yield
    except ModuleNotFoundError as fault:
        if fault.name != "torch":
            raise
        raise MissingExtra("torch", "torch") from fault


def find(spec: str | PathLike[str]) -> Path:
    """The file that ``spec`` names; raises E0601 for a name that is neither a file nor bundled."""
    path = Path(spec)
    if not isinstance(spec, str) or "/" in spec or "\\" in spec or spec.endswith(".arch") or path.is_file():
        return path
    names = bundled()
    if spec in names:
        return library() / f"{spec}.arch"
    help_ = did_you_mean(spec, names) or "`archdsl list` shows the bundled networks; a file of your own ends in `.arch`"
    raise error("E0601", f"no file and no bundled network is called `{spec}`", help=help_)


def read(spec: Spec, limits: Limits = DEFAULT) -> ast.Program:
    """The spec and all that it imports, parsed."""
    if isinstance(spec, Source):
        return syntax.read_program(spec, None, str(library()), limits)
    if spec == "-":
        return syntax.read_program(_standard_input(limits), None, str(library()), limits)
    path = find(spec)
    return syntax.read_program(syntax.read_file(fspath(path), limits), fspath(path.parent), str(library()), limits)


def build(program: ast.Program, choices: Choices, limits: Limits = DEFAULT) -> Network:
    """One network of a parsed program, elaborated and verified."""
    result = elaborate(
        program,
        network=choices.variant,
        arguments=choices.parameters,
        inputs=choices.input,
        edits=tuple(edit for text in choices.edits for edit in syntax.parse_edits(text, limits)),
        operators=choices.operators,
        limits=limits,
    )
    return Network(verify(result.graph), result.notes, result.hits)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """No cyclic garbage is looked for meanwhile.

    Nearly all that a load makes stays, and the collector would look through it again and again: a quarter of the time that a
    network of 40,000 nodes takes.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _standard_input(limits: Limits) -> Source:
    """The text on standard input, no more of it read than the limit allows."""
    if sys.stdin is None:
        raise error("E0604", "standard input is closed")
    return syntax.source_from_bytes("<stdin>", sys.stdin.buffer.read(limits.file_bytes + 1), limits)
