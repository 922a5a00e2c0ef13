"""Characters that begin no word of the language: what was likely meant by them."""

import re

from archdsl.diagnostics import ArchError, Fix, error, printable
from archdsl.source import Source, Span
from archdsl.syntax import literals

_LOOKALIKES = {
    "×": "x",
    "→": "->",
    "−": "-",
    "–": "-",
    "—": "-",
    "“": '"',
    "”": '"',
    "„": '"',
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "&": "and",
    "|": "or",
    "!": "not",
}


def stray_character(source: Source, text: str, at: int) -> ArchError:
    """What is wrong at ``at`` of ``text``, where no word of the language begins: E0103 for numbers, else E0106."""
    character = text[at]
    span = Span(source, at, at + 1)
    if character in "0123456789":
        end, reason = literals.faulty_number(text, at)
        fixes = _number(Span(source, at, end))
        help = f"write `{fixes[0].replacement}`" if fixes else None
        return error("E0103", "a number is malformed", Span(source, at, end), reason, help=help, fixes=fixes)
    if character == '"':
        return _string(source, text, at)
    if character == "'":
        return _single_quotes(source, text, at)
    if character.isalpha():
        end = at + len(re.match(r"\w*", text[at : at + 200]).group())  # type: ignore[union-attr]
        help = f"write `{_LOOKALIKES[character]}`" if character in _LOOKALIKES else "names use the letters a to z, digits and `_`"
        return error("E0106", f"`{printable(text[at:end])}` is not written in ASCII letters", Span(source, at, end), help=help)
    if character in _LOOKALIKES:
        fixes = _lookalike(source, at)
        help = f"write `{_LOOKALIKES[character]}`" if fixes or character != "×" else "a size is `3x3`, a product `2 * w`"
        return error("E0106", f"`{character}` means nothing here", span, help=help, fixes=fixes)
    return error("E0106", f"`{printable(character)}` means nothing here", span)


def _lookalike(source: Source, at: int) -> list[Fix]:
    """What takes the place of a character that looks like a sign of the language; none where it may stand for two of them."""
    text, character = source.text, source.text[at]
    span = Span(source, at, at + 1)
    if character in "“”„":
        found = re.compile(r'[“”„]([^"“”„\\\r\n]*)[“”]').match(text, at)
        return [Fix(Span(source, at, found.end()), f'"{found.group(1)}"', certain=True)] if found else []
    if character in "&|!":
        found = re.compile(r"&&?|\|\|?|!").match(text, at)
        assert found is not None
        before, after = text[at - 1 : at], text[found.end() : found.end() + 1]
        word = f"{'' if before.isspace() else ' '}{_LOOKALIKES[character]}{'' if after.isspace() else ' '}"
        return [Fix(Span(source, at, found.end()), word, certain=len(found.group()) == 2 or character == "!")]
    if character == "×" and not (text[at - 1 : at].isdigit() and text[at + 1 : at + 2].isdigit()):
        return []  # between digits a cross is that of a size; elsewhere it may stand for a product
    return [Fix(span, _LOOKALIKES[character], certain=True)]


def _number(span: Span) -> list[Fix]:
    """What a malformed number can only have meant: thousands grouped by `_`, or a fraction without its last zero."""
    if re.fullmatch(r"[1-9][0-9]{0,2}(?:_[0-9]{3})+", span.text):
        return [Fix(span, span.text.replace("_", ""), certain=True)]
    return [Fix(span, f"{span.text}0", certain=True)] if re.fullmatch(r"(?:0|[1-9][0-9]*)\.", span.text) else []


def _string(source: Source, text: str, at: int) -> ArchError:
    if text.startswith('"""', at):
        return error("E0106", "a docstring is never closed", Span(source, at, at + 3), help='end it with `"""`')
    found = re.compile(r'"[^"\\\r\n]*(?:\\["\\nt][^"\\\r\n]*)*').match(text, at)
    assert found is not None
    end = found.end()
    if text[end : end + 1] == "\\":
        escape = Span(source, end, end + len(text[end : end + 2].rstrip()))
        known = 'the escapes are `\\"`, `\\\\`, `\\n` and `\\t`'
        return error("E0106", f"`{printable(escape.text)}` is no escape", escape, help=known)
    if text[end : end + 1] == '"':  # a whole string, then a further quote
        return error("E0106", 'a string ends in `""`', Span(source, at, end + 2), help='inside a string write `\\"`')
    return error("E0106", "a string is not closed on its line", Span(source, at, end), help='end it with `"`')


def _single_quotes(source: Source, text: str, at: int) -> ArchError:
    found = re.compile(r"'([^'\r\n]*)'").match(text, at)
    if text.startswith("'''", at):
        return error("E0106", "a docstring in single quotes", Span(source, at, at + 3), help='docstrings stand in `"""`')
    if found is None:
        return error("E0106", "`'` means nothing here", Span(source, at, at + 1), help='strings stand in double quotes: `"…"`')
    span = Span(source, at, found.end())
    wanted = '"' + found.group(1).replace("\\", "\\\\").replace('"', '\\"') + '"'
    fix = Fix(span, wanted, certain="\\" not in found.group(1))
    return error("E0106", "a string in single quotes", span, help=f"write `{printable(wanted)}`", fixes=[fix])
