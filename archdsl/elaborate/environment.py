"""What names mean at one place of a spec: values, tensors, defaults, and the flow."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from archdsl.diagnostics import InternalError
from archdsl.ir import Node, Origin
from archdsl.ir.graph import OriginKind
from archdsl.limits import Limits
from archdsl.source import Span
from archdsl.syntax import ast

Value = int | float | bool | str | tuple["Value", ...]

PREDECLARED: Mapping[str, str] = {"same": "same", "valid": "valid", "sym": "sym"}
"""Constants that every spec may use: the padding rules."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A named value: what it is, where it was first written (``span``), and what it is called in the enclosing block."""

    value: Value
    kind: OriginKind
    span: Span | None = None
    formula: str | None = None
    defined: Span | None = None

    @property
    def origin(self) -> Origin:
        return Origin(self.kind, self.span, self.formula)


@dataclass(frozen=True, slots=True)
class Trace:
    """What one step of a pipe did to the flow: where it is written, the value before it and the value after it."""

    span: Span
    before: Node
    after: Node


@dataclass(slots=True)
class Frame:
    """One pair of braces being elaborated.

    ``entry`` is the value that entered it (what ``in`` means), ``current`` the one that flows now; both None in an ``arch``
    before its ``input``.  ``taps`` is shared by all braces of one block, network, or iteration.  ``prefix`` is the path that
    labels are added to, ``labels`` all labels written in the enclosing definition, which automatic names avoid.  ``trail`` is
    what the statements did so far, for error messages; ``own`` the names bound by ``let`` in these very braces.
    """

    file: "FileScope"
    limits: Limits
    values: dict[str, Bound]
    defaults: dict[str, tuple[tuple[ast.Argument, "Frame"], ...]]
    entry: Node | None = None
    current: Node | None = None
    taps: dict[str, tuple[Node, Span]] = field(default_factory=dict)
    scope: int = 0
    prefix: str = ""
    labels: frozenset[str] = frozenset()
    in_side: bool = False
    in_arch: bool = False
    trail: list["Trace"] = field(default_factory=list)
    own: dict[str, Span] = field(default_factory=dict)

    def inner(self, entry: Node | None) -> "Frame":
        """A frame for braces nested in this one, entered by ``entry``."""
        return Frame(
            self.file,
            self.limits,
            dict(self.values),
            dict(self.defaults),
            entry,
            entry,
            self.taps,
            self.scope,
            self.prefix,
            self.labels,
            self.in_side,
            self.in_arch,
        )

    def path(self, segment: str) -> str:
        """The path of ``segment`` in this frame."""
        return f"{self.prefix}.{segment}" if self.prefix else segment


@dataclass(frozen=True, slots=True)
class BlockDefinition:
    """A block and the file whose names its body sees."""

    block: ast.Block
    file: "FileScope"


@dataclass(frozen=True, slots=True)
class NetworkDefinition:
    """An ``arch`` or ``variant`` and the file whose names it sees."""

    network: ast.Arch | ast.Variant
    file: "FileScope"


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
