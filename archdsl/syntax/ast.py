"""The tree of one source text: what is written, with its place, and nothing about what it means."""

from collections.abc import Mapping
from dataclasses import dataclass

from archdsl.source import Source, Span

RESERVED = frozenset({"if", "then", "else", "and", "or", "not", "in", "true", "false"})
"""Words that expressions keep for themselves, so that no value can bear such a name."""
FUNCTIONS = ("min", "max", "ceil", "floor")
"""What expressions can call."""

# --- expressions ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, string or boolean, or a size such as ``3x3`` (a pair: height, width)."""

    value: int | float | str | bool | tuple[int, int]
    span: Span


@dataclass(frozen=True, slots=True)
class Name:
    id: str
    span: Span


@dataclass(frozen=True, slots=True)
class InputSize:
    """``in.c``, ``in.h`` or ``in.w``; ``attribute`` is whatever was written after the dot."""

    attribute: str
    span: Span


@dataclass(frozen=True, slots=True)
class Unary:
    operator: str  # "-", "+" or "not"
    operand: "Expr"
    span: Span


@dataclass(frozen=True, slots=True)
class Binary:
    operator: str  # + - * / // % == != < <= > >= and or
    left: "Expr"
    right: "Expr"
    span: Span


@dataclass(frozen=True, slots=True)
class Conditional:
    condition: "Expr"
    then: "Expr"
    otherwise: "Expr"
    span: Span


@dataclass(frozen=True, slots=True)
class Function:
    """``min(a, b)`` and the like; ``name`` is one of :data:`FUNCTIONS`."""

    name: str
    arguments: tuple["Expr", ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Tuple:
    items: tuple["Expr", ...]
    span: Span


Expr = Literal | Name | InputSize | Unary | Binary | Conditional | Function | Tuple


def parts(expr: Expr) -> tuple[Expr, ...]:
    """The expressions that ``expr`` is directly made of, in the order of the text."""
    match expr:
        case Binary():
            return (expr.left, expr.right)
        case Unary():
            return (expr.operand,)
        case Conditional():
            return (expr.condition, expr.then, expr.otherwise)
        case Function():
            return expr.arguments
        case Tuple():
            return expr.items
        case _:
            return ()


# --- statements ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Label:
    """``name:``, or ``name was old:`` with the names it had before, newest first."""

    name: str
    was: tuple[str, ...]
    span: Span  # of the name alone


@dataclass(frozen=True, slots=True)
class Argument:
    name: str | None  # None: by position
    value: "Expr | Body"
    span: Span


@dataclass(frozen=True, slots=True)
class Body:
    """``{ … }``; ``doc`` is its docstring, or the comment that stands on the line of its opening brace."""

    statements: tuple["Statement", ...]
    doc: str
    span: Span

    def __deepcopy__(self, _memo: object) -> "Body":
        """Itself: a tree never changes, and a copy of the deepest one would exhaust the stack."""
        return self


@dataclass(frozen=True, slots=True)
class Call:
    """``callee(arguments) { body }``."""

    callee: Name
    arguments: tuple[Argument, ...]
    body: Body | None
    span: Span


@dataclass(frozen=True, slots=True)
class Repeat:
    """``repeat count step`` or ``repeat variable in count step``."""

    variable: Name | None
    count: Expr
    step: "Step"
    span: Span


@dataclass(frozen=True, slots=True)
class From:
    """``from tap``: the flow restarts at a named value."""

    tap: Name
    span: Span


@dataclass(frozen=True, slots=True)
class Tap:
    """``tap name``: names the value that flows here."""

    name: Name
    span: Span


@dataclass(frozen=True, slots=True)
class Output:
    """``output name(weight = 0.3)``."""

    name: Name
    arguments: tuple[Argument, ...]
    span: Span


Step = Call | Body | Repeat | From | Tap | Output


@dataclass(frozen=True, slots=True)
class LabelledStep:
    label: Label | None
    step: Step
    span: Span


@dataclass(frozen=True, slots=True)
class Pipe:
    """A statement that acts on the flow: steps joined by ``->``, under one guard."""

    steps: tuple[LabelledStep, ...]
    guard: Expr | None
    span: Span


@dataclass(frozen=True, slots=True)
class Let:
    name: Name
    value: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Defaults:
    """``defaults callee(name = value)``."""

    callee: Name
    arguments: tuple[Argument, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Dim:
    """One size of an ``input`` or ``expect``: a bare name, ``name = value``, or a value."""

    name: Name | None
    value: Expr | None
    span: Span


@dataclass(frozen=True, slots=True)
class Input:
    """``input name: [N, 3, 299, 299]``."""

    name: Label
    dims: tuple[Dim, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Expect:
    """``expect [N, 384, 35, 35]``."""

    dims: tuple[Dim, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class About:
    """``about { key = value; … }``."""

    entries: tuple[Argument, ...]
    span: Span


Statement = Pipe | Let | Defaults | Input | Expect | About

# --- edits ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a path: a name, ``*`` (any name) or ``**`` (any run of segments), with the indices behind it.

    An index is a number, a pair (first, last) for ``[1..3]``, or None for ``[*]``.
    """

    name: str
    indices: tuple[int | tuple[int, int] | None, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Path:
    segments: tuple[Segment, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Set:
    """``set name = value`` (``path`` is None) or ``set path:argument = value``."""

    path: Path | None
    name: Name
    value: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Drop:
    path: Path
    span: Span


@dataclass(frozen=True, slots=True)
class Replace:
    path: Path
    step: Pipe
    span: Span


@dataclass(frozen=True, slots=True)
class Insert:
    step: Pipe
    before: bool  # else after
    path: Path
    span: Span


Edit = Set | Drop | Replace | Insert

# --- files ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Parameter:
    name: Name
    default: Expr | None
    span: Span


@dataclass(frozen=True, slots=True)
class Block:
    name: Name
    parameters: tuple[Parameter, ...]
    body: Body
    span: Span


@dataclass(frozen=True, slots=True)
class Arch:
    name: Name
    parameters: tuple[Parameter, ...]
    body: Body
    span: Span


@dataclass(frozen=True, slots=True)
class Variant:
    """``variant name of base { edits }``."""

    name: Name
    base: Name
    doc: str
    about: About | None
    edits: tuple[Edit, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ImportedName:
    """One name of an import; ``alias`` is the name it gets here."""

    name: Name
    alias: Name


@dataclass(frozen=True, slots=True)
class Import:
    """``from "file" import a, b as c``."""

    file: Literal
    names: tuple[ImportedName, ...]
    span: Span


Item = Import | Let | Defaults | About | Block | Arch | Variant


@dataclass(frozen=True, slots=True)
class File:
    source: Source
    doc: str
    items: tuple[Item, ...]

    def __deepcopy__(self, _memo: object) -> "File":
        """Itself, as its bodies are."""
        return self


@dataclass(frozen=True, slots=True)
class Program:
    """A file with all that it imports, each text read and parsed once.

    ``imported`` gives the file that an import means, by the importing source and the import's text; ``files`` are all of them
    in the order in which they were first met, ``main`` first.
    """

    main: File
    imported: Mapping[tuple[Source, str], File]
    files: tuple[File, ...]
