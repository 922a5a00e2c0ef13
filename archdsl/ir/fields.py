"""Values of a JSON document that must be of one kind: each function returns its argument as that, or raises ``ValueError``."""

import keyword
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

Value = TypeVar("Value")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PART = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:\[[0-9]{1,9}\])*")


def text(value: object) -> str:
    """A string that UTF-8 can hold."""
    if not isinstance(value, str):
        raise _wrong("a text", value)
    return value if value.isascii() else value.encode().decode()


def file_name(value: object) -> str:
    """A string that can be the name of a file, in which bytes that are no text are kept as surrogates."""
    if not isinstance(value, str):
        raise _wrong("the name of a file", value)
    value.encode(errors="surrogateescape")
    return value


def name(value: object) -> str:
    """A name as specs have them, which may be a keyword of Python."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise _wrong("a name", value)
    return value


def path(value: object) -> str:
    """A path, ``a[3].conv``, in which no part is a keyword of Python."""
    parts = map(_PART.fullmatch, value.split(".")) if isinstance(value, str) else [None]
    if any(part is None or keyword.iskeyword(part[1]) for part in parts):
        raise _wrong("a path", value)
    return str(value)


def whole(value: object) -> int:
    """A whole number, which a truth value is not."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong("a whole number", value)
    return value


def number(value: object) -> float:
    """A number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong("a number", value)
    return value


def flag(value: object) -> bool:
    """A truth value."""
    if not isinstance(value, bool):
        raise _wrong("true or false", value)
    return value


def constant(value: object) -> Any:
    """A value of the language: a truth value, number, string, or tuple of such, which is a list in JSON."""
    if isinstance(value, list):
        return tuple(constant(each) for each in value)
    return text(value) if isinstance(value, str) else value if isinstance(value, bool) else number(value)


def choice(value: object, known: Collection[Value]) -> Value:
    """One of ``known``."""
    for each in known:
        if isinstance(value, str) and value == each:
            return each
    raise _wrong(f"one of {', '.join(map(str, known))}", value)


def optional(read: Callable[[object], Value], value: object) -> Value | None:
    """What ``read`` makes of it, or nothing."""
    return None if value is None else read(value)


def empty_or(read: Callable[[object], str], value: object) -> str:
    """What ``read`` makes of it, or the empty string."""
    return "" if value == "" else read(value)


def items(read: Callable[[Any], Value], value: object) -> tuple[Value, ...]:
    """What ``read`` makes of each item of a list."""
    if not isinstance(value, list):
        raise _wrong("a list", value)
    return tuple(read(each) for each in value)


def table(key: Callable[[object], str], read: Callable[[Any], Value], value: object) -> dict[str, Value]:
    """What ``read`` makes of each value of an object whose keys ``key`` takes."""
    if not isinstance(value, dict):
        raise _wrong("an object", value)
    return {key(each): read(found) for each, found in value.items()}


def record(names: Collection[str], value: object) -> Mapping[str, Any]:
    """An object with just these fields; raises ``KeyError`` for one that is missing."""
    if not isinstance(value, dict):
        raise _wrong("an object", value)
    for each in names:
        value[each]
    unknown = sorted(value.keys() - set(names))
    if unknown:
        raise ValueError(f"unknown field `{unknown[0]}`")
    return value


def _wrong(wanted: str, value: object) -> ValueError:
    return ValueError(f"{value!r:.40} is not {wanted}")
