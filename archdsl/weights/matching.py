"""Whether a file fits a network: every weight gets exactly one source, every array of the file has exactly one use."""

import difflib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from archdsl.diagnostics import ArchError, did_you_mean, error
from archdsl.ir import show
from archdsl.ir.weights import Match, Misshaped, Missing, Recipe, Shape, Stored, WeightFile, WeightMap, WeightReport, state_key
from archdsl.weights.readings import Names, settled
from archdsl.weights.rules import text_of

FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})
WHOLE = frozenset({"int64", "int32", "int16", "int8", "uint8"})
_WRAPPERS = ("module.", "_orig_mod.")
_SUGGESTED, _COMPARED, _COMPARABLE = 50, 500, 200
_SHOWN = 8


def match(
    map: WeightMap, file: WeightFile, skip: Sequence[str] = (), ignore: Sequence[str] = (), names: Names | None = None
) -> WeightReport:
    """What of ``file`` goes where by ``map``, and what does not; :attr:`WeightReport.fits` says whether it may be used.

    Layers of ours that ``skip`` matches stay out, together with their sources; arrays of the file that ``ignore`` matches
    are left alone.  ``names`` tells whether labels that were exchanged are called as they are now or as they were before.
    Raises E0201 for a pattern that matches nothing, and E0708 where two arrays of the file have one name, or one may be meant
    for either of two layers.
    """
    skipped = _skipped([recipe.ours for recipe in map.recipes] + [name for name, _ in map.uncovered], skip)
    originals = canonical(file, map, skipped, names)
    recipes = [recipe for recipe in map.recipes if recipe.ours not in skipped]
    recipes = _settled(recipes, originals)
    wide = _with_background(recipes, originals, file.entries)
    matches: list[Match] = []
    missing: list[Missing] = [Missing(name, shape, None, shape) for name, shape in map.uncovered if name not in skipped]
    misshaped: list[Misshaped] = []
    for recipe in recipes:
        absent = [name for name in recipe.sources if name not in originals]
        if absent:
            missing.append(Missing(recipe.ours, recipe.shape, absent[0], recipe.form))
            continue
        as_named = replace(
            recipe,
            theirs=None if recipe.theirs is None else originals[recipe.theirs],
            less=None if recipe.less is None else originals[recipe.less],
        )
        wrong = _wrong(as_named, file.entries, wide=wide)
        if wrong is None:
            matches.append(Match(as_named, wide and recipe.wider is not None))
        else:
            misshaped.append(wrong)
    used = {name for recipe in map.recipes for name in recipe.sources}
    rest = {original: file.entries[original] for name, original in originals.items() if name not in used}
    ignored = _ignored(file, rest, map.unused, ignore)
    left_over = tuple((name, stored) for name, stored in rest.items() if name not in ignored)
    return WeightReport(
        map,
        file.path,
        tuple(matches),
        tuple(sorted(ignored)),
        tuple(sorted(skipped)),
        tuple(_suggested(missing, left_over)),
        tuple(misshaped),
        left_over,
    )


def canonical(file: WeightFile, map: WeightMap, skipped: set[str], wanted: Names | None) -> dict[str, str]:
    """The names in ``file`` by what ``map`` calls them: wrappers taken off, own numbers begun at 0, older names made new."""
    names = {name: name.removesuffix(":0") if map.separator == "/" else name for name in file.entries}
    if map.separator == "/":
        names = {original: _once(name) for original, name in names.items()}
    for stem in map.numbered:
        names = _renumbered(names, stem, map.separator)
    if map.separator == ".":
        names = _unwrapped(names, {name for recipe in map.recipes for name in recipe.sources})
    names = settled(file, map, names, skipped, wanted)
    present = set(names.values())
    names = {original: name if map.older.get(name, name) in present else map.older[name] for original, name in names.items()}
    found: dict[str, str] = {}
    for original, name in names.items():
        if name in found:
            both = f"`{_short(found[name])}` and `{_short(original)}`"
            raise error("E0708", f"`{file.path}` holds both {both} for `{_short(name)}`")
        found[name] = original
    return found


