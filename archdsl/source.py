"""Text with a name, and places in it."""

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, eq=False)
class Source:
    """One text as it was read; ``path`` is how the reader knows it (a file as given, ``<stdin>``, ``<command line>``)."""

    path: str
    text: str

    @cached_property
    def line_starts(self) -> list[int]:
        """Offset of the first code point of every line."""
        starts = [0]
        position = self.text.find("\n")
        while position >= 0:
            starts.append(position + 1)
            position = self.text.find("\n", position + 1)
        return starts

    def location(self, offset: int) -> tuple[int, int]:
        """Line and column of ``offset``, both counted from 1 in code points."""
        line = bisect_right(self.line_starts, offset)
        return line, offset - self.line_starts[line - 1] + 1

    def line(self, number: int) -> str:
        """Text of line ``number`` (from 1) without its end."""
        starts = self.line_starts
        end = starts[number] if number < len(starts) else len(self.text)
        return self.text[starts[number - 1] : end].rstrip("\r\n")


@dataclass(frozen=True, slots=True)
class Span:
    """The code points ``start`` to ``end`` (exclusive) of a source."""

    source: Source
    start: int
    end: int

    @property
    def line(self) -> int:
        return self.source.location(self.start)[0]

    @property
    def column(self) -> int:
        return self.source.location(self.start)[1]

    @property
    def end_line(self) -> int:
        return self.source.location(self.end)[0]

    @property
    def end_column(self) -> int:
        return self.source.location(self.end)[1]

    @property
    def location(self) -> tuple[int, int]:
        """Line and column of the start, both from 1."""
        return self.source.location(self.start)

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    def to(self, other: "Span") -> "Span":
        """The span from the start of this one to the end of ``other``."""
        return Span(self.source, self.start, other.end)

    def __str__(self) -> str:
        return f"{self.source.path}:{self.line}:{self.column}"
