"""What stands between the lexer and the parser: where lines end a statement, and the bounds on a token stream."""

import re
from collections.abc import Iterator

from lark import Token

from archdsl.diagnostics import error
from archdsl.limits import DEFAULT, Limits
from archdsl.source import Source, Span

_OPENERS = {"LPAR": "(", "LSQB": "[", "LBRACE": "{"}
_CLOSERS = {"RPAR": "LPAR", "RSQB": "LSQB", "RBRACE": "LBRACE"}
_NAMES = frozenset({"NAME", "LABEL", "ATTR"})
_PREFIXES = frozenset({"NOT", "MINUS", "PLUS"})
BOUNDARIES = frozenset({"SEP", "LBRACE", "RBRACE"})
_COMMENT = re.compile(r"#[^\r\n]*")


class Layout:
    """Drops the separators that separate nothing, and refuses a text that exceeds the limits before any tree is built.

    A separator counts where the innermost open bracket is a brace (or none is open, unless the text is a single expression
    or path: ``flat``).  The parser sets the fields before it starts.
    """

    always_accept = ("SEP",)

    def __init__(self) -> None:
        self.source = Source("", "")
        self.limits: Limits = DEFAULT
        self.flat = False
        # Where the parser stands, for the explanation of a fault: the brackets open, and the statement's tokens so far.
        self.opened: list[Token] = []
        self.statement: list[Token] = []
        # Where to keep every token that the parser sees, for the formatter; None: nowhere.
        self.kept: list[Token] | None = None

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        """The tokens that the parser is to see; ArchError (E0101, E0105) at the first that breaks a rule."""
        limits = self.limits
        self.opened = opened = list[Token]()
        self.statement = statement = list[Token]()
        repeats = [0]  # `repeat repeat …` nests without braces: how many, for each open bracket
        count = 0
        signs = 0  # operators in front of one another, the first of which may have a left side
        previous = "LBRACE"
        for token in stream:
            count += 1
            if count > limits.tokens:
                raise error("E0105", f"the text has more than {limits.tokens} words and signs", self._span(token))
            kind = token.type
            if kind == "SEP":
                repeats[-1] = 0
                if self._joins_lines(opened):
                    self._refuse_semicolon(token)
                    continue
                if previous in ("LBRACE", "SEP"):
                    continue
            elif kind in _OPENERS:
                opened.append(token)
                repeats.append(0)
                self._check_depth(len(opened) + sum(repeats), token)
            elif kind in _CLOSERS and opened and opened[-1].type == _CLOSERS[kind]:
                opened.pop()
                repeats.pop()
            elif kind == "REPEAT":
                repeats[-1] += 1
                self._check_depth(len(opened) + sum(repeats), token)
            elif kind in _NAMES and len(token) > limits.name_length:
                raise error("E0105", f"a name is longer than {limits.name_length} characters", self._span(token))
            elif kind in _PREFIXES:
                signs = signs + 1 if previous in _PREFIXES else 0
                self._check_depth(signs, token)
            elif kind in ("ARROW", "COMMA"):
                repeats[-1] = 0
            previous = kind
            if statement and statement[-1].type in BOUNDARIES:
                statement.clear()
            statement.append(token)
            if self.kept is not None:
                self.kept.append(token)
            yield token

    def _span(self, token: Token) -> Span:
        assert token.start_pos is not None and token.end_pos is not None
        return Span(self.source, token.start_pos, token.end_pos)

    def _joins_lines(self, opened: list[Token]) -> bool:
        return opened[-1].type != "LBRACE" if opened else self.flat

    def _refuse_semicolon(self, token: Token) -> None:
        """E0101 where a separator that is to be dropped has a ``;`` outside its comments."""
        assert token.start_pos is not None
        at = _COMMENT.sub(lambda found: " " * len(found.group()), token).find(";")
        if at >= 0:
            start = token.start_pos + at
            message = f"`;` inside `{_OPENERS[self.opened[-1].type]}`" if self.opened else "`;` where one expression is expected"
            help = "arguments are separated by `,`" if self.opened else None
            raise error("E0101", message, Span(self.source, start, start + 1), help=help)

    def _check_depth(self, depth: int, token: Token) -> None:
        if depth > self.limits.nesting:
            raise error("E0105", f"brackets, repeats and signs nest more than {self.limits.nesting} levels", self._span(token))
