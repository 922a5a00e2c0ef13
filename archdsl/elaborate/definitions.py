"""What each file defines: blocks, networks, constants; found once per file, whatever imports it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath

from archdsl.diagnostics import ArchError, Diagnostic, Label, did_you_mean, error
from archdsl.elaborate.arguments import name_of, unknown_argument, value_of
from archdsl.elaborate.environment import UNKNOWN, BlockDefinition, FileScope, Frame, Names, NetworkDefinition
from archdsl.elaborate.names import check_value_name
from archdsl.elaborate.unknown import unknown_callee
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
        self._faults: list[Diagnostic] = []
        self.main = self._scope(program.main)
        if self._faults:
            raise ArchError(*self._faults)
        self.files = tuple(self._scopes[id(file)] for file in program.files)
        folder = PurePath(program.main.source.path).parent  # imports never leave it but for the bundled library
        sources = (file.source for file in program.files if file is not program.main)
        self.library = frozenset(source for source in sources if not PurePath(source.path).is_relative_to(folder))

    def _scope(self, file: ast.File) -> FileScope:
        found = self._scopes.get(id(file))
        if found is not None:
            return found
        scope = self._scopes[id(file)] = FileScope(file)
        scope.frame = Frame(scope, self._limits, Names(), {})
        spans: dict[str, Span] = {}
        for item in file.items:
            try:
                for name in _declared(item):
                    _claim(name, spans, callable_=not isinstance(item, ast.Let), operators=self.operators)
                self._declare(item, scope)
            except ArchError as fault:  # told at the end, with those of the other items
                self._faults += fault.diagnostics
                for name in _declared(item):
                    scope.top.values.own.setdefault(name.id, UNKNOWN)
        for item in file.items if not self._faults else ():
            if isinstance(item, ast.Defaults):  # what they are for may be defined behind them
                self.check_defaults(item, scope)
        return scope

    def block_at(self, place: Span) -> str | None:
        """Name of the block whose text ``place`` lies in."""
        for scope in self.files:
            for item in scope.file.items if scope.file.source is place.source else ():
                if isinstance(item, ast.Block) and item.span.start <= place.start < item.span.end:
                    return item.name.id
        return None

    def _declare(self, item: ast.Item, scope: FileScope) -> None:
        if isinstance(item, ast.Import):
            self._import(item, scope)
        elif isinstance(item, ast.Block):
            _check_parameters(item.parameters)
            scope.blocks[item.name.id] = BlockDefinition(item, scope, scope.top.defaults)
        elif isinstance(item, ast.Arch | ast.Variant):
            if isinstance(item, ast.Arch):
                _check_parameters(item.parameters)
            scope.networks[item.name.id] = NetworkDefinition(item, scope, scope.top.defaults)
        elif isinstance(item, ast.Let):
            value = replace(value_of(item.value, scope.top), span=item.value.span, formula=None)
            scope.top.values[item.name.id] = value.as_let(item.name)
        elif isinstance(item, ast.Defaults):
            scope.top.add_defaults(item.callee.id, item.arguments)

    def _import(self, item: ast.Import, scope: FileScope) -> None:
        other = self._scope(self._program.imported[(scope.file.source, str(item.file.value))])
        for imported in item.names:
            name, alias = imported.name.id, imported.alias.id
            if name in other.blocks:
                scope.blocks[alias] = other.blocks[name]
            elif name in other.networks:
                scope.networks[alias] = other.networks[name]
            elif (bound := other.top.values.get(name)) is not None:
                scope.top.values[alias] = bound.as_import(imported.alias)
            else:
                known = [*other.blocks, *other.networks, *other.top.values.all()]
                message = f'"{item.file.value}" defines no `{name}`'
                raise error("E0201", message, imported.name.span, "not defined there", help=did_you_mean(name, known))

    def callable(self, callee: ast.Name, scope: FileScope) -> "BlockDefinition | type[Op] | str":
        """What ``callee`` calls in a file: a block, an operator, or the name of a form."""
        found = scope.blocks.get(callee.id) or self.operators.get(callee.id)
        if found is not None:
            return found
        if callee.id in FORMS:
            return callee.id
        raise unknown_callee(callee, [*scope.blocks, *self.operators, *FORMS], is_network=callee.id in scope.networks)

    def check_defaults(self, item: ast.Defaults, scope: FileScope) -> None:
        """Raises E0201 for an unknown callee of ``defaults``, E0404 for an argument that it does not have or without a name."""
        target = self.callable(item.callee, scope)
        names = parameter_names(target)
        for argument in item.arguments:
            if argument.name is None:
                raise error("E0404", "`defaults` takes named arguments only", argument.span, "write `name=value`")
            if argument.name not in names:
                raise unknown_argument(argument.name, name_of(argument), item.callee, names)


def parameter_names(target: "BlockDefinition | type[Op] | str") -> tuple[str, ...]:
    """The parameters of what can be called, in order."""
    if isinstance(target, BlockDefinition):
        return tuple(parameter.name.id for parameter in target.block.parameters)
    if isinstance(target, str):
        return ("scale", "shortcut") if target == "residual" else ()
    return tuple(target.model_fields)


def _declared(item: ast.Item) -> list[ast.Name]:
    if isinstance(item, ast.Import):
        return [imported.alias for imported in item.names]
    if isinstance(item, ast.Block | ast.Arch | ast.Variant | ast.Let):
        return [item.name]
    return []


def _check_parameters(parameters: Sequence[ast.Parameter]) -> None:
    """Raises E0203 for a parameter named as a constant of the language, E0202 for two of one name."""
    spans: dict[str, Span] = {}
    for name in (parameter.name for parameter in parameters):
        check_value_name(name)
        if name.id in spans:
            first = Label(spans[name.id], "first defined here")
            raise error("E0202", f"two parameters `{name.id}`", name.span, "named again", secondary=[first])
        spans[name.id] = name.span


def _claim(name: ast.Name, spans: dict[str, Span], *, callable_: bool, operators: Mapping[str, type[Op]]) -> None:
    check_value_name(name)
    if callable_ and (name.id in operators or name.id in FORMS):
        raise error("E0203", f"`{name.id}` is an operator", name.span, "cannot be redefined", help="choose another name")
    if name.id in spans:
        first = Label(spans[name.id], "first defined here")
        raise error("E0202", f"`{name.id}` is defined twice", name.span, "defined again", secondary=[first])
    spans[name.id] = name.span
