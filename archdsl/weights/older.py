"""Older names of weights: what each was called before the renamings that the spec tells of, and which of them are in contest.

A weight has as many renamed paths on its way as there are labels with ``was`` above it, each at a depth of its own.  Each of them
may be called in a file as it is now or as it was before, so a weight has an older name for every combination of these.  Renamings
at one depth do not add up: of ``b was a`` and ``c was b``, the second tells of another layer than the first.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import prod

from archdsl.ir import Graph
from archdsl.ir.weights import Contest, state_key

Heirs = Mapping[str, frozenset[str]]
"""Weights of ours that may have borne a name, each with the renamed paths by which it did."""
_MOST_READINGS = 64  # of renamings that bear on the same names
_MOST_STATES = 4096  # of labels side by side that handed names on, possible or not


def older_names(graph: Graph, names: Iterable[str]) -> Mapping[str, Heirs]:
    """By every older name that the spec's `was` tells of, our weights that may have borne it, and by which renamed paths."""
    found: dict[str, dict[str, frozenset[str]]] = {}
    for name, paths in _renamed(graph, names).items():
        for old, by in _formerly(graph, name, paths):
            if old != name:
                found.setdefault(old, {})[name] = by
    return found


def _renamed(graph: Graph, names: Iterable[str]) -> dict[str, list[str]]:
    """The renamed paths on the way of each of ``names``, the deepest first, where there are any."""
    known = {state_key(path): path for path in graph.renames}
    found: dict[str, list[str]] = {}
    for name in names if known else ():
        way = [match.start() for match in re.finditer(r"\.", name)]
        found[name] = [known[name[:end]] for end in reversed(way) if name[:end] in known]
    return {name: paths for name, paths in found.items() if paths}


def _formerly(graph: Graph, name: str, paths: Iterable[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """``name`` in every combination of what ``paths``, the deepest first, are called now and were before, with the latter."""
    found = [(name, frozenset[str]())]
    for path in paths:
        rest = len(state_key(path))  # each still begins with it, as what was renamed so far lies deeper
        found += [(f"{state_key(old)}{each[rest:]}", by | {path}) for each, by in found for old in graph.renames[path]]
    return iter(found)


def contests(graph: Graph, names: Iterable[str], older: Mapping[str, Heirs]) -> tuple[Contest, ...]:
    """The renamings by which a name may be meant for either of two weights, those together that bear on the same weights.

    ``names`` are those of our weights now, ``older`` is what :func:`older_names` says of them.
    """
    current = set(names)
    units = _units(graph)
    renamed = _renamed(graph, current)
    groups: dict[str, set[str]] = {}
    for old in sorted(older):
        ways = [*older[old].values(), *([frozenset[str]()] if old in current else [])]
        if len(ways) > 1:
            _join(groups, {units[_general(path)] for path in frozenset.union(*ways) - frozenset.intersection(*ways)})
    for paths in renamed.values():
        _join(groups, {unit for unit in (units[_general(path)] for path in paths) if unit in groups})
    return tuple(_Renamings(graph, group, {*groups}, units, renamed).contest(current) for group in _distinct(groups))


@dataclass(frozen=True, slots=True)
class _Renamings:
    """A ``group`` of units of renamings, of all that are ``contested``; ``units`` gives that of each renamed path."""

    graph: Graph
    group: set[str]
    contested: set[str]
    units: Mapping[str, str]
    renamed: Mapping[str, list[str]]

    def contest(self, current: Iterable[str]) -> Contest:
        """What a file may mean by names that these renamings bear on: before all of them, after them, or in between."""
        whole = frozenset(_general(path) for path in self.graph.renames if self.unit(path) in self.group)
        times = self.times()
        now, older = self.reading(frozenset()), self.reading(whole)
        between = [self.reading(time) for time in times or () if time not in (frozenset(), whole)]
        partly = None if times is None else tuple(between)
        involved = {each for names in (now, older, *between) for pair in names.items() for each in pair}
        renames = ((path, old) for path, olds in self.graph.renames.items() if self.unit(path) in self.group for old in olds)
        told = frozenset((state_key(path), state_key(old)) for path, old in renames)
        return Contest(now, older, tuple(sorted(involved.intersection(current))), told, partly)

    def unit(self, path: str) -> str:
        return self.units[_general(path)]

    def times(self) -> list[frozenset[str]] | None:
        """The sets of paths that may not have been renamed yet when a file was written; None where there are too many."""
        units = [self.states(unit) for unit in sorted(self.group)]
        if prod(map(len, units)) > _MOST_READINGS or not all(units):
            return None
        return sorted({frozenset[str]().union(*each) for each in product(*units)}, key=sorted)

    def states(self, unit: str) -> set[frozenset[str]]:
        """The same for one unit, in which no two labels ever bear one name; empty where there are too many to look at."""
        labels = {_general(path): {_general(old) for old in olds} for path, olds in self.graph.renames.items()}
        labels = {path: olds for path, olds in labels.items() if self.units[path] == unit}
        if prod(1 + len(olds) for olds in labels.values()) > _MOST_STATES:
            return set()
        borne = product(*([path, *sorted(olds)] for path, olds in labels.items()))
        possible = (names for names in borne if len(set(names)) == len(names))
        return {frozenset(path for path, name in zip(labels, names, strict=True) if path != name) for names in possible}

    def reading(self, before: frozenset[str]) -> dict[str, str]:
        """Our weights by their names before the renamings of the paths ``before``, and after the others of the group.

        A path whose renaming is in no contest may be called either way.  A name that two weights then bear stands for neither.
        """
        found: dict[str, set[str]] = {}
        for name, paths in self.renamed.items():
            if self.group.isdisjoint(map(self.unit, paths)):
                continue
            fixed = {path for path in paths if self.unit(path) in self.contested}
            wanted = {path for path in fixed if _general(path) in before}
            for old, by in _formerly(self.graph, name, paths):
                if by & fixed == wanted:
                    found.setdefault(old, set()).add(name)
        return {old: name for old, (name, *more) in found.items() if not more}


def _units(graph: Graph) -> dict[str, str]:
    """Which renamed paths are settled by one word: labels side by side that handed names on, by one that stands for them.

    Iterations of a repeat are renamed by one text, and so are one.
    """
    groups: dict[str, set[str]] = {}
    for path, olds in graph.renames.items():
        _join(groups, {_general(each) for each in (path, *olds)})
    return {each: min(group) for each, group in groups.items()}


def _general(path: str) -> str:
    return re.sub(r"\[\d+\]", "[*]", path)


def _join(groups: dict[str, set[str]], members: set[str]) -> None:
    """Makes ``members`` one group, with all that any of them was in a group with."""
    whole = members.union(*(groups.get(each, set()) for each in members))
    for each in sorted(whole):
        groups[each] = whole


def _distinct(groups: Mapping[str, set[str]]) -> list[set[str]]:
    return list({id(each): each for each in groups.values()}.values())
