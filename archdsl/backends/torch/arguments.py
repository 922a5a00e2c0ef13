"""Constructor arguments: each value of a template that differs between instances becomes one, under the best name there is.

The spec's own expression comes first (``w``, ``4 * w``, ``in_channels // 16``), then the width of the value that enters, then a
name made of the label and what the value is for.  An expression is taken only if it gives the right value in every instance.
"""

import ast
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any

from archdsl.backends.torch import formulas
from archdsl.backends.torch.argument_table import ArgumentTable
from archdsl.backends.torch.formulas import WIDTH_IN
from archdsl.backends.torch.instances import Ref
from archdsl.backends.torch.templates import (
    ABSENT,
    Conditional,
    Construct,
    Expression,
    Hole,
    Listed,
    Module,
    Piece,
    Repeated,
    Template,
    agree,
    plain,
    same,
)
from archdsl.backends.torch.text import free_name, literal
from archdsl.ir import REQUIRED

_WIDTHS_OUT = ("out_channels", "out_features", "channels")


def resolve(template: Template, reserved: Container[str]) -> None:
    """Every hole of ``template`` has its text, and the template its constructor's arguments, none of them ``reserved``."""
    _Resolver(template, reserved).run()


@dataclass(slots=True)
class _Width:
    """The channels of a value in every instance, as the sum of what ``holes`` say (None: nothing says it)."""

    values: list[Any]
    holes: list[Hole] | None

    @property
    def named(self) -> bool:
        """Whether its text is more than a number."""
        return any(hole.text and not hole.text.isdigit() for hole in self.holes or ())


