"""Where a missing bracket belongs, told from the indentation.

A text that lacks a bracket pairs its others wrongly, and the parser stops far behind.  But lines still stand as deep as the
writer meant them: what is deeper than the line of an opener is inside of it, and a closer that begins a line stands as deep as
the line of its opener.
"""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from archdsl.diagnostics import Diagnostic, Fix, Label
from archdsl.source import Source, Span
from archdsl.syntax.brackets import CLOSER, code, unpaired

_MOST = 20
_DEEPEST = 500  # far beyond what may nest
_BRACKET = re.compile(r"[()\[\]{}]")
_OPENER = {closer: opener for opener, closer in CLOSER.items()}
_REST = re.compile(r"if\b(?!\s*:)|->|,")


class Missing(NamedTuple):
    """A bracket that is not there: ``wanted``, which would pair with the one at ``partner``.

    It belongs into the range from ``start`` to ``end`` (``how`` is "insert"), in the place of the bracket there ("replace"), or
    nobody knows where ("nowhere"); the range is then the partner itself.
    """

    wanted: str
    start: int
    end: int
    partner: int
    how: Literal["insert", "replace", "nowhere"] = "insert"


class _Line(NamedTuple):
    """A line with code in it: its number, where its text starts and its code ends, and how many blanks lead it."""

    number: int
    start: int
    end: int
    indent: int


class _Open(NamedTuple):
    """An opener, the line that it stands on, and whether the line ends with it."""

    bracket: str
    start: int
    line: _Line
    last: bool


class _Doubt(Exception):
    """The indentation tells nothing."""


def missing(text: str) -> tuple[list[Missing], bool]:
    """The missing brackets, in the order of the text, and whether the text lacks as many by any reading.

    None where the indentation does not tell how to pair all.  Where other brackets would pair as they are, the indentation may be
    what is wrong: then only a text that parses once it is :func:`mended` proves it right.
    """
    reading = _Reading(text)
    try:
        reading.read()
    except _Doubt:
        return [], False
    found = sorted(reading.found, key=lambda each: each.start)
    if not found or unpaired(mended(text, found)):
        return [], False
    sure = reading.sure and len(found) <= len(unpaired(text))
    astray = any(each.how == "nowhere" and each.wanted == "{" for each in found)  # a body may end behind its last statement
    return (found, sure) if sure or not astray else ([], False)


def mended(text: str, found: list[Missing]) -> str:
    """``text`` with the brackets put in, and without those whose partner has no place."""
    parts, at = [], 0
    for each in found:
        parts += [text[at : each.start], "" if each.how == "nowhere" else each.wanted]
        at = each.start if each.how == "insert" else each.end
    return "".join([*parts, text[at:]])


