"""The straight line from a spec to a network, as a handful of functions, and :class:`Network`, what users hold.

::

    find ─▶ read ─▶ ast.Program ─ build ─▶ Network ─┬─ report ─▶ summary
        (text, parsed)     (elaborated, verified)   └─ torch source ─▶ nn.Module
"""

import gc
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from archdsl import analysis, syntax
from archdsl.choices import Choices, Inputs, Parameters, choices
from archdsl.choices import parameters as all_parameters
from archdsl.diagnostics import ArchError, Diagnostic, did_you_mean, error
from archdsl.elaborate import elaborate, name_lints, networks
from archdsl.elaborate.paths import nothing_at
from archdsl.extensions import Operators, operators
from archdsl.ir import Graph, Provenance, Report, fingerprint, verify
from archdsl.limits import DEFAULT, Limits
from archdsl.render import table
from archdsl.source import Source
from archdsl.syntax import ast

if TYPE_CHECKING:  # numpy comes along, which only those need who have weights
    from archdsl.ir.weights import WeightFile, WeightMap, WeightReport
    from archdsl.weights import Names

Spec = str | PathLike[str] | Source
"""A file, ``-`` for standard input, the name of a bundled network, or a text that is already read."""
Weights = str | PathLike[str] | Mapping[str, Any]
"""A safetensors file, a PyTorch checkpoint, or arrays (or tensors) by name."""
Texts = Mapping[str, str]
"""What takes the place of files, by real path, and of standard input, under ``-``."""
_AS_WRITTEN = Choices()
_AS_THEY_ARE: Texts = MappingProxyType({})
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

    @cached_property
    def lints(self) -> tuple[Diagnostic, ...]:
        """What is valid and probably not meant, comments that allow it apart: warnings W101 to W105, W108 and W109."""
        from archdsl.analysis.lints import lints, without_allowed

        return without_allowed(lints(self.graph))

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

    def why(self, path: str) -> Provenance:
        """Where what is at ``path``, a node or a scope, comes from, with the way of every value that it is built with.

        Raises :class:`ArchError` (E0405) for a path that the network does not have.
        """
        found = analysis.why(self.graph, path)
        if found is not None:
            return found
        if not isinstance(path, str):
            raise TypeError(f"a path is a string such as 'stem.c1', not {path!r}")
        guard = analysis.absent(self.graph, path)
        raise nothing_at(path, analysis.paths(self.graph), None if guard is None else guard.span)

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
        names: "Names | None" = None,
    ) -> Any:
        """The network as a fresh ``nn.Module``: the emitted source, executed.  Raises :class:`MissingExtra` without PyTorch.

        With ``weights`` it has those, as :meth:`load_weights` reads them; layers that are skipped keep their first values.
        """
        with _torch():
            from archdsl.backends.torch.checkpoint import assign
            from archdsl.backends.torch.live import live
        if weights is None:
            return live(self.graph, self.to_torch_source())
        arrays = self.load_weights(weights, source, skip=skip, ignore=ignore, names=names)
        return assign(live(self.graph, self.to_torch_source()), arrays)

    def weight_maps(self, source: str | None = None) -> "tuple[WeightMap, ...]":
        """How this network's weights are called elsewhere: the map of ``source``, or all that are known, our own names first.

        ``source`` is ``native``, ``timm``, ``torchvision``, ``keras``, ``tf-slim``, or the path of a rule file.
        """
        from archdsl import weights

        return weights.maps(self.graph, library() / "weights", source)

    def match_weights(
        self,
        weights: Weights,
        source: str | None = None,
        *,
        skip: str | Iterable[str] = (),
        ignore: str | Iterable[str] = (),
        names: "Names | None" = None,
    ) -> "tuple[WeightReport, WeightFile]":
        """How ``weights`` fit, and the file, open for reading; raises :class:`ArchError` (E0708) where they do not."""
        from archdsl.weights import fit

        file = open_weights(weights)
        left_out, left_alone = ((each,) if isinstance(each, str) else tuple(each) for each in (skip, ignore))
        return fit(file, self.weight_maps(source), left_out, left_alone, names), file

    def load_weights(
        self,
        weights: Weights,
        source: str | None = None,
        *,
        skip: str | Iterable[str] = (),
        ignore: str | Iterable[str] = (),
        names: "Names | None" = None,
    ) -> dict[str, Any]:
        """The weights as numpy arrays under our own names, whatever library named and stored them.

        Without ``source`` it is found out who.  Weights at paths that ``skip`` matches stay out, arrays of the file that
        ``ignore`` matches are left alone; otherwise all must fit, or :class:`ArchError` (E0708) is raised.  Where the spec has
        exchanged labels, ``names`` says whether the file calls them as they are ``now``, or as they were, ``older``.
        """
        from archdsl.weights import read

        return read(*self.match_weights(weights, source, skip=skip, ignore=ignore, names=names))

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
    Numbers may be numpy's.  Raises :class:`ArchError` where the spec, or a value in view of the spec, is at fault, and
    ``TypeError`` for an argument of a wrong Python type.
    """
    if not isinstance(limits, Limits):
        raise TypeError(f"`limits` is a `Limits`, not {limits!r}")
    values = all_parameters(parameters, more)
    return open_spec(spec, choices(input, variant, edits, values, operators(ops)), limits)


def open_spec(spec: Spec, choices: Choices, limits: Limits = DEFAULT) -> Network:
    """The network that ``spec`` describes under the caller's ``choices``."""
    with _collector_paused():
        return build(read(spec, limits), choices, limits)


