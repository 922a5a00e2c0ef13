"""``archdsl check``: every fault of every file in one run."""

import json
from collections.abc import Iterable

import click

from archdsl.cli.options import Options, SpecCommand, network_options, verbosity
from archdsl.cli.streams import Settings, result
from archdsl.diagnostics import Diagnostic
from archdsl.version import __version__

FORMATS = ("text", "json", "github", "sarif")


@click.command("check", cls=SpecCommand, short_help="Find every fault of the given specs.")
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...")
@network_options
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", help="Text goes to stderr, the rest to stdout.")
@verbosity
@click.pass_obj
def command(settings: Settings, specs: tuple[str, ...], options: Options, form: str) -> int:
    """Parse, elaborate and verify every network of every SPEC, and report all faults in one run."""
    from archdsl.pipeline import diagnose

    choices = options.choices()
    found: list[Diagnostic] = []
    count = 0
    for spec in dict.fromkeys(specs):
        names, diagnostics = diagnose(spec, choices)
        count += len(names)
        found += diagnostics
    errors = sum(each.severity == "error" for each in found)
    settings.verdict = 1 if errors else 0
    _report(settings, found, form)
    warnings = sum(each.severity == "warning" for each in found)
    if form == "text":
        checked = f"{_count(len(specs), 'spec')}, {_count(count, 'network')}"
        counts = ", ".join(_count(number, word) for number, word in ((errors, "error"), (warnings, "warning")) if number)
        settings.say(f"{checked}: {counts or 'no faults'}")
    return settings.verdict


def _report(settings: Settings, found: Iterable[Diagnostic], form: str) -> None:
    if form == "text":
        settings.show(found)
        return
    from archdsl.render import diagnostics as render

    wanted = settings.wanted(found)
    if form == "github":
        result(render.as_github(wanted))
    else:
        document = render.as_json(wanted) if form == "json" else render.as_sarif(wanted, __version__)
        result(json.dumps(document, indent=1) + "\n")


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
