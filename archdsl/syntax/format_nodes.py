"""A text as the formatter sees it: words, comments and brackets in their order, and where the author ended lines.

Every node knows how it reads on one line (``flat``), or that it cannot, or is too long for one (None).
"""

from dataclasses import dataclass, field

WIDTH = 120
"""The longest line of code, its comment apart."""


@dataclass(slots=True)
class Comment:
    text: str
    own_line: bool  # else behind code
    column: int
    blank: bool  # whether a blank line stands before it
    flat: str | None = None


@dataclass(slots=True)
class Word:
    """A token as it was written; ``kind`` is its terminal's name."""

    kind: str
    text: str
    flat: str | None = ""

    def __post_init__(self) -> None:
        self.flat = None if "\n" in self.text else self.text


@dataclass(slots=True)
class Joint:
    """An arrow with the comments around it; ``broken`` where the author ended a line at it."""

    comments: list[Comment]
    broken: bool

    @property
    def flat(self) -> str | None:
        return None if self.broken else "->"


@dataclass(slots=True)
class Phrase:
    """Nodes one after another: a statement, or what stands between two commas; ``gaps`` are the blanks before each node."""

    nodes: "list[Node]"
    gaps: list[str] = field(default_factory=list)
    flat: str | None = None

    def measure(self) -> None:
        parts = []
        for gap, node in zip(self.gaps, self.nodes, strict=True):
            if node.flat is None:
                return
            parts.append(gap + node.flat)
        self.flat = short("".join(parts))


@dataclass(slots=True)
class Entry:
    """What stands between two commas, with the comments on the lines before it and the one behind it."""

    before: list[Comment]
    phrase: Phrase
    after: Comment | None


@dataclass(slots=True)
class Parens:
    """``( )`` or ``[ ]``; ``head`` is the comment behind the opener, ``tail`` those on the lines before the closer."""

    opener: str
    separable: bool  # whether a comma may stand before the closer
    entries: list[Entry] = field(default_factory=list)
    head: Comment | None = None
    tail: list[Comment] = field(default_factory=list)
    flat: str | None = None

    @property
    def closer(self) -> str:
        return ")" if self.opener == "(" else "]"

    @property
    def commented(self) -> bool:
        """Whether a comment stands in it, other than inside an inner bracket."""
        if self.head is not None or self.tail:
            return True
        entries = self.entries
        return any(each.before or each.after or any(isinstance(n, Comment) for n in each.phrase.nodes) for each in entries)

    @property
    def has_body(self) -> bool:
        """Whether a body with something in it stands in it, at any depth."""
        nodes = [node for entry in self.entries for node in entry.phrase.nodes]
        return any(node.has_body if isinstance(node, Parens) else isinstance(node, Body) and opens(node) for node in nodes)

    def measure(self) -> None:
        if self.commented or any(entry.phrase.flat is None for entry in self.entries):
            return
        inside = ", ".join(entry.phrase.flat or "" for entry in self.entries)
        self.flat = short(f"{self.opener}{inside}{self.closer}")


@dataclass(slots=True)
class Row:
    """Statements that the author wrote on one line, joined by ``;``, and the comment behind them."""

    statements: list[Phrase]
    after: Comment | None
    blank: bool

    @property
    def flat(self) -> str | None:
        if any(statement.flat is None for statement in self.statements):
            return None
        return short("; ".join(statement.flat or "" for statement in self.statements))


@dataclass(slots=True)
class Body:
    """``{ }``; ``head`` is the comment behind the opening brace."""

    one_line: bool  # as the author wrote it
    items: "list[Row | Comment]" = field(default_factory=list)
    head: Comment | None = None
    flat: str | None = None

    def measure(self) -> None:
        if not self.one_line:
            return
        if not self.items:
            self.flat = "{}"
            return
        rows = [item.flat for item in self.items]
        if None not in rows:
            self.flat = short(f"{{ {'; '.join(row or '' for row in rows)} }}")


Node = Word | Comment | Joint | Parens | Body


def short(text: str) -> str | None:
    """``text``, or None where it is longer than any line."""
    return text if len(text) <= WIDTH else None


def opens(node: Node) -> bool:
    """Whether a line may end inside ``node``: at a body or list that has something in it."""
    if isinstance(node, Body):
        return bool(node.items) or node.flat is None
    return isinstance(node, Parens) and (node.separable or node.flat is None) and (bool(node.entries) or node.flat is None)
