"""What a class looks like without its numbers, and whether two objects can be of one class.

Objects of one definition share a class where their shapes differ by guarded steps alone: the shape of the class then has the
steps of both, and an ``if`` for each step that one of them lacks.
"""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, replace

from archdsl.backends.torch.instances import Instance, Item, Key, Ref


@dataclass(frozen=True, slots=True)
class Slot:
    """A part of a shape: where it stands, what it is, the values it takes, and the guards over it, outermost first."""

    path: tuple[str, ...]
    kind: Hashable
    inputs: tuple[Ref, ...]
    guards: tuple[Key, ...]
    end: int


@dataclass(frozen=True, slots=True)
class Site:
    """A guarded statement: whether it is there, and the flow around it (None where its value is of no use inside)."""

    label: str
    present: bool
    merged: bool
    entry: Ref | None
    exit: Ref | None


@dataclass(frozen=True, slots=True)
class Shape:
    """Slots and guarded statements in order, labelled bodies (entry and exit), the value that leaves, the number that enter."""

    inputs: int
    slots: Mapping[Key, Slot]
    sites: Mapping[Key, Site]
    bodies: Mapping[tuple[str, ...], tuple[Ref, Ref]]
    output: Ref | None

    def identity(self) -> Hashable:
        """Equal for equal shapes."""
        return (self.inputs, tuple(self.slots.items()), tuple(self.sites.items()), tuple(self.bodies.items()), self.output)


def shape_of(instance: Instance, kinds: Mapping[Key, Hashable]) -> Shape:
    """The shape of one object; ``kinds`` tells what each of its items is."""
    refs, guards = instance.refs(), _guards_of(instance)

    def slot(item: Item) -> Slot:
        inputs = tuple(refs[value] for value in item.inputs)
        return Slot(item.path, kinds[item.key], inputs, guards.get(item.key, ()), item.end)

    sites = {
        key: Site(guard.label, guard.present, guard.merged, refs.get(guard.entry), refs.get(guard.exit))
        for key, guard in instance.guards.items()
    }
    bodies = {path: (refs[entry], refs[out]) for path, entry, out in instance.bodies if entry in refs and out in refs}
    slots = {item.key: slot(item) for item in instance.items}
    return Shape(len(instance.inputs), slots, sites, bodies, refs.get(instance.scope.exit))


def _guards_of(instance: Instance) -> dict[Key, tuple[Key, ...]]:
    """The guards that each guarded item stands under, outermost first."""
    found: dict[Key, tuple[Key, ...]] = {}
    items = instance.items
    opening = sorted(instance.guards.items(), key=lambda each: (each[1].nodes[0], -each[1].nodes[1]))
    start = 0
    for site, guard in opening:
        first, last = guard.nodes
        while start < len(items) and items[start].position < first:
            start += 1
        index = start
        while index < len(items) and items[index].position < last:
            key = items[index].key
            found[key] = (*found.get(key, ()), site)
            index += 1
    return found


def union(one: Shape, other: Shape) -> Shape | None:
    """The shape of a class for both; None where they differ by more than guarded steps of pipes."""
    if one.inputs != other.inputs or not _alike(one, other):
        return None
    if not (_explained(one, other) and _explained(other, one)):
        return None
    order = {key: position for position, key in enumerate(_merged_slots(one, other))}
    whole = _overlaid(one, other, order)
    return whole if _reduces(whole, one) and _reduces(whole, other) else None


def _alike(one: Shape, other: Shape) -> bool:
    """Whether the slots that both have are the same, and they and the guarded statements in the same order."""
    common = [key for key in one.slots if key in other.slots]
    if common != [key for key in other.slots if key in one.slots]:
        return False
    if [key for key in one.sites if key in other.sites] != [key for key in other.sites if key in one.sites]:
        return False
    return all((one.slots[key].path, one.slots[key].kind) == (other.slots[key].path, other.slots[key].kind) for key in common)


def _explained(having: Shape, lacking: Shape) -> bool:
    """Whether each slot that only ``having`` has stands under a guard that is false in ``lacking``."""
    return all(_switch(slot, having, lacking) is not None for key, slot in having.slots.items() if key not in lacking.slots)


def _switch(slot: Slot, having: Shape, lacking: Shape) -> Key | None:
    """The outermost guard over ``slot`` that is true in one shape and false in the other, if it guards a step of a pipe."""
    for site in slot.guards:
        ours, theirs = having.sites[site], lacking.sites.get(site)
        if ours.present and not ours.merged and theirs is not None and not theirs.present:
            return site
    return None


