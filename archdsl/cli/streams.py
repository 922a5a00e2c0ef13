"""Who gets what: results on standard output, everything else on standard error, colour only where somebody looks."""

import errno
import io
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, TextIO

from archdsl.diagnostics import Diagnostic, format_text, printable

_MOST_EXPLAINED = 4  # codes in one line


class Noted(Protocol):
    """A network, as far as it has something to say of itself."""

    @property
    def notes(self) -> tuple[Diagnostic, ...]: ...

    @property
    def hits(self) -> tuple[tuple[str, int], ...]: ...


@dataclass
class Settings:
    """How much the user wants to read, by ``-q`` and ``-v``, the exit code as far as it is known, and the codes shown as text."""

    quiet: bool = False
    verbose: bool = False
    verdict: int = 0
    shown: dict[str, None] = field(default_factory=dict)

    def prepare(self) -> None:
        """Both streams can now take any character.

        What a program reads is UTF-8 whatever the locale; a terminal shows what its encoding has.
        """
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                encoding = None if stream.isatty() or stream is sys.stderr else "utf-8"
                stream.reconfigure(encoding=encoding, errors="replace" if encoding is None else "backslashreplace")

    def say(self, text: str) -> None:
        """Progress, on standard error, unless the user wants quiet."""
        if not self.quiet:
            _tell(text)

    def tell_of(self, network: Noted) -> None:
        """What is to be said of a network beside the result: its notes, and how many places each edit hit."""
        self.show(network.notes)
        for edit, count in network.hits:
            self.say(f"{printable(edit)}: {counted(count, 'place')}")

    def complain(self, text: str) -> None:
        """A fault that has no place in a spec, on standard error."""
        red, plain = ("\x1b[1;31m", "\x1b[0m") if coloured(sys.stderr) else ("", "")
        _tell(f"{red}error{plain}: {text}")

    def wanted(self, diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
        """The diagnostics without those that the user does not want: notes need ``-v``, warnings go with ``-q``."""
        hidden = set() if self.verbose else {"note", "warning"} if self.quiet else {"note"}
        return [each for each in diagnostics if each.severity not in hidden]

    def show(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Diagnostics as text on standard error."""
        colour = coloured(sys.stderr)
        for each in self.wanted(diagnostics):
            _tell(f"{format_text(each, colour=colour)}\n")
            if each.severity != "note":
                self.shown[each.code] = None

    def point(self) -> None:
        """Where to read more of what was shown: for the end of a run on a terminal, unless the user wants quiet."""
        if self.shown and not self.quiet and sys.stderr is not None and sys.stderr.isatty():
            _tell(f"`archdsl explain {' '.join(list(self.shown)[:_MOST_EXPLAINED])}` says more")


def _tell(text: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"{text}\n")


def result(text: str) -> None:
    """``text``, and nothing else, on standard output."""
    if sys.stdout is None:
        raise OSError(errno.EBADF, "standard output is closed")
    sys.stdout.write(text)


def result_bytes(data: bytes) -> None:
    """``data``, and nothing else, on standard output."""
    if sys.stdout is None:
        raise OSError(errno.EBADF, "standard output is closed")
    sys.stdout.flush()
    sys.stdout.buffer.write(data)


def result_json(document: dict[str, Any]) -> None:
    """``document``, and nothing else, on standard output: as every ``--json`` prints it."""
    import json

    result(json.dumps(document, indent=1) + "\n")


def counted(number: int, word: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def coloured(stream: TextIO | None) -> bool:
    """Whether to colour what goes to ``stream``: on a terminal, or as ``NO_COLOR`` and ``FORCE_COLOR`` say, the former first."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return os.environ["FORCE_COLOR"] != "0"
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def settle() -> None:
    """Nothing is left for the interpreter to write at its end: what a stream does not take is dropped."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
