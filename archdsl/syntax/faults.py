"""What is wrong where the parser stopped, in the reader's words: the special cases first, then what was expected instead."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from lark import Token
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from archdsl.diagnostics import ArchError, Fix, InternalError, Label, error, printable
from archdsl.source import Source, Span
from archdsl.syntax import literals, words
from archdsl.syntax.brackets import CLOSER, Unpaired, unpaired
from archdsl.syntax.layout import BOUNDARIES

_DEFINITION = re.compile(r'(block|arch|variant)[ \t]+[A-Za-z_]\w*|from[ \t]*"')


class Stop(NamedTuple):
    """Where the parser stopped: at ``token`` (its terminal's name is ``kind``), after the tokens ``before`` of the statement."""

    source: Source
    text: str
    start: str  # the symbol that is parsed
    kind: str
    span: Span
    before: Sequence[Token]
    opened: Sequence[Token]
    expected: frozenset[str]

    @property
    def word(self) -> str:
        return self.span.text

    @property
    def previous(self) -> str:
        """The terminal's name of the token before the stop."""
        return self.before[-1].type if self.before else ""

    def span_of(self, token: Token) -> Span:
        assert token.start_pos is not None and token.end_pos is not None
        return Span(self.source, token.start_pos, token.end_pos)

    def starts_line(self) -> bool:
        """Whether nothing but blanks stands before the stop on its line."""
        return not self.text[self.source.line_starts[self.span.line - 1] : self.span.start].strip()


def explain(
    fault: UnexpectedInput, source: Source, text: str, start: str, opened: Sequence[Token], statement: Sequence[Token]
) -> ArchError:
    """The one diagnostic (E01 or E0501) for ``fault``, met in ``text`` with the brackets ``opened`` still open."""
    if isinstance(fault, UnexpectedCharacters):
        at: Any = fault.pos_in_stream  # lark declares it as None
        return _character(source, text, at)
    if not isinstance(fault, UnexpectedToken):
        raise InternalError(f"the parser stopped with {type(fault).__name__}")
    token = fault.token
    before = [each for each in statement if each is not token]
    if before and before[-1].type in BOUNDARIES:
        before = []
    stop = Stop(source, text, start, token.type, _place(source, text, token, before), before, opened, _expected(fault))
    for special in _SPECIAL:
        found = special(stop)
        if found is not None:
            return found
    return _generic(stop)


def _place(source: Source, text: str, token: Token, before: Sequence[Token]) -> Span:
    """The token's place; for the end of a line or of the text, the empty place behind the last word."""
    if token.type == "SEP" and token.startswith(";"):
        assert token.start_pos is not None
        return Span(source, token.start_pos, token.start_pos + 1)
    if token.type == "$END":
        end = len(text.rstrip())
        if before and before[-1].type not in ("SEP", "LBRACE"):
            end = before[-1].end_pos or end
        return Span(source, end, end)
    assert token.start_pos is not None and token.end_pos is not None
    if token.type == "SEP":
        end = before[-1].end_pos if before and before[-1].end_pos is not None else token.start_pos
        return Span(source, end, end)
    if token.type == "ARROW":
        start = token.start_pos + token.rindex("->") if "#" not in token else text.index("->", token.start_pos)
        return Span(source, start, start + 2)
    return Span(source, token.start_pos, token.end_pos)


def _expected(fault: UnexpectedToken) -> frozenset[str]:
    """Names of the terminals that the grammar takes where the parser stopped."""
    accepts = fault.accepts
    return frozenset(accepts) if accepts else frozenset(fault.expected)


# --- characters that begin no word of the language -----------------------------------------------------------------------

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


def _character(source: Source, text: str, at: int) -> ArchError:
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


# --- brackets ------------------------------------------------------------------------------------------------------------


def _nested_definition(stop: Stop) -> ArchError | None:
    """A definition inside a body: most often the body before it was never closed."""
    line = stop.source.line(stop.span.line)
    word = stop.source.line_starts[stop.span.line - 1] + len(line) - len(line.lstrip())
    opened = [stop.span_of(token).start for token in stop.opened if token.type == "LBRACE"]
    braces = [start for start in opened if start < word]
    found = _DEFINITION.match(stop.text, word)
    if not braces or not found or not word <= stop.span.start <= found.end():
        return None
    name = found.group(1) or "from"
    definition = Span(stop.source, word, word + len(name))
    if not {fault.start for fault in unpaired(stop.text)}.intersection(braces):
        return error("E0501", f"a `{name}` inside a body", definition, help=f"a `{name}` stands at the outermost level of a file")
    opener = _opener_left_open(stop.text, braces, word)
    line_number, column = stop.source.location(opener)
    return error(
        "E0102",
        f"`{{` at {line_number}:{column} is not closed before this `{name}`",
        Span(stop.source, opener, opener + 1),
        "never closed",
        secondary=[Label(definition, f"`{name}` cannot stand in a body")],
        help=f"add the missing `}}` above `{name}`",
    )


def _opener_left_open(text: str, braces: Sequence[int], definition: int) -> int:
    """The brace that was most likely forgotten: the innermost whose line is not indented less than the definition's."""

    def indent(at: int) -> int:
        line = text[text.rfind("\n", 0, at) + 1 : at + 1]
        return len(line) - len(line.lstrip())

    return next((brace for brace in reversed(braces) if indent(brace) >= indent(definition)), braces[-1])


def _bracket(stop: Stop) -> ArchError | None:
    """A closer that closes nothing, or an opener whose missing partner made the parser stop."""
    faults = unpaired(stop.text)
    for fault in faults:
        if fault.bracket in ")]}" and fault.start == stop.span.start:
            return error("E0102", f"`{fault.bracket}` closes nothing", stop.span)
    opened = {token.start_pos for token in stop.opened}
    open_here = [fault for fault in faults if fault.start in opened]
    if not open_here:
        return None
    innermost = open_here[-1]
    is_innermost = innermost.start == stop.opened[-1].start_pos
    if stop.kind in ("$END", "RPAR", "RSQB", "RBRACE") or (is_innermost and innermost.bracket != "{"):
        return _never_closed(stop.source, innermost)
    return None


def _never_closed(source: Source, fault: Unpaired) -> ArchError:
    line, column = source.location(fault.start)
    secondary = []
    if fault.at is not None:
        closer = source.text[fault.at]
        secondary.append(Label(Span(source, fault.at, fault.at + 1), f"`{closer}` comes before any `{CLOSER[fault.bracket]}`"))
    span = Span(source, fault.start, fault.start + 1)
    return error("E0102", f"`{fault.bracket}` at {line}:{column} is never closed", span, secondary=secondary)


# --- slips that are easily made ------------------------------------------------------------------------------------------


def _missing_colon(stop: Stop) -> ArchError | None:
    """``c1 conv(32)``."""
    if stop.kind != "NAME" or stop.previous != "NAME" or len(_words(stop)) != 1:
        return None
    label = stop.before[-1]
    if str(label) in ("block", "arch", "variant"):
        help = f"a `{label}` stands at the outermost level of a file"
        return error("E0501", f"a `{label}` inside a body", stop.span_of(label), help=help)
    if str(label) == "if":
        help = "a guard stands last: `relu if condition`"
        return error("E0501", "a guard before its statement", stop.span_of(label), help=help)
    span = stop.span_of(label)
    return error(
        "E0101",
        f"two words `{label} {stop.word}` where a statement has one",
        stop.span,
        secondary=[Label(span, "a label ends in `:`")],
        help=f"did you mean `{label}:`?",
        fixes=[Fix(span, f"{label}:")],  # not certain: `relu conv(8)` lacks an arrow
    )


def _words(stop: Stop) -> list[Token]:
    """The tokens of the statement before the stop, without the separator or brace that leads them."""
    return [token for token in stop.before if token.type not in ("SEP", "LBRACE", "RBRACE")]


def _missing_count(stop: Stop) -> ArchError | None:
    """``repeat Block`` and ``repeat``; ``repeat Block(3)`` reads as a call of a function, see :func:`unknown_function`."""
    at = max((index for index, token in enumerate(stop.before) if token.type == "REPEAT"), default=None)
    if at is None or stop.kind not in ("SEP", "$END", "RBRACE", "ARROW", "LBRACE"):
        return None
    rest = stop.before[at + 1 :]
    if not rest:
        return _no_count(stop.span_of(stop.before[at]))
    if len(rest) == 1 and rest[0].type == "NAME" and (str(rest[0])[0].isupper() or stop.kind == "LBRACE"):
        return _no_count(stop.span_of(stop.before[at]))
    return None


def _no_count(repeat: Span) -> ArchError:
    return error("E0101", "`repeat` without a count", repeat, help="write how often: `repeat 4 …`")


def unknown_function(fault: ArchError, source: Source, statement: Sequence[Token]) -> ArchError:
    """``fault``, which is an unknown function; or a better one, where the function is a block behind ``repeat``."""
    primary = fault.diagnostics[0].primary
    tokens = list(statement)
    at = next((index for index, token in enumerate(tokens) if primary and token.start_pos == primary.span.start), 0)
    if at == 0 or tokens[at - 1].type != "REPEAT" or tokens[-1].type not in (*BOUNDARIES, "RPAR", "ARROW", "IF"):
        return fault
    repeat = tokens[at - 1]
    assert repeat.start_pos is not None and repeat.end_pos is not None
    return _no_count(Span(source, repeat.start_pos, repeat.end_pos))


def _late_label(stop: Stop) -> ArchError | None:
    """``repeat 4 a: Block()``."""
    if stop.kind != "COLON" or stop.previous != "NAME" or not any(token.type == "REPEAT" for token in stop.before):
        return None
    name = stop.before[-1]
    place, fixes = stop.span_of(name), list[Fix]()
    first = _words(stop)[0]
    if first.type == "REPEAT" and stop.source.text[place.end :].startswith(": "):
        start = stop.span_of(first).start
        fixes = [
            Fix(Span(stop.source, start, start), f"{name}: ", certain=True),
            Fix(Span(stop.source, place.start, place.end + 2), "", certain=True),
        ]
    return error("E0101", "a label behind `repeat`", place, help=f"write the label first: `{name}: repeat …`", fixes=fixes)


def _chained(stop: Stop) -> ArchError | None:
    """``a < b < c``."""
    if stop.kind != "COMPARE" or not any(token.type == "COMPARE" for token in stop.before):
        return None
    fixes = list[Fix]()
    start = max(stop.span_of(token).end for token in stop.before if token.type == "COMPARE")
    end = stop.span_of(stop.before[-1]).end
    middle = stop.source.text[start:end].strip()
    if re.fullmatch(r"[\w.]+", middle):
        fixes = [Fix(Span(stop.source, end, end), f" and {middle}", certain=True)]
    return error("E0101", "comparisons do not chain", stop.span, help="join them: `a < b and b < c`", fixes=fixes)


def _assignment(stop: Stop) -> ArchError | None:
    """``if a = b``."""
    if stop.kind != "EQUALS" or "COMPARE" not in stop.expected:
        return None
    last = next((token.type for token in reversed(stop.before) if token.type in ("IF", "EQUALS")), "")
    fix = Fix(stop.span, "==", certain=last == "IF")  # behind another `=` it may be a second assignment
    return error("E0101", "`=` inside an expression", stop.span, help="`==` compares", fixes=[fix])


def _brace_below(stop: Stop) -> ArchError | None:
    """A header whose brace stands on the next line."""
    if stop.kind != "SEP" or "LBRACE" not in stop.expected or "SEP" in stop.expected:
        return None
    fix = brace_up(stop.source, stop.span.end)
    if fix is None:
        return None
    return error("E0101", "expected `{`, found the end of the line", stop.span, help="move `{` up to this line", fixes=[fix])


def brace_up(source: Source, end: int) -> Fix | None:
    """The fix that moves a brace on a line below to ``end``, where what it belongs to ends; None where no brace is next."""
    found = re.compile(r"(\s*(?:#[^\r\n]*\s*)*)\{").match(source.text, end)
    if found is None:
        return None
    return Fix(Span(source, end, found.end()), f" {{{found.group(1).rstrip()}", certain=True)


def _outside(stop: Stop) -> ArchError | None:
    """A step at the outermost level of a file."""
    begins = not stop.before or (len(stop.before) == 1 and stop.before[0].type in ("SEP", "RBRACE"))
    if stop.start != "start" or stop.opened or not begins or "ARCH" not in stop.expected:
        return None
    if stop.kind not in ("NAME", "LABEL", "ATTR", "REPEAT", "TAP", "OUTPUT", "INPUT", "EXPECT", "LBRACE"):
        return None
    return error("E0501", f"{words.found(stop.kind, stop.word)} outside a `block` or `arch`", stop.span)


def _foreign_letter(stop: Stop) -> ArchError | None:
    """A name that goes on in letters of another script: the fault is there, not where the name begins."""
    follows = stop.text[stop.span.end : stop.span.end + 1]
    if stop.kind not in ("NAME", "ATTR", "LABEL") or follows.isascii() or not follows.isalnum():
        return None
    return _character(stop.source, stop.text, stop.span.end)


_SPECIAL = (
    _foreign_letter,
    _nested_definition,
    _bracket,
    _missing_colon,
    _missing_count,
    _late_label,
    _chained,
    _assignment,
    _brace_below,
    _outside,
)


def _generic(stop: Stop) -> ArchError:
    return error("E0101", f"expected {words.expected(stop.expected)}, found {words.found(stop.kind, stop.word)}", stop.span)
