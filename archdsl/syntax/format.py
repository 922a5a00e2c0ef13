"""The canonical layout of a text: ``archdsl fmt`` without files and options.

::

    tokens and comments ─ format_read ─▶ nodes ─ format_layout ─▶ lines ─ format_lines ─▶ text
                                       format_gaps: blanks       format_columns: labels, guards

The result is read again and compared with the original before anyone gets it: the same tree, the same comments in the same order.
"""

import dataclasses
import re
from typing import Any

from archdsl.diagnostics import ArchError, InternalError, error
from archdsl.limits import DEFAULT, Limits
from archdsl.source import Source, Span
from archdsl.syntax import ast, parser
from archdsl.syntax.brackets import comments
from archdsl.syntax.format_layout import lay_out
from archdsl.syntax.format_lines import text_of
from archdsl.syntax.format_read import read_nodes

_LINE_END = re.compile(r"\r+\n")


def format_source(source: Source, limits: Limits = DEFAULT) -> str:
    """The text of ``source`` in the canonical layout, lines ended by line feeds alone; formatting it again changes nothing.

    Raises ArchError as :func:`archdsl.syntax.parse` where the text has faults, E0105 where it would grow beyond the limit,
    E0106 where a bare carriage return ends a comment; InternalError where tree or comments would have changed.
    """
    source = Source(source.path, _LINE_END.sub("\n", source.text))
    tree, tokens = parser.parse_with_tokens(source, limits)
    _refuse_bare_returns(source)
    text = text_of(lay_out(read_nodes(source, tokens)))
    if text != source.text:
        _check(tree, text, limits)
    return text


def _refuse_bare_returns(source: Source) -> None:
    for text, start in comments(source.text):
        end = start + len(text)
        if source.text.startswith("\r", end):
            span = Span(source, end, end + 1)
            help = "end the line with a line feed, or leave the carriage return out"
            raise error("E0106", "a bare carriage return ends a comment in the middle of a line", span, help=help)


def _check(tree: ast.File, text: str, limits: Limits) -> None:
    """InternalError where ``text`` says something else than ``tree``, or has other comments than its source."""
    try:
        again = parser.parse(Source(tree.source.path, text), limits)
    except ArchError as fault:
        if fault.diagnostics[0].code == "E0105":
            raise
        raise InternalError(f"the formatted text would have a fault: {fault.diagnostics[0].message}") from None
    if not _same(tree, again):
        raise InternalError("formatting would change what the text says")
    kept = [found.rstrip() for found, _ in comments(text)]
    if kept != [found.rstrip() for found, _ in comments(tree.source.text)]:
        raise InternalError("formatting would change comments")


def _same(one: object, other: object) -> bool:
    """Whether two trees are equal but for places."""
    waiting: list[tuple[Any, Any]] = [(one, other)]
    while waiting:
        a, b = waiting.pop()
        if type(a) is not type(b):
            return False
        if isinstance(a, Span | Source):
            continue
        if dataclasses.is_dataclass(a):
            waiting += [(getattr(a, field.name), getattr(b, field.name)) for field in dataclasses.fields(a)]
        elif isinstance(a, tuple):
            if len(a) != len(b):
                return False
            waiting += zip(a, b, strict=True)
        elif a != b:
            return False
    return True
