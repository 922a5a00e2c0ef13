"""The fixes that diagnostics carry, put into the named files: all that is certain, until nothing is left to mend.

Everything happens on texts in memory; a file is written once, whole, after the last round.
"""

import codecs
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from archdsl.cli.texts import STDIN, difference, is_marked
from archdsl.diagnostics import ArchError, Diagnostic, Fix, printable
from archdsl.files import atomic_write
from archdsl.source import Source

Found = list[Diagnostic]
_ROUNDS = 20
_LONGEST = 40  # characters of a text that a line on what was changed quotes


@dataclass
class Text:
    """A named file, as it is and as it is to be; ``marked`` where a byte order mark stands before it."""

    path: str
    before: str
    marked: bool = False
    after: str = ""
    changes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.after = self.before

    def write(self) -> None:
        """The file holds the mended text, where that differs."""
        if self.after != self.before:
            atomic_write(self.path, (codecs.BOM_UTF8 if self.marked else b"") + self.after.encode())

    def diff(self) -> str:
        """A unified diff; nothing where nothing was changed."""
        return difference(self.path, self.before, self.after)


class Mending:
    """The files that may be changed: those of ``specs`` that are named as files and no part of the bundled library."""

    def __init__(self, specs: Iterable[str]) -> None:
        self.files: dict[str, Text] = {}
        for spec in specs:
            key, text = _opened(spec)
            if text is not None:
                self.files.setdefault(key, text)
        self.out_of_reach: set[str] = set()

    @property
    def texts(self) -> dict[str, str]:
        """What is to be read in place of each file, by its real path."""
        return {key: text.after for key, text in self.files.items()}

    @property
    def changed(self) -> list[Text]:
        return [text for text in self.files.values() if text.changes]

    def mend(self, look: Callable[[dict[str, str]], Found]) -> Found:
        """What is still found when no fix is left, or after the last round; ``look`` finds it in the texts that it is given."""
        seen = {tuple(self.texts.values())}
        found = look(self.texts)
        for _ in range(_ROUNDS):
            edits = self._edits(found)
            if not edits:
                break
            texts = {key: _applied(self.files[key].after, fixes) for key, fixes in edits.items()}
            state = tuple({**self.texts, **texts}.values())
            if state in seen:  # one fix undoes another: neither is certain
                break
            seen.add(state)
            for key, text in texts.items():
                self.files[key].changes += [_change(self.files[key].path, fix) for fix in edits[key]]
                self.files[key].after = text
            found = look(self.texts)
        return found

    def _edits(self, found: Found) -> dict[str, list[Fix]]:
        """The fixes for each file in the order of its text: of a diagnostic all or none, and none that overlap."""
        taken: dict[str, list[Fix]] = {}
        for diagnostic in found:
            fixes = list(dict.fromkeys(diagnostic.fixes))
            if not fixes or not all(fix.certain for fix in fixes):
                continue
            keys = [self._key(fix.span.source) for fix in fixes]
            if any(_touch(fix, other) for key, fix in zip(keys, fixes, strict=True) for other in taken.get(key or "", ())):
                continue  # the next round sees what became of the place
            if None in keys:
                continue
            for key, fix in zip(keys, fixes, strict=True):
                assert key is not None
                taken.setdefault(key, []).append(fix)
        return {key: sorted(fixes, key=lambda fix: fix.span.start) for key, fixes in taken.items()}

    def _key(self, source: Source) -> str | None:
        """Under which of the files ``source`` was read; None where it is none of them, which is remembered."""
        key = STDIN if source.path == "<stdin>" else os.path.realpath(source.path)
        if key in self.files and self.files[key].after == source.text:
            return key
        self.out_of_reach.add(source.path)
        return None


def _opened(spec: str) -> tuple[str, Text | None]:
    """The text of a spec that may be changed, by its real path; None for what is bundled or cannot be read."""
    from archdsl.pipeline import find, library, standard_input
    from archdsl.syntax import read_file

    try:
        if spec == STDIN:
            return spec, Text("<stdin>", standard_input().text)
        path = os.fspath(find(spec))
        real = os.path.realpath(path)
        if os.path.commonpath([real, os.path.realpath(library())]) == os.path.realpath(library()):
            return real, None
        text = read_file(path).text
    except ArchError:  # which checking will tell of
        return spec, None
    return real, Text(path, text, is_marked(path))


def _touch(one: Fix, other: Fix) -> bool:
    """Whether two fixes change the same place, or places without anything between them."""
    return one.span.start <= other.span.end and other.span.start <= one.span.end


def _applied(text: str, fixes: Sequence[Fix]) -> str:
    """``text`` with every fix, which are in order and apart."""
    for fix in reversed(fixes):
        text = text[: fix.span.start] + fix.replacement + text[fix.span.end :]
    return text


def _change(path: str, fix: Fix) -> str:
    """A line that tells of one fix."""
    before, after = (_quoted(text) for text in (fix.span.text, fix.replacement))
    what = f"`{before}` is now `{after}`" if before and after else f"added `{after}`" if after else f"removed `{before}`"
    return f"{printable(path)}:{fix.span.line}:{fix.span.column}: {what}"


def _quoted(text: str) -> str:
    words = printable(" ".join(text.split()))
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"