def _once(name: str) -> str:
    """``conv1/conv1/kernel``, as HDF5 files nest it, as ``conv1/kernel``; a depthwise kernel as any other."""
    parts = name.split("/")
    if len(parts) == 3 and parts[0] == parts[1]:
        parts = parts[1:]
    return "/".join(parts)


def _renumbered(names: Mapping[str, str], stem: str, separator: str) -> dict[str, str]:
    """The names with the numbers of ``stem`` begun at 0, if they follow one another without a gap."""
    form = re.compile(rf"{re.escape(stem)}(?:_([0-9]{{1,9}}))?({re.escape(separator)}.*)", re.DOTALL)
    found = {original: form.fullmatch(name) for original, name in names.items()}
    numbers = {original: int(each[1] or 0) for original, each in found.items() if each is not None}
    present = sorted(set(numbers.values()))
    if not present or present[-1] - present[0] != len(present) - 1:
        return dict(names)
    renamed = dict(names)
    for original, number in numbers.items():
        each = found[original]
        assert each is not None
        place = number - present[0]
        renamed[original] = f"{stem}{f'_{place}' if place else ''}{each[2]}"
    return renamed


def _unwrapped(names: Mapping[str, str], known: Collection[str]) -> dict[str, str]:
    """The names without a prefix that a wrapper around the whole model has given to every one of them.

    Where one is ``known`` as it is, none is wrapped: a layer may be called as wrappers call their model.
    """
    current = dict(names)
    while current and not any(name in known for name in current.values()):
        prefix = next((each for each in _WRAPPERS if all(name.startswith(each) for name in current.values())), None)
        if prefix is None:
            break
        current = {original: name.removeprefix(prefix) for original, name in current.items()}
    return current


def _skipped(names: Iterable[str], patterns: Sequence[str]) -> set[str]:
    """Those of our weights that lie at or below a path that one of ``patterns`` matches."""
    names = list(names)
    skipped: set[str] = set()
    for pattern in patterns:
        form = re.escape(state_key(pattern.replace("[*]", ".*"))).replace(r"\*", "[^.]*")
        hits = {name for name in names if re.match(rf"{form}(\.|\Z)", name)}
        if not hits:
            layers = {name.rpartition(".")[0] for name in names}
            raise error("E0201", f"no weight lies at `{pattern}`", help=did_you_mean(state_key(pattern), layers))
        skipped |= hits
    return skipped


def _settled(recipes: Sequence[Recipe], names: Mapping[str, str]) -> list[Recipe]:
    """The recipes, those of a role that the file has none of made to fill in, where they may."""
    roles = {recipe.role for recipe in recipes if recipe.theirs in names}
    return [
        recipe if recipe.fill is None or recipe.theirs is None or recipe.role in roles else recipe.absent() for recipe in recipes
    ]


def _with_background(recipes: Iterable[Recipe], names: Mapping[str, str], entries: Mapping[str, Stored]) -> bool:
    """Whether the file counts a background class: any of its classifiers has just one class more than ours."""
    return any(
        recipe.theirs in names and recipe.wider is not None and entries[names[recipe.theirs]].shape == recipe.wider
        for recipe in recipes
        if recipe.theirs is not None
    )


def _wrong(recipe: Recipe, entries: Mapping[str, Stored], *, wide: bool) -> Misshaped | None:
    """What of the sources of ``recipe`` has another shape or element type than it needs."""
    if recipe.theirs is not None:
        form = recipe.wider if wide and recipe.wider is not None else recipe.form
        found = entries[recipe.theirs]
        if found.shape != form or found.dtype not in (WHOLE | FLOATS if recipe.role == "count" else FLOATS):
            return Misshaped(recipe.ours, recipe.theirs, form, found)
    if recipe.less is not None:
        found = entries[recipe.less]
        if found.shape != recipe.shape or found.dtype not in FLOATS:
            return Misshaped(recipe.ours, recipe.less, recipe.shape, found)
    return None