def _merged_slots(one: Shape, other: Shape) -> Iterator[Key]:
    """The keys of both in an order that keeps that of each; guarded steps side by side come in the order of their guards."""
    place = {site: index for index, site in enumerate(one.sites)}
    ours, theirs = list(one.slots), list(other.slots)
    while ours and theirs:
        if ours[0] == theirs[0]:
            yield ours.pop(0)
            theirs.pop(0)
        elif ours[0] in other.slots:
            yield theirs.pop(0)
        elif theirs[0] in one.slots:
            yield ours.pop(0)
        else:
            mine = _switch(one.slots[ours[0]], one, other)
            yours = _switch(other.slots[theirs[0]], other, one)
            assert mine is not None and yours is not None
            yield ours.pop(0) if place[mine] < place[yours] else theirs.pop(0)
    yield from ours
    yield from theirs


def _overlaid(one: Shape, other: Shape, order: Mapping[Key, int]) -> Shape:
    """Both shapes as one: of two values that reach the same place, the later one, since guards on the way let the other by."""

    def later(ours: Ref | None, theirs: Ref | None) -> Ref | None:
        if ours is None or theirs is None:
            return ours or theirs
        return ours if _rank(ours) >= _rank(theirs) else theirs

    def _rank(ref: Ref) -> int:
        return order[ref] if len(ref) == 3 else -1

    def site(key: Key) -> Site:
        ours, theirs = one.sites.get(key), other.sites.get(key)
        if ours is None or theirs is None:
            found = ours or theirs
            assert found is not None
            return found
        there = [each for each in (ours, theirs) if each.present] or [ours, theirs]
        leaves = there[0].exit if len(there) == 1 else later(ours.exit, theirs.exit)
        return Site(ours.label, ours.present or theirs.present, ours.merged, later(ours.entry, theirs.entry), leaves)

    sites = {key: site(key) for key in _merged_sites(list(one.sites), list(other.sites))}
    slots = {}
    for key in order:
        ours, theirs = one.slots.get(key), other.slots.get(key)
        if ours is None or theirs is None:
            slots[key] = _moved(key, sites, one if theirs is None else other, other if theirs is None else one)
        else:
            inputs = [later(*each) for each in zip(ours.inputs, theirs.inputs, strict=False)]
            slots[key] = replace(ours, inputs=tuple(each for each in inputs if each is not None))
    bodies = dict(one.bodies)
    for path, (entry, leaves) in other.bodies.items():
        known = bodies.get(path, (entry, leaves))
        both = later(known[0], entry), later(known[1], leaves)
        if both[0] is not None and both[1] is not None:
            bodies[path] = (both[0], both[1])
    return Shape(one.inputs, slots, sites, bodies, later(one.output, other.output))


def _moved(key: Key, sites: Mapping[Key, Site], having: Shape, lacking: Shape) -> Slot:
    """A slot that only ``having`` has, which takes what enters its guard in the class, where it takes that in ``having``."""
    slot = having.slots[key]
    switch = _switch(slot, having, lacking)
    before = None if switch is None else having.sites[switch].entry
    after = None if switch is None else sites[switch].entry
    return replace(slot, inputs=tuple(after if ref == before and after is not None else ref for ref in slot.inputs))


def _merged_sites(ours: list[Key], theirs: list[Key]) -> Iterator[Key]:
    """The keys of both lists, each list's order kept."""
    known, done = set(ours), 0
    for site in theirs:
        if site in known:
            end = ours.index(site, done) + 1
            yield from ours[done:end]
            done = end
        else:
            yield site
    yield from ours[done:]


def _reduces(whole: Shape, part: Shape) -> bool:
    """Whether ``whole``, without the guarded steps that ``part`` lacks, has the flow of ``part``."""
    around: dict[Ref, Ref] = {}
    for key, site in whole.sites.items():
        here = part.sites.get(key)
        if not site.present or (here is not None and here.present) or site.exit is None or site.exit == site.entry:
            continue
        made = whole.slots.get(site.exit) if len(site.exit) == 3 else None
        if made is None or key not in made.guards or site.entry is None:
            return False
        around[site.exit] = site.entry

    def resolved(ref: Ref | None) -> Ref | None:
        while ref in around:
            ref = around[ref]
        return ref

    flows = [(whole.slots[key].inputs, slot.inputs) for key, slot in part.slots.items()]
    flows += [((whole.sites[key].entry,), (site.entry,)) for key, site in part.sites.items()]  # type: ignore[misc]
    flows.append(((whole.output,), (part.output,)))  # type: ignore[arg-type]
    return all(tuple(map(resolved, ours)) == theirs for ours, theirs in flows)
