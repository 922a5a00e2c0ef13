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
from typing import TYPE_CHECKING, Any, Unpack

from archdsl import analysis, stored, syntax
from archdsl.choices import Choices, Inputs, OnnxChoices, Parameters, choices
from archdsl.choices import parameters as all_parameters
from archdsl.diagnostics import ArchError, Diagnostic, did_you_mean, error
from archdsl.elaborate import elaborate, name_faults, name_lints, networks
from archdsl.elaborate.paths import nothing_at
from archdsl.extensions import Operators, operators
from archdsl.ir import Graph, OnnxForm, Provenance, Report, fingerprint, verify
from archdsl.ir.record import Record
from archdsl.limits import DEFAULT, Limits
from archdsl.render import table
from archdsl.source import Source
from archdsl.syntax import ast
from archdsl.version import __version__

if TYPE_CHECKING:  # numpy comes along, which only those need who have weights
    from archdsl.backends.onnx.storage import Saved
    from archdsl.ir.weights import WeightFile, WeightMap, WeightReport
    from archdsl.weights import Names

Spec = str | PathLike[str] | Source
"""A file, ``-`` for standard input, the name of a bundled network, or a text that is already read.

A file may be an ONNX model that archdsl wrote, whose name ends in ``.onnx``: it carries its spec.
"""
Weights = str | PathLike[str] | Mapping[str, Any]
"""A safetensors file, a PyTorch checkpoint, or arrays (or tensors) by name."""
Texts = Mapping[str, str]
"""What takes the place of files, by real path, and of standard input, under ``-``."""
_AS_WRITTEN = Choices()
_FORM = OnnxForm()
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
    record: Record | None = None
    """The texts and choices that it was made from."""
    file: "WeightFile | None" = None
    """The weights that came with it, where it was read from an ONNX file; none of them is in memory."""

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
        if not isinstance(path, str):
            raise TypeError(f"a path is a string such as 'stem.c1', not {path!r}")
        found = analysis.why(self.graph, path)
        if found is not None:
            return found
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

        With ``weights`` it has those, as :meth:`load_weights` reads them; layers that are skipped keep their first values.  A
        network that was read from an ONNX file has the weights of that file in place of first values.
        """
        with _torch():
            from archdsl.backends.torch.checkpoint import assign
            from archdsl.backends.torch.live import live
        given = {} if weights is None else self.load_weights(weights, source, skip=skip, ignore=ignore, names=names)
        arrays = given if weights is not None and not skip else self._own_weights() | given
        return assign(live(self.graph, self.to_torch_source()), arrays)

    def weights(self, seed: int = 0) -> dict[str, Any]:
        """Every weight as a numpy array by its key in a ``state_dict``: those of the ONNX file that the network was read from.

        What the file does not hold, and all of a network that was read from text, has first values that follow from ``seed``.
        Raises :class:`ArchError` where the file does not hold what it should (E0708) or is damaged (E0709).
        """
        from archdsl.weights.initialise import initial

        own = self._own_weights()
        return own if len(own) == sum(len(node.weights) for node in self.graph) else initial(self.graph, seed) | own

    @property
    def is_as_stored(self) -> bool:
        """Whether this is the network that an ONNX file holds, and not one that was edited since."""
        return self.file is not None and self.file.about["fingerprint"] == self.fingerprint

    def _own_weights(self) -> dict[str, Any]:
        """The weights that came with the network, if any did."""
        if self.file is None:
            return {}
        from archdsl.weights import read

        return read(stored.fit(self.graph, self.file), self.file)

    def to_onnx(self, weights: Weights | None = None, source: str | None = None, **options: Unpack[OnnxChoices]) -> Any:
        """The network as an ``onnx.ModelProto``, straight from the graph and without PyTorch.

        With ``weights`` it has those, as :meth:`load_weights` reads them; without, and at layers that are skipped, first values.
        Raises :class:`ArchError` (E0701) where an operator cannot be expressed in ONNX as the options want it.
        """
        from archdsl.backends.onnx.emit import filled

        return filled(*self._onnx(weights, source, **options))

    def to_onnx_bytes(self, weights: Weights | None = None, source: str | None = None, **options: Unpack[OnnxChoices]) -> bytes:
        """The bytes of the model that :meth:`to_onnx` gives, in a fraction of the time that the model takes to write them."""
        from archdsl.backends.onnx.splice import spliced

        return spliced(*self._onnx(weights, source, **options))

    def save_onnx(
        self,
        path: str | PathLike[str],
        weights: Weights | None = None,
        source: str | None = None,
        *,
        external: int | None = None,
        **options: Unpack[OnnxChoices],
    ) -> "Saved":
        """Writes the model that :meth:`to_onnx` gives to ``path``, whole or not at all, and tells what it has written.

        Where ``external`` is given, tensors of so many bytes or more are stored in a second file, `PATH.DIGEST.data`; those of a
        model of more than 2 GB are in any case.
        """
        from archdsl.backends.onnx.storage import save

        model, arrays = self._onnx(weights, source, **options)
        return save(model, path, external, arrays)

    def write_weights(
        self,
        weights: Weights,
        source: str | None = None,
        *,
        output: str | PathLike[str] | None = None,
        skip: str | Iterable[str] = (),
        ignore: str | Iterable[str] = (),
        names: "Names | None" = None,
    ) -> "Saved":
        """``output``, or else the ONNX file that the network was read from, is that file with ``weights``, and tells its sizes.

        All else in the file stays as it is.  ``weights`` are read as by :meth:`load_weights`; layers that are skipped keep the
        values that they have.  Raises :class:`ArchError` (E0708) for a network that was edited since, or came from no ONNX file.
        """
        from archdsl.backends.onnx import record
        from archdsl.backends.onnx.storage import replace_weights

        if self.file is None or not self.is_as_stored:
            why = "was read from no ONNX file" if self.file is None else "is another than the one in its ONNX file"
            raise error("E0708", f"`{self.name}` {why}, there is none to put weights into", help="write one: `compile --to onnx`")
        stays = (*((skip,) if isinstance(skip, str) else skip), *stored.left_out(self.graph, open_weights(weights)))
        arrays = self.load_weights(weights, source, skip=stays, ignore=ignore, names=names)
        whole = self._own_weights() | arrays if skip else arrays
        path = self.file.path
        metadata = {**record.counts_written(_counts(whole)), record.BARE: ""}
        needed = [name for name in stored.wanted(self.graph) if name in arrays and arrays[name].dtype.kind == "f"]
        saved = replace_weights(path, arrays, output, metadata, needed)
        if output is None or os.path.realpath(output) == os.path.realpath(path):
            object.__setattr__(self, "file", stored.weights(path, self.graph))  # the network is read from the new one henceforth
        return saved

    def _onnx(
        self,
        weights: Weights | None,
        source: str | None,
        *,
        seed: int = 0,
        opset: int = _FORM.opset,
        flat: bool = False,
        dynamic: bool = False,
        auxiliary: bool = False,
        structure: bool = False,
        skip: str | Iterable[str] = (),
        ignore: str | Iterable[str] = (),
        names: "Names | None" = None,
    ) -> tuple[Any, dict[str, Any]]:
        """The model without data of weights, and these by name."""
        from archdsl.backends.onnx.emit import structured

        if structure and weights is not None:
            raise TypeError("a model that is structure alone has no weights")
        arrays: dict[str, Any] | None = None if structure else {}
        if weights is not None:
            beside = [] if auxiliary else stored.auxiliary_weights(self.graph)
            stays = (*((skip,) if isinstance(skip, str) else skip), *beside)
            arrays = self._weights_to_write(weights, source, skip=stays, ignore=ignore, names=names)
        if arrays is not None and (weights is None or skip):
            arrays = self.weights(seed) | arrays
        form = OnnxForm(opset, dynamic)
        return structured(self.graph, arrays, form, flat=flat, auxiliary=auxiliary, metadata=self._metadata(arrays))

    def _weights_to_write(self, weights: Weights, source: str | None, **choices: Any) -> dict[str, Any]:
        """What :meth:`load_weights` gives, to be read only: arrays that are as we store them are not copied."""
        from archdsl.weights import NATIVE, read_own

        own = source in (None, NATIVE) and not any(choices.values())
        arrays = read_own(self.graph, open_weights(weights)) if own else None
        return self.load_weights(weights, source, **choices) if arrays is None else arrays

    def _metadata(self, arrays: Mapping[str, Any] | None) -> dict[str, str]:
        """What a model with these weights, None for none, says of the network that it was made from, its spec included."""
        from archdsl.backends.onnx import record

        counts = {key: value for key, value in record.counts_written(_counts(arrays or {})).items() if value}
        return {
            **({record.BARE: "true"} if arrays is None else {}),
            **({} if self.record is None else record.written(self.record, self.name, self.fingerprint, self._renames())),
            **counts,
            "archdsl.version": __version__,
            "archdsl.fingerprint": self.fingerprint,
            "archdsl.params": str(self.params),
            "archdsl.macs": str(self.macs),
        }

    def _renames(self) -> object:
        """Older names of layers, as a file of weights tells them."""
        if not self.graph.renames:
            return []
        from archdsl.weights import NATIVE, about

        return about(self.graph, NATIVE, NATIVE)["renames"]

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


def _counts(arrays: Mapping[str, Any]) -> dict[str, int]:
    """The arrays that are whole numbers, each one value."""
    return {name: int(each) for name, each in arrays.items() if each.dtype.kind == "i"}


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
        if not stored.is_model(spec):
            return build(read(spec, limits), choices, limits)
        assert isinstance(spec, str | PathLike)
        return _reopened(fspath(spec), choices, limits)


def _reopened(path: str, choices: Choices, limits: Limits) -> Network:
    """The network in an ONNX file, with its weights; ``choices`` are on top of those that the file was written with."""
    found = stored.reopen(path, limits)
    as_it_was = found.choices(Choices(operators=choices.operators))
    network = build(found.program, as_it_was, limits)
    weights = found.weights(network.graph)
    asked = found.choices(choices)
    if asked == as_it_was:
        stored.check(network.graph, weights)
        return replace(network, file=weights)
    network = build(found.program, asked, limits)
    return replace(network, notes=(*network.notes, *stored.told(network.graph, weights)), file=weights)


def diagnose(spec: Spec, choices: Choices = _AS_WRITTEN, limits: Limits = DEFAULT, texts: Texts = _AS_THEY_ARE) -> Diagnosis:
    """Names of the networks that were looked at, and all that is to be said about them, each thing once.

    Without a ``variant`` among the ``choices`` these are all that the main file defines; edits and parameters then act on each.
    """
    if stored.is_model(spec):
        try:
            network = open_spec(spec, choices, limits)
        except ArchError as fault:
            return (), fault.diagnostics
        return (network.name,), _once([*network.notes, *network.lints])
    with _collector_paused():
        try:
            program = read(spec, limits, texts)
        except ArchError as fault:
            return (), fault.diagnostics
        names = networks(program) if choices.variant is None else (choices.variant,)
        wanted: tuple[str | None, ...] = names if names or program.main.items else (None,)  # an empty file is no library
        found = [] if names else [*name_faults(program, choices.operators, limits)]
        definitions = sum(len(file.items) for file in program.files)
        if len(names) * definitions > limits.steps:  # each network goes through all definitions
            message = f"{len(names):,} networks among {definitions:,} definitions are too many to check at once"
            label = f"the limit of their product is {limits.steps:,}"
            return (), error("E0505", message, program.main.items[0].span, label, help="pick one: `--variant NAME`").diagnostics
        bases = {item.name.id: item.base.id for item in program.main.items if isinstance(item, ast.Variant)}
        failed: set[str | None] = set()
        for name in wanted:
            if name in bases and bases[name] in failed:  # its faults are those of its base
                failed.add(name)
                continue
            try:
                network = build(program, replace(choices, variant=name), limits)
            except ArchError as fault:
                failed.add(name)
                found += fault.diagnostics
            else:
                found += [*network.notes, *network.lints]
        if not any(each.severity == "error" for each in found):  # what a fault misspells is unused for that reason alone
            found += _name_lints(program, choices, limits)
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
        alike = each.severity == "warning" or each.code.startswith("E03")  # shapes differ between networks, the fault does not
        message = "" if alike and place is not None else each.message
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
    if stored.is_model(path):
        return stored.open_weights(path)
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


def opsets() -> range:
    """The opsets of ONNX that models can have: from 13 to the newest that the installed onnx knows."""
    from archdsl.backends.onnx.model import opsets

    return opsets()


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
    if not isinstance(spec, str) or "/" in spec or "\\" in spec or spec.endswith((".arch", ".onnx")) or path.is_file():
        return path
    names = bundled()
    if spec in names:
        return library() / f"{spec}.arch"
    help_ = did_you_mean(spec, names) or "`archdsl list` shows the bundled networks; a file of your own ends in `.arch`"
    raise error("E0601", f"no file and no bundled network is called `{spec}`", help=help_)


def read(spec: Spec, limits: Limits = DEFAULT, texts: Texts = _AS_THEY_ARE) -> ast.Program:
    """The spec and all that it imports, parsed; ``texts`` take the place of what is in files."""
    if stored.is_model(spec):
        assert isinstance(spec, str | PathLike)
        return stored.reopen(fspath(spec), limits).program
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
    record = stored.record(program, choices, result.graph, str(library()))
    return Network(verify(result.graph), result.notes, result.hits, record)


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
