"""Options that several commands share, as decorators."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from archdsl.cli.streams import Settings
from archdsl.source import Source

Command = Callable[..., Any]
Sizes = tuple[int, ...] | Mapping[str, tuple[int, ...]]
_PLACE = "<command line>"
_ORDER = "archdsl.order"
_DIGITS = 18  # beyond any size that a stage would accept, so that the stage can say so


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says about the network, as texts; :meth:`choices` makes something of it."""

    input: Sizes | None
    variant: str | None
    settings: tuple[str, ...]
    edits: tuple[tuple[str, str], ...]
    ops: tuple[str, ...]

    @property
    def given(self) -> bool:
        """Whether anything is asked of the network at all."""
        return any((self.input, self.variant, self.settings, self.edits, self.ops))

    def choices(self) -> Any:
        """The same as the pipeline wants it; imports the modules with custom operators."""
        from archdsl.choices import Choices
        from archdsl.extensions import operators

        parameters, edits = {}, []
        for setting in self.settings:
            name, _, value = setting.partition("=")
            if ":" in name:
                edits.append(Source(_PLACE, f"set {name.strip()} = {value.strip()}"))
            else:
                parameters[name.strip()] = Source(_PLACE, value)
        edits += [Source(_PLACE, f"{word} {text}") for word, text in self.edits]
        return Choices(self.input, self.variant, tuple(edits), parameters, operators(self.ops))


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


def _settings(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Each ``name=value`` or ``path:argument=value`` once it has that form."""
    for value in values:
        name, equals, expression = value.partition("=")
        is_name = name.strip().isidentifier() or ":" in name
        if not equals or not is_name or not expression.strip():
            raise click.BadParameter(f"`{value}` is not of the form name=value or path:argument=value")
    return values


def verbosity(command: Command) -> Command:
    """``-q`` and ``-v``, which land in the :class:`Settings` of the run wherever on the line they stand."""

    def remember(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        settings = ctx.ensure_object(Settings)
        if value:
            setattr(settings, str(param.name), True)

    flags: dict[str, Any] = {"is_flag": True, "expose_value": False, "callback": remember}
    command = click.option("-v", "--verbose", help="Say more: notes, and the traceback of a bug.", **flags)(command)
    return click.option("-q", "--quiet", help="Say less: results and errors only.", **flags)(command)


class SpecCommand(click.Command):
    """A command that remembers in which order its options stood on the line, since edits act in that order."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        with suppress(click.UsageError):  # told below
            ctx.meta[_ORDER] = [param.name for param in self.make_parser(ctx).parse_args(list(args))[2]]
        return super().parse_args(ctx, args)


def _in_order(values: Mapping[str, tuple[str, ...]]) -> tuple[tuple[str, str], ...]:
    """Each edit as its kind and text, in the order of the command line."""
    rest = {kind: iter(texts) for kind, texts in values.items()}
    order = click.get_current_context().meta.get(_ORDER, ())
    return tuple((kind, next(rest[kind])) for kind in order if kind in rest)


def network_options(command: Command) -> Command:
    """The options of every command that takes a spec, handed to it as one argument ``options``."""

    @click.option("--input", "sizes", metavar="CxHxW", multiple=True, callback=_sizes, help="Size of the input, or name=CxHxW.")
    @click.option("--variant", metavar="NAME", help="A variant, or one of several networks, that the spec defines.")
    @click.option(
        "--set",
        "settings",
        metavar="NAME=VALUE",
        multiple=True,
        callback=_settings,
        help="Value of a parameter; with PATH:NAME=VALUE of an argument at a place, or its `repeat`.",
    )
    @click.option("--drop", metavar="PATH", multiple=True, help="Leave out what is at PATH; `*`, `[*]` and `[1..3]` match many.")
    @click.option("--replace", metavar="'PATH with STEP'", multiple=True, help="Put STEP in the place of what is at PATH.")
    @click.option("--insert", metavar="'STEP after PATH'", multiple=True, help="Add STEP after, or before, what is at PATH.")
    @click.option("--ops", metavar="MODULE", multiple=True, help="Python module or file with custom operators; it is run.")
    @wraps(command)
    def collected(
        *args: Any,
        sizes: Sizes | None,
        variant: str | None,
        settings: tuple[str, ...],
        drop: tuple[str, ...],
        replace: tuple[str, ...],
        insert: tuple[str, ...],
        ops: tuple[str, ...],
        **more: Any,
    ) -> Any:
        edits = _in_order({"drop": drop, "replace": replace, "insert": insert})
        return command(*args, options=Options(sizes, variant, settings, edits, ops), **more)

    return collected
