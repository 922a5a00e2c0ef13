"""What archdsl tells the user when an input is at fault.

A :class:`Diagnostic` states one fact about one place; :class:`ArchError` carries one or many of them and is the only exception
that a user's mistake raises.  A bug of our own is an :class:`InternalError`.
"""

import difflib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from archdsl.source import Source, Span

Severity = Literal["error", "warning", "note"]

CODES: dict[str, str] = {
    "E0101": "the text does not follow the grammar",
    "E0102": "a bracket or brace is not closed, or closes nothing",
    "E0103": "a number is not written in a form the language has",
    "E0104": "the file is not UTF-8 text",
    "E0105": "the text is too large or too deeply nested",
    "E0106": "a character or string the language has no use for",
    "E0201": "an unknown name",
    "E0202": "a name is used twice in one scope",
    "E0203": "a name that the language or PyTorch keeps for itself",
    "E0204": "something with weights needs a label",
    "E0205": "a tap or output is not visible here",
    "E0301": "shapes that must agree differ",
    "E0302": "a window does not fit its input",
    "E0303": "an operator cannot take a value of this shape",
    "E0304": "an `expect` does not hold",
    "E0305": "a shape is too large",
    "E0401": "a value of the wrong kind",
    "E0402": "a value out of range",
    "E0403": "an expression cannot be evaluated",
    "E0404": "a missing, unknown or repeated argument",
    "E0405": "an override does not fit the network",
    "E0501": "a statement or body where it does not belong, or one that is missing",
    "E0502": "a merge without branches",
    "E0503": "a network without input or output",
    "E0504": "a block that uses itself",
    "E0505": "a network larger than the limit",
    "E0506": "a custom operator that does not fit the operator contract",
    "E0601": "an import or spec that cannot be found",
    "E0602": "an import that leaves its tree",
    "E0603": "files that import one another in a circle",
    "E0604": "a file that cannot be read as a spec",
    "E0605": "too many files or too deep a chain of imports",
    "E0701": "a backend cannot express this",
    "E0708": "weights that do not fit the network",
    "E0709": "a file of weights, or of rules for them, that cannot be read",
    "E0710": "a rule for the names of weights that makes no sense or leaves a doubt",
}
"""Every code with what it stands for.

Families: E01 syntax, E02 names, E03 shapes, E04 values, E05 structure, E06 imports, E07 backends.
"""


@dataclass(frozen=True, slots=True)
class Label:
    """A place and what is to be said about it."""

    span: Span
    text: str = ""


@dataclass(frozen=True, slots=True)
class Fix:
    """A replacement of ``span`` by ``replacement`` that mends the fault."""

    span: Span
    replacement: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One fault: what is the case (``message``), where (``primary``), why (``secondary``, ``notes``), and what to do (``help``).

    ``path`` is the instance in the network, where it differs from the place in the text.
    """

    code: str
    message: str
    primary: Label | None = None
    secondary: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: str | None = None
    fixes: tuple[Fix, ...] = ()
    path: str | None = None
    severity: Severity = "error"

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise InternalError(f"unregistered diagnostic code {self.code}")


class ArchError(Exception):
    """The user's input is at fault; ``diagnostics`` says how, most important first."""

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__(*diagnostics)
        self.diagnostics = diagnostics

    def __str__(self) -> str:
        return "\n\n".join(format_text(diagnostic) for diagnostic in self.diagnostics)


class InternalError(Exception):
    """A bug in archdsl, never the user's fault; please report it."""


def error(
    code: str,
    message: str,
    span: Span | None = None,
    label: str = "",
    *,
    secondary: Iterable[Label] = (),
    notes: Iterable[str] = (),
    help: str | None = None,
    fixes: Iterable[Fix] = (),
    path: str | None = None,
) -> ArchError:
    """An :class:`ArchError` with one diagnostic, ready to be raised."""
    primary = None if span is None else Label(span, label)
    return ArchError(Diagnostic(code, message, primary, tuple(secondary), tuple(notes), help, tuple(fixes), path))


