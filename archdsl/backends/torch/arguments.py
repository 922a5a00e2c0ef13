"""Constructor arguments: each value of a template that differs between instances becomes one, under the best name there is.

The spec's own expression comes first (``w``, ``4 * w``), then the width of the value that enters (``in_channels``), then a name
made of the label and what the value is for.
"""

import re
from typing import Any

from archdsl.backends.torch.instances import Ref
from archdsl.backends.torch.templates import (
    ABSENT,
    Argument,
    Conditional,
    Expression,
    Hole,
    Listed,
    Module,
    Piece,
    Repeated,
    Template,
    plain,
)
from archdsl.backends.torch.text import free_name, literal
from archdsl.ir import REQUIRED

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_WORDS = {"and", "or", "not", "True", "False"}
_WIDTHS_OUT = ("out_channels", "out_features")
_IN_CHANNELS = "in_channels"


def resolve(template: Template) -> None:
    """Every hole of ``template`` has its text, and the template its constructor's arguments."""
    _Resolver(template).run()


class _Resolver:
    def __init__(self, template: Template) -> None:
        self._template = template
        self._arguments: dict[str, Argument] = {}
        self._widths: dict[Ref, Hole] = {}

    def run(self) -> None:
        template = self._template
        entering = Hole(_IN_CHANNELS, [instance.channels for instance in template.instances], derived=True)
        self._widths[("in", 0)] = entering
        for piece in template.pieces:
            self._piece(piece)
        for conditional in template.conditionals:
            self._conditional(conditional)
        self._order()
        width = self._widths.get(template.output)
        if width is not None and width.text in self._arguments:
            template.width = width.text

    def _piece(self, piece: Piece) -> None:
        if isinstance(piece.part, Expression):
            for hole in piece.part.holes:
                self._hole(hole, piece)
        else:
            self._module(piece.part, piece)
            width = _width(piece.part) or (self._widths.get(piece.inputs[0]) if piece.inputs else None)
            if width is not None:
                self._widths[piece.key] = width

    def _module(self, part: Module, piece: Piece) -> None:
        if isinstance(part, Listed):
            for each in part.parts:
                self._module(each, piece)
        elif isinstance(part, Repeated):
            self._hole(part.count, piece)
            for construct in (part.first, part.rest):
                if construct is not None:
                    self._module(construct, piece)
        else:
            for hole in part.holes:
                self._hole(hole, piece)

    def _hole(self, hole: Hole, piece: Piece) -> None:
        if hole.constant:
            hole.text = literal(hole.constant_value)
            return
        label = "_".join(piece.path[-2:] if piece.path[-1].isdigit() else piece.path[-1:])
        hole.text = self._by_formula(hole) or self._by_width(hole, piece) or self._new(hole, label)

    def _conditional(self, conditional: Conditional) -> None:
        hole = conditional.present
        hole.text = literal(hole.constant_value) if hole.constant else self._by_formula(hole) or self._new(hole, "")

    def _by_formula(self, hole: Hole) -> str | None:
        """The spec's own expression, if its names can be arguments with the right values."""
        formula = hole.formula
        if formula is None:
            return None
        if _IDENTIFIER.fullmatch(formula):
            return self._named(formula, hole.values, hole.default, parameter=True)
        if not hole.exact:
            return None
        for name in dict.fromkeys(_IDENTIFIER.findall(formula)):
            if name in _WORDS:
                continue
            values = [plain(instance.parameters.get(name, ABSENT)) for instance in self._template.instances]
            if ABSENT in values or self._named(name, values, REQUIRED, parameter=True) is None:
                return None
        return formula[1:-1] if formula.startswith("(") and _closes_last(formula) else formula

    def _by_width(self, hole: Hole, piece: Piece) -> str | None:
        """The width of the value that the piece takes, where that is what the hole says."""
        if not hole.derived or not piece.inputs:
            return None
        width = self._widths.get(piece.inputs[0])
        if width is None or not _agree(hole.values, width.values):
            return None
        if not width.text:
            width.text = self._named(_IN_CHANNELS, width.values, REQUIRED) or ""
        return width.text or None

    def _new(self, hole: Hole, label: str) -> str:
        wanted = f"{label}_{hole.role}" if label else hole.role
        for name in (hole.role, wanted):
            found = self._arguments.get(name)
            if found is not None and not found.parameter and _agree(found.values, hole.values):
                return name
        taken = {*self._arguments, *self._template.first.parameters}
        name = free_name(wanted, taken)
        self._arguments[name] = Argument(name, list(hole.values), hole.default)
        return name

    def _named(self, name: str, values: list[Any], default: object, *, parameter: bool = False) -> str | None:
        """``name`` once it is an argument with these values; None where it is one with others."""
        found = self._arguments.get(name)
        if found is None:
            if name != free_name(name, ()):
                return None
            self._arguments[name] = Argument(name, list(values), default, parameter)
            return name
        if not _agree(found.values, values):
            return None
        found.values = [new if old is ABSENT else old for old, new in zip(found.values, values, strict=True)]
        return name

    def _order(self) -> None:
        """The arguments in the order in which a caller gives them, with defaults where some caller relies on the spec's."""
        template = self._template
        rank = {name: index for index, name in enumerate([_IN_CHANNELS, *template.first.scope.arguments])}
        found = sorted(self._arguments.values(), key=lambda each: rank.get(each.name, len(rank)))
        for argument in found:
            argument.default = _default(argument, template)
            known = [value for value in argument.values if value is not ABSENT]
            argument.values = [known[0] if value is ABSENT else value for value in argument.values]
        template.arguments = sorted(found, key=lambda each: each.default is not REQUIRED)


def _default(argument: Argument, template: Template) -> object:
    """What the spec leaves unsaid: PyTorch's own default for a lowered value, else the value that most silent callers mean."""
    raw = [plain(instance.scope.arguments.get(argument.name, ABSENT)) for instance in template.instances]
    if argument.parameter and not _agree(raw, argument.values) and any(value == argument.default for value in argument.values):
        return argument.default
    silent = [
        value
        for instance, value in zip(template.instances, argument.values, strict=True)
        if argument.parameter and value is not ABSENT and argument.name not in instance.scope.origins
    ]
    if template.first.scope.kind != "block" or not silent:
        return REQUIRED
    return max(silent, key=silent.count)


def _width(part: Module) -> Hole | None:
    """The hole that gives the channels of the part's output."""
    if isinstance(part, Listed):
        return _width(part.parts[-1]) if part.parts else None
    if isinstance(part, Repeated):
        return _width(part.rest)
    if isinstance(part.callee, Template):
        return next((hole for hole in part.holes if hole.role == part.callee.width), None)
    return next((hole for hole in part.holes if hole.role in _WIDTHS_OUT), None)


def _agree(ours: list[Any], theirs: list[Any]) -> bool:
    """Whether two lists of values are equal wherever both have one."""
    return all(
        a is ABSENT or b is ABSENT or (a == b and type(a) is type(b)) for a, b in zip(ours, theirs, strict=True)
    )


def _closes_last(text: str) -> bool:
    """Whether the bracket that opens ``text`` is the one that ends it."""
    depth = 0
    for index, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return index == len(text) - 1
    return False
