"""ONNX files that we wrote, as specs: from a program and its choices to a record in the file, and back to both, with weights.

Before: texts as they were found, choices as they were made.  After: :class:`~archdsl.ir.record.Record`, plain data that a file
carries; and from that the same texts and choices again, without a look at any other file.
"""

import os
import re
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from archdsl import syntax
from archdsl.choices import Choices
from archdsl.diagnostics import Diagnostic, error, printable
from archdsl.ir import Graph, fingerprint
from archdsl.ir.record import Expression, Record, Text
from archdsl.ir.weights import state_key
from archdsl.limits import Limits
from archdsl.ops import BY_KEYWORD
from archdsl.source import Source
from archdsl.syntax import ast

if TYPE_CHECKING:  # numpy comes along
    from archdsl.backends.onnx.reading import StoredModel
    from archdsl.backends.onnx.record import Recorded
    from archdsl.ir.weights import WeightFile, WeightReport

_ENDING = ".onnx"
_OURS = re.compile(rb"\x08.\x12\x07archdsl", re.DOTALL)  # the version of the format, and who wrote it
_OURS_LENGTH = 11
_LIBRARY = "library"
"""What stands before the path of a bundled text that another text imports."""
_PLACE = "<edits>"
_LONGEST = 400  # characters of a path
_SHOWN = 3


def is_model(spec: object) -> bool:
    """Whether ``spec`` names an ONNX file: by its ending, or, where it was given another, by how those that we write begin."""
    if not isinstance(spec, str | PathLike):
        return False
    path = str(fspath(spec))
    return path.lower().endswith(_ENDING) or _begins_as_model(path)


def _begins_as_model(path: str) -> bool:
    with suppress(OSError, ValueError):
        if stat.S_ISREG(os.stat(path).st_mode):  # a pipe would lose what is read here
            with open(path, "rb", buffering=0) as file:
                return _OURS.match(file.read(_OURS_LENGTH)) is not None
    return False


def record(program: ast.Program, choices: Choices, graph: Graph, library: str) -> Record:
    """The record of ``program``, of which ``choices`` made ``graph``; ``library`` is the folder of the bundled specs."""
    numbers = {id(file): number for number, file in enumerate(program.files)}
    importing = {file.source: number for number, file in enumerate(program.files)}
    imports: list[dict[str, int]] = [{} for _ in program.files]
    for (source, text), file in program.imported.items():
        imports[importing[source]][text] = numbers[id(file)]
    paths = _paths([file.source.path for file in program.files], library)
    return Record(
        tuple(Text(path, file.source.text, each) for path, file, each in zip(paths, program.files, imports, strict=True)),
        graph.name if choices.variant is None else choices.variant,
        choices.input,
        {name: _plain(value) for name, value in sorted(choices.parameters.items())},
        tuple(each.text for each in choices.edits),
        tuple(sorted({node.op.keyword for node in graph} - {"input"} - BY_KEYWORD.keys())),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Source):
        return Expression(value.text)
    return tuple(value) if isinstance(value, list) else value


def _paths(shown: Sequence[str], library: str) -> list[str]:
    """Each path as seen from the folder of the first; no two are the same."""
    home = os.path.dirname(shown[0])
    bundled = os.path.realpath(home) == os.path.realpath(library)
    folders = [os.path.realpath(home), os.path.abspath(home)]
    found = [os.path.basename(shown[0]).strip(".") and os.path.basename(shown[0])]
    for path in shown[1:]:
        if not bundled and path.startswith(library + os.sep):
            parts = [_LIBRARY, *os.path.relpath(path, library).split(os.sep)]
        else:
            ways = [os.path.relpath(os.path.abspath(path), folder).split(os.sep) for folder in folders]
            parts = next((way for way in ways if way[0] != os.pardir), [os.path.basename(path)])
        found.append("/".join(parts))
    plain = [printable(path)[-_LONGEST:].strip("/") or "spec" for path in found]
    return [path if path not in plain[:place] else f"{place}/{path}" for place, path in enumerate(plain)]


@dataclass(frozen=True, eq=False)
class Reopened:
    """An ONNX file with the program that its texts are, and what it says of the network that they made."""

    path: str
    program: ast.Program
    recorded: "Recorded"
    model: "StoredModel"

    def choices(self, more: Choices) -> Choices:
        """The recorded choices with ``more`` on top: edits act after those that are recorded, the rest takes their place.

        Raises E0201 where custom operators are needed that the caller has not enabled.
        """
        record = self.recorded.record
        missing = [printable(each) for each in record.operators if each not in more.operators]
        if missing:
            listed = ", ".join(f"`{each}`" for each in missing[:_SHOWN])
            message = f"`{self.path}` needs {'a custom operator' if len(missing) == 1 else 'custom operators'}: {listed}"
            help_ = "enable what defines it: `--ops MODULE`, in Python `ops=`"
            raise error("E0201", message, notes=["a file carries texts of specs, and no code"], help=help_)
        own = {
            name: Source(_PLACE, each.text) if isinstance(each, Expression) else each for name, each in record.parameters.items()
        }
        return Choices(
            record.input if more.input is None else more.input,
            record.network if more.variant is None else more.variant,
            (*(Source(_PLACE, text) for text in record.edits), *more.edits),
            {**own, **more.parameters},
            more.operators,
        )

    def weights(self, graph: Graph) -> "WeightFile":
        """The weights in the file, none of them read; ``graph`` is that of the recorded choices.

        Raises E0604 where it is not the one that the file was written for.
        """
        from archdsl.backends.onnx.record import differs

        if fingerprint(graph) != self.recorded.fingerprint:
            raise differs(self.path, self.recorded)
        return _weights(self.model, graph)


