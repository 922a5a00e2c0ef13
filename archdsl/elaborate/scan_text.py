"""The names of one file's text looked through without running it: what each means is known from where it stands.

The scopes are those that elaboration has (:class:`~archdsl.elaborate.environment.Frame`), but for what depends on values: a tap
behind a guard counts as there.  So a name that is unknown here is unknown in every network that reaches it.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from archdsl.diagnostics import ArchError
from archdsl.elaborate.arguments import bind
from archdsl.elaborate.definitions import FORMS, parameter_names
from archdsl.elaborate.environment import PREDECLARED, FileScope, Names
from archdsl.elaborate.names import labels_in
from archdsl.elaborate.scan_scopes import Braces, Callee, Declared, Findings, Kind, of_block, of_operator
from archdsl.elaborate.unknown import (
    SIZES,
    missing_argument,
    missing_attribute,
    unknown_callee,
    unknown_size,
    unknown_tap,
    unknown_value,
)
from archdsl.ir import Op
from archdsl.source import Span
from archdsl.syntax import ast


class Text:
    """The text of one file, whose blocks and networks are looked through one by one.

    ``captions`` tells whether every ``expect`` is evaluated for the networks as declared.
    """

    def __init__(self, file: FileScope, operators: Mapping[str, type[Op]], found: Findings, *, captions: bool) -> None:
        self.file = file
        self.values: dict[str, Declared] = {}
        self.declared: list[Declared] = []
        self.called: dict[str, Callee | None] = {}
        self.defaults: dict[str, int] = {}
        self.found = found
        self._operators = operators
        self._captions = captions
        self._lenient = False

    # --- definitions -----------------------------------------------------------------------------------------------------

    def top(self) -> None:
        """The constants, imports and defaults of the file known, in the order in which they are written."""
        braces = self.braces()
        for item in self.file.file.items:
            if isinstance(item, ast.Let):
                self.expr(item.value, braces)
                self._declare_top("constant", item.name)
            elif isinstance(item, ast.Import):
                for imported in item.names:
                    if imported.alias.id in self.file.top.values.own:
                        self._declare_top("import", imported.alias)
            elif isinstance(item, ast.Defaults):
                self._defaults_of(item, braces)
                for argument in item.arguments:
                    self.defaults.setdefault(f"{item.callee.id} {argument.name}", item.span.start)
        for expr in braces.late:  # evaluated at calls, when all constants are known
            self.expr(expr, braces)

    def braces(self, definition: ast.Block | ast.Arch | None = None, values: dict[str, Declared] | None = None) -> Braces:
        """Outermost braces, in which the ``values`` are bound."""
        return Braces(definition, Names(values), Names(), Names())

    def define(self, definition: ast.Block | ast.Arch) -> dict[str, Declared]:
        """The parameters of a block or network, once all of its text has been looked through."""
        braces = self.braces(definition, {})
        owner = definition.name.id
        for parameter in definition.parameters:
            if parameter.default is not None:
                self.expr(parameter.default, braces)
            name = parameter.name
            braces.values.own[name.id] = self._declare("parameter", name.id, name.span, owner)
        parameters = braces.values.own
        braces.own_values = True
        self.body(definition.body, braces)
        return parameters

    def about(self, about: ast.About) -> None:
        """The facts, which see the names of the file alone."""
        self._arguments(about.entries, self.braces())

    def _declare(self, kind: Kind, name: str, span: Span, owner: str = "") -> Declared:
        declared = Declared(kind, name, span, owner)
        self.declared.append(declared)
        return declared

    def _declare_top(self, kind: Kind, name: ast.Name) -> None:
        self.values[name.id] = self._declare(kind, name.id, name.span)

    # --- statements ------------------------------------------------------------------------------------------------------

    def body(self, body: ast.Body, braces: Braces) -> None:
        """The statements of ``body``, which are those of ``braces``."""
        for statement in body.statements:
            if isinstance(statement, ast.Pipe):
                self.pipe(statement, braces)
            elif isinstance(statement, ast.Let):
                self.expr(statement.value, braces)
                owner = "" if braces.definition is None else braces.definition.name.id
                braces.bind(self._declare("constant", statement.name.id, statement.name.span, owner))
            elif isinstance(statement, ast.Defaults):
                self._defaults_of(statement, braces)
                for argument in statement.arguments:
                    braces.add_default(f"{statement.callee.id} {argument.name}")
            elif isinstance(statement, ast.About):
                if isinstance(braces.definition, ast.Arch):
                    self.about(statement)
            else:
                self._sizes(statement, braces)
        for expr in braces.late:
            self.expr(expr, braces)

    def _defaults_of(self, item: ast.Defaults, braces: Braces) -> None:
        callee = self._callee(item.callee, braces)
        given: dict[str, ast.Argument] = {}
        for argument in item.arguments:
            if callee is not None and argument.name is not None and argument.name not in callee.names:
                self.found.tell(partial(_refused, (argument,), item.callee, callee.parameters, ()))
            given[argument.name or ""] = argument
            if not isinstance(argument.value, ast.Body):
                braces.late.append(argument.value)

    def _sizes(self, statement: ast.Input | ast.Expect, braces: Braces) -> None:
        """Sizes; a bare name of an input may be symbolic, and is no value then."""
        is_input = isinstance(statement, ast.Input)
        for dim in statement.dims[1:]:
            expr = dim.name if dim.value is None else dim.value
            if expr is not None:
                self._lenient = dim.value is None if is_input else not self._captions
                self.expr(expr, braces)
        self._lenient = False
        if isinstance(statement, ast.Input):
            name = statement.name
            braces.taps[name.name] = self._declare("input", name.name, name.span)

    # --- pipes -----------------------------------------------------------------------------------------------------------

    def pipe(self, pipe: ast.Pipe, braces: Braces) -> None:
        """A statement of the flow."""
        if pipe.guard is not None:
            self.expr(pipe.guard, braces)
        for labelled in pipe.steps:
            self._step(labelled.step, braces)

    def _step(self, step: ast.Step, braces: Braces) -> None:
        if isinstance(step, ast.Call):
            self._call(step, braces)
        elif isinstance(step, ast.Body):
            self.body(step, braces.inner())
        elif isinstance(step, ast.Tap):
            self._tap(step.name, braces)
        elif isinstance(step, ast.From):
            tap = braces.taps.get(step.tap.id)
            if tap is None:
                self._unknown_tap(step.tap, braces)
            else:
                tap.used = True
        elif isinstance(step, ast.Repeat):
            self._repeat(step, braces)
        else:
            self._output(step, braces)

    def _tap(self, name: ast.Name, braces: Braces) -> None:
        """A tap of the name of another stands for the same value: under another guard."""
        braces.taps[name.id] = braces.taps.get(name.id) or self._declare("tap", name.id, name.span)

    def _repeat(self, repeat: ast.Repeat, braces: Braces) -> None:
        self.expr(repeat.count, braces)
        inner = braces.inner()
        inner.taps = Names(outer=braces.taps)
        if repeat.variable is not None:
            variable = repeat.variable
            inner.values = Names({variable.id: self._declare("index", variable.id, variable.span)}, braces.values)
        self._step(repeat.step, inner)

    def _output(self, step: ast.Output, braces: Braces) -> None:
        if step.arguments:
            names = ("weight",)
            callee = Callee(step.name.id, frozenset(names), names, (), ())
            self._check_arguments(step.arguments, step.name, callee)
            self._arguments(step.arguments, braces)

    def _call(self, call: ast.Call, braces: Braces) -> None:
        callee = self._callee(call.callee, braces)
        if call.arguments:
            if callee is not None:
                given = self._check_arguments(call.arguments, call.callee, callee)
                if callee.required and given is not None:
                    self._check_required(call, callee, given, braces)
            self._arguments(call.arguments, braces)
        elif callee is not None and callee.required:
            self._check_required(call, callee, (), braces)
        if call.body is not None:
            self.body(call.body, braces.inner())

    # --- arguments -------------------------------------------------------------------------------------------------------

    def _arguments(self, arguments: Sequence[ast.Argument], braces: Braces) -> None:
        """The values of ``arguments``."""
        for argument in arguments:
            value = argument.value
            if isinstance(value, ast.Literal):
                continue
            if isinstance(value, ast.Body):
                self.body(value, braces.inner())
            else:
                self.expr(value, braces)

    def _check_arguments(self, arguments: Sequence[ast.Argument], name: ast.Name, callee: Callee) -> set[str] | None:
        """The parameters that the arguments are given to; None where that is told to be wrong."""
        given: set[str] = set()
        for index, argument in enumerate(arguments):
            parameter = argument.name
            if parameter is None:
                parameter = callee.positional[index] if index < len(callee.positional) else ""
            if parameter not in callee.names or parameter in given:
                self.found.tell(partial(_refused, arguments, name, callee.parameters, callee.positional))
                return None
            given.add(parameter)
        return given

    def _check_required(self, call: ast.Call, callee: Callee, given: Collection[str], braces: Braces) -> None:
        """Tells of a parameter that neither the call nor ``defaults`` give, unless an edit may."""
        since = float("inf") if braces.definition is None else braces.definition.span.start
        for parameter in callee.required:
            name = parameter if isinstance(parameter, str) else parameter.id
            if name in given:
                continue
            key = f"{call.callee.id} {name}"
            if braces.defaults.get(key) or self.defaults.get(key, since) < since:
                continue
            self.found.tell(partial(_missing, callee.name, parameter, call), self.found.arguments_wanted, name)
            return

    # --- names -----------------------------------------------------------------------------------------------------------

    def _callee(self, name: ast.Name, braces: Braces) -> Callee | None:
        """What ``name`` calls; None where that is not known, which is told once."""
        known = self.called.get(name.id)
        if known is None:
            known = self._found_callee(name.id)
            if known is None:
                self._unknown_callee(name)
            else:
                self.called[name.id] = known
        return known

    def _found_callee(self, name: str) -> Callee | None:
        block = self.file.blocks.get(name)
        if block is not None:
            return of_block(block)
        operator = self._operators.get(name)
        if operator is not None:
            return of_operator(operator)
        if name in FORMS:
            names = parameter_names(name)
            return Callee(name, frozenset(names), names, (), ())
        return None

    def expr(self, expr: ast.Expr, braces: Braces) -> None:
        """The names of an expression, whichever parts of it are evaluated."""
        if isinstance(expr, ast.Name):
            declared = braces.values.get(expr.id) or self.values.get(expr.id)
            if declared is not None:
                declared.used = True
            elif expr.id not in PREDECLARED and not self._lenient:
                self._unknown_value(expr, braces)
        elif isinstance(expr, ast.InputSize):
            if expr.attribute not in SIZES:
                self.found.tell(lambda: unknown_size(expr))
        else:
            for part in ast.parts(expr):
                self.expr(part, braces)

    # --- what is unknown -------------------------------------------------------------------------------------------------

    def _unknown_callee(self, name: ast.Name) -> None:
        def report() -> ArchError:
            known = self.found.comparable([*self.file.blocks, *self._operators, *FORMS])
            return unknown_callee(name, known, is_network=name.id in self.file.networks)

        self.found.once((id(self.file), "callee", name.id), report)

    def _unknown_value(self, name: ast.Name, braces: Braces) -> None:
        def report() -> ArchError:
            known = self.found.comparable([*braces.values.all(), *self.values, *PREDECLARED])
            return unknown_value(name, known, is_tap=braces.taps.get(name.id) is not None)

        self.found.once((id(self.file), id(braces.definition), name.id), report)

    def _unknown_tap(self, name: ast.Name, braces: Braces) -> None:
        def report() -> ArchError:
            labels = () if braces.definition is None else labels_in(braces.definition.body)
            return unknown_tap(name, self.found.comparable(braces.taps.all()), labels)

        self.found.tell(report, self.found.taps_wanted, name.id)


def _missing(callee: str, parameter: ast.Name | str, call: ast.Call) -> ArchError:
    if isinstance(parameter, str):
        return missing_attribute(callee, parameter, call)
    return missing_argument(callee, parameter, call)


def _refused(arguments: Sequence[ast.Argument], callee: ast.Name, names: Sequence[str], positional: Sequence[str]) -> ArchError:
    """Why arguments do not go with these parameters."""
    try:
        bind(arguments, callee, names, positional)
    except ArchError as fault:
        return fault
    return ArchError()