class _Resolver:
    def __init__(self, template: Template, reserved: Container[str]) -> None:
        self._template = template
        self._table = ArgumentTable(template, reserved)
        self._texts: list[str] = []
        self._known = [{name: plain(value) for name, value in each.parameters.items()} for each in template.instances]
        role = "in_features" if all(each.vector for each in template.instances) else "in_channels"
        self._role = Hole(role, [each.channels for each in template.instances], derived=True)
        self._entering = _Width(self._role.values, [self._role])
        self._widths: dict[Ref, _Width] = {("in", 0): self._entering}

    def run(self) -> None:
        template = self._template
        for piece in template.pieces:
            self._piece(piece)
        for conditional in template.conditionals:
            self._conditional(conditional)
        template.arguments = self._table.ordered(self._texts, self._role.text)
        width = self._widths.get(template.output)
        if width is not None and width.holes is not None and len(width.holes) == 1:
            text = width.holes[0].text
            template.width = text if text in self._table else None

    # --- what is to be written ---------------------------------------------------------------------------------------

    def _piece(self, piece: Piece) -> None:
        if isinstance(piece.part, Expression):
            for hole in piece.part.holes:
                self._hole(hole, piece)
        else:
            self._module(piece.part, piece)
        self._widths[piece.key] = self._width_after(piece)

    def _width_after(self, piece: Piece) -> _Width:
        """The width of a piece's value: what its own arguments say, else that of its input, else the sum of its inputs'."""
        said = None if isinstance(piece.part, Expression) else _width(piece.part)
        if said is not None and agree(said.values, piece.channels):
            return _Width(piece.channels, [said])
        inputs = [self._widths[ref] for ref in piece.inputs if ref in self._widths]
        known = [each for each in inputs if each.holes is not None and agree(each.values, piece.channels)]
        for each in sorted(known, key=lambda each: ABSENT in each.values):
            return _Width(piece.channels, each.holes)
        if len(inputs) < len(piece.inputs) or any(each.holes is None for each in inputs):
            return _Width(piece.channels, None)
        sums = [ABSENT if ABSENT in row else sum(row) for row in zip(*(each.values for each in inputs), strict=True)]
        if agree(sums, piece.channels):
            return _Width(piece.channels, [hole for each in inputs for hole in each.holes or ()])
        return _Width(piece.channels, None)

    def _module(self, part: Module, piece: Piece) -> None:
        if isinstance(part, Listed):
            for each in part.parts:
                self._module(each, piece)
        elif isinstance(part, Repeated):
            self._hole(part.count, piece)
            self._index(part, piece)
            for construct in (part.first, part.rest):
                if construct is not None:
                    self._module(construct, piece)
        else:
            for hole in part.holes:
                self._hole(hole, piece)

    def _hole(self, hole: Hole, piece: Piece) -> None:
        if hole.text:
            return
        if hole.constant and ABSENT not in hole.values:
            hole.text = literal(hole.constant_value)
            return
        widths = list(self._widths_near(piece))
        if hole.constant:
            hole.text = self._where_present(hole, widths) or literal(hole.constant_value)
            self._texts.append(hole.text)
            return
        label = "_".join(piece.path[-2:] if piece.path[-1].isdigit() else piece.path[-1:])
        hole.text = self._by_formula(hole, widths) or self._by_width(hole, widths) or self._table.new(hole, label)
        self._texts.append(hole.text)

    def _conditional(self, conditional: Conditional) -> None:
        hole = conditional.present
        written = None if hole.constant else self._by_formula(hole, [self._entering]) or self._table.new(hole, "")
        hole.text = written or literal(hole.constant_value)
        self._texts.append(hole.text)

    def _where_present(self, hole: Hole, widths: list[_Width]) -> str | None:
        """The text of a value that is known from some instances alone, if it depends on what differs between all of them."""
        differing = {name for name in self._known[0] if not _constant(self._parameter_values(name))}
        if hole.formula in differing:
            return self._by_formula(hole, widths)
        trees = [formulas.parse(text) for text in (hole.formula, hole.written) if text is not None]
        if any(tree is not None and differing & {*formulas.names(tree)} for tree in trees):
            return self._by_formula(hole, widths)
        return self._by_width(hole, [width for width in widths if not _constant(width.values) or width.named])

    # --- how it is written -------------------------------------------------------------------------------------------

    def _widths_near(self, piece: Piece) -> Iterator[_Width]:
        """The widths that ``in.c`` may mean at a piece: of its input, of the labelled bodies around it, of the block."""
        bodies = self._template.shape.bodies
        around = [piece.path[:length] for length in range(len(piece.path) - 1, 0, -1)]
        for ref in [*piece.inputs[:1], *(bodies[path][0] for path in around if path in bodies)]:
            if ref in self._widths:
                yield self._widths[ref]
        yield self._entering

    def _by_formula(self, hole: Hole, widths: list[_Width]) -> str | None:
        """The spec's own expression, if its names can be arguments with the right values."""
        if hole.formula is not None and hole.formula in self._template.first.parameters:
            values = self._parameter_values(hole.formula) if hole.exact else hole.values
            if hole.exact and not agree(values, hole.values):
                return None
            return self._table.named(hole.formula, values, hole.default, hole.formula)
        if not hole.exact:
            return None
        for text in filter(None, (hole.formula, hole.written)):
            tree = formulas.parse(text)
            for width in widths if tree is not None and WIDTH_IN in formulas.names(tree) else [None]:
                found = None if tree is None else self._rendered(tree, hole.values, width)
                if found is not None:
                    return found
        return None

    def _rendered(self, tree: ast.expr, values: list[Any], width: _Width | None) -> str | None:
        """The text of a formula over this class's arguments; None where it gives other values or a name cannot be one."""
        for index, value in enumerate(values):
            known = self._known[index] if width is None else {**self._known[index], WIDTH_IN: width.values[index]}
            if value is not ABSENT and not same(formulas.value(tree, known), value):
                return None
        if width is None:
            return self._renamed(tree, {})
        text = self._text_of(width)
        return self._renamed(tree, {WIDTH_IN: text}) if text is not None and self._table.unify(text, width.values) else None

    def _renamed(self, tree: ast.expr, renamed: dict[str, str]) -> str | None:
        """The text of a formula with arguments for its parameters; None where one cannot be an argument."""
        for name in formulas.names(tree):
            argument = renamed.get(name) or self._table.named(name, self._parameter_values(name), REQUIRED, name)
            if argument is None:
                return None
            renamed = {**renamed, name: argument}
        return formulas.render(tree, renamed)

    def _parameter_values(self, name: str) -> list[Any]:
        return [known.get(name, ABSENT) for known in self._known]

    def _text_of(self, width: _Width) -> str | None:
        """A width as the constructor writes it, that of the value that enters as an argument."""
        entering = self._role
        if width.holes is None:
            return None
        if entering in width.holes and not entering.text:
            if entering.constant:
                entering.text = literal(entering.constant_value)
            else:
                wanted = free_name(entering.role, self._template.first.parameters)
                entering.text = self._table.named(wanted, entering.values, REQUIRED) or ""
        texts = [hole.text for hole in width.holes]
        return _sum(texts) if all(texts) else None

    def _by_width(self, hole: Hole, widths: list[_Width]) -> str | None:
        """One of the widths nearby, where that is what the hole says."""
        if not hole.derived:
            return None
        for width in widths:
            if agree(hole.values, width.values):
                text = self._text_of(width)
                if text is not None and self._table.unify(text, hole.values):
                    return text
        return None

    def _index(self, part: Repeated, piece: Piece) -> None:
        """Gives what varies from iteration to iteration as formulas of the repeat's variable, if all of it is one."""
        if not part.varying or not isinstance(part.rest, Construct):
            return
        for hole in part.rest.holes:
            if not any(hole is each for each in part.varying):
                self._hole(hole, piece)
        trees = [None if hole.written is None else formulas.parse(hole.written) for hole in part.varying]
        unknown = {name for tree in trees if tree is not None for name in formulas.names(tree)} - set(self._known[0])
        index = min(unknown, default="i")
        name = self._table.free_index(index)
        texts = []
        for tree, hole in zip(trees, part.varying, strict=True):
            text = self._renamed(tree, {index: name}) if tree is not None and self._counts(tree, index, hole) else None
            texts.append(text or self._progression(hole, name, part.rest, piece))
        if all(texts):
            self._table.take_index(name)
            part.index = name
            for hole, text in zip(part.varying, texts, strict=True):
                hole.text = text or ""
                self._texts.append(hole.text)

    def _counts(self, tree: ast.expr, index: str, hole: Hole) -> bool:
        """Whether a formula gives the values of all iterations, counted by ``index``."""
        return all(
            same(formulas.value(tree, {**known, index: i}), value)
            for row, known in zip(hole.values, self._known, strict=True)
            for i, value in enumerate(() if row is ABSENT else row)
        )

    def _progression(self, hole: Hole, index: str, construct: Construct, piece: Piece) -> str | None:
        """A value that grows by the same number in every iteration, as ``in_channels + i * growth``."""
        rows: list[tuple[Any, ...]] = [() if row is ABSENT else row for row in hole.values]
        if not all(type(value) is int for row in rows for value in row):
            return None
        steps: list[Any] = [row[1] - row[0] if len(row) > 1 else ABSENT for row in rows]
        for row, each in zip(rows, steps, strict=True):
            if any(value != row[0] + i * each for i, value in enumerate(row[1:], 1)):
                return None
        start = self._text_for([row[0] if row else ABSENT for row in rows], list(self._widths_near(piece)))
        named = (
            each.text for each in construct.holes if each.text and not each.text.isdigit() and self._table.unify(each.text, steps)
        )
        step = next(named, None)
        if start and step:
            return self._normal(f"{start} + {index} * ({step})")
        if start and _constant(steps) and max(map(len, rows)) > 2:
            return self._normal(f"{start} + {next(each for each in steps if each is not ABSENT)} * {index}")
        return None

    @staticmethod
    def _normal(text: str) -> str | None:
        tree = formulas.parse(text)
        return None if tree is None else formulas.render(tree, {})

    def _text_for(self, values: list[Any], widths: list[_Width]) -> str | None:
        """Numbers as a literal, or as one of the widths nearby."""
        if _constant(values):
            return literal(next(each for each in values if each is not ABSENT))
        return self._by_width(Hole("", values, derived=True), widths)


def _width(part: Module) -> Hole | None:
    """The hole that gives the channels of the part's output."""
    if isinstance(part, Listed):
        return _width(part.parts[-1]) if part.parts else None
    if isinstance(part, Repeated):
        return _width(part.rest)
    if isinstance(part.callee, Template):
        return next((hole for hole in part.holes if hole.role == part.callee.width), None)
    return next((hole for hole in part.holes if hole.role in _WIDTHS_OUT), None)


def _sum(texts: list[str]) -> str:
    """The sum of several terms, its numbers added up."""
    numbers = sum(int(each) for each in texts if each.isdigit())
    terms = [each for each in texts if not each.isdigit()]
    return " + ".join([*terms, *([str(numbers)] if numbers or not terms else [])])


def _constant(values: list[Any]) -> bool:
    return Hole("", values).constant
