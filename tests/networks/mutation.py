"""Bundled specs with a line changed or left out."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from archdsl.pipeline import library


@dataclass(frozen=True)
class Mutant:
    """A spec of its own in a copy of the library; ``file`` and ``line`` are the place that was changed."""

    spec: Path
    file: Path
    line: int


def substitute(folder, network, file, old, new, *, after=""):
    """A copy of the library in ``folder`` where ``file`` has ``new`` for the first ``old`` behind ``after``."""
    copy = folder / "specs"
    shutil.copytree(library(), copy)
    changed = copy / file
    text = changed.read_text(encoding="utf-8")
    start = text.index(old, text.index(after))
    changed.write_text(text[:start] + new + text[start + len(old) :], encoding="utf-8")
    return Mutant(copy / f"{network}.arch", changed, text.count("\n", 0, start) + 1)


def statement_lines(text):
    """Numbers (from 1) of the lines that are whole statements, and the text without each of them.

    A line that opens or closes a brace has its other half elsewhere; docstrings, comments, and empty lines say nothing.
    """
    lines = text.splitlines(keepends=True)
    quoted = False
    for number, line in enumerate(lines, 1):
        quotes = line.count('"""')
        code = line.partition("#")[0]
        if not quoted and quotes == 0 and code.strip() and code.count("{") == code.count("}"):
            yield number, "".join(lines[: number - 1] + lines[number:])
        quoted ^= quotes % 2 == 1


def without_expectations(text):
    """The text with the checked figure captions left out, which every changed width would fail."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.strip().startswith("expect "))


def the_fault(caught):
    """The first report of ``caught``: the only one, but where what was left out is missed at many places."""
    first, *others = caught.diagnostics
    assert not others or {each.code for each in caught.diagnostics} <= {"E0201", "E0301", "E0304", "E0404"}, caught
    assert first.primary is not None
    assert first.message[:1] == first.message[:1].lower()
    assert not first.message.endswith(".")
    return first
