"""``archdsl explain``: what a diagnostic code means, with an example that fails and the mended form."""

import re
import shutil
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import click

from archdsl.cli.options import verbosity
from archdsl.cli.streams import coloured, result, result_json
from archdsl.diagnostics import CODES, printable, suggest

FAMILIES = {
    "E01": "Syntax",
    "E02": "Names",
    "E03": "Shapes",
    "E04": "Values",
    "E05": "Structure",
    "E06": "Imports",
    "E07": "Backends and weights",
    "W1": "Lints",
}
"""What the first characters of a code stand for."""
_FOLDER = Path(__file__).parents[1] / "explanations"
_WIDEST = 100
_INDENT = "    "


@click.command("explain", short_help="What a diagnostic code means.")
@click.argument("codes", nargs=-1, metavar="[CODE]...")
@click.option("--json", "as_json", is_flag=True, help="As JSON, schema 1; the text is Markdown.")
@verbosity
def command(codes: tuple[str, ...], as_json: bool) -> None:
    """Explain each CODE, such as E0301, with an example that fails and the mended form; without one, list all codes."""
    wanted = list(dict.fromkeys(_known(code) for code in codes))
    if as_json:
        entries = [{"code": code, "title": CODES[code], "text": explanation(code)} for code in wanted or CODES]
        result_json({"schema": 1, "codes": entries})
    elif wanted:
        width = min(_WIDEST, shutil.get_terminal_size((_WIDEST, 24)).columns)
        pages = (_as_text(explanation(code), width, colour=coloured(sys.stdout)) for code in wanted)
        result("\n\n".join(pages))
    else:
        result(_list())


def explanation(code: str) -> str:
    """The Markdown text on a code."""
    return (_FOLDER / f"{code}.md").read_text(encoding="utf-8")


def _known(code: str) -> str:
    """The code as it is registered; a usage error for an unknown one."""
    name = code.upper()
    if name not in CODES:
        near = suggest(name, CODES)
        hint = f"did you mean `{near}`?" if near else "`archdsl explain` lists all codes"
        raise click.UsageError(f"no diagnostic has the code `{printable(code)}`; {hint}")
    return name


def _list() -> str:
    """All codes by family."""
    lines = []
    for prefix, family in FAMILIES.items():
        codes = [code for code in CODES if code.startswith(prefix)]
        if codes:
            lines += [family, *(f"  {code}  {CODES[code]}" for code in codes), ""]
    return "\n".join([*lines, "`archdsl explain CODE` says more of one.", ""])


# --- Markdown, as far as explanations use it, for a terminal -------------------------------------------------------------


def _as_text(markdown: str, width: int, *, colour: bool) -> str:
    """The page with headings set apart, paragraphs filled to ``width``, blocks indented, and links as their words."""
    bold, plain = ("\x1b[1m", "\x1b[0m") if colour else ("", "")
    lines: list[str] = []
    for kind, text in _pieces(markdown):
        if lines:
            lines.append("")
        if kind == "heading":
            words = re.sub(r"^#+ ", "", text)
            lines.append(f"{bold}{words}{plain}")
        elif kind == "block":
            lines += _block(text)
        elif kind == "list":
            for item in re.split(r"^- ", text, flags=re.MULTILINE)[1:]:
                lines += _filled(item, width, "- ")
        else:
            lines += _filled(text, width)
    return "\n".join(lines) + "\n"


def _filled(prose: str, width: int, mark: str = "") -> list[str]:
    """The lines of a paragraph, ``mark`` before the first and blanks before the others; a link is its words."""
    words = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", " ".join(prose.split()))
    filler = textwrap.TextWrapper(width, break_long_words=False, break_on_hyphens=False)
    filler.initial_indent, filler.subsequent_indent = mark, " " * len(mark)
    return filler.wrap(words)


def _pieces(markdown: str) -> Iterator[tuple[str, str]]:
    """Headings, fenced blocks, lists and paragraphs in their order."""
    for part in re.split(r"(^```.*?^```$)", markdown, flags=re.MULTILINE | re.DOTALL):
        if part.startswith("```"):
            yield "block", part
            continue
        for text in re.split(r"\n{2,}", part):
            if text.strip():
                yield "heading" if text.startswith("#") else "list" if text.startswith("- ") else "text", text.strip()


def _block(fenced: str) -> list[str]:
    """The lines of a fenced block, indented, below the name of its file where it has one."""
    fence, *lines = fenced.split("\n")[:-1]
    name = re.search(r"file=(\S+)", fence)
    head = [f"{name.group(1)}:"] if name else []
    return [*head, *(f"{_INDENT}{line}".rstrip() for line in lines)]
