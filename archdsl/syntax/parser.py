"""Parsing a text: the tables, the token filter and the builder put to work, and every fault turned into a diagnostic."""

import re
from typing import Any

from lark import Token
from lark.exceptions import UnexpectedInput

from archdsl.diagnostics import ArchError, Diagnostic, error
from archdsl.limits import DEFAULT, Limits
from archdsl.source import Source, Span
from archdsl.syntax import ast, faults
from archdsl.syntax.brackets import unpaired
from archdsl.syntax.indentation import mended, missing, missing_bracket
from archdsl.syntax.tables import machine

_MOST_FAULTS = 20
_HALF = re.compile("[\ud800-\udfff]")  # which strings of Python can hold, and no file does
_HEAD = re.compile(r"\s*(?:(?:block|arch)\s+\w+|variant\s+\w+\s+of\s+\w+|about\b)")
_MOST_REPARSED = 300_000  # characters: beyond it, parsing once more for each fault would be felt


def parse(source: Source, limits: Limits = DEFAULT) -> ast.File:
    tree: ast.File = _parse_all(source, "start", limits)
    return tree


def parse_with_tokens(source: Source, limits: Limits = DEFAULT) -> tuple[ast.File, list[Token]]:
    """The tree of a whole file, and the tokens that it was read from: separators that separate nothing are left out."""
    tokens: list[Token] = []
    try:
        if len(source.text) <= limits.file_bytes:
            return _parse_once(source, source.text, "start", limits, tokens), tokens
    except ArchError:
        tokens.clear()
    return parse(source, limits), tokens  # which tells of every fault


def parse_fragment(source: Source, limits: Limits = DEFAULT) -> tuple[ast.Statement, ...]:
    statements: tuple[ast.Statement, ...] = _parse_all(source, "fragment", limits)
    return statements


def parse_edits(source: Source, limits: Limits = DEFAULT) -> tuple[ast.Edit, ...]:
    edits: tuple[ast.Edit | ast.About, ...] = _parse_all(source, "edits", limits)
    for each in edits:
        if isinstance(each, ast.About):
            raise error("E0501", "an `about` among edits describes no variant", each.span)
    return tuple(each for each in edits if not isinstance(each, ast.About))


def parse_expr(source: Source, limits: Limits = DEFAULT) -> ast.Expr:
    expression: ast.Expr = _parse_all(source, "expr", limits).node
    return expression


def parse_path(source: Source, limits: Limits = DEFAULT) -> ast.Path:
    path: ast.Path = _parse_all(source, "path", limits)
    return path


def _parse_all(source: Source, start: str, limits: Limits) -> Any:
    """What ``start`` derives from the text of ``source``; else ArchError with all independent faults.

    After a fault, its line is blanked and the rest parsed again, until nothing more is found or a bracket is missing.
    """
    if len(source.text) > limits.file_bytes:
        raise error("E0105", f"the text is longer than {limits.file_bytes} bytes", Span(source, 0, 0))
    half = None if source.text.isascii() else _HALF.search(source.text)
    if half is not None:
        raise error("E0106", "half of a surrogate pair is no character", Span(source, half.start(), half.end()), "UTF-8 has none")
    found: list[Diagnostic] = []
    brackets: list[Diagnostic] = []
    text = source.text
    while True:
        try:
            tree = _parse_once(source, text, start, limits)
        except ArchError as fault:
            diagnostic = fault.diagnostics[0]
        else:
            break
        if not found and diagnostic.code != "E0105":
            brackets = _missing_brackets(source, start, limits)
        lines = {_line(each) for each in found}
        brackets = [each for each in brackets if _line(each) not in lines]
        if brackets and diagnostic.code != "E0105" and not _comes_before(diagnostic, brackets[0]):
            found += brackets
            break
        if found and _follows(diagnostic, found[-1]):
            break
        found.append(diagnostic)
        if len(found) == _MOST_FAULTS or len(found) * len(text) > _MOST_REPARSED or diagnostic.code in ("E0102", "E0105"):
            break
        rest = _without_line(source, text, diagnostic)
        if rest == text:
            break
        text = rest
    if found:
        raise ArchError(*sorted(found, key=_offset))
    return tree


def _parse_once(source: Source, text: str, start: str, limits: Limits, kept: list[Token] | None = None) -> Any:
    """One run of the parser over ``text``, which has the same places as ``source``; its tokens are added to ``kept``."""
    parser = machine()
    with parser.lock:
        parser.builder.source = parser.layout.source = source
        parser.builder.limits = parser.layout.limits = limits
        parser.layout.flat = start in ("expr", "path")
        parser.layout.kept = kept
        try:
            return parser.lark.parse(text, start=start)
        except ArchError as fault:
            if fault.diagnostics[0].code == "E0201":
                raise faults.unknown_function(fault, source, parser.layout.statement) from None
            raise
        except UnexpectedInput as fault:
            raise faults.explain(fault, source, text, start, parser.layout.opened, parser.layout.statement) from None


def _offset(diagnostic: Diagnostic) -> int:
    return diagnostic.primary.span.start if diagnostic.primary else 0


def _missing_brackets(source: Source, start: str, limits: Limits) -> list[Diagnostic]:
    """What the indentation tells of missing brackets, where it can be believed."""
    found, believed = missing(source.text)
    if found and not believed:
        if len(source.text) > _MOST_REPARSED:
            return []
        whole = Source(source.path, mended(source.text, found))
        try:
            _parse_once(whole, whole.text, start, limits)
        except ArchError:
            return []
    return [missing_bracket(source, each) for each in found]


def _comes_before(diagnostic: Diagnostic, bracket: Diagnostic) -> bool:
    """Whether a fault is none of the brackets': on a line before the first that is missing, or about characters on it."""
    if diagnostic.code == "E0102":
        return False
    line, other = _line(diagnostic), _line(bracket)
    return line < other or (line == other and diagnostic.code in ("E0103", "E0106"))


def _line(diagnostic: Diagnostic) -> int:
    return diagnostic.primary.span.line if diagnostic.primary else 0


def _follows(diagnostic: Diagnostic, earlier: Diagnostic) -> bool:
    """Whether a fault found after a line was blanked may be of that blanking alone: about brackets, or not further down."""
    if diagnostic.code in ("E0102", "E0105") or diagnostic.primary is None or earlier.primary is None:
        return True
    return diagnostic.primary.span.line <= earlier.primary.span.line


def _without_line(source: Source, text: str, diagnostic: Diagnostic) -> str:
    """``text`` with the faulty line blank, but for brackets that pair with others outside it and their head."""
    assert diagnostic.primary is not None
    start = source.line_starts[diagnostic.primary.span.line - 1]
    end = text.find("\n", start)
    end = len(text) if end < 0 else end
    line = text[start:end]
    kept = {at: line[at] for at in unpaired(line)}
    head = _HEAD.match(line)
    if head is not None:
        if not kept or diagnostic.primary.span.start < start + head.end():
            return text  # nothing stands for the definition: what follows cannot be read in its sense
        kept.update(enumerate(head.group()))
    elif "(" in kept.values():
        # A parenthesis that stays open needs something to call.
        kept.setdefault(next(at for at, bracket in kept.items() if bracket == "(") - 1, "_")
    blank = "".join(kept.get(at, " ") for at in range(len(line)))
    return text[:start] + blank + text[end:]
