"""What archdsl tells the user when an input is at fault.

A :class:`Diagnostic` states one fact about one place; :class:`ArchError` carries one or many of them and is the only exception
that a user's mistake raises.  A bug of our own is an :class:`InternalError`.
"""

import difflib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
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
    "W101": "more than 1000 filters in an unscaled residual sum",
    "W102": "a relu directly before the sum of a residual",
    "W103": "batch normalisation directly after the sum of a residual",
    "W104": "a bias directly in front of batch normalisation",
    "W105": "two 1xn convolutions in a row, or two nx1",
    "W106": "a tap that is never read",
    "W107": "a parameter, constant or import that is never used",
    "W108": "something with weights and without a label, beside other layers",
    "W109": "an unwritten padding, where `same` and `sym` differ",
}
"""Every code with what it stands for.

Families: E01 syntax, E02 names, E03 shapes, E04 values, E05 structure, E06 imports, E07 backends, W1 lints.
"""


@dataclass(frozen=True, slots=True)
class Label:
    """A place and what is to be said about it."""

    span: Span
    text: str = ""


@dataclass(frozen=True, slots=True)
class Fix:
    """A replacement of ``span`` by ``replacement`` that mends the fault.

    It is ``certain`` where nothing else can have been meant.  ``check --fix`` applies those and no others, because what is merely
    likely could silently make another network.
    """

    span: Span
    replacement: str
    certain: bool = False


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


def respell(span: Span, known: Iterable[str]) -> tuple[Fix, ...]:
    """The fix that goes with :func:`did_you_mean` for the unknown name at ``span``, certain where it can only be a slip."""
    names = sorted(set(known))
    found = suggest(span.text, names)
    return () if found is None else (Fix(span, found, certain=slip(span.text, names) == found),)


def slip(word: str, known: Iterable[str]) -> str | None:
    """The known name that ``word`` can only be a slip for; None where something else may be meant.

    A slip is a difference in case, two letters swapped, or a letter missing or too many inside the name, or a plural's `s` at its
    end.  Another letter, digit or ending makes the name of something else: `ReductionC`, `conv1`, `convt`.  So does a capital at
    its beginning: blocks are called so, and `Conv` may be one whose import was forgotten, with more in it than `conv`.
    """
    names = set(known)
    alike = [name for name in names if name.lower() == word.lower()]
    if alike:
        return alike[0] if len(alike) == 1 and word[:1].islower() and alike[0][:1].islower() else None
    slips = [name for name in names if _is_slip(word, name)] if len(word) >= _SHORTEST_SLIP else []
    return slips[0] if len(slips) == 1 else None


_SHORTEST_SLIP = 4


def _is_slip(word: str, name: str) -> bool:
    """Whether one slip made ``word`` of ``name``."""
    if abs(len(word) - len(name)) > 1 or word[0] != name[:1]:
        return False
    if [each for each in word if each.isdigit()] != [each for each in name if each.isdigit()]:
        return False
    start = _shared(word, name)
    wrong, right = word[start:], name[start:]
    end = _shared(wrong[::-1], right[::-1])
    wrong, right = wrong[: len(wrong) - end], right[: len(right) - end]
    if not end and len(wrong) != len(right):
        return (wrong, right) == ("s", "")
    return len(wrong) + len(right) == 1 or (len(wrong) == 2 and wrong == right[::-1])


