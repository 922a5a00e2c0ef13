"""What ``fmt`` and ``check --fix`` share: texts that are read, changed and written back."""

import codecs
import difflib

from archdsl.diagnostics import printable

STDIN = "-"
"""What stands for standard input on a command line."""


def is_marked(path: str) -> bool:
    """Whether a byte order mark, which is no part of the text, stands before the file at ``path``."""
    with open(path, "rb") as file:
        return file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8


def difference(path: str, before: str, after: str) -> str:
    """A unified diff of two texts of one file; nothing where they are the same."""
    path = printable(path)
    lines = difflib.unified_diff(before.split("\n"), after.split("\n"), path, path, lineterm="")
    return "".join(f"{line}\n" for line in lines)
