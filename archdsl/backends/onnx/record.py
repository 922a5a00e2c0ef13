"""The spec that an ONNX file carries, as inert JSON under one key of its metadata.

::

    archdsl.spec = {
     "format": 1, "archdsl": "0.1.0", "name": "inception_v4", "fingerprint": "…",
     "texts": [{"path": "inception_v4.arch", "text": "…", "imports": {"lib/inception.arch": 1}}, …],
     "network": "inception_v4", "input": [3, 299, 299], "parameters": {"classes": {"value": 10}},
     "edits": ["drop b[0]"], "operators": []
    }

Reading it opens no file and runs nothing: an import means the text whose number is recorded, a bundled one as it was then.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from archdsl.diagnostics import ArchError, error
from archdsl.ir.record import Expression, Record, Scalar, Text
from archdsl.ir.weights import NATIVE
from archdsl.limits import DEFAULT, Limits
from archdsl.version import __version__

KEY = "archdsl.spec"
COUNTS = "archdsl.counts"
"""The key of batches seen, which ONNX has no place for: whole numbers by the keys of a ``state_dict``, those above 0."""
BARE = "archdsl.structure"
"""The key that marks a file written without weights, to be told from one that has lost them to another tool."""
FORMAT = 1
MOST_BYTES = 1 << 25
"""The longest record that is written or read; the largest bundled network has 20 kB."""
_MOST_EDITS = 10_000
_LONGEST_NAME = 1_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Recorded:
    """A record, and what the file says of the network: its ``name``, the graph's ``fingerprint``, the release that wrote it."""

    record: Record
    name: str
    fingerprint: str
    release: str


class _Bad(ValueError):
    """A record that says something other than records do."""


def written(record: Record, name: str, fingerprint: str, renames: object = ()) -> dict[str, str]:
    """The metadata that carry ``record``; equal records give equal texts.

    ``renames`` are what a file of weights of ours says of older names, so that the model can serve as one.
    Raises ``ArchError`` (E0701) where the texts are longer than what is read back.
    """
    document = {
        "format": FORMAT,
        "archdsl": __version__,
        "name": name,
        "fingerprint": fingerprint,
        "texts": [{"path": each.path, "text": each.text, "imports": dict(each.imports)} for each in record.texts],
        "network": record.network,
        "input": record.input if record.input is None or isinstance(record.input, tuple) else dict(record.input),
        "parameters": {name: _value_written(value) for name, value in record.parameters.items()},
        "edits": record.edits,
        "operators": record.operators,
        "renames": renames,
    }
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    if len(text.encode()) > MOST_BYTES:
        raise error("E0701", f"the texts of `{name}` take more than the {MOST_BYTES:,} bytes that an ONNX file carries")
    return {KEY: text}


def _value_written(value: object) -> dict[str, object]:
    return {"expression": value.text} if isinstance(value, Expression) else {"value": value}


def read(metadata: Mapping[str, str], path: str, limits: Limits = DEFAULT) -> Recorded:
    """The record in the ``metadata`` of the file at ``path``; ``ArchError`` (E0604) where there is none, or no sound one."""
    text = metadata.get(KEY)
    if text is None:
        help_ = "archdsl reads ONNX files that it wrote itself; it has no importer for others yet"
        raise error("E0604", f"`{path}` was not written by archdsl: it carries no spec", help=help_)
    try:
        return _read(_json(text), limits)
    except _Newer as fault:
        raise error(
            "E0604", f"`{path}` was written by a newer archdsl: {fault}", help="install that release to read it"
        ) from None
    except _Bad as fault:
        raise error("E0604", f"the spec in `{path}` is damaged: {fault}") from None


def counts_written(counts: Mapping[str, int]) -> dict[str, str]:
    """The metadata that carry ``counts``: an empty text for none."""
    above = {name: count for name, count in counts.items() if count > 0}
    return {COUNTS: json.dumps(above, sort_keys=True, separators=(",", ":")) if above else ""}


def counts(metadata: Mapping[str, str]) -> dict[str, int]:
    """The counts in ``metadata``; none where it holds none, or what we would not have written."""
    try:
        found = _table(_json(metadata.get(COUNTS) or "{}"), COUNTS)
    except _Bad:
        return {}
    kept = {name: count for name, count in found.items() if isinstance(count, int) and not isinstance(count, bool)}
    return {name: count for name, count in kept.items() if 0 < count < 1 << 63}


def about(metadata: Mapping[str, str]) -> dict[str, Any]:
    """What a file of ours says of its weights without being read as a spec: which network they are of; empty for any other."""
    try:
        found = _table(_json(metadata.get(KEY, "{}")), KEY)
    except _Bad:
        return {}
    said = {"network": found.get("name"), "fingerprint": found.get("fingerprint"), "renames": found.get("renames")}
    return {**said, "names": NATIVE, "from": NATIVE} if found else {}


