"""What the scan of names knows: names that are bound, what can be called, pairs of braces, and what was found."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from archdsl.diagnostics import ArchError, Diagnostic
from archdsl.elaborate.arguments import MOST_POSITIONAL
from archdsl.elaborate.definitions import parameter_names
from archdsl.elaborate.environment import BlockDefinition, Names
from archdsl.ir import Op
from archdsl.source import Span
from archdsl.syntax import ast

MOST = 20
"""Faults after which no more are looked for."""
_MOST_COMPARED = 100_000  # names that suggestions are sought among, beside those for the first fault

Kind = Literal["parameter", "constant", "import", "tap", "index", "input"]


@dataclass(slots=True, eq=False)
class Declared:
    """A name that a text binds, where, and whether anything reads it; ``owner`` is the block or network around it."""

    kind: Kind
    name: str
    span: Span
    owner: str = ""
    used: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Callee:
    """What can be called: its parameters, those that may go by position, and what every call has to give."""

    name: str
    names: frozenset[str]
    parameters: Sequence[str]
    positional: Sequence[str]
    required: tuple[ast.Name | str, ...]


@dataclass(slots=True, eq=False)
class Braces:
    """One pair of braces: the names visible in it, and arguments of its ``defaults``, which are evaluated at calls."""

    definition: ast.Block | ast.Arch | None
    values: Names[Declared]
    taps: Names[Declared]
    defaults: Names[bool]
    own_values: bool = False
    own_defaults: bool = False
    late: list[ast.Expr] = field(default_factory=list)

    def inner(self) -> "Braces":
        """Braces nested in these; what they bind is not seen outside, but for taps."""
        return Braces(self.definition, self.values, self.taps, self.defaults)

    def bind(self, declared: Declared) -> None:
        if not self.own_values:
            self.values, self.own_values = Names(outer=self.values), True
        self.values[declared.name] = declared

    def add_default(self, key: str) -> None:
        if not self.own_defaults:
            self.defaults, self.own_defaults = Names(outer=self.defaults), True
        self.defaults[key] = True


class Findings:
    """What the texts of one program were found to lack."""

    def __init__(self) -> None:
        self.faults: list[Diagnostic] = []
        self.repeats: dict[object, list[int]] = {}
        self.taps_wanted: list[tuple[str, Diagnostic]] = []
        self.arguments_wanted: list[tuple[str, Diagnostic]] = []
        self._compared = 0

    def tell(self, report: Callable[[], ArchError], wanted: list[tuple[str, Diagnostic]] | None = None, name: str = "") -> None:
        """Keeps what ``report`` says; it is no fault where an edit may supply the ``name`` that is ``wanted``."""
        if len(self.faults) + len(self.taps_wanted) + len(self.arguments_wanted) >= MOST:
            return
        for diagnostic in report().diagnostics:
            if wanted is None:
                self.faults.append(diagnostic)
            else:
                wanted.append((name, diagnostic))

    def once(self, key: object, report: Callable[[], ArchError]) -> None:
        """As ``tell``, for the first of the uses that share a ``key``; the others are counted."""
        count = self.repeats.get(key)
        if count is not None:
            count[1] += 1
            return
        self.repeats[key] = [len(self.faults), 0]
        self.tell(report)

    def comparable(self, known: Collection[str]) -> Collection[str]:
        """``known`` where looking for one like it does not take too long."""
        self._compared += len(known)
        return known if self._compared <= _MOST_COMPARED or self._compared == len(known) else ()


def of_block(definition: BlockDefinition) -> Callee:
    """How a block is called."""
    names = parameter_names(definition)
    required = tuple(each.name for each in definition.block.parameters if each.default is None)
    return Callee(definition.block.name.id, frozenset(names), names, names[:MOST_POSITIONAL], required)


@cache
def of_operator(operator: type[Op]) -> Callee:
    """How an operator is called; one that checks or completes its attributes as a whole may do without any of them."""
    fields = operator.model_fields
    whole = operator.__pydantic_decorators__.model_validators
    required = () if whole else tuple(name for name, each in fields.items() if each.is_required())
    names = tuple(fields)
    return Callee(operator.keyword, frozenset(names), names, operator.positional[:MOST_POSITIONAL], required)
