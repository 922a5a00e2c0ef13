"""The ``archdsl`` command: one module a command below, and here the group and the one place that maps faults to exit codes."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import click

from archdsl.cli.options import verbosity
from archdsl.cli.streams import Settings, settle
from archdsl.diagnostics import ArchError, did_you_mean, printable
from archdsl.version import __version__

DONE, AT_FAULT, USAGE, ENVIRONMENT, OUR_BUG, INTERRUPTED = 0, 1, 2, 3, 70, 130

COMMANDS = {
    "check": "archdsl.cli.check",
    "summary": "archdsl.cli.summary",
    "why": "archdsl.cli.why",
    "compile": "archdsl.cli.compile",
    "verify": "archdsl.cli.verify",
    "weights": "archdsl.cli.weights",
    "fmt": "archdsl.cli.fmt",
    "explain": "archdsl.cli.explain",
    "list": "archdsl.cli.bundled",
    "doctor": "archdsl.cli.doctor",
}
"""Each is ``command`` in its module, which is imported only when it is run or listed."""


class Commands(click.Group):
    """The commands by name, with a suggestion for a name that is none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[cmd_name]).command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            help_ = did_you_mean(name, COMMANDS)
            raise click.UsageError(f"no command `{name}`{f'; {help_}' if help_ else ''}", ctx)
        return super().resolve_command(ctx, args)


@click.group("archdsl", cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="archdsl", message="%(prog)s %(version)s")
@verbosity
def archdsl() -> None:
    """A declarative architecture compiler for convolutional networks.

    SPEC is a file, `-` for standard input, or the name of a bundled network.  A file may be an ONNX model that archdsl wrote.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit code; the only place where a fault becomes one.

    0 done, 1 the spec is at fault, 2 usage, 3 environment, 70 a bug of ours, 130 interrupted.  A reader that closes the pipe
    early has all that it wanted: the code is what it would have been, as far as it is known.
    """
    settings = Settings()
    settings.prepare()
    try:
        code = _run(sys.argv[1:] if arguments is None else list(arguments), settings)
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except SystemExit:
        raise
    except BaseException as fault:  # noqa: BLE001
        code = settings.verdict if isinstance(fault, BrokenPipeError) else _exit_code(fault)
        with suppress(OSError, ValueError):  # nobody is left to be told
            _tell(fault, settings)
    with suppress(OSError, ValueError):
        settings.point()
    settle()
    return code


def _run(arguments: list[str], settings: Settings) -> int:
    if "_ARCHDSL_COMPLETE" in os.environ:
        archdsl.main(arguments, prog_name="archdsl")  # the shell asks what could stand here; ends the process
    with archdsl.make_context("archdsl", arguments, obj=settings) as context:
        return int(archdsl.invoke(context) or DONE)


def _exit_code(fault: BaseException) -> int:
    match fault:
        case click.exceptions.Exit() | click.ClickException():
            return fault.exit_code
        case click.Abort() | KeyboardInterrupt():
            return INTERRUPTED
        case ArchError():
            return AT_FAULT
        case OSError() | MemoryError():
            return ENVIRONMENT
        case ImportError() if _is_foreign(fault):
            return ENVIRONMENT
        case _:
            return OUR_BUG


def _is_foreign(fault: ImportError) -> bool:
    """Whether what could not be imported is somebody else's package."""
    return bool(fault.name) and not str(fault.name).startswith("archdsl")


def _tell(fault: BaseException, settings: Settings) -> None:
    """Say on standard error what happened, without a traceback unless one was asked for."""
    if isinstance(fault, click.exceptions.Exit | BrokenPipeError):
        return
    if isinstance(fault, click.ClickException):
        fault.show(sys.stderr)
        return
    if isinstance(fault, ArchError):
        settings.show(fault.diagnostics)
        return
    if settings.verbose or os.environ.get("ARCHDSL_DEBUG", "") not in ("", "0"):
        import traceback

        traceback.print_exception(fault, file=sys.stderr)
    settings.complain(_sentence(fault))


def _sentence(fault: BaseException) -> str:
    match fault:
        case KeyboardInterrupt() | click.Abort():
            return "interrupted"
        case MemoryError():
            return "out of memory"
        case OSError():
            where = f"`{printable(str(fault.filename))}`: " if fault.filename is not None else ""
            return f"{where}{fault.strerror or fault}"
        case ImportError() if _is_foreign(fault):
            return str(fault) if "pip install" in str(fault) else f"{fault}; `archdsl doctor` shows what is missing"
        case _:
            return (
                f"a bug in archdsl {__version__}: {printable(f'{type(fault).__name__}: {fault}')}{_place(fault)}\n"
                "please report it with the spec and the command line; `-v` shows the traceback"
            )


def _place(fault: BaseException) -> str:
    """File and line that raised ``fault``."""
    at = fault.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return "" if at is None else f" at {Path(at.tb_frame.f_code.co_filename).name}:{at.tb_lineno}"
