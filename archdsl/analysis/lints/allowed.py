"""Warnings that a spec allows, with a comment.

::

    # allow W109: every default here is meant            before the first statement: in the whole file
    # allow W104, W108: as in the released weights       on a line of its own: in the next line
    conv(64, 3x3)   # allow W104: …                      behind code: in this line

A warning belongs to every line of its place, the one that is marked, and of the call that this stands in: the formatter may
part a call from the comment behind it by as many lines as the call has arguments.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from archdsl.diagnostics import Diagnostic
from archdsl.source import Source, Span
from archdsl.syntax.brackets import CLOSER, comments, scan

_ALLOW = re.compile(r"#[ \t]*allow[ \t]+(W\d{3}(?:[ \t]*,[ \t]*W\d{3})*)(?!\w)")
_CODE = re.compile(r"W\d{3}")
# Comments, docstrings and what separates statements; each alternative begins with characters of its own.
_HEAD = re.compile(r'(?:[ \t\r\n;]+|#[^\r\n]*|"""[^"]*(?:"(?!"")[^"]*)*""")*')


@dataclass(frozen=True, slots=True)
class Allowed:
    """The codes that one source allows, everywhere and by line; ``calls`` are first and last line of what goes on in a line."""

    everywhere: frozenset[str] = frozenset()
    lines: dict[int, set[str]] = field(default_factory=dict)
    calls: dict[int, tuple[int, int]] = field(default_factory=dict)

    def covers(self, code: str, span: Span) -> bool:
        """Whether ``code`` is allowed at ``span``."""
        first, last = span.line, span.end_line
        first, last = self.calls.get(first, (first, first))[0], self.calls.get(last, (last, last))[1]
        return code in self.everywhere or any(code in self.lines.get(line, ()) for line in range(first, last + 1))


def without_allowed(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The diagnostics without those warnings that a comment in their source allows."""
    known: dict[Source, Allowed] = {}
    return tuple(each for each in diagnostics if not _is_allowed(each, known))


def _is_allowed(diagnostic: Diagnostic, known: dict[Source, Allowed]) -> bool:
    if diagnostic.severity != "warning" or diagnostic.primary is None:
        return False
    span = diagnostic.primary.span
    if span.source not in known:
        known[span.source] = allowed(span.source)
    return known[span.source].covers(diagnostic.code, span)


def allowed(source: Source) -> Allowed:
    """What the comments of ``source`` allow."""
    if _ALLOW.search(source.text) is None:
        return Allowed()
    head = _HEAD.match(source.text)
    first = head.end() if head is not None else 0
    everywhere: set[str] = set()
    lines: dict[int, set[str]] = {}
    for text, start in comments(source.text):
        line, column = source.location(start)
        found = _ALLOW.match(text)
        codes = set(_CODE.findall(found.group(1))) if found is not None else set()
        if start < first:
            everywhere |= codes
        elif source.line(line)[: column - 1].strip():
            lines.setdefault(line, set()).update(codes)
        else:  # what stands above a comment on a line of its own holds for the line below too
            lines.setdefault(line + 1, set()).update(codes | lines.get(line, set()))
    return Allowed(frozenset(everywhere), lines, _calls(source))


def _calls(source: Source) -> dict[int, tuple[int, int]]:
    """First and last line of the argument list that goes on in a line; statements in braces inside of one stand by themselves."""
    open_at_end: dict[int, str] = {}
    opened: list[str] = []
    for bracket, start in scan(source.text):
        if bracket in CLOSER:
            opened.append(bracket)
        elif opened:
            opened.pop()
        open_at_end[source.location(start)[0]] = opened[-1] if opened else "{"
    found: dict[int, tuple[int, int]] = {}
    first, innermost = 1, "{"
    for line in range(1, len(source.line_starts) + 1):
        innermost = open_at_end.get(line, innermost)
        if innermost == "{":
            found.update((each, (first, line)) for each in range(first, line + 1))
            first = line + 1
    return found
