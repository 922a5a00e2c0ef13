"""Kinds of attribute values, and how a wrong one is refused.

A validator here either returns the value in its normal form (whole numbers of a window become height x width pairs) or refuses
it with the rest of a sentence that begins with the attribute's name; :func:`build` puts the two together.
"""

from collections.abc import Callable, Mapping
from functools import cache
from math import isfinite
from typing import Annotated, Final

from pydantic import BeforeValidator, PlainValidator, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from archdsl.diagnostics import did_you_mean
from archdsl.ir import Op, OpError, show
from archdsl.limits import DEFAULT
from archdsl.ops.initialisation import parse_init

LARGEST: Final = DEFAULT.dimension
"""Largest size, width, count or padding that an attribute may state."""

_LONGEST: Final = 60


def help_with(fraction: float) -> str:
    """What to write instead of ``fraction`` where a whole number is wanted."""
    division = "use `//` to divide whole numbers"
    return f"write `{fraction:.0f}`, or {division}" if fraction.is_integer() and abs(fraction) <= LARGEST else division


def build(operator: type[Op], attributes: Mapping[str, object]) -> Op:
    """The operator with these attributes; raises :class:`OpError` naming the first one at fault.

    Codes: E0401 for a value of the wrong kind, E0402 for one out of range, E0404 for a missing or unknown attribute.
    """
    try:
        return operator(**attributes)
    except ValidationError as fault:
        raise _explained(operator, fault) from None


def _explained(operator: type[Op], fault: ValidationError) -> OpError:
    """The fault in words: an unknown name first, since it often explains a missing one."""
    errors = fault.errors(include_url=False)
    order = {"extra_forbidden": 0, "missing": 1}
    first = min(errors, key=lambda error: order.get(error["type"], 2))
    name = str(first["loc"][0]) if first["loc"] else None
    if first["type"] == "extra_forbidden":
        known = list(operator.model_fields)
        message = f"`{operator.keyword}` has no argument {shown(name)}"
        help = did_you_mean(str(name), known) or (f"it takes {listed(known, 'and')}" if known else "it takes none")
        return OpError(message, code="E0404", attribute=name, help=help)
    if first["type"] == "missing":
        return OpError(f"`{operator.keyword}` needs `{name}`", code="E0404", attribute=name)
    return _refused_value(name, first)


def _refused_value(name: str | None, error: ErrorDetails) -> OpError:
    subject = f"`{name}` " if name else ""
    context = error.get("ctx", {})
    if error["type"].startswith("E0"):
        return OpError(f"{subject}{error['msg']}", code=error["type"], attribute=name, help=context.get("help"))
    # An operator from outside the package may use pydantic's own types.
    text = error["msg"][:1].lower() + error["msg"][1:]
    return OpError(f"{subject}is not valid: {text}, not {shown(error['input'])}", code="E0401", attribute=name)


