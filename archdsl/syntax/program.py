"""A spec with all that it imports: each file found, read and parsed once, and none from outside its tree."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType

from archdsl.diagnostics import ArchError, Diagnostic, Fix, error, suggest
from archdsl.limits import DEFAULT, Limits
from archdsl.source import Source, Span
from archdsl.syntax import ast
from archdsl.syntax.reader import read_file

_DRIVE = re.compile(r"[A-Za-z]:")
_ENDING = ".arch"
_MOST_OFFERED = 1000  # files looked at for a suggestion
_AS_THEY_ARE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a text lies: the tree that bounds its imports and its own folder, both real paths; no tree, no imports beside it."""

    root: str | None
    folder: str | None


@dataclass(frozen=True, slots=True)
class _Found:
    """The file that an import means: how it is shown, where it really is, and the tree it belongs to."""

    shown: str
    real: str
    place: _Place


def read_program(
    source: Source, folder: str | None, library: str, limits: Limits = DEFAULT, texts: Mapping[str, str] = _AS_THEY_ARE
) -> ast.Program:
    """``source`` parsed, with every file that it imports, directly or not.

    Imports are sought beside the importing file, within ``folder`` (that of the main spec; None for a text without one), then in
    ``library``; a file of the library imports from the library only.  ``texts``, by real path, stand for what is in files.
    ArchError: what parsing raises, for all files at once, and E0601 (missing), E0602 (leaves its tree), E0603 (circle),
    E0604 (unreadable), E0605 (too many, too deep).
    """
    real = None if folder is None else os.path.realpath(folder)
    reader = _Reader(os.path.realpath(library), library, limits, texts)
    return reader.program(source, _Place(real, real), None if real is None else os.path.realpath(source.path))


def read_recorded(texts: Sequence[tuple[Source, Mapping[str, int]]], limits: Limits = DEFAULT) -> ast.Program:
    """A program from texts that were put down together, without a look at any file.

    Beside each text stands which of them its imports mean, by what the import says; the first is the main one.  ArchError as
    for :func:`read_program`.
    """
    source, _ = texts[0]
    return _Recorded(texts, limits).program(source, _Place("", "0"), "0")


class _Reader:
    def __init__(self, library: str, library_shown: str, limits: Limits, texts: Mapping[str, str]) -> None:
        self.library = library
        self.library_shown = library_shown
        self.limits = limits
        self.texts = texts
        self.files: list[ast.File] = []
        self.imported: dict[tuple[Source, str], ast.File] = {}
        self.by_path: dict[str, ast.File | None] = {}  # None: already reported as faulty
        self.depth: dict[str, int] = {}
        self.faults: list[Diagnostic] = []

    def program(self, source: Source, place: _Place, own: str | None) -> ast.Program:
        main = self._parse(source, own)
        if main is not None:
            self._imports(main, place, [(own, source.path)])
        if self.faults:
            raise ArchError(*self.faults)
        assert main is not None
        return ast.Program(main, MappingProxyType(self.imported), tuple(self.files))

    def _parse(self, source: Source, real: str | None) -> ast.File | None:
        from archdsl.syntax.parser import parse

        tree: ast.File | None = None
        try:
            tree = parse(source, self.limits)
            self.files.append(tree)
        except ArchError as fault:
            self.faults += fault.diagnostics
        if real is not None:
            self.by_path[real] = tree
        return tree

    def _imports(self, file: ast.File, place: _Place, chain: list[tuple[str | None, str]]) -> None:
        """Every import of ``file`` is resolved, its faults noted; ``chain`` leads here from the main spec.

        The chain is at most ``limits.import_depth`` long, and so is this recursion.
        """
        for item in file.items:
            if not isinstance(item, ast.Import):
                continue
            try:
                self._import(file, item.file, place, chain)
            except ArchError as fault:
                self.faults += fault.diagnostics

    def _import(self, file: ast.File, literal: ast.Literal, place: _Place, chain: list[tuple[str | None, str]]) -> None:
        text = str(literal.value)
        _check_name(text, literal.span)
        found = self._find(text, literal.span, place)
        self._check_chain(found, literal.span, chain)
        if found.real not in self.by_path:
            if len(self.by_path) >= self.limits.files:
                raise error("E0605", f"the spec and its imports are more than {self.limits.files} files", literal.span)
            self._read(found, literal.span, chain)
        tree = self.by_path[found.real]
        if tree is not None:
            self.imported[file.source, text] = tree

    def _read(self, found: _Found, at: Span, chain: list[tuple[str | None, str]]) -> None:
        self.by_path[found.real] = None
        # The real path is opened, so that no link that is changed meanwhile leads elsewhere.
        text = self.texts.get(found.real)
        if text is None:
            text = read_file(found.real, self.limits, at=at).text
        tree = self._parse(Source(found.shown, text), found.real)
        if tree is not None:
            self._imports(tree, found.place, [*chain, (found.real, found.shown)])

    def _check_chain(self, found: _Found, at: Span, chain: list[tuple[str | None, str]]) -> None:
        reals = [real for real, _ in chain]
        if found.real in reals:
            circle = [shown for _, shown in chain[reals.index(found.real) :]]
            names = " → ".join(f"`{name}`" for name in [*circle, circle[0]])
            raise error("E0603", "an import goes in a circle" if len(circle) > 1 else "a file imports itself", at, notes=[names])
        if len(chain) > self.limits.import_depth:
            raise error("E0605", f"imports nest more than {self.limits.import_depth} files deep", at)

    def _find(self, text: str, at: Span, place: _Place) -> _Found:
        """The file that ``text`` means to a file at ``place``: beside it, else in the library."""
        tried = [place] if place.folder is not None else []
        if place.root != self.library:
            tried.append(_Place(self.library, self.library))
        for base in tried:
            assert base.root is not None and base.folder is not None
            named = os.path.join(base.folder, *text.split("/"))
            if not os.path.lexists(named):
                continue
            real = os.path.realpath(named)
            if not _within(real, base.root):
                raise error("E0602", f'"{text}" leads out of the folder of the spec', at, "a symbolic link leads elsewhere")
            return _Found(self._shown(named, base.root), real, _Place(base.root, os.path.dirname(real)))
        folders = [base.folder for base in tried if base.folder is not None]
        near = suggest(text.removesuffix(_ENDING), [name.removesuffix(_ENDING) for name in _beside(text, folders)])
        help = None if near is None else f"did you mean `{near}{_ENDING}`?"
        where = "not in the bundled library" if place.folder is None else "neither beside this file nor in the bundled library"
        raise error("E0601", f'there is no file "{text}"', at, where, help=help)

    def _shown(self, named: str, root: str) -> str:
        if root == self.library:
            return os.path.join(self.library_shown, os.path.relpath(named, root))
        return os.path.relpath(named) if _within(os.path.realpath(named), os.path.realpath(".")) else named