class _Reading:
    """One reading of a text by its indentation."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.code = code(text)
        self.found: list[Missing] = []
        self.sure = True
        self._stack: list[_Open] = []
        self._lines: list[_Line] = []

    def read(self) -> None:
        """Every missing bracket found; raises :class:`_Doubt` where there are too many to be true."""
        for line in self._code_lines():
            self._leave(line)
            self._guard(line)
            self._line(line)
            self._lines.append(line)
        self._leave(_Line(0, len(self.text), len(self.text), -1))

    def _code_lines(self) -> Iterator[_Line]:
        start = 0
        for number, line in enumerate(self.code.split("\n")):
            if line.strip():
                yield _Line(number, start, start + len(line.rstrip()), len(line) - len(line.lstrip()))
            start += len(line) + 1

    def _tell(self, missing: Missing) -> None:
        self.found.append(missing)
        if len(self.found) > _MOST:
            raise _Doubt

    def _tell_closer(self, of: _Open, at: int) -> None:
        if of.bracket != "{":  # arguments end before the next statement
            semicolon = self.code.find(";", of.start, at)
            at = at if semicolon < 0 or "{" in self.code[of.start : semicolon] else semicolon
        self._tell(Missing(CLOSER[of.bracket], at, at, of.start))

    def _tell_alone(self, bracket: str, start: int) -> None:
        self._tell(Missing(_OPENER[bracket], start, start + 1, start, "nowhere"))

    # --- lines -----------------------------------------------------------------------------------------------------------

    def _leave(self, line: _Line) -> None:
        """Every opener that ``line`` is no part of is closed; those that still stand open lack a closer."""
        closes = self.code[line.start + line.indent : line.start + line.indent + 1] in (*_OPENER, ",")
        while self._stack:
            top = self._stack[-1]
            if top.line.indent < line.indent or (top.line.indent == line.indent and closes):
                return
            self._stack.pop()
            self._tell_closer(top, self._end_of(top, line))

    def _end_of(self, top: _Open, before: _Line) -> int:
        """Where what ``top`` opens ends, by the lines between it and ``before``."""
        last = self._lines[-1]
        if last is top.line:
            self.sure = self.sure and not top.last  # an empty body, or one that is not indented
            return top.line.end
        gap = self.text[last.end : before.start]
        start = last.end
        for line in gap.split("\n")[1:]:
            start = self.text.find("\n", start) + 1
            if not line.strip() and len(line.rstrip("\r")) == top.line.indent and start < before.start:
                return start + top.line.indent  # a line that seems to have lost it
        return last.end

    def _line(self, line: _Line) -> None:
        """The brackets of ``line`` paired."""
        groups: list[_Line] = []  # the lines of those that its first closers close
        at, leads = line.start, True
        for found in _BRACKET.finditer(self.code, line.start, line.end):
            bracket, start = found.group(), found.start()
            leads = leads and bracket in _OPENER and not self.code[at:start].strip()
            at = start + 1
            if bracket in CLOSER:
                self._open(bracket, start, line)
            elif leads:
                self._close_first(bracket, start, line, groups)
            else:
                self._close(bracket, start, line, groups)

    def _guard(self, line: _Line) -> None:
        """A line begins with no guard and no comma, and an arrow stands two blanks deeper: else the brace before it is gone."""
        found = _REST.match(self.code, line.start + line.indent)
        top = self._stack[-1] if self._stack else None
        if found is None or top is None or top.bracket != "{" or top.line.indent + (found.group() != ",") != line.indent:
            return
        self._stack.pop()
        self._tell_closer(top, line.start + top.line.indent)

    # --- brackets --------------------------------------------------------------------------------------------------------

    def _open(self, bracket: str, start: int, line: _Line) -> None:
        if bracket == "{" and not self._begins_argument(start, line):
            end = line.start + len(self.code[line.start : start].rstrip())
            while self._stack and self._stack[-1].bracket != "{":  # a body behind arguments, which have ended
                self._tell_closer(self._stack.pop(), end)
        self._stack.append(_Open(bracket, start, line, start + 1 >= line.end))
        if len(self._stack) > _DEEPEST:
            raise _Doubt

    def _begins_argument(self, brace: int, line: _Line) -> bool:
        """Whether a body may be an argument, by what is before it, or nothing on its line is."""
        if not self._stack or self._stack[-1].bracket == "{" or self.code[brace - 1] in "([":
            return True
        before = brace
        while before > line.start and self.code[before - 1].isspace():
            before -= 1
        return before == line.start or self.code[before - 1] in "=,{"

    def _close_first(self, bracket: str, start: int, line: _Line, groups: list[_Line]) -> None:
        """A closer that begins a line pairs with an opener on a line as deep as its own."""
        self._drop_unclosed(bracket, start, line)
        top = self._stack[-1] if self._stack else None
        fits = top is not None and CLOSER[top.bracket] == bracket
        if top is not None and fits and (top.line.indent == line.indent or groups):
            self._stack.pop()
            groups.append(top.line)
            return
        self._tell_opener(bracket, start, line)

    def _tell_opener(self, bracket: str, start: int, line: _Line) -> None:
        """The opener of a closer that begins a line is missing: at the end of the nearest line that is as deep."""
        header = next((each for each in reversed(self._lines) if each.indent <= line.indent), None)
        if header is None or header.indent != line.indent or (bracket == "}" and header is self._lines[-1]):
            self._tell_alone(bracket, start)
        elif bracket == "}":
            self._tell(Missing("{", header.end, header.end, start))
        else:
            self._tell(Missing(_OPENER[bracket], header.start + header.indent, header.end, start))

    def _close(self, bracket: str, start: int, line: _Line, groups: list[_Line]) -> None:
        """A closer behind something on its line pairs with an opener of that line, or with one whose lines it goes on."""
        if self._stack and self._stack[-1].line in (line, *groups):
            self._drop_unclosed(bracket, start, line)
        top = self._stack[-1] if self._stack else None
        if top is not None and CLOSER[top.bracket] == bracket and (bracket != "}" or top.line in (line, *groups)):
            self._stack.pop()
        elif groups and bracket != "}":
            self._tell(Missing(_OPENER[bracket], groups[-1].start + groups[-1].indent, groups[-1].end, start))
        elif top is None:
            self._tell_alone(bracket, start)
        elif top.line is line and top.bracket != "{" and bracket != "}":
            self._stack.pop()
            self._tell(Missing(CLOSER[top.bracket], start, start + 1, top.start, "replace"))
        else:
            self._tell_alone(bracket, start)

    def _drop_unclosed(self, bracket: str, start: int, line: _Line) -> None:
        """Openers that lack their closer before this one, which closes another of the same line as theirs."""
        depth = len(self._stack)
        if not depth or CLOSER[self._stack[-1].bracket] == bracket:
            return
        of = self._stack[-1].line
        while depth and self._stack[depth - 1].line is of and CLOSER[self._stack[depth - 1].bracket] != bracket:
            depth -= 1
        if not depth or self._stack[depth - 1].line is not of:
            return
        while len(self._stack) > depth:
            self._tell_closer(self._stack.pop(), start)


# --- reports -------------------------------------------------------------------------------------------------------------


def missing_bracket(source: Source, each: Missing) -> Diagnostic:
    """E0102 for a bracket that is missing, at its place."""
    place, partner = Span(source, each.start, each.end), Span(source, each.partner, each.partner + 1)
    line, column = source.location(each.partner)
    if each.how == "nowhere":
        return Diagnostic("E0102", f"`{partner.text}` closes nothing", Label(place, f"no `{each.wanted}` is open for it"))
    if each.how == "replace":
        opener = Label(partner, f"`{each.wanted}` would close this")
        return Diagnostic("E0102", f"`{place.text}` closes nothing", Label(place), (opener,), fixes=(Fix(place, each.wanted),))
    label = Label(place, f"by the indentation, `{each.wanted}` is missing {'on this line' if place.text else 'here'}")
    help_ = f"add `{each.wanted}`"
    if each.wanted in CLOSER:
        message = f"`{partner.text}` at {line}:{column} closes nothing"
        fixes = () if place.text else (Fix(place, f" {each.wanted}"),)
        return Diagnostic("E0102", message, label, (Label(partner, "nothing is open for it"),), help=help_, fixes=fixes)
    message = f"`{partner.text}` at {line}:{column} is never closed"
    fixes = (_closing(place, partner, each),)
    return Diagnostic("E0102", message, label, (Label(partner, "opened here"),), help=help_, fixes=fixes)


def _closing(place: Span, opener: Span, each: Missing) -> Fix:
    """The fix that closes ``opener`` at ``place``: on a line of its own where its body has lines of their own."""
    text = place.source.line(place.line)
    if not text[: place.column - 1].strip():
        return Fix(place, each.wanted)
    line = place.source.line(opener.line)
    if line[opener.column :].partition("#")[0].strip():
        blank = " " if each.wanted == "}" and text[place.column - 2] != " " else ""
        return Fix(place, f"{blank}{each.wanted}")
    end = place.source.line_starts[place.line - 1] + len(text)
    return Fix(Span(place.source, end, end), f"\n{line[: len(line) - len(line.lstrip())]}{each.wanted}")
