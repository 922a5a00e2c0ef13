"""Classes to be written: a template serves all instances of a definition that differ in numbers, or by a guard, alone.

``plan`` makes templates, ``arguments`` gives their holes texts; what follows only reads them.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from archdsl.backends.torch.instances import Instance, Key, Ref
from archdsl.backends.torch.shapes import Shape
from archdsl.ir import REQUIRED, Init, TorchExpr


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()
"""The value of a hole in an instance that does not have the item."""


@dataclass(slots=True)
class Hole:
    """A value in a template: what it is in every instance, and how the spec writes it.

    ``formula`` is the spec's expression as Python over the block's parameters, ``written`` the text that stands in the spec;
    ``exact`` tells whether the value is that expression's, or was lowered from it (numbers of padding from ``same``).  ``role``
    names the value where the spec does not, ``derived`` tells that it follows from the type of the input.  ``text`` is how the
    constructor writes it, once resolved.
    """

    role: str
    values: list[Any]
    default: object = REQUIRED
    formula: str | None = None
    written: str | None = None
    exact: bool = False
    positional: bool = False
    derived: bool = False
    text: str = ""

    @property
    def constant(self) -> bool:
        present = [value for value in self.values if value is not ABSENT]
        return all(same(value, present[0]) for value in present)

    @property
    def constant_value(self) -> Any:
        return next(value for value in self.values if value is not ABSENT)


@dataclass(slots=True)
class Construct:
    """A constructor call: ``callee`` is a module type or a template, ``holes`` its arguments."""

    callee: "str | Template"
    holes: list[Hole]
    inits: tuple[tuple[str, Init], ...] = ()
    in_sequence: ClassVar[bool] = False


@dataclass(slots=True)
class Expression:
    """A Python expression over the inputs."""

    target: TorchExpr
    holes: list[Hole]


@dataclass(slots=True)
class Repeated:
    """``count`` parts of one class in sequence.

    ``first`` is written apart where it alone differs from the ``rest``; ``varying`` names the holes of ``rest`` that differ
    from iteration to iteration, whose values are tuples.  ``index`` is the variable over which they are formulas, if they are.
    """

    count: Hole
    first: Construct | None
    rest: "Construct | Repeated | Listed"
    varying: list[Hole] = field(default_factory=list)
    index: str | None = None
    in_sequence: ClassVar[bool] = True


@dataclass(slots=True)
class Listed:
    """Parts in sequence that differ in structure."""

    parts: list["Construct | Repeated | Listed"]
    in_sequence: ClassVar[bool] = True


Module = Construct | Repeated | Listed


@dataclass(slots=True)
class Piece:
    """One item of a template.

    Its statement ends at offset ``end``, ``channels`` is the width of its value in every instance, ``guards`` are the keys of
    the conditionals that it stands under, outermost first.
    """

    key: Key
    path: tuple[str, ...]
    part: Module | Expression
    inputs: list[Ref]
    end: int
    channels: list[Any]
    guards: tuple[Key, ...] = ()


@dataclass(slots=True)
class Conditional:
    """A guarded statement of a template: in which instances it is there, and the flow around it."""

    key: Key
    present: Hole
    entry: Ref
    exit: Ref


@dataclass(slots=True)
class Argument:
    """An argument of a template's constructor, with its value in every instance; ``default`` is REQUIRED where it has none.

    ``parameter`` is the block's parameter that it stands for, if it does.
    """

    name: str
    values: list[Any]
    default: object = REQUIRED
    parameter: str | None = None


@dataclass(slots=True)
class Template:
    """A class: its pieces in order, the instances that it serves, and its constructor's ``arguments`` once resolved.

    ``first`` is one of the instances, for what is the same in all.  ``width`` is the name of the argument that gives the
    channels of its output, if one does.  ``positions`` tells where an instance (by its ``id``) stands in ``instances``.
    """

    first: Instance
    shape: Shape
    name: str = ""
    instances: list[Instance] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    conditionals: list[Conditional] = field(default_factory=list)
    arguments: list[Argument] = field(default_factory=list)
    width: str | None = None
    positions: dict[int, int] = field(default_factory=dict)

    @property
    def output(self) -> Ref:
        """The value that a block gives."""
        return self.shape.output or ("in", 0)


def plain(value: Any) -> Any:
    """A value as PyTorch code writes it: a pair of equal numbers is one number."""
    if isinstance(value, tuple) and len(value) == 2 and value[0] == value[1] and isinstance(value[0], int):
        return value[0]
    return value


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal and of one type: Python has ``1 == True``."""
    return one == other and type(one) is type(other)


def agree(ours: list[Any], theirs: list[Any]) -> bool:
    """Whether two lists of values are the same wherever both have one."""
    return all(a is ABSENT or b is ABSENT or same(a, b) for a, b in zip(ours, theirs, strict=True))
