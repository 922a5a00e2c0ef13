"""Single-line mistakes in the bundled specs: what is refused, what accepted, and whether the report is on that line.

Every mutant changes one line, or leaves one out, at a place where the tree of the spec says what stands there: the *use* of a
name, a width, a stride.  Nothing but a wrong value or shape tells some mistakes from a wish, so that they may be accepted; an
unknown name may not.
"""

import random
import re
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from traceback import extract_tb
from typing import Any

from archdsl import pipeline, syntax
from archdsl.diagnostics import ArchError, Diagnostic
from archdsl.ops import BY_KEYWORD
from archdsl.source import Source, Span
from archdsl.syntax import ast
from tests.reliability.isolated import side_by_side
from tests.reliability.judged import codes
from tests.reliability.outcome import SEED, Outcome, Test, table

COUNTS = {True: 500, False: 8}
SHARES = {True: 0.95, False: 0.85}
"""Of all refused mutants, how many must be reported on the mutated line."""
_DELETED = "deleted line"
# Why a report of a kind may stand elsewhere; one of any other kind may not.
ARGUED = {
    _DELETED: (
        "nothing stands there any more; what the line imported, defined, labelled or set is told where it is used (E0201, E0205, "
        "E0404, E0405), and a layer or branch that it made by the next caption (E0304), by the layer that cannot take what "
        "now arrives (E0303), or where a body, its shortcut and its branches no longer agree (E0301, E0501)."
    ),
    "changed stride": (
        "each stride is legal by itself; it is told where branches of unequal size meet (E0301), at the first window that is "
        "larger than what is left of the map (E0302), or, where every layer can live with it, at a caption (E0304)."
    ),
    "changed width": (
        "the width is handed to a block, which reckons with it; what comes of it is told at the layer or shortcut that cannot "
        "have it (E0401, E0402), or at a caption, with the width's own line beside it (E0304)."
    ),
    "changed padding": (
        "each padding is legal by itself, in a block that many networks share; that it is wrong is known to their captions alone "
        "(E0304)."
    ),
    "wrong type": "a block takes any value for a parameter; the first layer or expression that needs another kind tells (E0401).",
    "wrong arity": "the call is legal without its arguments, by the block's defaults; the network's caption tells (E0304).",
}
_OTHER_SPECS = 2  # networks that a mutant of a shared file is looked at through, beside the first that uses it


@dataclass(frozen=True)
class Mutant:
    """A bundled file with one line changed; ``line`` is that line, or the one that now stands where it was."""

    kind: str
    file: str
    line: int
    text: str
    was: str
    now: str


@dataclass(frozen=True)
class Verdict:
    """How a mutant ended: ``end`` is accepted, on the line, beside it, elsewhere, or a foreign exception."""

    mutant: Mutant
    end: str
    code: str = ""
    message: str = ""
    line: int | None = None
    shown: bool = False  # the mutated line is shown by a second label
    reports: int = 0


# --- places --------------------------------------------------------------------------------------------------------------


@cache
def files() -> dict[str, str]:
    """The bundled texts by their path below the library."""
    root = pipeline.library()
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in sorted(root.rglob("*.arch"))}