class _Recorded(_Reader):
    """A reader for which number and not path says where a text is."""

    def __init__(self, texts: Sequence[tuple[Source, Mapping[str, int]]], limits: Limits) -> None:
        super().__init__("", "", limits, {str(number): source.text for number, (source, _) in enumerate(texts)})
        self.recorded = texts

    def _find(self, text: str, at: Span, place: _Place) -> _Found:
        assert place.folder is not None
        number = self.recorded[int(place.folder)][1].get(text)
        if number is None:
            raise error("E0601", f'there is no file "{text}"', at, "not among the texts that were put down with this one")
        return _Found(self.recorded[number][0].path, str(number), _Place("", str(number)))


def _check_name(text: str, at: Span) -> None:
    """E0602 for an import's text that is anything but names joined by slashes."""
    reason = ""
    if "\0" in text:
        reason = "it holds a NUL character"
    elif "\\" in text:
        reason = "folders are joined by `/`, not by a backslash"
    elif text.startswith(("/", "~")):
        reason = "its path is absolute"
    elif _DRIVE.match(text):
        reason = "it names a drive"
    elif ".." in text.split("/"):
        reason = "`..` leads upwards"
    elif any(part in ("", ".") for part in text.split("/")):
        reason = "a part of the path is empty or `.`"
    if reason:
        help = "an import is relative to the file that it stands in, and stays within the folder of the spec"
        raise error("E0602", "an import leaves its tree", at, reason, help=help)
    if not text.endswith(_ENDING):
        help = f'did you mean "{os.path.splitext(text)[0][:100]}{_ENDING}"?'
        fixes = [Fix(at, f'"{text}.arch"', certain=True)] if at.text == f'"{text}"' and "." not in text else []
        label = "its name does not end in `.arch`"
        raise error("E0601", "an import of a file that is no spec", at, label, help=help, fixes=fixes)


def _within(real: str, root: str) -> bool:
    return os.path.commonpath([real, root]) == root


def _beside(text: str, folders: list[str]) -> list[str]:
    """Imports that would be found: ``.arch`` files in ``folders``, in the subfolder of ``text``, and in direct subfolders."""
    names: list[str] = []
    for folder in folders:
        for below in ("", str(PurePosixPath(text).parent)):
            names += _specs(folder, "" if below == "." else below)
        for entry in _entries(folder):
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                names += _specs(folder, entry.name)
    return names[:_MOST_OFFERED]


def _specs(folder: str, below: str) -> list[str]:
    found = [entry.name for entry in _entries(os.path.join(folder, below)) if entry.name.endswith(".arch")]
    return [f"{below}/{name}" if below else name for name in found]


def _entries(folder: str) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return [entry for _, entry in zip(range(_MOST_OFFERED), entries, strict=False)]
    except OSError:
        return []
