"""The parser's tables: made from ``grammar.lark`` once for each user, then read from the user's cache folder.

Making them takes a few tenths of a second, reading them some ten milliseconds.  The cache is a convenience and never trusted
to exist: what is missing, damaged or cannot be written is made anew and kept in memory.
"""

import hashlib
import marshal
import sys
import threading
from contextlib import suppress
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import lark
from lark.grammar import Rule
from lark.lexer import TerminalDef

from archdsl.files import atomic_write, cache_folder
from archdsl.syntax.build import Builder
from archdsl.syntax.layout import Layout

STARTS = ["start", "fragment", "edits", "expr", "path"]
_FORMAT = b"archdsl parser tables 1\n"


class Machine:
    """A parser with its builder and token filter; used while holding ``lock``, since both have fields for one text at a time."""

    def __init__(self, tables: dict[str, Any]) -> None:
        self.lock = threading.Lock()
        self.builder = Builder()
        self.layout = Layout()
        self.lark = lark.Lark._load_from_dict(tables["data"], tables["memo"], transformer=self.builder, postlex=self.layout)  # type: ignore[no-untyped-call]  # noqa: SLF001


@cache
def machine() -> Machine:
    """The parser of this process, its tables from the cache where that has them."""
    grammar = grammar_text()
    path = cache_path(grammar)
    tables = _read(path) if path else None
    if tables is not None:
        # A cache that reads well may still be of a shape that this lark does not take.
        with suppress(Exception):
            return Machine(tables)
    tables = make(grammar)
    if path:
        _write(path, tables)
    return Machine(tables)


def grammar_text() -> str:
    return (files("archdsl.syntax") / "grammar.lark").read_text(encoding="utf-8")


def make(grammar: str, *, strict: bool = False) -> dict[str, Any]:
    """The tables of ``grammar`` as plain data; ``strict`` also refuses ambiguous terminals, for which it needs interegular."""
    made = lark.Lark(
        grammar,
        parser="lalr",
        lexer="contextual",
        start=STARTS,
        strict=strict,
        keep_all_tokens=True,
        maybe_placeholders=False,
        postlex=Layout(),
    )
    data, memo = made.memo_serialize([TerminalDef, Rule])
    data["options"] = {name: value for name, value in data["options"].items() if name not in ("postlex", "transformer")}
    return {"data": data, "memo": memo}


def cache_path(grammar: str) -> Path | None:
    """Where the tables of this grammar, lark and Python are kept; None where the user has no folder for caches."""
    folder = cache_folder()
    if folder is None:
        return None
    key = hashlib.sha256(f"{grammar}\n{lark.__version__}\n{sys.version}".encode()).hexdigest()[:20]
    return folder / f"parser-{key}.bin"


def _read(path: Path) -> dict[str, Any] | None:
    """The tables in the file at ``path``; None where there are none that can be used."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    head = len(_FORMAT) + 32
    digest, payload = content[len(_FORMAT) : head], content[head:]
    if not content.startswith(_FORMAT) or hashlib.sha256(payload).digest() != digest:
        return None
    try:
        # marshal runs no code, and the digest keeps damaged bytes from it.
        tables = marshal.loads(payload)  # noqa: S302
    except (ValueError, EOFError, TypeError):
        return None
    return tables if isinstance(tables, dict) else None


def _write(path: Path, tables: dict[str, Any]) -> None:
    """Keep ``tables`` for the next process; where that is not possible, do nothing."""
    with suppress(OSError, ValueError):
        payload = marshal.dumps(tables)
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, _FORMAT + hashlib.sha256(payload).digest() + payload)
