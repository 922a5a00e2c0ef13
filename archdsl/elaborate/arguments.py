"""Arguments of a call: which parameter each belongs to, what it is worth, and where that came from."""

from collections.abc import Collection, Iterator, Sequence
from typing import Literal

from archdsl.diagnostics import ArchError, Label, did_you_mean, error, respell
from archdsl.elaborate.environment import Bound, Frame
from archdsl.elaborate.evaluate import evaluate, formula
from archdsl.ir import Use
from archdsl.source import Span
from archdsl.syntax import ast

MOST_POSITIONAL = 2
"""Arguments that may go by position; the others are named."""


def bind(
    arguments: Sequence[ast.Argument], callee: ast.Name, names: Collection[str], positional: Sequence[str]
) -> dict[str, ast.Argument]:
    """Each argument under the parameter it is given to.

    ``names`` are the callee's parameters, ``positional`` those that may go by position.  Raises E0404 for an argument that is
    unknown, repeated, or one too many.
    """
    bound: dict[str, ast.Argument] = {}
    for index, argument in enumerate(arguments):
        name = argument.name
        if name is None:
            if index >= min(len(positional), MOST_POSITIONAL):
                raise _too_many(argument, callee, names, positional)
            name = positional[index]
        elif name not in names:
            raise unknown_argument(name, name_of(argument), callee, names, given={*bound, *(each.name for each in arguments)})
        if name in bound:
            first = Label(bound[name].span, "first given here")
            raise error("E0404", f"`{name}` is given twice", argument.span, "given again", secondary=[first])
        bound[name] = argument
    return bound


def _too_many(argument: ast.Argument, callee: ast.Name, names: Collection[str], positional: Sequence[str]) -> ArchError:
    by_position = positional[:MOST_POSITIONAL]
    rest = [name for name in names if name not in by_position]
    takes = f"`{callee.id}` takes {' and '.join(f'`{name}`' for name in by_position) or 'nothing'} by position"
    help_ = f"name it: {', '.join(f'`{name}=`' for name in rest)}" if rest else None
    return error("E0404", takes, argument.span, "one argument too many without a name", help=help_)


def unknown_argument(
    name: str, place: Span, callee: ast.Name, names: Collection[str], given: Collection[str | None] = ()
) -> ArchError:
    """E0404 for an argument that the callee does not have, with the one that was likely meant, which is none of the ``given``."""
    left = [each for each in names if each not in given]
    takes = f"`{callee.id}` takes {', '.join(f'`{each}`' for each in names)}" if names else f"`{callee.id}` takes no arguments"
    return error(
        "E0404",
        f"`{callee.id}` has no argument `{name}`",
        place,
        "unknown argument",
        notes=[takes],
        help=did_you_mean(name, left),
        fixes=respell(place, left),
    )


def name_of(argument: ast.Argument) -> Span:
    """Where the name of a named argument stands."""
    start = argument.span.start
    return Span(argument.span.source, start, start + len(argument.name or ""))


def value_of(expr: ast.Expr, frame: Frame) -> Bound:
    """``expr`` evaluated, with where its value was written, its formula in the enclosing block, and what its names stand for."""
    value = evaluate(expr, frame)
    if isinstance(expr, ast.Literal):
        return Bound(value, "literal", expr.span, None, None, expr.span)
    if isinstance(expr, ast.Name):
        bound = frame.find(expr.id)
        if bound is None:
            return Bound(value, "literal", expr.span, None, None, expr.span)
        uses = () if bound.meaning is None else (bound.meaning,)
        return Bound(value, bound.kind, bound.span or expr.span, bound.formula, None, expr.span, "call", uses)
    return Bound(value, "expression", expr.span, formula(expr, frame), None, expr.span, "call", tuple(uses_of(expr, frame)))


def set_to(expr: ast.Expr, frame: Frame, by: Literal["default", "variant", "command line"]) -> Bound:
    """The value that speaks for the call: the default of a parameter, or what an edit or the caller sets.

    It is evaluated in ``frame``, whose names it sees, and has no formula in the block that is called.
    """
    value = evaluate(expr, frame)
    uses = () if isinstance(expr, ast.Literal) else tuple(uses_of(expr, frame))
    return Bound(value, by, expr.span, None, None, expr.span, by, uses)


def uses_of(expr: ast.Expr, frame: Frame) -> Iterator[Use]:
    """What each name in ``expr`` stands for, once each and in the order of the text; of a conditional, what counted here."""
    seen: set[str] = set()
    waiting: list[ast.Expr] = [expr]
    while waiting:
        each = waiting.pop()
        if isinstance(each, ast.Name):
            bound = frame.find(each.id)
            if bound is not None and bound.meaning is not None and each.id not in seen:
                seen.add(each.id)
                yield bound.meaning
        elif isinstance(each, ast.InputSize):
            name = f"in.{each.attribute}"
            if frame.entry is not None and name not in seen:
                seen.add(name)
                yield Use(name, "size", evaluate(each, frame), node=frame.entry.path)
        else:
            waiting += reversed(_counting(each, frame))


def _counting(expr: ast.Expr, frame: Frame) -> Sequence[ast.Expr]:
    """The expressions that ``expr`` is made of, those alone whose values count here."""
    match expr:
        case ast.Binary(operator="and" | "or", left=left) if evaluate(left, frame) is (expr.operator == "or"):
            return (left,)
        case ast.Conditional():
            return (expr.condition, expr.then if evaluate(expr.condition, frame) is True else expr.otherwise)
        case _:
            return ast.parts(expr)


def expression(argument: ast.Argument, what: str) -> ast.Expr:
    """The argument's value as an expression; raises E0401 where it is a body."""
    if isinstance(argument.value, ast.Body):
        raise error("E0401", f"{what} takes a value, not a body", argument.value.span)
    return argument.value


def evaluate_all(given: dict[str, ast.Argument], callee: ast.Name, frame: Frame) -> dict[str, Bound]:
    """The given arguments evaluated, and what the ``defaults`` visible here say about the others."""
    bound = {name: value_of(expression(argument, f"`{callee.id}`"), frame) for name, argument in given.items()}
    for name, (argument, where) in frame.defaults.get(callee.id, {}).items():
        if name not in given:
            value = value_of(expression(argument, "`defaults`"), where)
            bound[name] = Bound(value.value, "defaults", value.span, value.formula, None, value.place, "defaults", value.uses)
    return bound
