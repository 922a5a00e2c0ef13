"""Weights under other people's names: what a file holds, how an array of theirs becomes ours, and how well all of it fits."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Role = Literal["kernel", "bias", "scale", "shift", "mean", "variance", "count"]
Shape = tuple[int, ...]
NATIVE = "native"
"""What our own layout is called: keys are the spec's paths, with ``.3.`` for ``[3]``."""


def state_key(path: str, name: str = "") -> str:
    """``path``, or a weight there, as a ``state_dict`` has it: ``a[3].conv`` and ``weight`` give ``a.3.conv.weight``."""
    plain = path.replace("[", ".").replace("]", "") if "[" in path else path
    return f"{plain}.{name}" if name else plain


@dataclass(frozen=True, slots=True)
class Stored:
    """Shape and element type (``float32``, ``bfloat16``, …) of an array in a file."""

    shape: Shape
    dtype: str


@dataclass(frozen=True, eq=False)
class WeightFile:
    """A file of named arrays that is open for reading: what it holds is known, none of it is in memory yet.

    ``read`` gives one array as ``numpy.ndarray``.  ``about`` is what a file of ours says of itself; empty for any other.
    """

    path: str
    entries: Mapping[str, Stored]
    read: Callable[[str], Any]
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the array ``ours`` of shape ``shape`` is made from the array ``theirs`` of shape ``form``.

    The array is reshaped to ``view``, its axes are permuted as ``axes`` says, and it is reshaped to ``shape``.  ``theirs`` is
    None where the other side has no such array, which is then filled with ``fill``; with both, the array may be absent, if it is
    so for all of its role.  ``less`` is an array that is subtracted.  Along ``class_axis`` of ``form`` the other side
    may count one class more, a background at index 0, which is dropped.
    """

    ours: str
    role: Role
    shape: Shape
    theirs: str | None
    form: Shape
    view: Shape
    axes: tuple[int, ...]
    fill: float | None = None
    less: str | None = None
    class_axis: int | None = None

    @property
    def wider(self) -> Shape | None:
        """``form`` with a background class; None where none is expected."""
        if self.class_axis is None:
            return None
        return tuple(size + (axis == self.class_axis) for axis, size in enumerate(self.form))

    @property
    def sources(self) -> tuple[str, ...]:
        """The arrays over there that this one is made from."""
        return tuple(each for each in (self.theirs, self.less) if each is not None)

    def absent(self) -> "Recipe":
        """The same array where the other side does not have it."""
        return replace(self, theirs=None)


@dataclass(frozen=True, slots=True)
class Contest:
    """Renamed labels by which an array in a file may be meant for either of two weights.

    ``now`` and ``older`` are our weights by their names in a file from after these renamings, or from before all of them.
    ``ours`` are the names of now that are in question, ``renames`` the paths with their older ones, as keys of a ``state_dict``
    have them.  ``partly`` are our weights by the names that they had between the renamings, where some may have been made
    before others; None where these are too many.
    """

    now: Mapping[str, str]
    older: Mapping[str, str]
    ours: tuple[str, ...]
    renames: frozenset[tuple[str, str]]
    partly: tuple[Mapping[str, str], ...] | None = ()

    @property
    def readings(self) -> tuple[Mapping[str, str], ...]:
        """All that a file may mean, as far as it is told."""
        return (self.now, *(self.partly or ()), self.older)


@dataclass(frozen=True, eq=False)
class WeightMap:
    """The weights of ``network`` as ``source`` names them; ``theirs`` is the name of the network over there.

    ``uncovered`` are weights of ours that the map has no name for, ``unused`` patterns of names that may be left over,
    ``numbered`` the stems of names whose numbers say no more than the order, ``separator`` what stands between parts of a name.
    """

    network: str
    source: str
    theirs: str
    recipes: tuple[Recipe, ...]
    uncovered: tuple[tuple[str, Shape], ...] = ()
    unused: tuple[str, ...] = ()
    numbered: tuple[str, ...] = ()
    separator: str = "."
    note: str = ""
    older: Mapping[str, str] = field(default_factory=dict)
    """Our names by older ones, those apart that another weight bears now."""
    contests: tuple[Contest, ...] = ()
    fingerprint: str = ""
    """That of the network, where names are in contest."""
    unmet: tuple[tuple[str, Any, Any], ...] = ()
    """Parameters of the network that decide what such weights compute: name, the value that they were trained with, ours."""


@dataclass(frozen=True, slots=True)
class Match:
    """A weight of ours and its recipe, with the names as the file has them, and what is done on the way."""

    recipe: Recipe
    wide: bool = False

    @property
    def how(self) -> str:
        """``copied``, or what else is done: ``transposed``, ``reshaped``, ``class 0 dropped``, ``less …``, ``filled with 1``."""
        recipe = self.recipe
        if recipe.theirs is None:
            return f"filled with {recipe.fill or 0:g}"
        steps = []
        if recipe.axes != tuple(sorted(recipe.axes)):
            steps.append("transposed")
        if len(recipe.form) != len(recipe.shape) or recipe.view != recipe.form:
            steps.append("reshaped")
        if self.wide:
            steps.append("class 0 dropped")
        if recipe.less is not None:
            steps.append(f"less {recipe.less}")
        return ", ".join(steps) or "copied"


@dataclass(frozen=True, slots=True)
class Missing:
    """A weight of ours without a source: where it was looked for (None: the map has no name for it), and what is like it."""

    ours: str
    shape: Shape
    theirs: str | None
    form: Shape
    suggestion: str | None = None


@dataclass(frozen=True, slots=True)
class Misshaped:
    """A source of another shape or element type than the weight needs."""

    ours: str
    theirs: str
    expected: Shape
    found: Stored


@dataclass(frozen=True, eq=False)
class WeightReport:
    """Whether and how a file fits a network, every weight and every array of the file accounted for exactly once."""

    map: WeightMap
    file: str
    matches: tuple[Match, ...]
    ignored: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    missing: tuple[Missing, ...] = ()
    misshaped: tuple[Misshaped, ...] = ()
    left_over: tuple[tuple[str, Stored], ...] = ()

    @property
    def fits(self) -> bool:
        return self.problems == 0

    @property
    def problems(self) -> int:
        """How many things keep the file from fitting."""
        return len(self.missing) + len(self.misshaped) + len(self.left_over) + len(self.map.unmet)

    def counts(self) -> dict[str, int]:
        """How many weights were treated in which way, the most frequent first."""
        found: dict[str, int] = {}
        for each in self.matches:
            kind = ", ".join("conv bias taken off" if step.startswith("less ") else step for step in each.how.split(", "))
            found[kind] = found.get(kind, 0) + 1
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    def __iter__(self) -> Iterator[Match]:
        return iter(self.matches)