def _ignored(file: WeightFile, rest: Iterable[str], unused: Sequence[str], ignore: Sequence[str]) -> set[str]:
    for pattern in ignore:
        if not any(fnmatchcase(name, pattern) for name in file.entries):
            help_ = did_you_mean(pattern, list(file.entries)[:_COMPARED])
            raise error("E0201", f"nothing in `{file.path}` matches `{pattern}`", help=help_)
    return {name for name in rest if any(fnmatchcase(name, pattern) for pattern in (*unused, *ignore))}


def _suggested(missing: Sequence[Missing], left_over: Sequence[tuple[str, Stored]]) -> Iterable[Missing]:
    """The missing ones with the most similar name among what is left over in the same shape, where one is similar."""
    by_shape: dict[Shape, list[str]] = {}
    for name, stored in left_over[:_COMPARED]:
        if len(name) <= _COMPARABLE:
            by_shape.setdefault(stored.shape, []).append(name)
    for number, each in enumerate(missing):
        alike = by_shape.get(each.form, []) if number < _SUGGESTED else []
        close = difflib.get_close_matches(each.theirs or each.ours, alike, n=1, cutoff=0.5)
        yield replace(each, suggestion=close[0]) if close else each


def refusal(report: WeightReport, more: Sequence[str] = ()) -> ArchError:
    """E0708 with all that does not fit, the first few of each kind in full; ``more`` are further notes."""
    map = report.map
    counted = [
        (len(report.missing), "missing"),
        (len(report.misshaped), "of another shape or type"),
        (len(report.left_over), "left over"),
        (len(map.unmet), "parameters set otherwise"),
    ]
    counts = ", ".join(f"{number:,} {what}" for number, what in counted if number)
    notes = [
        *(f"such weights are for `{name} = {show(value)}`, the network has {show(ours)}" for name, value, ours in map.unmet),
        *_some([_missing(each) for each in report.missing]),
        *_some([_misshaped(each) for each in report.misshaped]),
        *_some([f"left over: `{_short(name)}` {text_of(stored.shape)}" for name, stored in report.left_over]),
    ]
    message = f"`{report.file}` does not fit `{map.network}` as `{map.source}` names it: {counts}"
    return error("E0708", message, notes=[*notes, *more], help=_help(report))


def _missing(each: Missing) -> str:
    place = "the map has no name for it" if each.theirs is None else f"`{_short(each.theirs)}` {text_of(each.form)} in the file"
    close = "" if each.suggestion is None else f"; did you mean `{_short(each.suggestion)}`?"
    return f"missing: `{each.ours}`, {place}{close}"


def _misshaped(each: Misshaped) -> str:
    found = f"{text_of(each.found.shape)} {each.found.dtype}"
    return f"`{_short(each.theirs)}` is {found}, `{each.ours}` needs {text_of(each.expected)}"


def _some(texts: Sequence[str]) -> list[str]:
    return [*texts[:_SHOWN], *([f"… and {len(texts) - _SHOWN:,} more like that"] if len(texts) > _SHOWN else [])]


def _help(report: WeightReport) -> str | None:
    """What would make it fit, where that is a layer or two to be left out, or arrays to be ignored."""
    if report.map.unmet and report.problems == len(report.map.unmet):
        return f"build the network for them: {' '.join(f'--set {name}={show(value)}' for name, value, _ in report.map.unmet)}"
    names = [each.ours for each in report.missing] + [each.ours for each in report.misshaped]
    ours = {name.rpartition(".")[0] for name in names}
    if ours and len(ours) <= 3 and not report.left_over:
        return f"to train what does not fit anew, leave it out: {' '.join(f'--skip {each}' for each in sorted(ours))}"
    if report.left_over and not ours:
        return "if none of it is wanted, say so: --ignore 'PATTERN'"
    return None


def _short(name: str) -> str:
    return name if len(name) <= 120 else f"{name[:117]}…"
