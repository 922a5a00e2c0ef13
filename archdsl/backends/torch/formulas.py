"""Formulas of a spec as Python: numbers, names, arithmetic and comparisons, nothing else.

A formula is kept as a syntax tree of Python's own, so that its text always has the brackets that it needs and no others.
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

WIDTH_IN = "in·c"
"""How a formula names the width of the value that enters, ``in.c`` in a spec, where names are plain ASCII."""

LONGEST = 60
"""Characters beyond which a formula hides more than it shows."""

_WIDTH_IN = re.compile(r"\bin\s*\.\s*c\b")
_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {"min": min, "max": max}


def parse(text: str) -> ast.expr | None:
    """The formula that ``text``, Python or the spec's own words, writes; None where it is anything else."""
    if len(text) > LONGEST or "\n" in text:
        return None
    words = _WIDTH_IN.sub(WIDTH_IN, text)
    for ours, python in (("true", "True"), ("false", "False")):
        words = re.sub(rf"\b{ours}\b", python, words)
    try:
        found = ast.parse(words, mode="eval").body
    except (SyntaxError, ValueError):
        return None
    return found if _known(found) else None


def names(formula: ast.expr) -> list[str]:
    """The names in a formula, in the order in which they are written."""
    found = [node for node in ast.walk(formula) if isinstance(node, ast.Name) and node.id not in _FUNCTIONS]
    return list(dict.fromkeys(node.id for node in sorted(found, key=lambda each: each.col_offset)))


def value(formula: ast.expr, known: Mapping[str, Any]) -> Any:
    """What a formula is worth; None where a name is unknown or the arithmetic fails."""
    try:
        return _value(formula, known)
    except (ArithmeticError, LookupError, TypeError):
        return None


def render(formula: ast.expr, renamed: Mapping[str, str]) -> str:
    """The text of a formula with its names replaced."""
    return ast.unparse(_Renamed(renamed).visit(ast.parse(ast.unparse(formula), mode="eval")))


class _Renamed(ast.NodeTransformer):
    def __init__(self, renamed: Mapping[str, str]) -> None:
        self._renamed = renamed

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.parse(self._renamed.get(node.id, node.id), mode="eval").body


def _known(node: ast.expr) -> bool:
    """Whether a tree holds nothing but what :func:`value` can work out."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int | float)
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub | ast.Not) and _known(node.operand)
    if isinstance(node, ast.BinOp):
        return type(node.op) in _BINARY and _known(node.left) and _known(node.right)
    if isinstance(node, ast.BoolOp):
        return all(map(_known, node.values))
    if isinstance(node, ast.Compare):
        sides = (node.left, node.comparators[0])
        truths = any(isinstance(side, ast.Constant) and isinstance(side.value, bool) for side in sides)
        return len(node.ops) == 1 and type(node.ops[0]) in _BINARY and not truths and all(map(_known, sides))
    if isinstance(node, ast.Call):
        named = isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS
        return named and bool(node.args) and not node.keywords and all(map(_known, node.args))
    return isinstance(node, ast.Name) and node.id not in _FUNCTIONS


def _value(node: ast.expr, known: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return known[node.id]
    if isinstance(node, ast.UnaryOp):
        operand = _value(node.operand, known)
        return not operand if isinstance(node.op, ast.Not) else -operand
    if isinstance(node, ast.BinOp):
        return _BINARY[type(node.op)](_value(node.left, known), _value(node.right, known))
    if isinstance(node, ast.Compare):
        return _BINARY[type(node.ops[0])](_value(node.left, known), _value(node.comparators[0], known))
    if isinstance(node, ast.BoolOp):
        ends = isinstance(node.op, ast.Or)
        return next((ends for each in node.values if bool(_value(each, known)) == ends), not ends)
    assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    return _FUNCTIONS[node.func.id](*(_value(each, known) for each in node.args))
