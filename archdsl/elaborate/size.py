"""How large a text becomes at least, found without expanding it: repeats multiply, blocks are measured once for each use.

What cannot be known before shapes are (``in.c``, the variable of a repeat) counts least: such a guard as false, such a count as
nothing.  So every figure is a lower bound, and a network of 10^12 operations is refused in the time that it takes to read it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from archdsl.diagnostics import ArchError, error
from archdsl.elaborate.definitions import Definitions
from archdsl.elaborate.environment import PREDECLARED, BlockDefinition, Bound, FileScope, Frame, Names, Value
from archdsl.elaborate.evaluate import evaluate
from archdsl.elaborate.names import bodies_in
from archdsl.limits import Limits
from archdsl.source import Span
from archdsl.syntax import ast

_MOST_MEASURED = 20_000  # statements looked at with values; beyond, blocks are measured once, whatever their arguments

Known = dict[str, Value | None]
"""What is known of the names bound in a definition; None for a name whose value is not."""


@dataclass(frozen=True, slots=True)
class Size:
    """Operations, and statements to elaborate."""

    nodes: int = 0
    steps: int = 0

    def __add__(self, other: "Size") -> "Size":
        return Size(self.nodes + other.nodes, self.steps + other.steps)

    def __mul__(self, count: int) -> "Size":
        return Size(self.nodes * count, self.steps * count)


_STATEMENT = Size(0, 1)


class Sizes:
    """The sizes of the texts of one program."""

    def __init__(self, definitions: Definitions, limits: Limits) -> None:
        self._definitions = definitions
        self._limits = limits
        self._blocks: dict[object, Size] = {}
        self._with_defaults: dict[int, set[str]] = {}
        self._measured = 0
        self._depth = 0

    def check(self, body: ast.Body, file: FileScope, values: Mapping[str, Bound], place: Span) -> None:
        """Raises E0505 where ``body`` must exceed a limit; the place is the repeat or call that does, else ``place``."""
        known: Known = {name: bound.value for name, bound in values.items()}
        size = self._body(body, file, known)
        if self._exceeds(size):
            raise too_large(size, self._limits, self._culprit(body, file, known) or place)

    def check_repeat(self, repeat: ast.Repeat, count: int, file: FileScope, values: Mapping[str, Bound], made: int) -> None:
        """Raises E0505 where ``count`` times the step exceed a limit beside the ``made`` operations that are there."""
        known: Known = {name: bound.value for name, bound in values.items()}
        size = (self._iteration(repeat, file, known) + _STATEMENT) * count + Size(made)
        if self._exceeds(size):
            raise too_large(size, self._limits, repeat.count.span)

    def check_call(self, call: ast.Call, definition: BlockDefinition, made: int) -> None:
        """Raises E0505 where the block alone exceeds a limit, whatever its arguments are."""
        size = self._block(definition, None) + Size(made)
        if self._exceeds(size):
            raise too_large(size, self._limits, call.callee.span)

    def _exceeds(self, size: Size) -> bool:
        return size.nodes > self._limits.nodes or size.steps > self._limits.steps

    # --- measuring -------------------------------------------------------------------------------------------------------

    def _body(self, body: ast.Body, file: FileScope, known: Known) -> Size:
        if self._depth > 2 * self._limits.nesting:  # reported where it is elaborated
            return Size()
        self._depth += 1
        inner = dict(known)
        total = Size(0, len(body.statements))
        for statement in body.statements:
            self._measured += 1
            if isinstance(statement, ast.Let):
                inner[statement.name.id] = self._value(statement.value, file, inner)
            elif isinstance(statement, ast.Pipe) and self._holds(statement.guard, file, inner):
                for labelled in statement.steps:
                    total += self._step(labelled.step, file, inner)
        self._depth -= 1
        return total

    def _step(self, step: ast.Step, file: FileScope, known: Known) -> Size:
        if isinstance(step, ast.Body):
            return self._body(step, file, known)
        if isinstance(step, ast.Repeat):
            count = self._value(step.count, file, known)
            if isinstance(count, bool) or not isinstance(count, int) or count <= 0:
                return Size()
            return (self._iteration(step, file, known) + _STATEMENT) * count
        if not isinstance(step, ast.Call):
            return Size()
        definition = file.blocks.get(step.callee.id)
        if definition is not None:
            return self._block(definition, self._arguments(step, definition, file, known))
        bodies = [argument.value for argument in step.arguments if isinstance(argument.value, ast.Body)]
        inside = sum((self._body(body, file, known) for body in [*bodies, *([step.body] if step.body else [])]), Size())
        makes_node = step.callee.id in self._definitions.operators or step.callee.id == "residual"
        return inside + Size(int(makes_node))

    def _iteration(self, repeat: ast.Repeat, file: FileScope, known: Known) -> Size:
        inner = known if repeat.variable is None else {**known, repeat.variable.id: None}
        return self._step(repeat.step, file, inner)

    def _block(self, definition: BlockDefinition, known: Known | None) -> Size:
        """The size of a block; ``known`` is None for what holds whatever the arguments."""
        if known is not None and self._measured > _MOST_MEASURED:
            known = None
        key = (id(definition), None if known is None else tuple((type(value), value) for value in known.values()))
        if key not in self._blocks:
            self._blocks[key] = Size()  # a block that uses itself is reported where it is elaborated
            blind: Known = {parameter.name.id: None for parameter in definition.block.parameters}
            self._blocks[key] = self._body(definition.block.body, definition.file, blind if known is None else known)
        return self._blocks[key]

    def _arguments(self, call: ast.Call, definition: BlockDefinition, file: FileScope, known: Known) -> Known:
        """What is known of a block's parameters in a call."""
        names = [parameter.name.id for parameter in definition.block.parameters]
        given: dict[str, ast.Argument] = {}
        for index, argument in enumerate(call.arguments):
            if argument.name is not None or index < len(names):
                given[argument.name or names[index]] = argument
        found: Known = {}
        for parameter in definition.block.parameters:
            name = parameter.name.id
            if name in given:
                written = given[name].value
                found[name] = None if isinstance(written, ast.Body) else self._value(written, file, known)
            elif parameter.default is not None and not self._has_defaults(call.callee.id, file):
                found[name] = self._value(parameter.default, definition.file, found)
            else:
                found[name] = None
        return found

    def _has_defaults(self, callee: str, file: FileScope) -> bool:
        """Whether the file has ``defaults`` for ``callee`` anywhere."""
        found = self._with_defaults.get(id(file))
        if found is None:
            definitions = (item for item in file.file.items if isinstance(item, ast.Block | ast.Arch))
            bodies = (body for definition in definitions for body in bodies_in(definition.body))
            written = (item for items in (file.file.items, *(body.statements for body in bodies)) for item in items)
            found = {item.callee.id for item in written if isinstance(item, ast.Defaults)}
            self._with_defaults[id(file)] = found
        return callee in found

    # --- values ----------------------------------------------------------------------------------------------------------

    def _holds(self, guard: ast.Expr | None, file: FileScope, known: Known) -> bool:
        return guard is None or self._value(guard, file, known) is True

    def _value(self, expr: ast.Expr, file: FileScope, known: Known) -> Value | None:
        """The value of ``expr``; None where it is not known, or faulty."""
        if isinstance(expr, ast.Literal):
            return expr.value
        if not self._evaluable(expr, file, known):
            return None
        values = {name: Bound(value, "let") for name, value in known.items() if value is not None}
        try:
            return evaluate(expr, Frame(file, self._limits, Names(values), {}))
        except ArchError:
            return None

    def _evaluable(self, expr: ast.Expr, file: FileScope, known: Known) -> bool:
        if isinstance(expr, ast.Name):
            if expr.id in known:
                return known[expr.id] is not None
            return expr.id in PREDECLARED or file.top.values.get(expr.id) is not None
        return not isinstance(expr, ast.InputSize) and all(self._evaluable(part, file, known) for part in ast.parts(expr))

    # --- the place to show -----------------------------------------------------------------------------------------------

    def _culprit(self, body: ast.Body, file: FileScope, known: Known) -> Span | None:
        """The count of the innermost repeat in ``body``, or a call in it, that exceeds a limit by itself."""
        inner = dict(known)
        for statement in body.statements:
            if isinstance(statement, ast.Let):
                inner[statement.name.id] = self._value(statement.value, file, inner)
            elif isinstance(statement, ast.Pipe) and self._holds(statement.guard, file, inner):
                for labelled in statement.steps:
                    if self._exceeds(self._step(labelled.step, file, inner)):
                        return self._culprit_in(labelled.step, file, inner)
        return None

    def _culprit_in(self, step: ast.Step, file: FileScope, known: Known) -> Span | None:
        while isinstance(step, ast.Repeat):
            known = known if step.variable is None else {**known, step.variable.id: None}
            if not self._exceeds(self._step(step.step, file, known)):
                return step.count.span
            step = step.step
        if isinstance(step, ast.Body):
            return self._culprit(step, file, known)
        if isinstance(step, ast.Call):
            inside = self._culprit(step.body, file, known) if step.body is not None else None
            return inside or step.callee.span
        return None


def too_large(size: Size, limits: Limits, span: Span) -> ArchError:
    """The E0505 error for a text of at least this size."""
    if size.nodes > limits.nodes:
        message = f"the network is too large: at least {_shown(size.nodes)} operations"
        return error("E0505", message, span, f"the limit is {limits.nodes:,}")
    message = f"the network is too large: at least {_shown(size.steps)} statements to elaborate"
    return error("E0505", message, span, f"the limit is {limits.steps:,}")


def _shown(count: int) -> str:
    return f"{count:,}" if count < 10**21 else f"10^{(count.bit_length() - 1) * 30103 // 100000}"