def differs(path: str, recorded: Recorded) -> ArchError:
    """E0604 for a file whose spec gives another graph than the one that was written."""
    if recorded.release != __version__:
        notes = [f"it was written by archdsl {recorded.release[:40]}, this is {__version__}"]
        help_ = f"archdsl {recorded.release[:40]} reads it"
    else:
        notes, help_ = ["its metadata were changed after it was written"], "write the file again from its spec"
    message = f"the spec in `{path}` does not give the network that the file says it holds"
    return error("E0604", message, notes=notes, help=help_)


class _Newer(_Bad):
    """A record in a format that was not known yet."""


def _json(text: str) -> Any:
    if len(text) > MOST_BYTES:
        raise _Bad(f"it takes more than {MOST_BYTES:,} bytes")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise _Bad("it is no JSON") from None


def _read(found: Any, limits: Limits) -> Recorded:
    document = _table(found, "it")
    version = document.get("format")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise _Bad("it has no `format`")
    if version > FORMAT:
        raise _Newer(f"its format is {version}, and this release knows {FORMAT}")
    texts = tuple(_texts(document.get("texts"), limits))
    edits = tuple(_list(document.get("edits"), "edits", lambda each: _string(each, "an edit", limits.file_bytes), _MOST_EDITS))
    operators = tuple(_list(document.get("operators"), "operators", lambda each: _name(each, "an operator"), limits.steps))
    record = Record(
        texts,
        _name(document.get("network"), "network"),
        _input(document.get("input")),
        {
            _name(name, "a parameter"): _value(each, limits)
            for name, each in _table(document.get("parameters"), "parameters").items()
        },
        edits,
        operators,
    )
    fingerprint = _name(document.get("fingerprint"), "fingerprint")
    return Recorded(record, _name(document.get("name"), "name"), fingerprint, _name(document.get("archdsl"), "archdsl"))


def _texts(found: Any, limits: Limits) -> list[Text]:
    texts = _list(found, "texts", lambda each: _text(each, limits), limits.files)
    paths = [each.path for each in texts]
    if not texts or len(set(paths)) < len(paths):
        raise _Bad("two of its texts have one path" if texts else "it has no texts")
    if "/" in paths[0]:
        raise _Bad("its main text is not in the topmost folder")
    if any(number >= len(texts) for each in texts for number in each.imports.values()):
        raise _Bad("an import means a text that it does not hold")
    return texts


def _text(found: Any, limits: Limits) -> Text:
    document = _table(found, "a text")
    path = _name(document.get("path"), "a path")
    parts = path.split("/")
    if not path.isprintable() or any(part in ("", ".", "..") for part in parts):
        raise _Bad("a path in it is no relative path of plain names")
    imports = {}
    for name, number in _table(document.get("imports"), "imports").items():
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            raise _Bad("an import means no text")
        imports[_name(name, "an import")] = number
    return Text(path, _string(document.get("text"), "a text", limits.file_bytes), imports)


def _input(found: Any) -> tuple[int, ...] | dict[str, tuple[int, ...]] | None:
    if found is None:
        return None
    if isinstance(found, dict):
        return {_name(name, "an input"): _sizes(sizes) for name, sizes in found.items()}
    return _sizes(found)


def _sizes(found: Any) -> tuple[int, ...]:
    sizes = _list(found, "input", lambda each: each, _LONGEST_NAME)
    if any(isinstance(each, bool) or not isinstance(each, int) for each in sizes):
        raise _Bad("a size of an input is no whole number")
    return tuple(sizes)


def _value(found: Any, limits: Limits) -> Scalar | tuple[Scalar, ...] | Expression:
    document = _table(found, "the value of a parameter")
    if document.keys() == {"expression"}:
        return Expression(_string(document["expression"], "an expression", limits.file_bytes))
    if document.keys() != {"value"}:
        raise _Bad("a parameter has no value")
    value = document["value"]
    return tuple(_scalar(each, limits) for each in value) if isinstance(value, list) else _scalar(value, limits)


def _scalar(found: Any, limits: Limits) -> Scalar:
    if isinstance(found, str):
        return _string(found, "a value", limits.file_bytes)
    if isinstance(found, bool | int | float):
        return found
    raise _Bad("the value of a parameter is no number, truth value, string or tuple of these")


def _table(found: Any, what: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise _Bad(f"{what} {'are' if what.endswith('s') else 'is'} no table")
    return found


def _list(found: Any, what: str, each: Callable[[Any], T], most: int) -> list[T]:
    if not isinstance(found, list):
        raise _Bad(f"`{what}` is no list")
    if len(found) > most:
        raise _Bad(f"`{what}` has more than {most:,} entries")
    return [each(item) for item in found]


def _name(found: Any, what: str) -> str:
    return _string(found, what, _LONGEST_NAME)


def _string(found: Any, what: str, most: int) -> str:
    if not isinstance(found, str):
        raise _Bad(f"{what} is no text")
    try:
        size = len(found.encode())
    except UnicodeEncodeError:
        raise _Bad(f"{what} holds half a character") from None
    if size > most:
        raise _Bad(f"{what} takes more than {most:,} bytes")
    return found
