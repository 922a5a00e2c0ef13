"""The explanations of diagnostic codes, and their examples run: what fails, what it prints, and the mended form.

An explanation (`archdsl/explanations/E0101.md`) has three sections: what fails, the same mended, and what usually helps.  The
blocks of the first two are files, `spec.arch` where the fence has no `file=NAME`; a `console` block holds the commands to run,
which are `archdsl check spec.arch` where there is none.  What the mended form does not show anew stays as it was.
"""
# ruff: noqa: INP001 - a module beside the pages, no part of the package

import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from archdsl import pipeline
from archdsl.cli import main
from archdsl.cli.explain import FAMILIES, explanation
from archdsl.diagnostics import CODES

FAILS, MENDED, HELPS = SECTIONS = ("A spec that fails", "The same, mended", "What usually helps")
SPEC = "spec.arch"
CHECK = f"archdsl check {SPEC}"
_BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"^(?:error|warning)\[([EW]\d+)\]", re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """Files by name, and the commands to run beside them."""

    files: dict[str, str]
    commands: tuple[str, ...]


@dataclass(frozen=True)
class Ran:
    """What the last command left: its exit status, all that it printed, and the codes of the diagnostics in that."""

    status: int
    printed: str

    @property
    def codes(self) -> set[str]:
        return set(_CODE.findall(self.printed))


def sections(code: str) -> dict[str, str]:
    """The text of each section of an explanation, by heading; "" for what stands above the first."""
    parts = re.split(r"^## (.+)\n", explanation(code), flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def failing(code: str) -> Example:
    """The example that fails."""
    return _example(sections(code)[FAILS], Example({}, (CHECK,)))


def mended(code: str) -> Example:
    """The example that does not."""
    return _example(sections(code)[MENDED], failing(code))


def _example(text: str, before: Example) -> Example:
    """The files and commands that ``text`` shows; what it does not show is as it was ``before``."""
    blocks = _BLOCK.findall(text)
    shown = "".join(body for language, _, body in blocks if language == "console")
    commands = tuple(re.findall(r"^\$ (.+)$", shown, re.MULTILINE))
    files = {name or SPEC: body for language, name, body in blocks if language != "console"}
    return Example({**before.files, **files}, commands or before.commands)


def run(example: Example) -> Ran:
    """The commands of ``example`` run in a new folder with its files."""
    with tempfile.TemporaryDirectory() as name:
        for file, text in example.files.items():
            path = Path(name, file)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        with chdir(name):
            ran = [_run(shlex.split(command)) for command in example.commands]
        last = ran[-1]
        return Ran(last.status, last.printed.replace(f"{os.path.realpath(name)}/", ""))


def _run(words: list[str]) -> Ran:
    if words[0] == "python":
        ended = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, timeout=120, check=True)  # noqa: S603
        return Ran(ended.returncode, ended.stdout + ended.stderr)
    assert words[0] == "archdsl", words
    printed = io.StringIO()
    colour = os.environ.get("NO_COLOR")
    os.environ["NO_COLOR"] = "1"
    try:
        with redirect_stdout(printed), redirect_stderr(printed):
            status = main(words[1:])
    finally:
        os.environ.pop("NO_COLOR")
        if colour is not None:
            os.environ["NO_COLOR"] = colour
    return Ran(status, printed.getvalue().replace(f"{pipeline.library()}/", ""))


def error_page(code: str, note: str) -> str:
    """The page of one code: its explanation, and below the failing example what that prints."""
    parts = sections(code)
    example = failing(code)
    command = example.commands[-1]
    title, _, words = parts[""].partition("\n")
    printed = "\n".join(line.rstrip() for line in run(example).printed.strip("\n").split("\n"))
    shown = f"`{command}` prints:\n\n```text\n{printed}\n```\n\n"
    body = "".join(f"## {heading}\n{parts[heading]}{shown if heading == FAILS else ''}" for heading in SECTIONS)
    named = re.sub(r"^```(\w+) file=(\S+)$", r"`\2`:\n\n```\1", body, flags=re.MULTILINE)
    return f"{title}\n\n{note}\n{words}{named}"


def index_page(note: str) -> str:
    """All codes by family, with links to their pages."""
    lines = [
        "# Diagnostics",
        "",
        note,
        "",
        "Every fault that archdsl reports has a code, which stays the same from release to release. Codes with an E are errors,",
        "those with a W are warnings about what is allowed and rarely meant. `archdsl explain E0301` shows a page in a terminal.",
    ]
    for prefix, family in FAMILIES.items():
        codes = [code for code in CODES if code.startswith(prefix)]
        if codes:
            lines += ["", f"## {family}", "", "| code | stands for |", "| --- | --- |"]
            lines += [f"| [{code}]({code}.md) | {CODES[code]} |" for code in codes]
    return "\n".join(lines) + "\n"
