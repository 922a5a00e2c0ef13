"""What a network was made from: texts and choices as plain data, enough to make it again without a look at any file."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Scalar = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Text:
    """One text of a spec: its ``path`` below the folder of the main one, and which text each of its imports means, by number."""

    path: str
    text: str
    imports: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expression:
    """A value as an expression of the language."""

    text: str


@dataclass(frozen=True, slots=True)
class Record:
    """The texts of a spec, the main one first, and what the caller asked for beyond them.

    ``network`` is the network or variant that was picked, ``operators`` the keywords of custom operators in it, whose code is no
    part of a record.
    """

    texts: tuple[Text, ...]
    network: str
    input: tuple[int, ...] | Mapping[str, tuple[int, ...]] | None = None
    parameters: Mapping[str, Scalar | tuple[Scalar, ...] | Expression] = field(default_factory=dict)
    edits: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
