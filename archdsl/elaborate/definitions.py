"""What each file defines: blocks, networks, constants; found once per file, whatever imports it."""

from collections.abc import Iterator, Mapping

from archdsl.diagnostics import Label, did_you_mean, error
from archdsl.elaborate.environment import PREDECLARED, BlockDefinition, Bound, FileScope, Frame, NetworkDefinition
from archdsl.elaborate.evaluate import evaluate
from archdsl.ir import Op
from archdsl.limits import Limits
from archdsl.source import Span
from archdsl.syntax import ast

FORMS = ("residual", "side")
"""Calls that shape the flow and are no operators."""


class Definitions:
    """All files of a program with their names resolved; raises ``ArchError`` for a name that is unknown, taken or reserved."""

    def __init__(self, program: ast.Program, operators: Mapping[str, type[Op]], limits: Limits) -> None:
        self._program = program
        self.operators = operators
        self._limits = limits
        self._scopes: dict[int, FileScope] = {}
        self._sizes: dict[int, int] = {}
        self.main = self._scope(program.main)

    def _scope(self, file: ast.File) -> FileScope:
        found = self._scopes.get(id(file))
        if found is not None:
            return found
        scope = self._scopes[id(file)] = FileScope(file)
        scope.frame = Frame(scope, self._limits, {}, {})
        spans: dict[str, Span] = {}
        for item in file.items:
            for name in _declared(item):
                _claim(name, spans, callable_=not isinstance(item, ast.Let), operators=self.operators)
            self._declare(item, scope)
        return scope

    def _declare(self, item: ast.Item, scope: FileScope) -> None:
        if isinstance(item, ast.Import):
            self._import(item, scope)
        elif isinstance(item, ast.Block):
            scope.blocks[item.name.id] = BlockDefinition(item, scope)
        elif isinstance(item, ast.Arch | ast.Variant):
            scope.networks[item.name.id] = NetworkDefinition(item, scope)
        elif isinstance(item, ast.Let):
            value = evaluate(item.value, scope.top)
            scope.top.values[item.name.id] = Bound(value, "let", item.value.span, defined=item.name.span)
        elif isinstance(item, ast.Defaults):
            add_defaults(item, scope.top)

    def _import(self, item: ast.Import, scope: FileScope) -> None:
        other = self._scope(self._program.imported[(scope.file.source, str(item.file.value))])
        for imported in item.names:
            name, alias = imported.name.id, imported.alias.id
            if name in other.blocks:
                scope.blocks[alias] = other.blocks[name]
            elif name in other.networks:
                scope.networks[alias] = other.networks[name]
            elif name in other.top.values:
                bound = other.top.values[name]
                scope.top.values[alias] = Bound(bound.value, "import", bound.span, defined=imported.alias.span)
            else:
                known = [*other.blocks, *other.networks, *other.top.values]
                message = f'"{item.file.value}" defines no `{name}`'
                raise error("E0201", message, imported.name.span, "not defined there", help=did_you_mean(name, known))

    def callable(self, callee: ast.Name, scope: FileScope) -> "BlockDefinition | type[Op] | str":
        """What ``callee`` calls in a file: a block, an operator, or the name of a form."""
        found = scope.blocks.get(callee.id) or self.operators.get(callee.id)
        if found is not None:
            return found
        if callee.id in FORMS:
            return callee.id
        if callee.id in scope.networks:
            raise error("E0201", f"`{callee.id}` is a network, not a block", callee.span, "cannot be called")
        help_ = did_you_mean(callee.id, [*scope.blocks, *self.operators, *FORMS])
        raise error("E0201", f"unknown block or operator `{callee.id}`", callee.span, "not defined or imported here", help=help_)

    def fewest_nodes(self, step: ast.Step, scope: FileScope) -> int:
        """A lower bound of the nodes that ``step`` makes, found without elaborating it.

        Guards count as false, computed counts as 0.
        """
        if isinstance(step, ast.Body):
            return sum(self._fewest_in(step, scope))
        if isinstance(step, ast.Repeat):
            count = step.count.value if isinstance(step.count, ast.Literal) and isinstance(step.count.value, int) else 0
            return count * self.fewest_nodes(step.step, scope) if count else 0
        if not isinstance(step, ast.Call):
            return 0
        if step.callee.id in scope.blocks:
            definition = scope.blocks[step.callee.id]
            if id(definition) not in self._sizes:
                self._sizes[id(definition)] = 0  # a block that uses itself is reported where it is elaborated
                self._sizes[id(definition)] = sum(self._fewest_in(definition.block.body, definition.file))
            return self._sizes[id(definition)]
        inside = sum(self._fewest_in(step.body, scope)) if step.body is not None else 0
        return inside + (step.callee.id in self.operators or step.callee.id == "residual")

    def _fewest_in(self, body: ast.Body, scope: FileScope) -> Iterator[int]:
        for statement in body.statements:
            if isinstance(statement, ast.Pipe) and statement.guard is None:
                yield from (self.fewest_nodes(labelled.step, scope) for labelled in statement.steps)


def add_defaults(item: ast.Defaults, frame: Frame) -> None:
    """Calls of the callee that are written later in these braces take these arguments where they give none themselves."""
    for argument in item.arguments:
        if argument.name is None:
            raise error("E0404", "`defaults` takes named arguments only", argument.span, "write `name=value`")
    before = frame.defaults.get(item.callee.id, ())
    frame.defaults[item.callee.id] = (*before, *((argument, frame) for argument in item.arguments))


def _declared(item: ast.Item) -> list[ast.Name]:
    if isinstance(item, ast.Import):
        return [imported.alias for imported in item.names]
    if isinstance(item, ast.Block | ast.Arch | ast.Variant | ast.Let):
        return [item.name]
    return []


def _claim(name: ast.Name, spans: dict[str, Span], *, callable_: bool, operators: Mapping[str, type[Op]]) -> None:
    if name.id in PREDECLARED:
        raise error("E0203", f"`{name.id}` is a constant of the language", name.span, "cannot be redefined")
    if callable_ and (name.id in operators or name.id in FORMS):
        raise error("E0203", f"`{name.id}` is an operator", name.span, "cannot be redefined", help="choose another name")
    if name.id in spans:
        first = Label(spans[name.id], "first defined here")
        raise error("E0202", f"`{name.id}` is defined twice", name.span, "defined again", secondary=[first])
    spans[name.id] = name.span