def _shared(one: str, other: str) -> int:
    """How many characters both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


_BOLD, _RED, _YELLOW, _BLUE, _CYAN, _RESET = "\x1b[1m", "\x1b[1;31m", "\x1b[1;33m", "\x1b[1;34m", "\x1b[1;36m", "\x1b[0m"
_LONGEST_LINE = 160
_MOST_MENDED = 8  # lines of one fix that are shown


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
        lines_shown = [*(each.span.line for each in labels), *(each.span.end_line for each in diagnostic.fixes)]
        gutter = len(str(max(lines_shown)))
        pad = " " * gutter
        lines.append(f"{pad}{paint(_BLUE, '-->')} {_place(primary.span)}")
        lines.append(paint(_BLUE, f"{pad} |"))
        by_source: dict[Source, list[Label]] = {primary.span.source: []}
        for label in labels:
            by_source.setdefault(label.span.source, []).append(label)
        for source, group in by_source.items():
            if source is not primary.span.source:
                lines.append(f"{pad}{paint(_BLUE, ':::')} {_place(group[0].span)}")
            above = ""
            for label in sorted(group, key=lambda each: (each.span.start, each is not primary)):
                is_primary = label is primary
                text, mark = _excerpt(label, "^" if is_primary else "-")
                line = f"{paint(_BLUE, f'{label.span.line:>{gutter}} |')} {text}".rstrip()
                if line != above:  # labels of one line stand below it together
                    lines.append(line)
                above = line
                lines.append(f"{paint(_BLUE, f'{pad} |')} {paint(severity_style if is_primary else _BLUE, mark)}")
        if diagnostic.path or diagnostic.notes:
            lines.append(paint(_BLUE, f"{pad} |"))
    pad = " " * gutter
    notes = ([f"at `{diagnostic.path}`"] if diagnostic.path else []) + list(diagnostic.notes)
    lines += [f"{pad} {paint(_BLUE, '=')} {paint(_BOLD, 'note')}: {printable(note)}" for note in notes]
    if diagnostic.help or diagnostic.fixes:
        lines.append(f"{paint(_CYAN, 'help')}: {printable(diagnostic.help or 'write this')}")
        for place, mended in _mended(diagnostic.fixes, primary):
            if place is not None:
                lines.append(f"{pad}{paint(_BLUE, ':::')} {_place(place)}")
            lines.append(paint(_BLUE, f"{pad} |"))
            lines += [f"{paint(_BLUE, f'{number:>{gutter}} |')} {text}".rstrip() for number, text in mended]
    return "\n".join(lines)


def _mended(fixes: Iterable[Fix], primary: Label | None) -> list[tuple[Span | None, list[tuple[int, str]]]]:
    """The lines that the fixes leave, by number and grouped by what stands together; a place leads those of another file."""
    groups: list[list[Fix]] = []
    for fix in sorted(fixes, key=lambda each: (each.span.source.path, each.span.start)):
        last = groups[-1][-1].span if groups else None
        if last is not None and last.source is fix.span.source and fix.span.line <= last.end_line:
            groups[-1].append(fix)
        else:
            groups.append([fix])
    shown: list[tuple[Span | None, list[tuple[int, str]]]] = []
    for group in groups:
        first, source = group[0].span, group[0].span.source
        text, at = "", source.line_starts[first.line - 1]
        for fix in group:
            text += source.text[at : fix.span.start] + fix.replacement
            at = fix.span.end
        end = group[-1].span.end_line
        text += source.text[at : source.line_starts[end - 1] + len(source.line(end))]
        lines = [(first.line + index, _window(line, first.column - 1)[0]) for index, line in enumerate(text.splitlines())]
        elsewhere = primary is None or source is not primary.span.source
        shown.append((first if elsewhere else None, [(number, printable(line)) for number, line in lines[:_MOST_MENDED]]))
    return shown


def _place(span: Span) -> str:
    return printable(f"{span.source.path}:{span.line}:{span.column}")


def _excerpt(label: Label, mark: str) -> tuple[str, str]:
    """The labelled line, cut to a readable window, and the marks under it."""
    span = label.span
    line = span.source.line(span.line)
    start = span.column - 1
    end = span.end_column - 1 if span.end_line == span.line else len(line)
    line, first = _window(line, start)
    before = line[: start - first]
    marked = line[start - first : max(end - first, start - first)]
    indent = "".join(" " * _columns(character) for character in before)
    marks = mark * max(1, sum(_columns(character) for character in marked.rstrip()))
    note = printable(label.text)
    return printable(line), f"{indent}{marks}{' ' + note if note else ''}"


def _window(line: str, start: int) -> tuple[str, int]:
    """``line`` cut to a readable length around ``start``, and how many of its characters are missing in front."""
    if len(line) <= _LONGEST_LINE:
        return line, 0
    first = max(0, start - _LONGEST_LINE // 3)
    if not first:
        return line[:_LONGEST_LINE], 0
    return "…" + line[first : first + _LONGEST_LINE], first - 1


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
