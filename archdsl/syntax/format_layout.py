"""From nodes to lines: what stays on one line, what is broken where, and what stands in columns.

A statement that fits on a line is one line, unless its author ended lines inside it, at braces or arrows.  Of one that does not
fit, from the left, each body or list that would run over the line is broken; arrows first, if that is not enough.
Whatever is decided, deciding again over the result comes out the same: widths count the text alone, never how it was laid out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from archdsl.syntax.format_columns import align
from archdsl.syntax.format_lines import Line
from archdsl.syntax.format_nodes import WIDTH, Body, Comment, Joint, Node, Parens, Phrase, Row, Word, opens

_STEP = 2


def lay_out(items: Sequence[Row | Comment]) -> list[Line]:
    """The lines of a whole file, with a blank line on both sides of what takes several, of imports, and behind its docstring."""
    writer = _Writer()
    _set_apart(*writer.items(items, 0), writer.lines)
    return writer.lines


@dataclass(slots=True)
class Extent:
    """The lines, from ``first`` up to ``last``, that an item has become."""

    first: int
    last: int


class _Writer:
    """The lines so far, and the beginning of the next."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._begun: list[str] = []
        self._width = 0

    def _write(self, text: str) -> None:
        self._begun.append(text)
        self._width += len(text)

    def _begin(self, indent: int) -> None:
        self._begun, self._width = [" " * indent], indent

    def _end(self, comment: Comment | None = None) -> None:
        self.lines.append(Line("".join(self._begun), comment.text if comment else ""))
        self._begin(0)

    def _comments(self, comments: Iterable[Comment], indent: int) -> None:
        self.lines += [Line(" " * indent + each.text) for each in comments]

    # --- statements ------------------------------------------------------------------------------------------------------

    def items(
        self, items: Sequence[Row | Comment], indent: int, head: Comment | None = None, *, split: bool = False
    ) -> tuple[Sequence[Row | Comment], list[Extent]]:
        """Writes ``items``; ``head`` is the comment on the line above, ``split`` puts each statement on a line of its own.

        Gives them as they were written, a row that did not stay one for each of its statements, with the lines of each.
        """
        items = [part for item in items for part in _parts(item, indent, split=split)]
        extents = []
        above = head
        for at, item in enumerate(items):
            first = len(self.lines)
            if isinstance(item, Comment):
                above = self._comment(item, indent, above)
            else:
                self._row(item, indent)
                above = item.after if self.lines[-1].comment else None
            self.lines[first].blank = item.blank and at > 0
            extents.append(Extent(first, len(self.lines)))
        align(items, [(each.first, each.last) for each in extents], self.lines, indent)
        return items, extents

    def _comment(self, comment: Comment, indent: int, above: Comment | None) -> Comment | None:
        """A comment on a line of its own; what goes on in the column of the comment above stays under that."""
        if above is not None and not comment.blank and comment.column == above.column:
            self.lines.append(Line("", comment.text))
            return comment
        self._comments([comment], indent)
        return None

    def _row(self, row: Row, indent: int) -> None:
        if len(row.statements) == 1:
            self._statement(row.statements[0], indent, row.after)
            return
        self._begin(indent)
        self._write(row.flat or "")
        self._end(row.after)

    def _statement(self, statement: Phrase, indent: int, after: Comment | None) -> None:
        if statement.flat is not None and indent + len(statement.flat) <= WIDTH:
            self._begin(indent)
            self._write(statement.flat)
            self._end(after)
            return
        for start, end in self._lines_of(statement, indent):
            joint = statement.nodes[start]
            base = indent
            if isinstance(joint, Joint):
                base = indent + _STEP
                self._comments((each for each in joint.comments if each.own_line), base)
            self._begin(base)
            behind = after
            if end < len(statement.nodes):
                following = statement.nodes[end]
                assert isinstance(following, Joint)
                behind = next((each for each in following.comments if not each.own_line), None)
            self._segment(statement, start, end, base, behind)

    def _lines_of(self, statement: Phrase, indent: int) -> list[tuple[int, int]]:
        """The parts of a statement that begin a line, each from its arrow up to the next."""
        nodes = statement.nodes
        broken = [at for at, node in enumerate(nodes) if isinstance(node, Joint) and node.broken]
        found: list[tuple[int, int]] = []
        for start, end in pairwise([0, *broken, len(nodes)]):
            base = indent + (_STEP if start else 0)
            part = nodes[start:end]
            inner = [at for at in range(start + 1, end) if isinstance(nodes[at], Joint)]
            if not inner or _widest(part, statement.gaps[start:end], base, base) <= WIDTH:
                found.append((start, end))
            else:
                found += pairwise([start, *inner, end])
        return found

    def _segment(self, statement: Phrase, start: int, end: int, base: int, after: Comment | None) -> None:
        """Writes a part of a statement, behind the indentation that is already there, and ends its line."""
        nodes = [Word("ARROW", "->") if isinstance(node, Joint) else node for node in statement.nodes[start:end]]
        last = nodes[-1]
        gaps = ["", *statement.gaps[start + 1 : end]]
        moved = isinstance(last, Body) and last.one_line and after is not None
        self._flow(nodes, gaps, base, 0, after if moved else None)
        written_in = moved and isinstance(last, Body) and last.head is after
        self._end(None if written_in else after)

    # --- nodes -----------------------------------------------------------------------------------------------------------

    def _flow(self, nodes: Sequence[Node], gaps: Sequence[str], base: int, tail: int, after: Comment | None = None) -> None:
        """Writes ``nodes`` from where the line stands; ``tail`` is the width of what must follow on the last line.

        ``after`` belongs to the body at the end: behind its closing brace on one line, else behind its opening one.
        """
        rest = _rests(nodes, gaps, tail)
        fresh = False  # whether a comment has just ended a line
        for node, gap, room in zip(nodes, gaps, rest, strict=True):
            if isinstance(node, Comment):
                self._inner_comment(node, base + _STEP)
                fresh = True
                continue
            self._write("" if fresh else gap)
            fresh = False
            if node.flat is not None and (not opens(node) or self._width + len(node.flat) + room <= WIDTH):
                self._write(node.flat)
            elif isinstance(node, Body):
                if node is nodes[-1] and after is not None:
                    node.head = after
                self._body(node, base)
            elif isinstance(node, Parens):
                self._parens(node, base, room)
            else:
                assert isinstance(node, Word)
                self._write(node.text)

    def _inner_comment(self, comment: Comment, indent: int) -> None:
        if comment.own_line:
            if "".join(self._begun).strip():
                self._end()
            self._comments([comment], indent)
        else:
            self._end(comment)
        self._begin(indent)

    def _body(self, body: Body, base: int) -> None:
        self._write("{")
        self._end(body.head)
        self.items(body.items, base + _STEP, body.head, split=body.one_line)
        self._begin(base)
        self._write("}")

    def _parens(self, group: Parens, base: int, room: int) -> None:
        """A list that does not stay on its line: broken at the bodies in it, where that is enough, else an entry a line."""
        nodes, gaps = _spread(group)
        has_bodies = any(isinstance(node, Body) and opens(node) for node in nodes)
        if has_bodies and not group.commented and _widest(nodes, gaps, self._width, base, room) <= WIDTH:
            self._flow(nodes, gaps, base, room)
            return
        inner = base + _STEP
        self._write(group.opener)
        self._end(group.head)
        for entry in group.entries:
            self._comments(entry.before, inner)
            self._begin(inner)
            self._flow(entry.phrase.nodes, entry.phrase.gaps, inner, 1)
            self._write("," if group.separable else "")
            self._end(entry.after)
        self._comments(group.tail, inner)
        self._begin(base)
        self._write(group.closer)


