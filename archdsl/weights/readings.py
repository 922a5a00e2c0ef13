"""Labels that were exchanged: whether a file calls them as the spec does now, or as it did before.

With ``c was r: …`` beside ``r was c: …`` both names are names of now and older names at once, and a file that holds both may be
from before or after.  What a file of ours says of itself decides, else the shapes, else the caller.

Before: names as the file has them.  After: names as the spec has them now.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from archdsl.diagnostics import ArchError, error
from archdsl.ir import Graph, fingerprint
from archdsl.ir.weights import NATIVE, Contest, Recipe, Stored, WeightFile, WeightMap

Names = Literal["now", "older"]
_SHOWN = 4


def about(graph: Graph, names: str, source: str) -> dict[str, object]:
    """What a file that we write says of itself: for which network, under whose ``names``, converted from those of ``source``.

    ``renames`` are the layers that the spec tells older names of, so that the file can be told from one of before.
    """
    renames = sorted([dotted(path), dotted(old)] for path, olds in graph.renames.items() for old in olds)
    return {"network": graph.name, "fingerprint": fingerprint(graph), "names": names, "from": source, "renames": renames}


def dotted(path: str) -> str:
    """``a[3].conv`` as keys of a ``state_dict`` have it: ``a.3.conv``."""
    return re.sub(r"\[(\w+)\]", r".\1", path)


def contests(graph: Graph, present: Iterable[str], older: Mapping[str, Mapping[str, frozenset[str]]]) -> tuple[Contest, ...]:
    """The labels that bear names which others bore before, those together that have a name in common.

    ``present`` are the names of our weights, ``older`` tells for each older name whose it was, and by which renamed paths.
    Iterations of a repeat are renamed by one text, and so are one.
    """
    names = {old: next(iter(heirs.items())) for old, heirs in older.items() if len(heirs) == 1}
    current = set(present)
    groups: dict[str, set[str]] = {}
    for old, (_, paths) in names.items():
        if old in current:
            _joined(groups, {*map(_general, (*paths, *_renamed(graph, old)))})
    found = []
    for group in {id(each): each for each in groups.values()}.values():
        part = {old: new for old, (new, paths) in names.items() if any(_general(path) in group for path in paths)}
        renames = ((path, old) for path, olds in graph.renames.items() if _general(path) in group for old in olds)
        ours = sorted(current & {*part, *part.values()})
        found.append(Contest(part, tuple(ours), frozenset((dotted(path), dotted(old)) for path, old in renames)))
    return tuple(found)


def _general(path: str) -> str:
    return re.sub(r"\[\d+\]", "[*]", path)


def _renamed(graph: Graph, name: str) -> list[str]:
    """The renamed paths at or below which the weight ``name`` lies."""
    return [path for path in graph.renames if name.startswith(f"{dotted(path)}.")]


def _joined(groups: dict[str, set[str]], members: set[str]) -> None:
    """Makes ``members`` one group, with all that any of them was in a group with."""
    whole = members.union(*(groups.get(each, set()) for each in members))
    for each in whole:
        groups[each] = whole


def settled(
    file: WeightFile, map: WeightMap, names: Mapping[str, str], skipped: set[str], wanted: Names | None
) -> dict[str, str]:
    """``names``, from those in the file to what they mean, with the contested ones as they are called now.

    ``wanted`` is how the caller says that the file calls them.  Raises E0708 where nothing decides.
    """
    meant = dict(names)
    recipes = {recipe.ours: recipe for recipe in map.recipes if recipe.ours not in skipped}
    for contest in map.contests:
        reading = wanted or _said(file, map, contest)
        if reading is None:
            entries = {name: file.entries[original] for original, name in names.items()}
            older = _fits(contest, entries, recipes, contest.names)
            if older and _fits(contest, entries, recipes, {}):
                raise _in_doubt(file, map, contest)
            reading = "older" if older else "now"
        if reading == "older":
            meant |= {original: contest.names[name] for original, name in names.items() if name in contest.names}
    return meant


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
    return None if contest.renames & known else "older"


def _fits(contest: Contest, entries: Mapping[str, Stored], recipes: Mapping[str, Recipe], older: Mapping[str, str]) -> bool:
    """Whether each contested weight has one array of its shape, if ``older`` names mean what they meant before."""
    found: dict[str, Stored] = {}
    wanted = [name for name in contest.ours if name in recipes]
    for name in {*contest.names, *contest.ours} & entries.keys():
        meant = older.get(name, name)
        if meant in found:
            return False
        found[meant] = entries[name]
    complete = all(name in found or recipes[name].fill is not None for name in wanted)
    return bool(wanted) and complete and all(found[name].shape == recipes[name].form for name in wanted if name in found)


def _in_doubt(file: WeightFile, map: WeightMap, contest: Contest) -> ArchError:
    exchanged = sorted((old, path) for path, old in contest.renames if any(name.startswith(f"{old}.") for name in contest.ours))
    notes = [f"`{old}` may be the layer of that name, or `{path}`, which was called so" for old, path in exchanged[:_SHOWN]]
    if len(exchanged) > _SHOWN:
        notes.append(f"… and {len(exchanged) - _SHOWN:,} more like that")
    message = f"`{file.path}` fits `{map.network}` by the names of now and by older ones, which were exchanged"
    help_ = "say how the file calls them: --names now, or --names older; a file that archdsl writes says so itself"
    return error("E0708", message, notes=notes, help=help_)
