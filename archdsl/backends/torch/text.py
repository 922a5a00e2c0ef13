"""Python text: literals, names, and calls laid out as a formatter would."""

import builtins
import inspect
import keyword
import re
from collections.abc import Container, Iterator
from typing import Any

WIDTH = 100
INDENT = "    "
LONGEST_NAME = 24
"""Characters of a name that is made from another."""
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_RESERVED = frozenset({"torch", "nn", "F", "Tensor", "NamedTuple", "OrderedDict", "self", "super", *dir(builtins)})
_AMBIGUOUS = frozenset("lIO")


def literal(value: Any) -> str:
    """A value as Python source, a string in double quotes."""
    if isinstance(value, str):
        body = value.encode("unicode_escape").decode("ascii").replace('"', '\\"')
        return f'"{body}"'
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
    return repr(value)


def free_name(wanted: str, taken: Container[str]) -> str:
    """``wanted`` made a valid identifier that is neither taken nor a word that the emitted code relies on."""
    name = re.sub(r"\W", "_", wanted, flags=re.ASCII) or "value"
    if name.startswith("__"):  # Python gives such names another meaning inside a class
        name = name.lstrip("_") or "value"
    if not name[0].isalpha() and name[0] != "_":
        name = f"n{name}"
    if keyword.iskeyword(name) or name in _RESERVED or name in _AMBIGUOUS:
        name += "_"
    number, candidate = 2, name
    while candidate in taken:
        candidate = f"{name}{number}" if not name[-1].isdigit() else f"{name}_{number}"
        number += 1
    return candidate


class AnyOf:
    """What is in any of several containers: names that :func:`free_name` is to keep clear of."""

    def __init__(self, *containers: Container[str]) -> None:
        self._containers = containers

    def __contains__(self, name: object) -> bool:
        return any(name in each for each in self._containers)


def camel_case(name: str) -> str:
    """``stem_v3`` as ``StemV3``; a name that is so already stays."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_")) or "Net"


def lay_out(text: str, indent: str, after: str = "") -> list[str]:
    """``text`` and ``after`` as lines: one if it fits, else cut at the last bracket, or around the operators of a sum."""
    line = f"{indent}{text}{after}"
    if len(line) <= WIDTH:
        return [line]
    operands = _operands(text)
    if operands is not None:
        return _parenthesised(*operands, indent, after)
    cut = _last_bracket(text)
    if cut is None or cut[0] + 1 == cut[1]:
        return [line]
    start, end = cut
    return [f"{indent}{text[: start + 1]}", *_inside(text[start + 1 : end], indent + INDENT), f"{indent}{text[end:]}{after}"]


def _inside(content: str, indent: str) -> list[str]:
    """What stands between brackets that are on lines of their own."""
    if len(indent + content) <= WIDTH and not content.endswith(","):
        return [indent + content]
    clauses = _split(content, " for ")
    if len(clauses) == 2:
        return [*lay_out(clauses[0], indent), *lay_out(f"for {clauses[1]}", indent)]
    items = _split(content.removesuffix(","), ",")
    if len(items) == 1:
        return lay_out(items[0], indent, "," * content.endswith(","))
    return [line for item in items for line in lay_out(item, indent, ",")]


def _operands(text: str) -> tuple[str, list[str]] | None:
    """What stands before a sum, product or condition that ends a statement, and its operands; None where there is none."""
    head = re.match(r"(?:[\w.\[\]\"]+ = |return |if )", text)
    rest = text[head.end() :] if head is not None else text
    for sign in (" and ", " + ", " * "):
        operands = _split(rest, sign)
        if head is not None and len(operands) > 1 and (sign == " and " or len(operands) > 2 or not text.endswith(")")):
            return head[0], [operands[0], *(f"{sign.strip()} {each}" for each in operands[1:])]
    return None


def _parenthesised(head: str, operands: list[str], indent: str, after: str) -> list[str]:
    inner = indent + INDENT
    together = " ".join(operands)
    lines = [inner + together] if len(inner + together) <= WIDTH else [inner + each for each in operands]
    return [f"{indent}{head}(", *lines, f"{indent}){after}"]


def _last_bracket(text: str) -> tuple[int, int] | None:
    """Where the bracket that ends ``text`` opens, and where it closes."""
    if not text.endswith((")", "]")):
        return None
    stack: list[int] = []
    for index, depth_change in _brackets(text):
        if depth_change > 0:
            stack.append(index)
        elif stack:
            start = stack.pop()
            if index == len(text) - 1:
                return start, index
    return None


def _split(text: str, separator: str) -> list[str]:
    """The parts of ``text`` between separators that stand in no bracket and no string."""
    parts, depth, last = [], 0, 0
    events = dict(_brackets(text))
    quoted = _quoted(text)
    for index in range(len(text)):
        depth += events.get(index, 0)
        if depth == 0 and index not in quoted and text.startswith(separator, index) and index >= last:
            parts.append(text[last:index].strip())
            last = index + len(separator)
    return [*parts, text[last:].strip()]


def _brackets(text: str) -> Iterator[tuple[int, int]]:
    """Every bracket outside strings: its index, and +1 where it opens, -1 where it closes."""
    quoted = _quoted(text)
    for index, character in enumerate(text):
        if character in "([{" and index not in quoted:
            yield index, 1
        elif character in ")]}" and index not in quoted:
            yield index, -1


def _quoted(text: str) -> set[int]:
    """The indices inside double-quoted strings."""
    return {index for found in _STRING.finditer(text) for index in range(found.start(), found.end())}


def docstring(text: str, indent: str) -> list[str]:
    """``text`` as a docstring that cannot end early, whatever it holds; nothing for a text of spaces."""
    text = inspect.cleandoc("".join(_visible(character) for character in text.replace("\\", "\\\\"))).strip()
    lines = [line.rstrip() for line in text.replace('"""', '\\"\\"\\"').split("\n")]
    if lines == [""]:
        return []
    if lines[0].startswith('"'):
        lines[0] = " " + lines[0]
    if len(lines) > 1:
        return [f'{indent}"""{lines[0]}', *(f"{indent}{line}" if line else "" for line in lines[1:]), f'{indent}"""']
    if lines[0].endswith('"'):
        lines[0] += " "
    return [f'{indent}"""{lines[0]}"""']


def _visible(character: str) -> str:
    if character == "\n" or character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")
