"""Lines of code with the comments behind them."""

from collections.abc import Sequence
from dataclasses import dataclass

_COLUMN = 49  # of comments, from 0
_APART = 3  # blanks before a comment where the code reaches that column
_LEAST = 2


@dataclass(slots=True)
class Line:
    code: str
    comment: str = ""
    blank: bool = False  # whether a blank line stands before it


def text_of(lines: Sequence[Line]) -> str:
    """The lines as text, their comments in one column as far as the code leaves it free."""
    parts: list[str] = []
    column = _COLUMN
    for line in lines:
        if line.blank:
            parts.append("\n")
        if not line.comment:
            parts.append(f"{line.code}\n")
            continue
        if line.code:  # else it goes on in the column of the comment above
            width = len(line.code) - line.code.rfind("\n") - 1
            column = _COLUMN if width + _LEAST <= _COLUMN else width + _APART
            parts.append(line.code + " " * (column - width) + line.comment + "\n")
        else:
            parts.append(" " * column + line.comment + "\n")
    return "".join(parts)
