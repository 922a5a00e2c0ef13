"""Fenced code blocks of a Markdown page, in order, each with its line and what its fence says."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "docs" / "howto" / "onnx.md")
_FENCE = re.compile(r"^( *)```(\w*)(.*)$")


@dataclass(frozen=True)
class Block:
    """``text`` between two fences; ``language`` and ``facts`` (``file=lenet.arch``) are those of the first."""

    page: Path
    line: int
    language: str
    facts: dict[str, str]
    text: str

    def __str__(self):
        return f"{self.page.name}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """All blocks of a page; raises ``ValueError`` where a fence is not closed."""
    found, opened, lines = [], None, []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        fence = _FENCE.match(line)
        if fence and opened is None:
            opened, lines = (number, fence), []
        elif fence and not fence[2]:
            start, first = opened
            facts = dict(part.split("=", 1) for part in first[3].split())
            found.append(Block(page, start, first[2], facts, "\n".join(lines) + "\n"))
            opened = None
        elif opened is not None:
            lines.append(line)
    if opened is not None:
        raise ValueError(f"{page.name}:{opened[0]}: a fence is not closed")
    return found


def alike(shown: str, printed: str) -> bool:
    """Whether ``printed`` is what a page shows: ``…`` stands for any text, on a line of its own for any number of lines."""
    pattern = ""
    for line in shown.strip("\n").split("\n"):
        if line.strip() == "…":
            pattern += r"(?:[^\n]*\n)*?"
        else:
            pattern += r"[^\n]*?".join(re.escape(part) for part in line.rstrip().split("…")) + r"[ ]*\n"
    text = "\n".join(line.rstrip() for line in printed.strip("\n").split("\n")) + "\n"
    return re.fullmatch(pattern, text) is not None


def commands(text: str) -> list[tuple[str, str]]:
    """Each command of a console block, behind its ``$``, with the output shown below it."""
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)
    assert not parts[0].strip(), "a console block begins with a command"
    return [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts[1:]]