def shown(value: object) -> str:
    """The value as in a spec, cut where it is long; never fails."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > DEFAULT.integer:
        return "a number beyond 64 bits"
    if isinstance(value, str):
        return f'"{value[:_LONGEST]}{"…" if len(value) > _LONGEST else ""}"'
    if isinstance(value, tuple | list):
        inner = ", ".join(shown(each) for each in value[:8])
        pair = len(value) == 2 and all(type(each) is int and 0 <= each <= LARGEST for each in value)
        return show(tuple(value)) if pair else f"({inner}{', …' if len(value) > 8 else ''})"
    if value is None or isinstance(value, bool | int | float):
        return show(value)
    return f"a {type(value).__name__}"


def listed(names: list[str] | tuple[str, ...], joint: str) -> str:
    """``` `a`, `b` or `c` ```."""
    quoted = [f"`{name}`" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} {joint} {quoted[-1]}"


def _refusal(code: str, wanted: str, value: object, help: str | None = None) -> PydanticCustomError:
    return PydanticCustomError(code, "{text}", {"text": f"must be {wanted}, not {shown(value)}", "help": help})


def _check_whole(value: object, whole: object, lowest: int, wanted: str) -> None:
    """Holds where ``whole``, all or a part of ``value``, is a whole number from ``lowest`` to the largest size; else refuses."""
    if type(whole) is not int:
        raise _refusal("E0401", wanted, value, help_with(whole) if isinstance(whole, float) else None)
    if whole < lowest:
        raise _refusal("E0402", wanted if lowest else "0 or more", value)
    if whole > LARGEST:
        raise _refusal("E0402", f"at most {LARGEST}", value)


def _size(value: object) -> object:
    if type(value) is int and 0 < value <= LARGEST:
        return value
    _check_whole(value, value, 1, "a positive whole number")
    return value


def _pair(value: object) -> object:
    if type(value) is int and 0 < value <= LARGEST:
        return (value, value)
    parts = tuple(value) if isinstance(value, tuple | list) else (value,)
    wanted = "a positive whole number or a pair of them"
    if isinstance(value, tuple | list) and len(parts) != 2:
        raise _refusal("E0401", wanted, value)
    for part in parts:
        _check_whole(value, part, 1, wanted)
    return parts


PADDINGS: Final = ("same", "valid", "sym")


def _padding(value: object) -> object:
    if isinstance(value, str):
        if value in PADDINGS:
            return value
        raise PydanticCustomError(
            "E0402",
            "{text}",
            {"text": f"must be {_PADDING}, not {shown(value)}", "help": did_you_mean(value, PADDINGS)},
        )
    return _amounts(value, _PADDING)


_AMOUNTS: Final = "a whole number, a pair height x width, or (left, right, top, bottom)"
_PADDING: Final = f"`same`, `valid`, `sym`, {_AMOUNTS}"


def _amounts(value: object, wanted: str = _AMOUNTS) -> object:
    parts = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(parts) not in (2, 4):
        raise _refusal("E0401", wanted, value)
    for part in parts:
        _check_whole(value, part, 0, wanted)
    return parts


def _flag(value: object) -> object:
    if type(value) is bool:
        return value
    raise _refusal("E0401", "`true` or `false`", value)


def _init(value: object) -> object:
    if value is None or value == "none":
        return None
    if not isinstance(value, str):
        raise _refusal("E0401", 'a string such as "trunc_normal(0.1)"', value)
    try:
        parse_init(value)
    except OpError as fault:
        raise PydanticCustomError("E0402", "{text}", {"text": fault.message, "help": fault.help}) from None
    return value.strip()


def number(wanted: str, accept: Callable[[float], bool] | None = None) -> PlainValidator:
    """Validator of a finite number, whole or not, for which ``accept`` holds; ``wanted`` completes "must be"."""

    def read(value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _refusal("E0401", wanted, value)
        if (isinstance(value, int) and abs(value) > DEFAULT.integer) or not isfinite(value):
            raise _refusal("E0402", wanted, value)
        if accept is not None and not accept(value):
            raise _refusal("E0402", wanted, value)
        return float(value)

    return PlainValidator(read)


@cache
def choice(*names: str) -> PlainValidator:
    """Validator of a string that is one of ``names``."""

    def read(value: object) -> object:
        if isinstance(value, str) and value in names:
            return value
        wanted = listed([*names], "or")
        if not isinstance(value, str):
            raise _refusal("E0401", wanted, value)
        raise _refusal("E0402", wanted, value, did_you_mean(value, names))

    return PlainValidator(read)


Size = Annotated[int, PlainValidator(_size)]
"""A count or width: a positive whole number."""
Pair = Annotated[tuple[int, int], BeforeValidator(_pair)]
"""Height x width; one number stands for both."""
Amounts = Annotated[tuple[int, int] | tuple[int, int, int, int], BeforeValidator(_amounts)]
"""Padding in numbers: height x width on both sides, or (left, right, top, bottom)."""
Padding = Annotated[str | tuple[int, int] | tuple[int, int, int, int], BeforeValidator(_padding)]
"""``same``, ``valid``, ``sym`` or :data:`Amounts`."""
Flag = Annotated[bool, PlainValidator(_flag)]
Scheme = Annotated[str | None, PlainValidator(_init)]
"""How a kernel is initialised; None: as the backend does by itself."""
Number = Annotated[float, number("a finite number")]
Positive = Annotated[float, number("a positive number", lambda value: value > 0)]
Fraction = Annotated[float, number("a number from 0 to 1", lambda value: 0 <= value <= 1)]
Probability = Annotated[float, number("a number from 0 up to, but not including, 1", lambda value: 0 <= value < 1)]