def nodes(value: Any) -> Iterator[Any]:
    """Every node of a tree."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, tuple):
            waiting += each
        elif is_dataclass(each) and not isinstance(each, Span | Source):
            yield each
            waiting += [getattr(each, field.name) for field in fields(each)]


def name_uses(tree: ast.File) -> Iterator[Span]:
    """Places where a name stands for something defined elsewhere."""
    for node in nodes(tree):
        if isinstance(node, ast.Call):
            yield node.callee.span
            yield from (_name_of(each) for each in node.arguments if each.name is not None)
        elif isinstance(node, ast.Binary):
            yield from (each.span for each in (node.left, node.right) if isinstance(each, ast.Name))
        elif isinstance(node, ast.Argument) and isinstance(node.value, ast.Name):
            yield node.value.span
        elif isinstance(node, ast.From):
            yield node.tap.span
        elif isinstance(node, ast.ImportedName):
            yield node.name.span
        elif isinstance(node, ast.Variant):
            yield node.base.span
        elif isinstance(node, ast.Set | ast.Drop | ast.Replace | ast.Insert) and node.path is not None:
            yield from (each.span for each in node.path.segments if "*" not in each.span.text)
        elif isinstance(node, ast.Defaults):
            yield node.callee.span


def _name_of(argument: ast.Argument) -> Span:
    return Span(argument.span.source, argument.span.start, argument.span.start + len(argument.name or ""))


def values_of(tree: ast.File, names: tuple[str, ...], first: bool = False) -> Iterator[Span]:
    """Places of values given to arguments of these names; ``first``: and of a first number without one."""
    for node in nodes(tree):
        if not isinstance(node, ast.Call):
            continue
        for index, each in enumerate(node.arguments):
            unnamed = first and index == 0 and each.name is None and isinstance(each.value, ast.Literal)
            if (each.name in names or unnamed) and not isinstance(each.value, ast.Body):
                yield each.value.span


def arguments(tree: ast.File) -> Iterator[Span]:
    yield from (each.value.span for node in nodes(tree) if isinstance(node, ast.Call) for each in node.arguments)


def calls(tree: ast.File) -> Iterator[Span]:
    yield from (node.span for node in nodes(tree) if isinstance(node, ast.Call) and node.span.text.endswith(")"))


def brackets(tree: ast.File) -> Iterator[Span]:
    text = re.sub(r'"""[\s\S]*?"""|"[^"\n]*"|#[^\n]*', lambda found: re.sub(r"[^\n]", " ", found.group()), tree.source.text)
    yield from (Span(tree.source, found.start(), found.end()) for found in re.finditer(r"[()\[\]{}]", text))


def lines(tree: ast.File) -> Iterator[Span]:
    """Lines that are whole statements."""
    for node in nodes(tree):
        if isinstance(
            node, ast.Pipe | ast.Let | ast.Expect | ast.Input | ast.Import | ast.Drop | ast.Set | ast.Replace | ast.Defaults
        ):
            span = node.span
            start = span.start - span.column + 1
            whole = span.source.line(span.line).partition("#")[0]
            if span.line == span.end_line and whole.strip() == span.text.strip():
                end = tree.source.text.find("\n", span.end)
                yield Span(span.source, start, len(tree.source.text) if end < 0 else end + 1)


# --- changes -------------------------------------------------------------------------------------------------------------


def _misspelt(r: random.Random, text: str) -> str:
    """A name with one letter dropped, doubled, swapped or replaced, which is not a name by itself."""
    at = r.randrange(len(text))
    letter = r.choice("abcdefghijklmnopqrstuvwxyz")
    return r.choice(
        (
            text[:at] + text[at + 1 :] if len(text) > 2 else text + letter,
            text[:at] + text[at] + text[at:],
            text[:at] + text[at : at + 2][::-1] + text[at + 2 :],
            text[:at] + letter + text[at + 1 :],
        )
    )


def _width(r: random.Random, text: str) -> str:
    return r.choice(("7", "1", "100003", "0", "-8", "2147483648", f"{text} + 1", f"{text} * 2", f"{text} / 2"))


def _stride(r: random.Random, text: str) -> str:
    return r.choice(("3", "4", "0", "1x2", "-1", "1.5", "(1, 2, 3)", "64", "1" if text != "1" else "2"))


def _padding(r: random.Random, text: str) -> str:
    uneven = ("(1, 0, 1, 0)", "(0, 1, 0, 1)", "(2, 2, 1, 1)", "(0, 0, 0, 3)")
    illegal = ("-1", "(1, 2, 3)", "(1, 1, 1, -1)", "full", "true", "1.5")
    return r.choice(("same", "valid", "sym", "0", "1", "2", "3", "5", "99", "3x1", "0x1", "1x0", "2x3", *uneven, *illegal))


def _wrong_type(r: random.Random, text: str) -> str:
    return r.choice(('"three"', "true", "1.5", "(1, 2, 3)", "{}", "{ relu }", "-2.5", '("a", 1)', "1 < 2", "(true, false)"))


def _wrong_arity(r: random.Random, text: str) -> str:
    """A call with an argument too many, or without its arguments."""
    inner = text[text.index("(") + 1 : -1]
    more = f"{inner}, " if inner.strip() else ""
    head = text[: text.index("(")]
    return r.choice(
        (f"{head}({more}3, 3, 3)", f"{head}({more}extra=1)", f"{head}()", head, f"{head}({more}{inner or '1, 1, 1'})")
    )


Change = Callable[[random.Random, str], str]
KINDS: dict[str, tuple[Callable[[ast.File], Iterator[Span]], Change]] = {
    "misspelt name": (name_uses, _misspelt),
    "changed width": (lambda tree: values_of(tree, ("channels", "c", "w", "k", "l", "m", "n", "scale"), first=True), _width),
    "changed stride": (lambda tree: values_of(tree, ("stride",)), _stride),
    "changed padding": (lambda tree: values_of(tree, ("pad",)), _padding),
    "deleted line": (lines, lambda r, text: ""),
    "duplicated line": (lines, lambda r, text: text * 2),
    "missing bracket": (brackets, lambda r, text: ""),
    "wrong type": (arguments, _wrong_type),
    "wrong arity": (calls, _wrong_arity),
}


@cache
def _places(kind: str) -> tuple[tuple[str, Span], ...]:
    find = KINDS[kind][0]
    return tuple(
        (name, span) for name, text in files().items() for span in find(syntax.parse(Source(name, text))) if span.text.strip()
    )


def mutants(kind: str, count: int) -> list[Mutant]:
    """``count`` different mutants of a kind, spread over all bundled files; fewer only where there are no more."""
    r = random.Random(f"{SEED} {kind}")
    by_file: dict[str, list[Span]] = defaultdict(list)
    for name, span in _places(kind):
        by_file[name].append(span)
    found: dict[tuple[str, str], Mutant] = {}
    for _ in range(count * 20):
        if len(found) >= count:
            break
        name = r.choice(list(by_file))
        span = r.choice(by_file[name])
        now = KINDS[kind][1](r, span.text)
        text = span.source.text[: span.start] + now + span.source.text[span.end :]
        if now != span.text:
            line = span.line + (kind == "duplicated line")
            found.setdefault((name, text), Mutant(kind, name, line, text, span.text.strip(), now.strip()))
    return list(found.values())[:count]


# --- verdicts ------------------------------------------------------------------------------------------------------------


@cache
def users() -> dict[str, list[str]]:
    """Which main files load each file, small ones first."""
    found: dict[str, list[str]] = defaultdict(list)
    sizes = {}
    for name in files():
        if "/" not in name:
            program = pipeline.read(str(pipeline.library() / name))
            sizes[name] = len(pipeline.load(name.removesuffix(".arch")).graph)
            for file in program.files:
                found[Path(file.source.path).relative_to(pipeline.library()).as_posix()].append(name)
    return {file: sorted(names, key=lambda name: sizes[name]) for file, names in found.items()}


def verdict(mutant: Mutant, folder: Path) -> Verdict:
    """How the compiler takes a mutant, put in its place in a copy of the library in ``folder``."""
    place = folder / mutant.file
    original = files()[mutant.file]
    place.write_text(mutant.text, encoding="utf-8")
    try:
        for main in [mutant.file] if "/" not in mutant.file else users()[mutant.file][: 1 + _OTHER_SPECS]:
            _, found = pipeline.diagnose(str(folder / main))
            errors = [each for each in found if each.severity == "error"]
            codes(errors)
            if errors:
                return _refused(mutant, errors, place)
    except ArchError as fault:
        return _refused(mutant, list(fault.diagnostics), place)
    except Exception as fault:  # noqa: BLE001
        at = extract_tb(fault.__traceback__)[-1]
        return Verdict(mutant, "foreign", type(fault).__name__, f"{Path(at.filename).name}:{at.lineno} {fault}")
    finally:
        place.write_text(original, encoding="utf-8")
    return Verdict(mutant, "accepted")


def _refused(mutant: Mutant, errors: list[Diagnostic], place: Path) -> Verdict:
    first = errors[0]
    if first.primary is None:
        return Verdict(mutant, "elsewhere", first.code, first.message, reports=len(errors))
    span = first.primary.span
    here = _is(span, place)
    on = here and span.line == mutant.line
    beside = here and mutant.kind in ("deleted line", "duplicated line") and span.line == mutant.line - 1
    shown = any(_is(each.span, place) and each.span.line == mutant.line for each in first.secondary)
    end = "on" if on else "beside" if beside else "elsewhere"
    return Verdict(mutant, end, first.code, first.message, span.line if here else None, shown, len(errors))


def _is(span: Span, place: Path) -> bool:
    return Path(span.source.path).resolve() == place.resolve()


def verdicts(count: int, part: int, parts: int) -> list[Verdict]:
    """The verdicts of one part of the mutants of every kind."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "specs"
        shutil.copytree(pipeline.library(), folder)
        return [verdict(each, folder) for kind in KINDS for each in mutants(kind, count)[part::parts]]


