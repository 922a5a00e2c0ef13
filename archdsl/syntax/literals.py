"""Values of the literals as they are written: numbers, sizes, strings, docstrings and comments."""

import math
import re

from archdsl.diagnostics import error
from archdsl.source import Span

_ESCAPES = {'\\"': '"', "\\\\": "\\", "\\n": "\n", "\\t": "\t"}
_LONGEST_INTEGER = 19  # digits of the largest number below 2 ** 63
_FAULTY_NUMBER = re.compile(r"[0-9][\w.]*")
_DOC_COMMENT = re.compile(r"[ \t]*#([^\r\n]*)")


def integer(text: str, span: Span) -> int:
    """The value of decimal digits; E0103 for leading zeros and for more digits than any size of a network has."""
    if len(text) > 1 and text[0] == "0":
        raise error("E0103", "a number starts with a superfluous zero", span, help=f"write `{text.lstrip('0')[:20] or '0'}`")
    if len(text) > _LONGEST_INTEGER:
        raise error("E0103", f"a number of {len(text)} digits is too large", span)
    return int(text)


def float_(text: str, span: Span) -> float:
    """The value of a decimal fraction; E0103 where no finite number, or none but zero, is near it."""
    if len(text) > 1 and text[0] == "0" and text[1].isdigit():
        raise error("E0103", "a number starts with a superfluous zero", span)
    value = float(text)
    if not math.isfinite(value):
        raise error("E0103", "a number is too large for a float", span)
    if value == 0 and any(digit in "123456789" for digit in re.split("[eE]", text)[0]):
        raise error("E0103", "a number is too small for a float", span)
    return value


def size(text: str, span: Span) -> tuple[int, int]:
    """Height and width of a size such as ``3x3``; E0103 for what other languages read as hexadecimal."""
    height, width = text.split("x")
    if height == "0":
        width = width.lstrip("0") or "0"
        raise error(
            "E0103",
            "a number starts with `0x`, and there are no hexadecimal numbers",
            span,
            help=f"to pad the width alone, write `({width}, {width}, 0, 0)`" if len(width) < 5 else None,
        )
    return integer(height, span), integer(width, span)


def faulty_number(text: str, start: int) -> tuple[int, str]:
    """Where the faulty number at ``start`` of ``text`` ends, and what is wrong with it."""
    found = _FAULTY_NUMBER.match(text, start)
    word = found.group() if found else text[start]
    if "_" in word:
        reason = "digits cannot be grouped by `_`"
    elif word.endswith("."):
        reason = "digits are missing behind the point"
    elif re.match(r"[0-9]+x", word):
        reason = "a size is written as in `3x3`: two numbers and an `x`, without blanks"
    else:
        reason = "no letter or point may follow the digits"
    return start + len(word), reason


def string(text: str) -> str:
    """What a string in double quotes says, its escapes resolved."""
    inner = text[1:-1]
    if "\\" not in inner:
        return inner
    return re.sub(r"\\.", lambda found: _ESCAPES[found.group()], inner)


def docstring(text: str) -> str:
    """What a docstring in triple quotes says: without the indentation its lines share and without blanks around it."""
    lines = text[3:-3].replace("\r\n", "\n").expandtabs(4).split("\n")
    indents = [len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()]
    margin = min(indents, default=0)
    return "\n".join([lines[0].strip(), *(line[margin:].rstrip() for line in lines[1:])]).strip()


def comment_after(text: str, offset: int) -> str | None:
    """The text of the comment that is the rest of the line from ``offset`` on, or None where there is none."""
    found = _DOC_COMMENT.match(text, offset)
    return found.group(1).strip() if found else None
