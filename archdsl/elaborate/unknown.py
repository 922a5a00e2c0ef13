"""Reports on names that mean nothing where they stand, and on what is missing.

They read the same whether elaboration meets the name or :mod:`~archdsl.elaborate.scan` finds it in a text that no call reaches.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import TypedDict

from archdsl.diagnostics import ArchError, Fix, Label, did_you_mean, error, respell
from archdsl.source import Span
from archdsl.syntax import ast

SIZES = {"c": 0, "h": 1, "w": 2}
"""Sizes of the value that entered the braces, with their axis."""


class _Likely(TypedDict):
    """What was likely meant: in words, and as a fix."""

    help: str | None
    fixes: tuple[Fix, ...]


def _likely(span: Span, known: Iterable[str]) -> _Likely:
    """The known name most like the word at ``span``."""
    fixes = respell(span, known)
    return _Likely(help=f"did you mean `{fixes[0].replacement}`?" if fixes else None, fixes=fixes)


def unknown_value(name: ast.Name, known: Iterable[str], *, is_tap: bool) -> ArchError:
    """E0201 for a name without a value; ``known`` are the names that have one, ``is_tap`` whether it names a tensor."""
    message, label = f"unknown value `{name.id}`", "not a parameter or `let` visible here"
    if is_tap:
        help_ = f"`{name.id}` names a tensor; `from {name.id}` restarts the flow there"
        return error("E0201", message, name.span, label, help=help_)
    if name.id == "in":
        return error("E0201", message, name.span, label, help="write `in.c`, `in.h` or `in.w`")
    return error("E0201", message, name.span, label, **_likely(name.span, known))


def unknown_size(expr: ast.InputSize) -> ArchError:
    """E0201 for a size that no value has."""
    return error("E0201", f"`in` has no `{expr.attribute}`", expr.span, help="`in.c`, `in.h` and `in.w` are its sizes")


def unknown_callee(callee: ast.Name, known: Iterable[str], *, is_network: bool) -> ArchError:
    """E0201 for what cannot be called; ``known`` is what can."""
    if is_network:
        return error("E0201", f"`{callee.id}` is a network, not a block", callee.span, "cannot be called")
    message = f"unknown block or operator `{callee.id}`"
    return error("E0201", message, callee.span, "not defined or imported here", **_likely(callee.span, known))


def unknown_tap(name: ast.Name, visible: Collection[str], labels: Collection[str]) -> ArchError:
    """E0205 for a tap that is not visible; ``labels`` are those of the definition around it."""
    message, notes = (
        f"no tap `{name.id}` is visible here",
        [f"visible taps: {', '.join(f'`{tap}`' for tap in visible) or 'none'}"],
    )
    if name.id in labels:
        help_ = f"a label is no tap; write `-> tap {name.id}` behind the step"
        return error("E0205", message, name.span, notes=notes, help=help_)
    likely = _likely(name.span, visible)
    if likely["help"] is None:
        likely["help"] = "name a value with `tap`; a tap is visible from the next line to the end of its block"
    return error("E0205", message, name.span, notes=notes, **likely)


def unknown_base(base: ast.Name, networks: Iterable[str]) -> ArchError:
    """E0201 for a variant of what is no network."""
    message = f"unknown network `{base.id}`"
    return error("E0201", message, base.span, "not defined or imported here", **_likely(base.span, networks))


def unknown_parameter(arch: ast.Arch, name: str, place: Span) -> ArchError:
    """E0405 for a value given to a parameter that the network does not have."""
    names: Sequence[str] = [parameter.name.id for parameter in arch.parameters]
    listed = ", ".join(f"`{known}`" for known in names) or "none"
    message = f"`{arch.name.id}` has no parameter `{name}`"
    if place.text != name:
        return error("E0405", message, place, notes=[f"parameters: {listed}"], help=did_you_mean(name, names))
    return error("E0405", message, place, notes=[f"parameters: {listed}"], **_likely(place, names))


def missing_argument(callee: str, parameter: ast.Name, call: ast.Call) -> ArchError:
    """E0404 for a call of a block that leaves out a parameter without a default."""
    declared = Label(parameter.span, "declared without a default")
    message = f"`{callee}` needs `{parameter.id}`"
    return error("E0404", message, call.callee.span, f"`{parameter.id}` is missing", secondary=[declared])


def missing_attribute(keyword: str, attribute: str, call: ast.Call) -> ArchError:
    """E0404 for a call of an operator that leaves out an attribute without a default."""
    return error("E0404", f"`{keyword}` needs `{attribute}`", call.callee.span)
