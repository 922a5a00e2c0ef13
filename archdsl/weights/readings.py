"""Labels that were exchanged: whether a file calls them as the spec does now, or as it did before.

With ``c was r: …`` beside ``r was c: …`` both names are names of now and older names at once, and a file that holds both may be
from before or after.  What a file of ours says of itself decides, else the shapes, else the caller.

Before: names as the file has them.  After: names as the spec has them now.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from archdsl.diagnostics import ArchError, error
from archdsl.ir import Graph, fingerprint
from archdsl.ir.weights import NATIVE, Contest, Recipe, Stored, WeightFile, WeightMap, state_key

Names = Literal["now", "older"]
_SHOWN = 4


def about(graph: Graph, names: str, source: str) -> dict[str, object]:
    """What a file that we write says of itself: for which network, under whose ``names``, converted from those of ``source``.

    ``renames`` are the layers that the spec tells older names of, so that the file can be told from one of before.
    """
    renames = sorted([state_key(path), state_key(old)] for path, olds in graph.renames.items() for old in olds)
    return {"network": graph.name, "fingerprint": fingerprint(graph), "names": names, "from": source, "renames": renames}


def settled(
    file: WeightFile, map: WeightMap, names: Mapping[str, str], skipped: set[str], wanted: Names | None
) -> dict[str, str]:
    """``names``, from those in the file to what they mean, with the contested ones as they are called now.

    ``wanted`` is how the caller says that the file calls them.  Raises E0708 where nothing decides.
    """
    meant = dict(names)
    recipes = {recipe.ours: recipe for recipe in map.recipes if recipe.ours not in skipped}
    for contest in map.contests:
        entries = {name: file.entries[original] for original, name in names.items()}
        older = _reading(file, map, contest, wanted, _Present(contest, entries, recipes))
        meant |= {original: older[name] for original, name in names.items() if name in older}
    return meant


def _reading(file: WeightFile, map: WeightMap, contest: Contest, wanted: Names | None, present: "_Present") -> Mapping[str, str]:
    """Our weights by those contested names of the file that are older ones.  Raises E0708 where nothing decides."""
    reading = wanted or _said(file, map, contest)
    if reading == "now":
        return contest.now
    if reading == "older":
        between = present.fitting(contest.partly or ())
        return between[0] if not present.fitting([contest.older]) and len(between) == 1 else contest.older
    fitting = present.fitting(contest.readings)
    if len(fitting) > 1 or (contest.partly is None and present):
        raise _in_doubt(file, map, contest)
    return fitting[0] if fitting else contest.now


def _said(file: WeightFile, map: WeightMap, contest: Contest) -> Names | None:
    """What a file of ours says: whether it was written before or after the labels got their names."""
    if file.about.get("names") != NATIVE or file.about.get("network") != map.network:
        return None
    if file.about.get("fingerprint") == map.fingerprint:
        return "now"
    told = file.about.get("renames")
    if not isinstance(told, list) or not all(isinstance(each, list) for each in told):
        return None
    known = {tuple(str(part) for part in each) for each in told}
    if contest.renames <= known:
        return "now"
    # Between two renamings, a label may have stood below another name than now.
    labels = {tuple(_label(part) for part in each) for each in known}
    return None if any((_label(path), _label(old)) in labels for path, old in contest.renames) else "older"


def _label(path: str) -> str:
    return path.rpartition(".")[2]


class _Present:
    """What a file holds under the names of a contest."""

    def __init__(self, contest: Contest, entries: Mapping[str, Stored], recipes: Mapping[str, Recipe]) -> None:
        names = {*contest.ours, *(name for each in contest.readings for name in each)}
        self.entries = {name: entries[name] for name in sorted(names & entries.keys())}
        self.wanted = {name: recipes[name] for name in contest.ours if name in recipes}

    def __bool__(self) -> bool:
        return bool(self.entries and self.wanted)

    def fitting(self, readings: Iterable[Mapping[str, str]]) -> list[Mapping[str, str]]:
        """Those of ``readings`` that give each contested weight one array of its shape, one for each outcome."""
        found: dict[tuple[str, ...], Mapping[str, str]] = {}
        for older in readings:
            meant = tuple(older.get(name, name) for name in self.entries)
            if self._fits(meant):
                found.setdefault(meant, older)
        return list(found.values())

    def _fits(self, meant: Sequence[str]) -> bool:
        stored = dict(zip(meant, self.entries.values(), strict=True))
        if not self.wanted or len(stored) != len(meant):
            return False
        complete = all(name in stored or recipe.fill is not None for name, recipe in self.wanted.items())
        return complete and all(stored[name].shape == recipe.form for name, recipe in self.wanted.items() if name in stored)


def _in_doubt(file: WeightFile, map: WeightMap, contest: Contest) -> ArchError:
    exchanged = sorted((old, path) for path, old in contest.renames if any(name.startswith(f"{old}.") for name in contest.ours))
    notes = [f"`{old}` may be the layer of that name, or `{path}`, which was called so" for old, path in exchanged[:_SHOWN]]
    if len(exchanged) > _SHOWN:
        notes.append(f"… and {len(exchanged) - _SHOWN:,} more like that")
    message = f"`{file.path}` fits `{map.network}` by the names of now and by older ones, which were exchanged"
    help_ = "say how the file calls them: --names now, or --names older; a file that archdsl writes says so itself"
    return error("E0708", message, notes=notes, help=help_)