def diagnose(spec: Spec, choices: Choices = _AS_WRITTEN, limits: Limits = DEFAULT, texts: Texts = _AS_THEY_ARE) -> Diagnosis:
    """Names of the networks that were looked at, and all that is to be said about them, each thing once.

    Without a ``variant`` among the ``choices`` these are all that the main file defines; edits and parameters then act on each.
    """
    with _collector_paused():
        try:
            program = read(spec, limits, texts)
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
                network = build(program, replace(choices, variant=name), limits)
            except ArchError as fault:
                found += fault.diagnostics
            else:
                found += [*network.notes, *network.lints]
        if not any(each.severity == "error" for each in found):  # what a fault misspells is unused for that reason alone
            try:
                found += _name_lints(program, choices, limits)
            except ArchError as fault:  # a file without a network, whose definitions nobody has looked at yet
                found += fault.diagnostics
    return names, _once(found)


def _name_lints(program: ast.Program, choices: Choices, limits: Limits) -> tuple[Diagnostic, ...]:
    """What nothing in the main file reads, comments that allow it apart."""
    from archdsl.analysis.lints import without_allowed

    return without_allowed(name_lints(program, choices.operators, limits))


def _once(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """One of each: a fault in a block that several networks use is one fault, a warning one for its code and place."""
    seen: dict[object, Diagnostic] = {}
    for each in diagnostics:
        span = each.primary.span if each.primary is not None else None
        place = None if span is None else (span.source.path, span.start, span.end)
        message = "" if each.severity == "warning" and place is not None else each.message
        seen.setdefault((each.code, message, place), each)
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


def checkpoint_bytes(arrays: Mapping[str, Any], about: Mapping[str, Any] | None = None) -> bytes:
    """A PyTorch checkpoint with these arrays as its ``state_dict``, and what it says of itself.

    Raises :class:`MissingExtra` without PyTorch.
    """
    with _torch():
        from archdsl.backends.torch import checkpoint
    return checkpoint.checkpoint_bytes(arrays, about)


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
    if not isinstance(spec, str | PathLike):
        raise TypeError(f"a spec is a path, the name of a bundled network or a `Source`, not {spec!r}")
    path = Path(spec)
    if not isinstance(spec, str) or "/" in spec or "\\" in spec or spec.endswith(".arch") or path.is_file():
        return path
    names = bundled()
    if spec in names:
        return library() / f"{spec}.arch"
    help_ = did_you_mean(spec, names) or "`archdsl list` shows the bundled networks; a file of your own ends in `.arch`"
    raise error("E0601", f"no file and no bundled network is called `{spec}`", help=help_)


def read(spec: Spec, limits: Limits = DEFAULT, texts: Texts = _AS_THEY_ARE) -> ast.Program:
    """The spec and all that it imports, parsed; ``texts`` take the place of what is in files."""
    folder = None
    if isinstance(spec, Source):
        source = spec
    elif spec == "-":
        source = Source("<stdin>", texts["-"]) if "-" in texts else standard_input(limits)
    else:
        path = find(spec)
        folder, text = fspath(path.parent), texts.get(os.path.realpath(path))
        source = syntax.read_file(fspath(path), limits) if text is None else Source(fspath(path), text)
    return syntax.read_program(source, folder, str(library()), limits, texts)


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


def standard_input(limits: Limits = DEFAULT) -> Source:
    """The text on standard input, no more of it read than the limit allows."""
    if sys.stdin is None:
        raise error("E0604", "standard input is closed")
    return syntax.source_from_bytes("<stdin>", sys.stdin.buffer.read(limits.file_bytes + 1), limits)
