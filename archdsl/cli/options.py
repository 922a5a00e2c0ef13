"""Options that several commands share, as decorators."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from archdsl.cli.streams import Settings
from archdsl.source import Source

Command = Callable[..., Any]
NamedSize = tuple[str, tuple[int, ...]]
_DIGITS = 18  # beyond any size that a stage would accept, so that the stage can say so


@dataclass(frozen=True, slots=True)
class Choices:
    """What the command line says about the network: sizes of its inputs, values of its parameters, custom operators."""

    input: tuple[int, ...] | Mapping[str, tuple[int, ...]] | None
    parameters: Mapping[str, Source]
    ops: tuple[str, ...]


class InputSize(click.ParamType[NamedSize]):
    """``3x299x299``, or ``name=3x299x299`` for one input of several: the name ("" without one) and the sizes."""

    name = "CxHxW"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> NamedSize:
        name, equals, size = str(value).rpartition("=")
        parts = size.split("x")
        sizes = all(part.isascii() and part.isdigit() and len(part) <= _DIGITS for part in parts)
        if not sizes or (equals and not name.isidentifier()):
            self.fail(f"`{value}` is not a size such as 3x299x299 (channels x height x width)", param, ctx)
        return name, tuple(map(int, parts))


class Setting(click.ParamType[tuple[str, Source]]):
    """``name=value``, where the value is an expression of the language."""

    name = "name=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Source]:
        name, equals, expression = str(value).partition("=")
        if not equals or not name.strip().isidentifier() or not expression.strip():
            self.fail(f"`{value}` is not of the form name=value", param, ctx)
        return name.strip(), Source("<command line>", expression)


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

    @click.option("--input", "sizes", type=InputSize(), multiple=True, help="Size of the input; name=CxHxW for one of several.")
    @click.option("--set", "settings", type=Setting(), multiple=True, help="Value of a parameter of the network.")
    @click.option("--ops", multiple=True, metavar="MODULE", help="Python module or file with custom operators; it is run.")
    @wraps(command)
    def collected(
        *args: Any, sizes: tuple[NamedSize, ...], settings: tuple[tuple[str, Source], ...], ops: tuple[str, ...], **more: Any
    ) -> Any:
        return command(*args, choices=Choices(_inputs(sizes), dict(settings), ops), **more)

    return collected


def _inputs(sizes: tuple[NamedSize, ...]) -> tuple[int, ...] | dict[str, tuple[int, ...]] | None:
    if not sizes:
        return None
    if len(sizes) == 1 and not sizes[0][0]:
        return sizes[0][1]
    if not all(name for name, _ in sizes):
        raise click.UsageError("several `--input` need a name each: --input left=3x64x64 --input right=3x64x64")
    return dict(sizes)