def reopen(path: str, limits: Limits) -> Reopened:
    """The ONNX file at ``path`` as a spec.

    ArchError: E0601 where there is none, E0604 where it is none of ours or damaged, and what parsing its texts raises.
    """
    from archdsl.backends.onnx import reading
    from archdsl.backends.onnx import record as records

    model = reading.open_model(path)
    shown = printable(path)
    recorded = records.read(model.metadata, shown, limits)
    texts: list[tuple[Source, Mapping[str, int]]] = [
        (Source(f"{path}/{each.path}", each.text), each.imports) for each in recorded.record.texts
    ]
    return Reopened(shown, syntax.read_recorded(texts, limits), recorded, model)


def weights(path: str, graph: Graph) -> "WeightFile":
    """The weights in the ONNX file at ``path``, which is known to have been written for ``graph``; none of them is read."""
    from archdsl.backends.onnx import reading

    return _weights(reading.open_model(path), graph)


def _weights(model: "StoredModel", graph: Graph) -> "WeightFile":
    from archdsl.backends.onnx.record import BARE, counts
    from archdsl.weights import NATIVE, about

    said = {**about(graph, NATIVE, NATIVE), "bare": BARE in model.metadata}
    return model.weights(said, _shapes(graph), counts(model.metadata))


def _shapes(graph: Graph) -> dict[str, tuple[int, ...]]:
    return {state_key(node.path, weight.name): weight.shape for node in graph for weight in node.weights}


def check(graph: Graph, file: "WeightFile") -> None:
    """Holds where ``file`` has the weights of ``graph`` in their shapes, or was written without any; raises E0708 elsewhere.

    The tools of ONNX accept arrays of other shapes, which a runtime then computes nonsense with.
    """
    if {name: entry.shape for name, entry in file.entries.items()} != _shapes(graph):
        fit(graph, file)


def open_weights(path: str) -> "WeightFile":
    """The initializers of the ONNX file at ``path`` as weights, whoever wrote it.

    Raises E0709 for one that cannot be read.  Constants that operators brought along in a file of ours are left out.
    """
    from archdsl.backends.onnx import reading
    from archdsl.backends.onnx import record as records

    model = reading.open_model(path, "E0709")
    said = records.about(model.metadata)
    names = [name for name in model.contents.tensors if not (said and "/" in name)]
    if said and not names:
        message = f"`{printable(path)}` holds no weights: it was written as structure alone"
        raise error("E0709", message, help="write it without `--structure`, or put weights into it: `weights insert`")
    return model.weights(said, [*names, *records.counts(model.metadata)], records.counts(model.metadata))


def fit(graph: Graph, file: "WeightFile") -> "WeightReport":
    """What of the weights in ``file``, an ONNX file, goes where in ``graph``.

    Weights of a graph that was edited since are those that fit; else all must be there, but for what auxiliary outputs alone
    need, and :class:`ArchError` (E0708) says what is not.
    """
    from archdsl.weights import match, native, refusal

    if file.about.get("fingerprint") != fingerprint(graph):
        return match(native(graph), file)
    absent = [each for each in auxiliary_weights(graph) if each not in file.entries]
    report = match(native(graph), file, skip=absent)
    if not (report.fits or file.about.get("bare")):
        raise refusal(report)
    return report


def auxiliary_weights(graph: Graph) -> list[str]:
    """Keys of the weights that auxiliary outputs alone need, which a file may leave out."""
    kept = wanted(graph)
    return [key for key in _shapes(graph) if key not in kept]


def left_out(graph: Graph, file: "WeightFile") -> list[str]:
    """The same, where ``file`` has none of them, as a model that was written without auxiliary outputs."""
    beside = auxiliary_weights(graph)
    return [] if any(key in file.entries for key in beside) else beside


def wanted(graph: Graph) -> set[str]:
    """Keys of the weights that every file has: those of all outputs that are not auxiliary."""
    from archdsl.backends.onnx.units import needed

    outputs = [output for output in graph.outputs if not output.auxiliary] or graph.outputs
    kept = needed(graph, [output.node for output in outputs])
    return {state_key(node.path, weight.name) for node in graph if node.path in kept for weight in node.weights}


def told(graph: Graph, file: "WeightFile") -> tuple[Diagnostic, ...]:
    """What is to be said of weights of an edited network that the file does not have, or the network has no place for."""
    if not file.entries:
        return ()
    report = fit(graph, file)
    new = [*(each.ours for each in report.missing), *(each.ours for each in report.misshaped)]
    idle = [name for name, _ in report.left_over]
    notes = [
        f"{what}: {', '.join(f'`{name}`' for name in names[:_SHOWN])}{f', … ({len(names):,})' if len(names) > _SHOWN else ''}"
        for what, names in (("begin with first values", new), ("have no place in it", idle))
        if names
    ]
    if not notes:
        return ()
    message = f"the network differs from the one in `{printable(file.path)}`, and so do its weights"
    return (Diagnostic("E0708", message, notes=tuple(notes), severity="warning" if new else "note"),)
