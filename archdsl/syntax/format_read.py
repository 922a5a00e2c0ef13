"""From the tokens and comments of a text to the nodes that the formatter lays out."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lark import Token

from archdsl.source import Source
from archdsl.syntax.brackets import comments
from archdsl.syntax.format_gaps import gaps
from archdsl.syntax.format_nodes import Body, Comment, Entry, Joint, Node, Parens, Phrase, Row, Word

_DECLARING = frozenset({"BLOCK", "ARCH"})
_BEFORE_ARROW = re.compile(r"(?:[ \t\r\n]+|#[^\r\n]*)*")
_LEAST_GAP = " \t"  # what may stand between a brace and a comment that belongs to it


class Piece(NamedTuple):
    """A token or comment with the lines that it is on, from 0."""

    kind: str
    text: str
    line: int
    end_line: int
    comment: Comment | None = None


_END = Piece("", "", -1, -1)


def read_nodes(source: Source, tokens: Sequence[Token]) -> list[Row | Comment]:
    """The items of a whole file."""
    return _Reader(list(_pieces(source, tokens))).items()


def _pieces(source: Source, tokens: Sequence[Token]) -> Iterator[Piece]:
    """Tokens and comments in their order; of an arrow only the arrow itself, of a separator only its place."""
    starts = source.line_starts
    waiting = list(comments(source.text))[::-1]
    end, kind = 0, ""  # of the token before

    def comment(text: str, start: int) -> Piece:
        line = bisect_right(starts, start) - 1
        between = source.text[end:start]
        own_line = not kind or bool(between.strip(_LEAST_GAP if kind in ("LBRACE", "RBRACE") else " \t;"))
        blank = between.count("\n") > 1
        found = Comment(text.rstrip(), own_line, start - starts[line], blank)
        return Piece("COMMENT", text, line, line, found)

    for token in [*tokens, None]:
        start, stop = _extent(token) if token is not None else (len(source.text), len(source.text))
        while waiting and waiting[-1][1] < start:
            text, place = waiting.pop()
            yield comment(text, place)
            end, kind = place + len(text), "COMMENT"
        if token is None:
            return
        line = bisect_right(starts, start) - 1
        if token.type == "SEP":
            yield Piece("SEP", "", line, line)
            continue
        text = source.text[start:stop]
        yield Piece(token.type, text, line, bisect_right(starts, stop - 1) - 1)
        end, kind = stop, token.type


def _extent(token: Token) -> tuple[int, int]:
    """Where ``token`` starts and ends; of an arrow, which takes blanks and comments along, the arrow itself."""
    assert token.start_pos is not None and token.end_pos is not None
    if token.type != "ARROW":
        return token.start_pos, token.end_pos
    before = _BEFORE_ARROW.match(token)
    assert before is not None
    at = token.start_pos + before.end()
    return at, at + len("->")


class _Reader:
    def __init__(self, pieces: list[Piece]) -> None:
        self._pieces = pieces
        self._at = 0
        self._last = _END  # the piece taken last, separators apart

    def _peek(self, ahead: int = 0) -> Piece:
        at = self._at + ahead
        return self._pieces[at] if at < len(self._pieces) else _END

    def _take(self) -> Piece:
        piece = self._pieces[self._at]
        self._at += 1
        if piece.kind != "SEP":
            self._last = piece
        return piece

    def _comments(self) -> list[Comment]:
        """The comments that stand next, now taken."""
        found = []
        while (comment := self._peek().comment) is not None:
            self._take()
            found.append(comment)
        return found

    def _behind_comments(self) -> str:
        """The kind of the next piece that is no comment."""
        ahead = 0
        while self._peek(ahead).kind == "COMMENT":
            ahead += 1
        return self._peek(ahead).kind

    # --- braces ----------------------------------------------------------------------------------------------------------

    def items(self) -> list[Row | Comment]:
        """What stands up to the closing brace or the end of the text."""
        items: list[Row | Comment] = []
        while (piece := self._peek()).kind not in ("", "RBRACE"):
            row = items[-1] if items and isinstance(items[-1], Row) and items[-1].after is None else None
            if piece.kind == "SEP":
                self._take()
            elif piece.comment is not None:
                self._take()
                if row is not None and not piece.comment.own_line:
                    row.after = piece.comment
                else:
                    items.append(piece.comment)
            elif row is not None and piece.line == self._last.end_line:
                row.statements.append(self._statement())
            else:
                blank = piece.line - self._last.end_line > 1
                items.append(Row([self._statement()], None, blank))
        return items

    def _statement(self) -> Phrase:
        nodes: list[Node] = []
        head = self._peek().kind
        while (piece := self._peek()).kind not in ("", "SEP", "RBRACE"):
            if piece.kind == "ARROW" or (piece.kind == "COMMENT" and self._behind_comments() == "ARROW"):
                nodes.append(self._joint(nodes))
            elif piece.kind == "COMMENT":
                break
            elif piece.kind == "LPAR":
                declared = head in _DECLARING or (len(nodes) > 1 and _is_output(nodes[-2]))
                nodes.append(self._parens(nodes, call=not declared))
            else:
                nodes.append(self._node(nodes, listed=False))
        phrase = Phrase(nodes, gaps(nodes, path_colon=head == "SET"))
        phrase.measure()
        return phrase

    def _joint(self, before: list[Node]) -> Joint:
        """An arrow; the comments behind it stand before it from now on."""
        line = self._last.end_line
        found = self._comments()
        arrow = self._take()
        is_free = not found and arrow.line == line and not _may_read_as_one_line(before[-1])
        for comment in self._comments():
            comment.own_line = comment.own_line or not is_free
            is_free = False
            found.append(comment)
        return Joint(found, bool(found) or self._peek().line != line)

    def _body(self, *, listed: bool) -> Body:
        """A body; ``listed`` says that it is an argument: a comma will stand behind it."""
        opener = self._take()
        head = self._peek().comment
        if head is not None and head.own_line:
            head = None
        if head is not None:
            self._take()
        items = self.items()
        closer = self._take()
        body = Body(opener.line == closer.line, items, head)
        body.measure()
        # A comment behind the brace describes a body of one line; one that had several is not to get it.
        if not (items or head) and (listed or self._peek().kind != "COMMENT"):
            body.flat = "{}"
        return body

    # --- parentheses and brackets ----------------------------------------------------------------------------------------

    def _node(self, before: list[Node], *, listed: bool) -> Node:
        kind = self._peek().kind
        if kind == "LBRACE":
            return self._body(listed=listed)
        if kind in ("LPAR", "LSQB"):
            return self._parens(before, call=kind == "LPAR")
        text = self._take().text
        return Word(kind, "".join(text.split()) if kind == "RANGE" else text)

    def _parens(self, before: list[Node], *, call: bool) -> Parens:
        """A bracket and what is in it; ``call`` says that ``name=value`` is an argument there."""
        opener = self._take().text
        previous = before[-1] if before else None
        named = isinstance(previous, Word) and previous.kind == "NAME"
        group = Parens(opener, separable=named if opener == "(" else not _is_indexed(previous))
        if (head := self._peek().comment) is not None and not head.own_line:
            self._take()
            group.head = head
        pending: list[Comment] = []
        while True:
            pending += self._comments()
            if self._peek().kind in ("RPAR", "RSQB"):
                break
            entry = Entry(pending, self._phrase(call=call), None)
            group.entries.append(entry)
            pending = []
            self._trailing(entry, pending)
            if self._peek().kind == "COMMA":
                self._take()
                group.separable = True
                self._trailing(entry, pending)
        self._take()
        group.tail = pending
        group.measure()
        return group

    def _trailing(self, entry: Entry, pending: list[Comment]) -> None:
        """Take the comments that follow: the first is the entry's, where it stands on its line, the others wait for the next."""
        for comment in self._comments():
            if entry.after is None and not pending and not comment.own_line:
                entry.after = comment
            else:
                pending.append(comment)

    def _phrase(self, *, call: bool) -> Phrase:
        """What stands up to a comma or the closing bracket, comments at its end apart."""
        nodes: list[Node] = []
        while (kind := self._peek().kind) not in ("COMMA", "RPAR", "RSQB"):
            if kind != "COMMENT":
                nodes.append(self._node(nodes, listed=True))
                continue
            if _move_in(self._peek().comment, nodes):
                self._take()
            if self._behind_comments() in ("COMMA", "RPAR", "RSQB"):
                break
            nodes += self._comments()
        phrase = Phrase(nodes, gaps(nodes, call=call))
        phrase.measure()
        return phrase


def _move_in(comment: Comment | None, nodes: list[Node]) -> bool:
    """Whether ``comment`` was that of a body of one line, and is now the one behind its opening brace.

    Behind the closing brace it would not stay: the comma that follows is to come first.
    """
    body = nodes[-1]
    if comment is None or comment.own_line or not isinstance(body, Body) or not body.one_line or body.head:
        return False
    body.head, body.flat = comment, None
    return True


def _may_read_as_one_line(node: Node) -> bool:
    return isinstance(node, Body) and (node.one_line or node.flat is not None)


def _is_output(node: Node) -> bool:
    return isinstance(node, Word) and node.kind == "OUTPUT"


def _is_indexed(node: Node | None) -> bool:
    """Whether a ``[`` behind ``node`` is an index of a path."""
    if isinstance(node, Parens):
        return True
    return isinstance(node, Word) and node.kind in ("NAME", "STAR", "DOUBLESTAR")
