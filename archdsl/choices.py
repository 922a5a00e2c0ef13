"""What a caller asks of a spec beyond what it says itself, brought to the forms that the stages take.

A value of the wrong Python type is a slip in the caller's program and raises ``TypeError``; one of the right type that does not
suit the network raises :class:`~archdsl.diagnostics.ArchError`, once the network is at hand.
"""

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, Literal, TypedDict

from archdsl.diagnostics import error, printable
from archdsl.ir import Op
from archdsl.ops import BY_KEYWORD
from archdsl.source import Source

Inputs = tuple[int, ...] | Mapping[str, tuple[int, ...]]
"""Size of the one input per sample, or of each input by name."""
Parameters = Mapping[str, Any]
"""Values for parameters of a network: of Python or numpy, or sources that hold an expression of the language."""


class OnnxChoices(TypedDict, total=False):
    """What an ONNX model is to be."""

    opset: int
    """From 13 to the newest that the installed onnx knows; 22 where nothing else is said."""
    flat: bool
    """One graph, in which blocks are not functions."""
    dynamic: bool
    """Height and width of maps are free, under the spec's names for them, or ``H`` and ``W``."""
    auxiliary: bool
    """Auxiliary outputs are kept, and what only they need."""
    structure: bool
    """There are no weights: they are inputs."""
    seed: int
    """What the first values of weights follow from, where no others are given."""
    skip: str | Iterable[str]
    """Layers that are left out of given weights, as :meth:`~archdsl.pipeline.Network.load_weights` has it; so the next two."""
    ignore: str | Iterable[str]
    names: Literal["now", "older"] | None


@dataclass(frozen=True, slots=True)
class Choices:
    """What the caller asks of a spec beyond what it says itself.

    ``input`` replaces declared input sizes, ``variant`` picks a variant or one of several networks, ``edits`` are texts of edits
    by path, ``parameters`` values of the network's parameters, ``operators`` the operators that specs may call.
    """

    input: Inputs | None = None
    variant: str | None = None
    edits: tuple[Source, ...] = ()
    parameters: Parameters = field(default_factory=dict)
    operators: Mapping[str, type[Op]] = field(default_factory=lambda: BY_KEYWORD)

    def __post_init__(self) -> None:
        """Raises E0106 where a string holds what UTF-8 has no form for; in a text, the parser finds that."""
        for name, value in self.parameters.items():
            for part in value if isinstance(value, tuple) else (value,):
                if isinstance(part, str) and any("\ud800" <= character <= "\udfff" for character in part):
                    raise error("E0106", f"`{printable(name)}` holds half of a surrogate pair, which is no character")


def choices(
    input: object, variant: object, edits: object, parameters: Mapping[str, object], operators: Mapping[str, type[Op]]
) -> Choices:
    """The choices that Python values stand for; raises ``TypeError`` where one of them is of no type that is taken."""
    if variant is not None and not isinstance(variant, str):
        raise TypeError(f"`variant` is the name of a variant or network, not {_shown(variant)}")
    values = {name: _value(name, value) for name, value in parameters.items()}
    return Choices(_inputs(input), variant, _edits(edits), values, operators)


def parameters(given: object, named: Mapping[str, object]) -> dict[str, object]:
    """The parameters in ``given`` and those ``named`` by keyword; raises ``TypeError`` for one that is in both."""
    if given is not None and not isinstance(given, Mapping):
        raise TypeError(f"`parameters` maps names to values, it is {_shown(given)}")
    found = {} if given is None else dict(given)
    for name in found:
        if not isinstance(name, str):
            raise TypeError(f"the name of a parameter is a string, not {_shown(name)}")
    twice = sorted(found.keys() & named.keys())
    if twice:
        raise TypeError(f"parameter `{twice[0]}` is given twice")
    return {**found, **named}


def _inputs(given: object) -> Inputs | None:
    """Sizes as whole numbers of Python, of the one input or by name."""
    if given is None:
        return None
    if isinstance(given, Mapping):
        for name in given:
            if not isinstance(name, str):
                raise TypeError(f"the name of an input is a string, not {_shown(name)}")
        return {name: _sizes(f"`input` of `{name}`", sizes) for name, sizes in given.items()}
    return _sizes("`input`", given)


def _sizes(what: str, given: object) -> tuple[int, ...]:
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise TypeError(f"{what} is a tuple of sizes such as (3, 224, 224), or one for each input by name, not {_shown(given)}")
    sizes = [_scalar(each) for each in given]
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, int):
            raise TypeError(f"{what} holds whole numbers such as (3, 224, 224), not {_shown(size)}")
    return tuple(int(size) for size in sizes if isinstance(size, int))


def _edits(given: object) -> tuple[Source, ...]:
    texts = [given] if isinstance(given, str) else given
    if isinstance(texts, bytes) or not isinstance(texts, Iterable):
        raise TypeError(f"`edits` is a text such as 'drop stem.c1', or several of them, not {_shown(texts)}")
    found: list[Source] = []
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"`edits` holds texts such as 'drop stem.c1', not {_shown(text)}")
        found.append(Source("<edits>", text))
    return tuple(found)


def _value(name: str, value: object) -> object:
    """The value of a parameter with numbers as Python has them; raises ``TypeError`` for what is no value of the language."""
    if isinstance(value, Source):
        return value
    parts = [_scalar(each) for each in value] if isinstance(value, tuple | list) else [_scalar(value)]
    for part in parts:
        if not isinstance(part, bool | int | float | str):
            raise TypeError(f"`{name}` takes a number, truth value, string or tuple of these, not {_shown(part)}")
    return tuple(parts) if isinstance(value, tuple | list) else parts[0]


def _scalar(value: object) -> object:
    """A number of numpy, or of any class that can be a number of Python, as that; anything else as it is."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):  # a scalar of numpy or torch, truth values included
        value = value.item()
    if isinstance(value, bool | str):
        return value
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return float(value) if isinstance(value, Real) else value


def _shown(value: object) -> str:
    """A value for a message, with its type, and short."""
    text = repr(value)
    return f"{text if len(text) <= 60 else f'{text[:60]}…'} ({type(value).__name__})"
