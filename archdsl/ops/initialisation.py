"""Initialisation schemes as a spec writes them: ``trunc_normal(0.1)``, ``kaiming_normal``, ``constant(0)``."""

import re
from collections.abc import Mapping
from functools import lru_cache
from math import isfinite
from types import MappingProxyType
from typing import Final

from archdsl.diagnostics import did_you_mean
from archdsl.ir import Init, OpError

SCHEMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "trunc_normal": "standard deviation",  # cut at two standard deviations
        "normal": "standard deviation",
        "uniform": "bound",  # from -bound to bound
        "constant": "value",
        "kaiming_normal": "",
        "kaiming_uniform": "",
        "xavier_normal": "",
        "xavier_uniform": "",
        "zeros": "",
        "ones": "",
    }
)
"""Every scheme with the name of the number it takes (an empty name: none)."""

_FORM: Final = re.compile(r"([A-Za-z_]\w*)(?:\(([^()]*)\))?")


@lru_cache(maxsize=256)
def parse_init(text: str) -> Init:
    """The scheme that ``text`` names; raises :class:`OpError` (E0402) whose message completes "`init` …"."""
    found = _FORM.fullmatch(text.strip()[:200])
    if found is None:
        raise _fault('must be a scheme such as "trunc_normal(0.1)"', f"schemes: {', '.join(SCHEMES)}")
    name, inner = found[1], found[2]
    if name not in SCHEMES:
        shown = name[:60]
        raise _fault(f"must name a known scheme, not `{shown}`", did_you_mean(name, SCHEMES) or f"schemes: {', '.join(SCHEMES)}")
    numbers = _numbers(inner)
    meaning = SCHEMES[name]
    if not meaning and numbers:
        raise _fault(f"must not give `{name}` a number", f'write "{name}"')
    if meaning and len(numbers) != 1:
        raise _fault(f"must give `{name}` one number, its {meaning}", f'write "{name}(0.1)"')
    if meaning in ("standard deviation", "bound") and numbers[0] <= 0:
        raise _fault(f"must give `{name}` a {meaning} greater than 0")
    return Init(name, numbers)


def _numbers(inner: str | None) -> tuple[float, ...]:
    if inner is None or not inner.strip():
        return ()
    try:
        numbers = tuple(float(part) for part in inner.split(","))
    except ValueError:
        numbers = (float("nan"),)
    if not all(isfinite(number) for number in numbers):
        raise _fault("must have finite numbers between its parentheses")
    return numbers


def _fault(message: str, help: str | None = None) -> OpError:
    return OpError(message, code="E0402", attribute="init", help=help)
