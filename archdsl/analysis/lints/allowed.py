"""Warnings that a spec allows, with a comment.

::

    # allow W109: every default here is meant            before the first statement: in the whole file
    # allow W104, W108: as in the released weights       on a line of its own: in the next line
    conv(64, 3x3)   # allow W104: …                      behind code: in this line

A warning belongs to the line where its place begins, and to the one where it ends.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from archdsl.diagnostics import Diagnostic
from archdsl.source import Source, Span
from archdsl.syntax.brackets import comments

_ALLOW = re.compile(r"#[ \t]*allow[ \t]+(W\d{3}(?:[ \t]*,[ \t]*W\d{3})*)(?!\w)")
_CODE = re.compile(r"W\d{3}")
# Comments, docstrings and what separates statements; each alternative begins with characters of its own.
_HEAD = re.compile(r'(?:[ \t\r\n;]+|#[^\r\n]*|"""[^"]*(?:"(?!"")[^"]*)*""")*')


@dataclass(frozen=True, slots=True)
class Allowed:
    """The codes that one source allows, everywhere and by line."""

    everywhere: frozenset[str] = frozenset()
    lines: dict[int, set[str]] = field(default_factory=dict)

    def covers(self, code: str, span: Span) -> bool:
        """Whether ``code`` is allowed at ``span``."""
        return code in self.everywhere or any(code in self.lines.get(line, ()) for line in (span.line, span.end_line))


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
    return Allowed(frozenset(everywhere), lines)
