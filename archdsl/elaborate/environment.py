"""What names mean at one place of a spec: values, tensors, defaults, and the flow."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from archdsl.diagnostics import InternalError
from archdsl.ir import Node, Origin, Use
from archdsl.ir.graph import Given, OriginKind
from archdsl.limits import Limits
from archdsl.source import Span
from archdsl.syntax import ast

Value = int | float | bool | str | tuple["Value", ...]
Meaning = TypeVar("Meaning")

PREDECLARED: Mapping[str, str] = {"same": "same", "valid": "valid", "sym": "sym"}
"""Constants that every spec may use: the padding rules."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A value: what it is, where it was first written (``span``), and what it is called in the enclosing block.

    ``place``, ``given`` and ``uses`` are those of its :class:`Origin`.  Where it has a name, ``defined`` is where that was made,
    and ``meaning`` is what the name tells whoever uses it.
    """

    value: Value
    kind: OriginKind
    span: Span | None = None
    formula: str | None = None
    defined: Span | None = None
    place: Span | None = None
    given: Given = "call"
    uses: tuple[Use, ...] = ()
    meaning: Use | None = None

    @property
    def origin(self) -> Origin:
        return Origin(self.kind, self.span, self.formula, self.place, self.given, self.uses)

    def as_parameter(self, name: ast.Name, owner: str, kind: OriginKind) -> "Bound":
        """The value under the name of a parameter of ``owner``."""
        meaning = Use(name.id, "parameter", self.value, owner, name.span, self.origin)
        return Bound(self.value, kind, self.span, name.id, name.span, meaning=meaning)

    def as_let(self, name: ast.Name) -> "Bound":
        """The value under the name that a `let` gives it."""
        meaning = Use(name.id, "let", self.value, "", name.span, self.origin)
        return Bound(self.value, "let", self.span, self.formula, name.span, meaning=meaning)

    def as_index(self, name: ast.Name) -> "Bound":
        """The value as the number of an iteration."""
        return replace(self, meaning=Use(name.id, "index", self.value, "", name.span))

    def as_import(self, alias: ast.Name) -> "Bound":
        """A constant of another file under the name that it has here."""
        origin = None if self.meaning is None else Origin("import", self.span, None, alias.span, uses=(self.meaning,))
        meaning = Use(alias.id, "import", self.value, "", alias.span, origin)
        return Bound(self.value, "import", self.span, None, alias.span, meaning=meaning)


UNKNOWN = Bound((), "let")
"""What a ``let`` means whose value is at fault: a use of it is no further fault."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What one step of a pipe did to the flow: where it is written, the value before it and the value after it."""

    span: Span
    before: Node
    after: Node


class Names(Generic[Meaning]):
    """What names mean in one pair of braces; those of what encloses them are seen through it."""

    __slots__ = ("outer", "own")

    def __init__(self, own: dict[str, Meaning] | None = None, outer: "Names[Meaning] | None" = None) -> None:
        self.own: dict[str, Meaning] = {} if own is None else own
        self.outer = outer

    def __setitem__(self, name: str, meaning: Meaning) -> None:
        self.own[name] = meaning

    def get(self, name: str) -> Meaning | None:
        """What ``name`` means here; None where it means nothing."""
        layer: Names[Meaning] | None = self
        while layer is not None:
            found = layer.own.get(name)
            if found is not None:
                return found
            layer = layer.outer
        return None

    def all(self) -> dict[str, Meaning]:
        """Every name with its meaning, outer ones first."""
        return self.own if self.outer is None else {**self.outer.all(), **self.own}


Tap = tuple[Node, Span]
"""A named tensor and where it got its name."""
Defaults = Mapping[str, Mapping[str, tuple[ast.Argument, "Frame"]]]
"""By callee and parameter, the argument that a call takes where it gives none itself, and the frame to evaluate it in."""


@dataclass(slots=True)
class Frame:
    """One pair of braces being elaborated.

    ``values`` are the names bound in the enclosing definition; those of the file lie behind them.  ``entry`` is the value that
    entered the braces (what ``in`` means), ``current`` the one that flows now; both None in an ``arch`` before its ``input``.
    ``taps`` is shared by all braces of one block, network, or iteration.  ``prefix`` is the path that labels are added to,
    ``labels`` all labels written in the enclosing definition, which automatic names avoid.  ``since`` is the first edit that
    acts on the text: what an edit brings in is open to those after it.  ``outermost`` are the braces of an ``arch`` itself.
    ``trail`` is what the statements did so far, for error messages; ``own`` the names bound by ``let`` in these very braces.
    """

    file: "FileScope"
    limits: Limits
    values: Names[Bound]
    defaults: Defaults
    entry: Node | None = None
    current: Node | None = None
    taps: Names[Tap] = field(default_factory=Names)
    scope: int = 0
    prefix: str = ""
    labels: frozenset[str] = frozenset()
    since: int = 0
    in_side: bool = False
    in_arch: bool = False
    outermost: bool = False
    trail: list[Trace] = field(default_factory=list)
    own: dict[str, Span] = field(default_factory=dict)

    def inner(self, entry: Node | None) -> "Frame":
        """A frame for braces nested in this one, entered by ``entry``; what it binds is not seen outside."""
        return Frame(
            self.file,
            self.limits,
            self.values,
            self.defaults,
            entry,
            entry,
            self.taps,
            self.scope,
            self.prefix,
            self.labels,
            self.since,
            self.in_side,
            self.in_arch,
        )

    def bind(self, name: str, bound: Bound, place: Span) -> None:
        """Gives ``name`` a value in these braces and those within; what encloses them keeps its own."""
        if not self.own:
            self.values = Names(outer=self.values)
        self.own[name] = place
        self.values[name] = bound

    def add_defaults(self, callee: str, arguments: Iterable[ast.Argument]) -> None:
        """Calls of ``callee`` from here to the end of these braces take these arguments where they give none themselves."""
        new = {str(argument.name): (argument, self) for argument in arguments}
        self.defaults = {**self.defaults, callee: {**self.defaults.get(callee, {}), **new}}

    def find(self, name: str) -> Bound | None:
        """The value that ``name`` has here; None where it has none."""
        return self.values.get(name) or self.file.top.values.get(name)

    def names(self) -> list[str]:
        """The names that have a value here."""
        return [*self.values.all(), *self.file.top.values.all()]

    def path(self, segment: str) -> str:
        """The path of ``segment`` in this frame."""
        return f"{self.prefix}.{segment}" if self.prefix else segment


@dataclass(frozen=True, slots=True, eq=False)
class BlockDefinition:
    """A block, the file whose names its body sees, and the defaults written before it there."""

    block: ast.Block
    file: "FileScope"
    defaults: Defaults


@dataclass(frozen=True, slots=True, eq=False)
class NetworkDefinition:
    """An ``arch`` or ``variant``, the file whose names it sees, and the defaults written before it there."""

    network: ast.Arch | ast.Variant
    file: "FileScope"
    defaults: Defaults


@dataclass(eq=False)
class FileScope:
    """The names of one file; ``frame`` holds its constants and defaults."""

    file: ast.File
    blocks: dict[str, BlockDefinition] = field(default_factory=dict)
    networks: dict[str, NetworkDefinition] = field(default_factory=dict)
    frame: Frame | None = None

    @property
    def top(self) -> Frame:
        """The frame of the file's own constants and defaults."""
        if self.frame is None:
            raise InternalError("a file's names are used before they are known")
        return self.frame