def suggest(word: str, known: Iterable[str]) -> str | None:
    """The known name most like ``word``, or None where none is close."""
    names = sorted(set(known))
    lowered = {name.lower(): name for name in reversed(names)}
    if word.lower() in lowered:
        return lowered[word.lower()]
    found = difflib.get_close_matches(word[:80], names, n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Help text for an unknown name."""
    found = suggest(word, known)
    return None if found is None else f"did you mean `{found}`?"


_BOLD, _RED, _YELLOW, _BLUE, _CYAN, _RESET = "\x1b[1m", "\x1b[1;31m", "\x1b[1;33m", "\x1b[1;34m", "\x1b[1;36m", "\x1b[0m"
_LONGEST_LINE = 160


def format_text(diagnostic: Diagnostic, *, colour: bool = False) -> str:
    """The diagnostic as a reader at a terminal sees it: message, place, source lines with carets, notes, help."""

    def paint(style: str, text: str) -> str:
        return f"{style}{text}{_RESET}" if colour and text else text

    severity_style = {"error": _RED, "warning": _YELLOW, "note": _CYAN}[diagnostic.severity]
    head = paint(severity_style, f"{diagnostic.severity}[{diagnostic.code}]")
    lines = [f"{head}: {paint(_BOLD, printable(diagnostic.message))}"]
    primary = diagnostic.primary
    gutter = 1
    if primary is not None:
        labels = [primary, *diagnostic.secondary]
        gutter = max(len(str(label.span.line)) for label in labels)
        pad = " " * gutter
        lines.append(f"{pad}{paint(_BLUE, '-->')} {_place(primary.span)}")
        lines.append(paint(_BLUE, f"{pad} |"))
        by_source: dict[Source, list[Label]] = {primary.span.source: []}
        for label in labels:
            by_source.setdefault(label.span.source, []).append(label)
        for source, group in by_source.items():
            if source is not primary.span.source:
                lines.append(f"{pad}{paint(_BLUE, ':::')} {_place(group[0].span)}")
            for label in sorted(group, key=lambda each: (each.span.start, each is not primary)):
                is_primary = label is primary
                text, mark = _excerpt(label, "^" if is_primary else "-")
                lines.append(f"{paint(_BLUE, f'{label.span.line:>{gutter}} |')} {text}")
                lines.append(f"{paint(_BLUE, f'{pad} |')} {paint(severity_style if is_primary else _BLUE, mark)}")
        if diagnostic.path or diagnostic.notes:
            lines.append(paint(_BLUE, f"{pad} |"))
    pad = " " * gutter
    notes = ([f"at `{diagnostic.path}`"] if diagnostic.path else []) + list(diagnostic.notes)
    lines += [f"{pad} {paint(_BLUE, '=')} {paint(_BOLD, 'note')}: {printable(note)}" for note in notes]
    if diagnostic.help:
        lines.append(f"{paint(_CYAN, 'help')}: {printable(diagnostic.help)}")
    return "\n".join(lines)


def _place(span: Span) -> str:
    return printable(f"{span.source.path}:{span.line}:{span.column}")


def _excerpt(label: Label, mark: str) -> tuple[str, str]:
    """The labelled line, cut to a readable window, and the marks under it."""
    span = label.span
    line = span.source.line(span.line)
    start = span.column - 1
    end = span.end_column - 1 if span.end_line == span.line else len(line)
    first = 0
    if len(line) > _LONGEST_LINE:
        first = max(0, start - _LONGEST_LINE // 3)
        line = ("…" if first else "") + line[first : first + _LONGEST_LINE]
        first -= 1 if first else 0
    before = line[: start - first]
    marked = line[start - first : max(end - first, start - first)]
    indent = "".join(" " * _columns(character) for character in before)
    marks = mark * max(1, sum(_columns(character) for character in marked.rstrip()))
    note = printable(label.text)
    return printable(line), f"{indent}{marks}{' ' + note if note else ''}"


def _columns(character: str) -> int:
    """Terminal cells that ``character`` takes once made printable."""
    if not character.isprintable():
        return len(printable(character))
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def printable(text: str) -> str:
    """``text`` with control, bidirectional and other unprintable characters made visible, and tabs widened to one blank."""
    return "".join(
        " " if character == "\t" else character if character.isprintable() else f"<U+{ord(character):04X}>" for character in text
    )
