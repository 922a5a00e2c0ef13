"""Options that several commands share, as decorators."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from archdsl.cli.streams import Settings
from archdsl.source import Source

Command = Callable[..., Any]
Sizes = tuple[int, ...] | Mapping[str, tuple[int, ...]]
_DIGITS = 18  # beyond any size that a stage would accept, so that the stage can say so


@dataclass(frozen=True, slots=True)
class Choices:
    """What the command line says about the network: sizes of its inputs, values of its parameters, custom operators."""

    input: Sizes | None
    parameters: Mapping[str, Source]
    ops: tuple[str, ...]


def _sizes(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> Sizes | None:
    """The sizes of ``3x299x299``, or of each ``name=3x299x299`` by name."""
    read = [_size(value) for value in values]
    if len(read) == 1 and not read[0][0]:
        return read[0][1]
    if not all(name for name, _ in read):
        raise click.BadParameter("several inputs need a name each: --input left=3x64x64 --input right=3x64x64")
    return dict(read) or None


def _size(value: str) -> tuple[str, tuple[int, ...]]:
    """The name ("" where there is none) and the sizes."""
    name, equals, size = value.rpartition("=")
    parts = size.split("x")
    numbers = all(part.isascii() and part.isdigit() and len(part) <= _DIGITS for part in parts)
    if not numbers or (equals and not name.isidentifier()):
        raise click.BadParameter(f"`{value}` is not a size such as 3x299x299 (channels x height x width)")
    return name, tuple(map(int, parts))


def _settings(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> dict[str, Source]:
    """The expression of each ``name=value`` by name; the last one of a name holds."""
    found = {}
    for value in values:
        name, equals, expression = value.partition("=")
        if not equals or not name.strip().isidentifier() or not expression.strip():
            raise click.BadParameter(f"`{value}` is not of the form name=value")
        found[name.strip()] = Source("<command line>", expression)
    return found


def verbosity(command: Command) -> Command:
    """``-q`` and ``-v``, which land in the :class:`Settings` of the run wherever on the line they stand."""

    def remember(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        settings = ctx.ensure_object(Settings)
        if value:
            setattr(settings, str(param.name), True)

    flags: dict[str, Any] = {"is_flag": True, "expose_value": False, "callback": remember}
    command = click.option("-v", "--verbose", help="Say more: notes, and the traceback of a bug.", **flags)(command)
    return click.option("-q", "--quiet", help="Say less: results and errors only.", **flags)(command)


def choices(command: Command) -> Command:
    """``--input``, ``--set`` and ``--ops``, handed to the command as one argument ``choices``."""

    @click.option("--input", "sizes", metavar="CxHxW", multiple=True, callback=_sizes, help="Size of the input, or name=CxHxW.")
    @click.option(
        "--set", "values", metavar="NAME=VALUE", multiple=True, callback=_settings, help="Value of a parameter of the network."
    )
    @click.option("--ops", metavar="MODULE", multiple=True, help="Python module or file with custom operators; it is run.")
    @wraps(command)
    def collected(*args: Any, sizes: Sizes | None, values: dict[str, Source], ops: tuple[str, ...], **more: Any) -> Any:
        return command(*args, choices=Choices(sizes, values, ops), **more)

    return collected
