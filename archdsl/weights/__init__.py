"""Weights of other libraries: verified maps between spec paths and foreign names, and conversion in both directions.

::

    rules (TOML) + Graph ─ build ─▶ WeightMap ─┬─ match (a file) ─▶ WeightReport ─ read ─▶ our arrays
                                               └─ written (our arrays) ─▶ theirs
"""

from collections.abc import Sequence
from pathlib import Path

from archdsl.diagnostics import did_you_mean, error
from archdsl.ir import Graph
from archdsl.ir.weights import NATIVE, Match, Recipe, Stored, WeightFile, WeightMap, WeightReport
from archdsl.weights.arrays import read, read_own, written
from archdsl.weights.mapping import build, native
from archdsl.weights.matching import match, refusal
from archdsl.weights.readings import Names, about
from archdsl.weights.rules import Rules, shipped
from archdsl.weights.rules import read as read_rules
from archdsl.weights.storage import beginning, in_memory, open_safetensors, safetensors_bytes

__all__ = [
    "NATIVE",
    "Match",
    "Names",
    "Recipe",
    "Rules",
    "Stored",
    "WeightFile",
    "WeightMap",
    "WeightReport",
    "about",
    "beginning",
    "build",
    "fit",
    "in_memory",
    "maps",
    "match",
    "native",
    "open_safetensors",
    "read",
    "read_own",
    "read_rules",
    "refusal",
    "safetensors_bytes",
    "shipped",
    "written",
]


def maps(graph: Graph, folder: Path, source: str | None = None) -> tuple[WeightMap, ...]:
    """The maps for ``graph`` from the rule files in ``folder``, our own layout first; those of one ``source``, if that is given.

    ``source`` is ``native``, what a rule file calls itself, or the path of a rule file.  Raises E0201 for one that is not known.
    """
    if source is not None and source.endswith(".toml"):
        return (build(graph, read_rules(Path(source))),)
    files = [rules for rules in shipped(folder) if graph.name in rules.networks]
    known = [NATIVE, *(name for rules in files for name in rules.sources)]
    if source is not None and source not in known:
        listed = ", ".join(f"`{name}`" for name in known)
        help_ = did_you_mean(source, known) or f"known for it: {listed}; a file of rules of your own ends in `.toml`"
        raise error("E0201", f"there is no map from `{source}` to `{graph.name}`", help=help_)
    found = [native(graph)] if source in (None, NATIVE) else []
    for rules in files:
        found += [build(graph, rules, name) for name in rules.sources if source in (None, name)]
    return tuple(found)


def _has_names(file: WeightFile, map: WeightMap) -> bool:
    return all(recipe.theirs is None or recipe.theirs in file.entries for recipe in map.recipes)


def fit(
    file: WeightFile,
    maps: Sequence[WeightMap],
    skip: Sequence[str] = (),
    ignore: Sequence[str] = (),
    names: Names | None = None,
) -> WeightReport:
    """The report of the one map by which ``file`` fits; ``names`` as in :func:`match`.

    Raises E0708 where it fits by none, with what keeps it from fitting by the one that comes closest, and where it fits by
    several in different ways.
    """
    if names not in (None, "now", "older"):
        raise error("E0402", f"names of weights are those of `now` or `older` ones, not `{names}`")
    first = match(maps[0], file, skip, ignore, names)
    # What lacks a name that a map wants fits by none of its readings, and need not be told why where it fits by another.
    possible = [each for each in maps[1:] if skip or not first.fits or _has_names(file, each)]
    reports = [first, *(match(each, file, skip, ignore, names) for each in possible)]
    fitting = [report for report in reports if report.fits]
    if not fitting:
        best = min(reports, key=lambda report: (report.problems, -len(report.matches)))
        others = ", ".join(f"`{report.map.source}`" for report in reports if report is not best)
        raise refusal(best, [f"looked at as {others}, it fits no better"] if others else [])
    if len({report.matches for report in fitting}) > 1:
        sources = " and as ".join(f"`{report.map.source}`" for report in fitting)
        raise error("E0708", f"`{file.path}` fits `{fitting[0].map.network}` as {sources}", help="say which: --from NAME")
    return fitting[0]