# --- the account ---------------------------------------------------------------------------------------------------------


def shape_of(message: str) -> str:
    """A message without its particulars, to group by."""
    message = re.sub(r"`[^`]*`", "`…`", message)
    return re.sub(r"\[N[^\]]*\]|-?\d[\d,.x]*", "#", message)


def run(full: bool) -> Outcome:
    ended = side_by_side([(verdicts, (COUNTS[full], part, 2)) for part in range(2)], seconds=3000)
    faults = [each.fault for each in ended if each.fault is not None]
    everything = [each for end in ended for each in end.value or []]
    by_kind = {kind: [each for each in everything if each.mutant.kind == kind] for kind in KINDS}
    rows, on, refused = [], 0, 0
    for kind, found in by_kind.items():
        ends = Counter(each.end for each in found)
        rejected = [each for each in found if each.end in ("on", "beside", "elsewhere")]
        hits = ends["on"] + ends["beside"]
        on, refused = on + hits, refused + len(rejected)
        share = f"{100 * hits / max(1, len(rejected)):.1f} %"
        rows.append(
            [
                kind,
                str(len(found)),
                str(ends["accepted"]),
                str(len(rejected)),
                str(ends["on"]),
                str(ends["beside"]),
                str(ends["elsewhere"]),
                share,
            ]
        )
        if len(found) < COUNTS[full]:
            faults.append(f"{kind}: {len(found)} mutants in place of {COUNTS[full]}")
    faults += [
        f"{each.mutant.kind} {each.mutant.file}:{each.mutant.line}: {each.code} {each.message}"
        for each in everything
        if each.end == "foreign"
    ]
    faults += [
        f"{each.mutant.file}:{each.mutant.line}: `{each.mutant.was}` as `{each.mutant.now}` is accepted"
        for each in by_kind["misspelt name"]
        if each.end == "accepted" and not _is_known(each.mutant)
    ]
    share = on / max(1, refused)
    shown = (on + sum(each.shown for each in everything if each.end == "elsewhere")) / max(1, refused)
    left = [each for each in everything if each.end in ("on", "beside", "elsewhere") and each.mutant.kind != _DELETED]
    told = sum(each.end != "elsewhere" for each in left) / max(1, len(left))
    single = sum(each.reports == 1 for each in left) / max(1, len(left))
    if share < SHARES[full]:
        faults.append(f"the report is on the mutated line for {100 * share:.1f} % of all refused mutants")
    faults += [
        f"{each.mutant.kind} {each.mutant.file}:{each.mutant.line}: {each.code} stands elsewhere unargued: {each.message}"
        for each in everything
        if each.end == "elsewhere" and each.mutant.kind not in ARGUED
    ]
    figure = (
        f"{len(everything):,} one-line mistakes: {sum(each.end == 'foreign' for each in everything)} tracebacks, "
        f"{refused:,} refused, {100 * share:.1f} % of them with the report on the mutated line, "
        f"{100 * shown:.1f} % with that line shown, {100 * told:.1f} % where deleted lines are left out; "
        f"{100 * single:.1f} % of these make one report only; "
        f"{sum('is accepted' in fault for fault in faults)} unknown names accepted"
    )
    return Outcome(figure, tuple(faults), (*table(_HEADER, rows), "", *_elsewhere(everything)))