def _parts(item: Row | Comment, indent: int, *, split: bool) -> list[Row | Comment]:
    """An item as it goes to lines: a row that cannot be one, or is to be ``split``, is one for each statement."""
    if isinstance(item, Comment) or len(item.statements) == 1:
        return [item]
    flat = None if split else item.flat
    if flat is not None and indent + len(flat) <= WIDTH:
        return [item]
    *first, last = item.statements
    rows = [Row([statement], None, blank=False) for statement in first]
    rows[0].blank = item.blank
    return [*rows, Row([last], item.after, blank=False)]


def _spread(group: Parens) -> tuple[list[Node], list[str]]:
    """The nodes of a bracket with all its entries in a row."""
    nodes: list[Node] = [Word("", group.opener)]
    gaps = [""]
    for entry in group.entries:
        between = entry is not group.entries[0]
        if between:
            nodes.append(Word("", ","))
            gaps.append("")
        nodes += entry.phrase.nodes
        gaps += [" " if between else "", *entry.phrase.gaps[1:]]
    return [*nodes, Word("", group.closer)], [*gaps, ""]


def _rests(nodes: Sequence[Node], gaps: Sequence[str], tail: int) -> list[int]:
    """For each node, the width of what follows it on its line at the least: up to where a line may end."""
    rests = []
    width = tail
    for node, gap in zip(reversed(nodes), reversed(gaps), strict=True):
        rests.append(width)
        if isinstance(node, Comment):
            width = 0
        else:
            width = len(gap) + (1 if opens(node) else width + len(_flat(node)))
    return rests[::-1]


def _widest(nodes: Sequence[Node], gaps: Sequence[str], start: int, base: int, tail: int = 0) -> int:
    """The longest line of ``nodes`` where each body is broken, and each list that must be."""
    widest, width = 0, start
    for node, gap in zip(nodes, gaps, strict=True):
        if opens(node) and (isinstance(node, Body) or node.flat is None or (isinstance(node, Parens) and node.has_body)):
            widest = max(widest, width + len(gap) + 1)
            width = base + 1
        else:
            width += len(gap) + len(_flat(node))
    return max(widest, width + tail)


def _flat(node: Node) -> str:
    if isinstance(node, Joint):
        return "->"
    return node.flat or (node.text if isinstance(node, Word) else "")


def _set_apart(items: Sequence[Row | Comment], extents: Sequence[Extent], lines: list[Line]) -> None:
    """Blank lines between the items of a file that want one: before the comments that stand right above, and behind."""
    rows = [at for at, item in enumerate(items) if isinstance(item, Row)]
    for before, after in pairwise(rows):
        if not _want_blank(items, extents, before, after):
            continue
        first = after
        while first > before + 1 and not lines[extents[first].first].blank:
            first -= 1
        behind = before + 1
        for at in (first, behind):
            while at < after and not lines[extents[at].first].code:  # goes on with the comment above
                at += 1
            lines[extents[at].first].blank = True


def _want_blank(items: Sequence[Row | Comment], extents: Sequence[Extent], before: int, after: int) -> bool:
    """Whether a blank line is to stand between two neighbouring rows of a file."""
    if any(extents[at].last - extents[at].first > 1 for at in (before, after)):
        return True
    kinds = [_first_kind(items[at]) for at in (before, after)]
    return kinds[0] == "DOC" or (kinds[0] == "FROM") != (kinds[1] == "FROM")


def _first_kind(item: Row | Comment) -> str:
    first = item.statements[0].nodes[0] if isinstance(item, Row) else None
    return first.kind if isinstance(first, Word) else ""
