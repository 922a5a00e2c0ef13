"""Where one place of a network comes from, as ``archdsl why`` tells it."""

from dataclasses import dataclass
from typing import Any

from archdsl.ir.graph import Origin
from archdsl.ir.types import TensorType
from archdsl.source import Span


@dataclass(frozen=True, slots=True)
class Setting:
    """An attribute of an operator or argument of a block; ``origin`` is None where the value is the operator's own default."""

    name: str
    value: Any
    origin: Origin | None


@dataclass(frozen=True, slots=True)
class Enclosing:
    """A scope around a place, or a statement with an `if` that holds, and where it is written; ``what`` is for a reader."""

    path: str
    what: str
    span: Span


@dataclass(frozen=True, slots=True)
class Provenance:
    """A node or a scope of a network: where it is written, what it lies in, and where each of its settings comes from.

    ``kind`` is ``node``, or the kind of a scope; ``what`` the operator or what is called, and ``title`` says both.
    ``definition`` is the text of the block that is called, ``doc`` its docstring.  ``enclosing`` is what it is in, outermost
    first.  ``inputs`` are the values it takes, ``type`` is that of its own.  ``nodes``, ``params`` and ``macs`` count all that
    is inside.
    """

    network: str
    path: str
    kind: str
    what: str
    title: str
    span: Span
    definition: Span | None
    doc: str
    enclosing: tuple[Enclosing, ...]
    inputs: tuple[tuple[str, TensorType], ...]
    type: TensorType | None
    nodes: int
    params: int
    macs: int
    settings: tuple[Setting, ...]
