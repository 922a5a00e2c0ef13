"""A tree as indented text: the kind of each node, its place as line:column, and its parts."""

import dataclasses
import json
from typing import Any

from archdsl.source import Source, Span


def dump(node: Any) -> str:
    """The whole tree under ``node``, one node or value a line, the same for the same text; parts that are empty are left out."""
    lines: list[str] = []
    # The parts still to be written, last first: indentation, the field's name, the value.
    waiting: list[tuple[int, str, Any]] = [(0, "", node)]
    while waiting:
        indent, name, value = waiting.pop()
        head = "  " * indent + (f"{name}: " if name else "")
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            lines.append(f"{head}{type(value).__name__}{_place(value)}")
            waiting += [(indent + 1, field, part) for field, part in reversed(_parts(value))]
        elif isinstance(value, tuple) and any(dataclasses.is_dataclass(item) for item in value):
            lines.append(f"{head}".rstrip())
            waiting += [(indent + 1, "", item) for item in reversed(value)]
        else:
            lines.append(head + _scalar(value))
    return "\n".join(lines) + "\n"


def _parts(node: Any) -> list[tuple[str, Any]]:
    parts = ((field.name, getattr(node, field.name)) for field in dataclasses.fields(node))
    return [(name, value) for name, value in parts if _is_written(name, value)]


def _is_written(name: str, value: Any) -> bool:
    if isinstance(value, Span | Source):
        return False
    # A literal that is the empty string is a value, not the absence of one.
    return value not in (None, (), "") or (name == "value" and value == "")


def _place(node: Any) -> str:
    span = getattr(node, "span", None)
    return f" @{span.line}:{span.column}-{span.end_line}:{span.end_column}" if isinstance(span, Span) else ""


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        # What is no text to a reader, such as a mark that turns the direction of writing, is escaped too.
        return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in json.dumps(value, ensure_ascii=False))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "(" + ", ".join(_scalar(item) for item in value) + ")"
    return "*" if value is None else repr(value)
