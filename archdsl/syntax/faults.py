"""What is wrong where the parser stopped, in the reader's words: the special cases first, then what was expected instead."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from lark import Token
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from archdsl.diagnostics import ArchError, Fix, InternalError, Label, error
from archdsl.source import Source, Span
from archdsl.syntax import words
from archdsl.syntax.brackets import CLOSER, unpaired
from archdsl.syntax.characters import stray_character
from archdsl.syntax.layout import BOUNDARIES

# Arguments up to what may follow a call: numbers, sizes, words and strings, named or not.
_ARGUMENT = r'(?:\w++[ \t]*=[ \t]*)?(?:-?[\w.]++|"[^"\\\r\n]*+")'
_BARE = re.compile(rf"{_ARGUMENT}(?:[ \t]*,[ \t]*{_ARGUMENT})*+(?=[ \t]*(?:[#;{{}}\r\n]|->|if\b|$))")
_LONGEST_QUOTED = 60
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


def explain(
    fault: UnexpectedInput, source: Source, text: str, start: str, opened: Sequence[Token], statement: Sequence[Token]
) -> ArchError:
    """The one diagnostic (E01 or E0501) for ``fault``, met in ``text`` with the brackets ``opened`` still open."""
    if isinstance(fault, UnexpectedCharacters):
        at: Any = fault.pos_in_stream  # lark declares it as None
        return stray_character(source, text, at)
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
    if unpaired(stop.text).keys().isdisjoint(braces):
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
    closer = stop.text[stop.span.start : stop.span.start + 1]
    if stop.span.start in faults and closer not in CLOSER:
        return error("E0102", f"`{closer}` closes nothing", stop.span)
    opened = [token.start_pos for token in stop.opened if token.start_pos in faults]
    if not opened:
        return None
    innermost = opened[-1]
    is_innermost = innermost == stop.opened[-1].start_pos
    if stop.kind in ("$END", "RPAR", "RSQB", "RBRACE") or (is_innermost and stop.text[innermost] != "{"):
        return _never_closed(stop.source, innermost, faults[innermost])
    return None


def _never_closed(source: Source, opener: int, shown: int | None) -> ArchError:
    line, column = source.location(opener)
    bracket = source.text[opener]
    secondary = []
    if shown is not None:
        wrong = f"`{source.text[shown]}` comes before any `{CLOSER[bracket]}`"
        secondary.append(Label(Span(source, shown, shown + 1), wrong))
    span = Span(source, opener, opener + 1)
    return error("E0102", f"`{bracket}` at {line}:{column} is never closed", span, secondary=secondary)


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


def _bare_arguments(stop: Stop) -> ArchError | None:
    """``conv 32, 3x3``."""
    if stop.previous != "NAME" or not {"LPAR", "LBRACE", "ARROW"} <= stop.expected:
        return None
    callee, found = stop.before[-1], _BARE.match(stop.text, stop.span.start)
    if stop.kind == "NAME" and (found is None or "," not in found.group()):
        return None  # `relu conv(8)` lacks an arrow, or a colon
    if stop.kind not in ("INT", "FLOAT", "SIZE", "STRING", "MINUS", "TRUE", "FALSE", "ATTR", "NAME"):
        return None
    help_, fixes = f"write `{callee}(…)`", list[Fix]()
    if found is not None:
        help_ = f"write `{callee}({found.group()})`" if len(found.group()) <= _LONGEST_QUOTED else help_
        fixes = [Fix(Span(stop.source, stop.span_of(callee).end, found.end()), f"({found.group()})")]
    return error("E0101", f"arguments of `{callee}` without brackets", stop.span, help=help_, fixes=fixes)


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
    return stray_character(stop.source, stop.text, stop.span.end)


_SPECIAL = (
    _foreign_letter,
    _nested_definition,
    _bracket,
    _bare_arguments,
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
