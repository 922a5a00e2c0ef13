"""Edits by path: what a variant or the command line changes, found while the network is elaborated.

An edit acts on the spec's meaning before shapes are inferred: a dropped step is exactly a deleted one, a replacement stands in
its place under its label, and what is inserted is elaborated as if it were written there.  Every edit counts the places it hit.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from archdsl.diagnostics import ArchError, Diagnostic, Label, suggest
from archdsl.elaborate.environment import FileScope
from archdsl.ir.graph import OriginKind
from archdsl.syntax import ast

_LONGEST = 100
_PART = re.compile(r"([^.\[\]]+)((?:\[\d+\])*)")
Parts = tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(slots=True)
class Edit:
    """One edit, the file whose names its text sees, and how many places it has hit."""

    edit: ast.Edit
    file: FileScope
    hits: int = 0

    @property
    def text(self) -> str:
        """The edit as it was written, on one line and cut where it is long."""
        text = " ".join(self.edit.span.text.split())
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


class Edits:
    """The edits of one elaboration, in the order in which they apply."""

    def __init__(self, edits: Iterable[Edit]) -> None:
        self.all = [each for each in edits if not (isinstance(each.edit, ast.Set) and each.edit.path is None)]
        self._sets = [each for each in self.all if isinstance(each.edit, ast.Set)]
        self._changes = [each for each in self.all if not isinstance(each.edit, ast.Set)]
        self._met: dict[str, None] = {}

    def __bool__(self) -> bool:
        return bool(self.all)

    def changes(self, path: str) -> Iterator[Edit]:
        """The edits that drop, replace or add to the step at ``path``, in order; none after it is dropped."""
        self._met[path] = None
        for each in self._changes:
            edit = each.edit
            if not isinstance(edit, ast.Set) and matches(edit.path, path):
                yield each
                if isinstance(edit, ast.Drop):
                    return

    def sets(self, path: str) -> Iterator[tuple[Edit, ast.Set]]:
        """The arguments set for the call at ``path``; those set for a repeat hold for each of its iterations."""
        self._met[path] = None
        whole = re.sub(r"(\[\d+\])+$", "", path)
        for each in self._sets:
            edit = each.edit
            if isinstance(edit, ast.Set) and edit.path is not None:
                of_repeat = whole != path and edit.name.id != "repeat" and matches(edit.path, whole)
                if of_repeat or matches(edit.path, path):
                    yield each, edit

    def check(self) -> None:
        """Raises E0405 for every edit that hit nothing, with the path that was most likely meant."""
        missed = [self._missed(each) for each in self.all if each.hits == 0]
        if missed:
            raise ArchError(*missed)

    def _missed(self, each: Edit) -> Diagnostic:
        edit = each.edit
        path = edit.path
        text = path.span.text if path is not None else ""
        span = path.span if path is not None else edit.span
        known = dict.fromkeys(name for met in self._met for name in (met, re.sub(r"\[\d+\]", "[*]", met)))
        found = _nearest(text, list(known))
        help_ = f"did you mean `{found}`?" if found else "`archdsl summary --depth 9` lists the paths"
        if isinstance(edit, ast.Set) and any(path is not None and matches(path, met) for met in self._met):
            help_ = f"nothing called at `{text}` takes it"
        return Diagnostic("E0405", f"`{text}` hits nothing", Label(span, "no such place in this network"), help=help_)


def _nearest(text: str, known: Sequence[str]) -> str | None:
    """The known path most like ``text``: one that ends alike first, else one spelt alike."""
    last = re.sub(r"\[[^\]]*\]", "", text.rpartition(".")[2])
    alike = [path for path in known if "[*]" in path or "[" not in path]
    ends = [path for path in alike if re.sub(r"\[[^\]]*\]", "", path.rpartition(".")[2]) == last]
    return suggest(text, ends) or (ends[0] if len(ends) == 1 else None) or suggest(text, alike)


@lru_cache(maxsize=4096)
def _parts(path: str) -> Parts:
    """``a[3].b`` as names with their indices."""
    return tuple((name, tuple(int(index) for index in re.findall(r"\d+", indices))) for name, indices in _PART.findall(path))


def matches(pattern: ast.Path, path: str) -> bool:
    """Whether ``pattern``, with ``*``, ``**``, ``[*]`` and ``[1..3]``, means ``path``."""
    return _match(pattern.segments, _parts(path))


def _match(segments: Sequence[ast.Segment], parts: Parts) -> bool:
    if not segments:
        return not parts
    if segments[0].name == "**":
        return any(_match(segments[1:], parts[skipped:]) for skipped in range(len(parts) + 1))
    return bool(parts) and _matches_one(segments[0], parts[0]) and _match(segments[1:], parts[1:])


def _matches_one(segment: ast.Segment, part: tuple[str, tuple[int, ...]]) -> bool:
    name, indices = part
    if segment.name not in ("*", name) or len(segment.indices) != len(indices):
        return False
    return all(_matches_index(wanted, index) for wanted, index in zip(segment.indices, indices, strict=True))


def _matches_index(wanted: int | tuple[int, int] | None, index: int) -> bool:
    if wanted is None:
        return True
    if isinstance(wanted, int):
        return wanted == index
    return wanted[0] <= index <= wanted[1]


def replacement(edit: ast.Replace) -> ast.Step:
    """What stands in the place of a replaced step: the one step that is given, else a body of all."""
    if len(edit.step.steps) == 1 and edit.step.guard is None:
        return edit.step.steps[0].step
    return ast.Body((edit.step,), "", edit.step.span)


def kind_of(edit: ast.Edit) -> OriginKind:
    """Where an edit was written."""
    return "command line" if edit.span.source.path.startswith("<") else "variant"
