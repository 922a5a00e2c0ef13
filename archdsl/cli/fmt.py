"""``archdsl fmt``: the canonical layout of specs."""

import codecs
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import click

from archdsl.cli.options import verbosity
from archdsl.cli.streams import Settings, counted, result
from archdsl.cli.texts import STDIN, difference, is_marked
from archdsl.diagnostics import ArchError, Diagnostic, error, printable
from archdsl.files import atomic_write
from archdsl.limits import DEFAULT
from archdsl.source import Source
from archdsl.syntax import parse, read_file, read_program, source_from_bytes
from archdsl.syntax.format import format_source

_ENDING = ".arch"
DIFFERS, AT_FAULT, TROUBLE = 1, 1, 2


@dataclass(frozen=True, slots=True)
class Formatted:
    """A text before and after; ``labels`` is how many it was given."""

    path: str
    before: str
    after: str
    labels: int = 0


@click.command("fmt", short_help="Lay out specs in the canonical way.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 where a file would change, with 2 where one has faults.")
@click.option("--diff", is_flag=True, help="As --check, and print what would change.")
@click.option("--label", is_flag=True, help="Also name calls with weights and without a label; no path changes.")
@verbosity
@click.pass_obj
def command(settings: Settings, files: tuple[str, ...], check: bool, diff: bool, label: bool) -> int:
    """Write every FILE anew in the canonical layout, where that changes anything; its meaning and comments stay.

    FILE is a file, a folder (all `.arch` files in it, at any depth), or `-`, which formats standard input to standard output.
    """
    if STDIN in files and len(files) > 1:
        raise click.UsageError("`-` stands alone: standard input goes to standard output, and files are written in place")
    dry = check or diff
    changed = unchanged = 0
    faults: list[Diagnostic] = []
    for path in _files(files, faults):
        try:
            formatted = _formatted(path, label=label)
        except ArchError as fault:
            faults += fault.diagnostics
            continue
        differs = formatted.before != formatted.after
        changed += differs
        unchanged += not differs
        if diff:
            result(difference(formatted.path, formatted.before, formatted.after))
        elif path == STDIN and not check:
            result(formatted.after)
        if differs and path != STDIN:
            _write(settings, formatted, dry=dry)
    settings.show(faults)
    if files != (STDIN,):
        settings.say(_summary(changed, unchanged, dry=dry))
    if faults:
        return TROUBLE if dry else AT_FAULT
    return DIFFERS if dry and changed else 0


def _files(named: Iterable[str], faults: list[Diagnostic]) -> Iterator[str]:
    """The files that ``named`` means, each once; a folder without any is added to ``faults``."""
    seen: set[str] = set()
    for name in named:
        paths = [name]
        if name != STDIN and os.path.isdir(name):
            paths = list(_inside(name))
            if not paths:
                faults += error("E0601", f"there is no `*{_ENDING}` file in the folder `{printable(name)}`").diagnostics
        for path in paths:
            real = path if path == STDIN else os.path.realpath(path)
            if real not in seen:
                seen.add(real)
                yield path


def _inside(folder: str) -> Iterator[str]:
    """The specs in ``folder`` at any depth, in the order of their names; hidden folders and links that lead out of it apart."""
    root = os.path.realpath(folder)
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for each in sorted(files):
            path = os.path.join(place, each)
            if each.endswith(_ENDING) and os.path.realpath(path).startswith(os.path.join(root, "")):
                yield path


def _formatted(path: str, *, label: bool) -> Formatted:
    source, marked = _read(path)
    before = codecs.BOM_UTF8.decode() + source.text if marked else source.text
    labels = 0
    if label:
        source, labels = _labelled(source, path)
    return Formatted(source.path, before, format_source(source), labels)


def _read(path: str) -> tuple[Source, bool]:
    """The text at ``path``, and whether a byte order mark stands before it, which is no part of the text."""
    if path != STDIN:
        source = read_file(path)
        return source, is_marked(path)
    if sys.stdin is None:
        raise error("E0604", "standard input is closed")
    content = sys.stdin.buffer.read(DEFAULT.file_bytes + 1)
    return source_from_bytes("<stdin>", content), content.startswith(codecs.BOM_UTF8)


def _labelled(source: Source, path: str) -> tuple[Source, int]:
    """``source`` with the labels that it lacks, and how many those are."""
    from archdsl.elaborate.names import check_label
    from archdsl.ir import Op
    from archdsl.ops import ALL
    from archdsl.pipeline import library
    from archdsl.source import Span
    from archdsl.syntax.format_labels import with_labels

    def allowed(name: str) -> bool:
        try:
            check_label(name, Span(source, 0, 0))
        except ArchError:
            return False
        return True

    weighted = frozenset(operator.keyword for operator in ALL if operator.weights is not Op.weights)
    parse(source)  # so that its own faults are told before those of what it imports
    program = read_program(source, None if path == STDIN else os.path.dirname(path) or ".", str(library()))
    text, count = with_labels(program, weighted, allowed)
    return Source(source.path, text), count


def _write(settings: Settings, formatted: Formatted, *, dry: bool) -> None:
    if not dry:
        atomic_write(formatted.path, formatted.after.encode())
    labels = f" ({counted(formatted.labels, 'label')})" if formatted.labels else ""
    settings.say(f"{'would format' if dry else 'formatted'} {printable(formatted.path)}{labels}")


def _summary(changed: int, unchanged: int, *, dry: bool) -> str:
    done = f"{counted(changed, 'file')} {'would change' if dry else 'formatted'}" if changed else ""
    kept = f"{counted(unchanged, 'file')} left as {'it is' if unchanged == 1 else 'they are'}" if unchanged else ""
    return ", ".join(part for part in (done, kept) if part) or "nothing formatted"
