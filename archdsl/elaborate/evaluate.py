"""Expressions: what they are worth at one place, and how they read as formulas of the enclosing block."""

import math
import operator
from collections.abc import Callable
from typing import Any

from archdsl.diagnostics import ArchError, Label, error
from archdsl.elaborate.environment import PREDECLARED, UNKNOWN, Frame, Value
from archdsl.elaborate.unknown import SIZES, unknown_size, unknown_value
from archdsl.ir import show
from archdsl.source import Span
from archdsl.syntax import ast

_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}
_ORDER: dict[str, Callable[[Any, Any], bool]] = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_LONGEST_FORMULA = 200


def describe(value: Value) -> str:
    """The kind of a value in a reader's words."""
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, int):
        return "a whole number"
    if isinstance(value, float):
        return "a fraction"
    if isinstance(value, str):
        return "a word"
    return "a tuple"


def evaluate(expr: ast.Expr, frame: Frame) -> Value:
    """The value of ``expr`` in ``frame``; raises ``ArchError`` (E02 for names, E04 for values)."""
    return _EVALUATE[type(expr)](expr, frame)


def evaluate_bool(expr: ast.Expr, frame: Frame, what: str) -> bool:
    """The truth value of ``expr``; ``what`` names its use in the error where it is not one."""
    value = evaluate(expr, frame)
    if not isinstance(value, bool):
        raise error("E0401", f"{what} needs a truth value, this is {describe(value)}", expr.span, "not true or false")
    return value


def _literal(expr: ast.Literal, _frame: Frame) -> Value:
    return expr.value


def _name(expr: ast.Name, frame: Frame) -> Value:
    bound = frame.find(expr.id)
    if bound is not None:
        if bound is UNKNOWN:
            raise ArchError  # a consequence of what is told already
        return bound.value
    if expr.id in PREDECLARED:
        return PREDECLARED[expr.id]
    raise unknown_value(expr, [*frame.names(), *PREDECLARED], is_tap=frame.taps.get(expr.id) is not None)


def _input_size(expr: ast.InputSize, frame: Frame) -> Value:
    index = SIZES.get(expr.attribute)
    if index is None:
        raise unknown_size(expr)
    if frame.entry is None:
        help_ = "use it inside a block, or after `input`"
        raise error("E0205", "`in` has no meaning here", expr.span, "no value has entered", help=help_)
    shape = frame.entry.type.shape
    if index >= len(shape):
        message = f"`in.{expr.attribute}` of a value shaped {frame.entry.type}"
        raise error("E0303", message, expr.span, "it has no height and width")
    return shape[index]


def _unary(expr: ast.Unary, frame: Frame) -> Value:
    if expr.operator == "not":
        return not evaluate_bool(expr.operand, frame, "`not`")
    number = _number(expr.operand, frame, f"`{expr.operator}`")
    return -number if expr.operator == "-" else number


def _binary(expr: ast.Binary, frame: Frame) -> Value:
    symbol = expr.operator
    if symbol in ("and", "or"):
        left = evaluate_bool(expr.left, frame, f"`{symbol}`")
        if left == (symbol == "or"):
            return left
        return evaluate_bool(expr.right, frame, f"`{symbol}`")
    if symbol in ("==", "!="):
        one, other = evaluate(expr.left, frame), evaluate(expr.right, frame)
        one, other = _paired(one, other), _paired(other, one)
        equal = one == other and isinstance(one, bool) == isinstance(other, bool)  # Python has `True == 1`
        return equal == (symbol == "==")
    left_number = _number(expr.left, frame, f"`{symbol}`")
    right_number = _number(expr.right, frame, f"`{symbol}`")
    if symbol in _ORDER:
        return _ORDER[symbol](left_number, right_number)
    try:
        result = _ARITHMETIC[symbol](left_number, right_number)
    except ZeroDivisionError:
        cause = frame.find(expr.right.id) if isinstance(expr.right, ast.Name) else None
        given = [Label(cause.span, "from here")] if cause is not None and cause.span is not None else []
        label = f"the right side is {right_number}"
        raise error("E0403", "division by zero", expr.span, label, secondary=given) from None
    except OverflowError:
        raise error("E0403", "the result is too large", expr.span) from None
    return _bounded(result, expr.span, frame)


def _paired(value: Value, beside: Value) -> Value:
    """``3`` as ``3x3`` where it is compared with a size, since operators take either."""
    if isinstance(beside, tuple) and len(beside) == 2 and isinstance(value, int) and not isinstance(value, bool):
        return (value, value)
    return value


def _conditional(expr: ast.Conditional, frame: Frame) -> Value:
    chosen = expr.then if evaluate_bool(expr.condition, frame, "`if`") else expr.otherwise
    return evaluate(chosen, frame)


def _function(expr: ast.Function, frame: Frame) -> Value:
    numbers = [_number(argument, frame, f"`{expr.name}`") for argument in expr.arguments]
    if expr.name in ("ceil", "floor"):
        if len(numbers) != 1:
            raise error("E0404", f"`{expr.name}` takes one number, {len(numbers)} are given", expr.span)
        return _bounded(math.ceil(numbers[0]) if expr.name == "ceil" else math.floor(numbers[0]), expr.span, frame)
    if not numbers:
        raise error("E0404", f"`{expr.name}` of nothing", expr.span)
    return min(numbers) if expr.name == "min" else max(numbers)


def _tuple(expr: ast.Tuple, frame: Frame) -> Value:
    values = tuple(evaluate(item, frame) for item in expr.items)
    for item, value in zip(expr.items, values, strict=True):
        if isinstance(value, tuple):  # and so a value has no more parts than its text
            raise error("E0401", "a tuple holds no tuples", item.span, f"this is {show(value)}")
    return values


def _number(expr: ast.Expr, frame: Frame, what: str) -> int | float:
    value = evaluate(expr, frame)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise error("E0401", f"{what} needs a number, this is {describe(value)}", expr.span)
    return value


def _bounded(value: int | float, span: Span, frame: Frame) -> int | float:
    if isinstance(value, int):
        if abs(value) > frame.limits.integer:
            raise error("E0403", "the result is too large", span, f"beyond {frame.limits.integer}")
    elif not math.isfinite(value):
        raise error("E0403", "the result is not a finite number", span)
    return value


_EVALUATE: dict[type, Callable[[Any, Frame], Value]] = {
    ast.Literal: _literal,
    ast.Name: _name,
    ast.InputSize: _input_size,
    ast.Unary: _unary,
    ast.Binary: _binary,
    ast.Conditional: _conditional,
    ast.Function: _function,
    ast.Tuple: _tuple,
}


def formula(expr: ast.Expr, frame: Frame) -> str | None:
    """``expr`` as a Python expression over the parameters of the enclosing block.

    None where it needs anything else, and where it is too long to read: each ``let b = a + a`` would double it.
    """
    text = _formula(expr, frame)
    return None if text is None or len(text) > _LONGEST_FORMULA else text


def _formula(expr: ast.Expr, frame: Frame) -> str | None:
    if isinstance(expr, ast.Name):
        bound = frame.find(expr.id)
        return None if bound is None else bound.formula
    if isinstance(expr, ast.Literal):
        return repr(expr.value) if isinstance(expr.value, int | float) else None
    if isinstance(expr, ast.Unary):
        operand = formula(expr.operand, frame)
        return None if operand is None else f"({'not ' if expr.operator == 'not' else expr.operator}{operand})"
    if isinstance(expr, ast.Binary):
        left, right = formula(expr.left, frame), formula(expr.right, frame)
        return None if left is None or right is None else f"({left} {expr.operator} {right})"
    return None