_HEADER = ["mistake", "mutants", "accepted", "refused", "on the line", "at the gap", "elsewhere", "share"]


def _is_known(mutant: Mutant) -> bool:
    """Whether the misspelt name happens to be that of an operator, or one that the same file defines or imports."""
    return mutant.now in BY_KEYWORD or mutant.now in _names(mutant.file)


@cache
def _names(file: str) -> frozenset[str]:
    """All names that a bundled file defines or imports."""
    found: set[str] = set()
    for node in nodes(syntax.parse(Source(file, files()[file]))):
        if isinstance(node, ast.Label):
            found |= {node.name, *node.was}
        elif isinstance(node, ast.Let | ast.Tap | ast.Output | ast.Parameter | ast.Block | ast.Arch | ast.Variant):
            found.add(node.name.id)
        elif isinstance(node, ast.ImportedName):
            found.add(node.alias.id)
        elif isinstance(node, ast.Repeat) and node.variable is not None:
            found.add(node.variable.id)
        elif isinstance(node, ast.Dim) and node.name is not None:
            found.add(node.name.id)
    return frozenset(found)


def _elsewhere(everything: list[Verdict]) -> tuple[str, ...]:
    """Reasons for which a report stands elsewhere, the most frequent first, with one example each."""
    groups: dict[tuple[str, str, str], list[Verdict]] = defaultdict(list)
    for each in everything:
        if each.end == "elsewhere":
            groups[each.mutant.kind, each.code, shape_of(each.message)].append(each)
    rows = []
    for (kind, code, shape), found in sorted(groups.items(), key=lambda item: -len(item[1])):
        one = found[0]
        change = f"`{one.mutant.was[:40]}` → `{one.mutant.now[:40]}`"
        where = f"{one.mutant.file}:{one.mutant.line} {change}, told {f'at line {one.line}' if one.line else 'in another file'}"
        rows.append([kind, f"{len(found)}", str(sum(each.shown for each in found)), code, shape[:80], where])
    kinds = dict.fromkeys(row[0] for row in rows)
    reasons = ["Why there:", "", *(f"- {kind}: {ARGUED[kind]}" for kind in ARGUED if kind in kinds)] if rows else []
    return (*table(["elsewhere: mistake", "count", "line shown too", "code", "report", "example"], rows), "", *reasons)


TEST = Test("T08b", "One-line mistakes in the bundled specs", run)
