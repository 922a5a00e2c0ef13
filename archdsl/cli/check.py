"""``archdsl check``: every fault of every file in one run."""

from collections.abc import Iterable
from dataclasses import replace

import click

from archdsl.cli.fix import Mending
from archdsl.cli.options import Options, SpecCommand, network_options, verbosity
from archdsl.cli.streams import Settings, counted, result, result_json
from archdsl.diagnostics import CODES, Diagnostic, Label, printable
from archdsl.source import Source, Span
from archdsl.version import __version__

FORMATS = ("text", "json", "github", "sarif")


def _codes(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """The codes, once each is known to be that of a warning."""
    known = [code for code in CODES if code.startswith("W")]
    for value in values:
        if value not in known:
            raise click.BadParameter(f"`{printable(value)}` is not the code of a warning: {', '.join(known)}")
    return values


@click.command("check", cls=SpecCommand, short_help="Find every fault of the given specs.")
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...")
@network_options
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", help="Text goes to stderr, the rest to stdout.")
@click.option("--fix", is_flag=True, help="Mend in the files that are named what has one certain fix, and check again.")
@click.option("--diff", is_flag=True, help="As --fix, but write nothing and print what would change.")
@click.option("--allow", "allowed", metavar="CODE", multiple=True, callback=_codes, help="A warning not to report, as W104.")
@click.option("--strict", is_flag=True, help="Take warnings for errors.")
@verbosity
@click.pass_obj
def command(
    settings: Settings,
    specs: tuple[str, ...],
    options: Options,
    form: str,
    fix: bool,
    diff: bool,
    allowed: tuple[str, ...],
    strict: bool,
) -> int:
    """Parse, elaborate and verify every network of every SPEC, and report all faults in one run.

    With --fix, `-` stands alone: standard input goes, mended, to standard output.
    """
    from archdsl.pipeline import diagnose

    choices = options.choices()
    count = 0

    def look(texts: dict[str, str]) -> list[Diagnostic]:
        nonlocal count
        count = 0
        found: list[Diagnostic] = []
        for spec in dict.fromkeys(specs):
            names, diagnostics = diagnose(spec, choices, texts=texts)
            count += len(names)
            found += diagnostics if form == "text" else [_placed(each, spec) for each in diagnostics]
        return _judged(found, allowed, strict=strict)

    mending = _mending(specs, form, diff=diff) if fix or diff else None
    found = look({}) if mending is None else mending.mend(look)
    errors = sum(each.severity == "error" for each in found)
    settings.verdict = 1 if errors or (diff and mending is not None and mending.changed) else 0
    if mending is not None:
        _mended(settings, mending, diff=diff)
    _report(settings, found, form)
    warnings = sum(each.severity == "warning" for each in found)
    if form == "text":
        checked = f"{counted(len(specs), 'spec')}, {counted(count, 'network')}"
        counts = ", ".join(counted(number, word) for number, word in ((errors, "error"), (warnings, "warning")) if number)
        settings.say(f"{checked}: {counts or 'no faults'}")
    return settings.verdict


def _placed(diagnostic: Diagnostic, spec: str) -> Diagnostic:
    """The diagnostic for programs that show it at a place: without one of its own, the beginning of what was to be checked."""
    if diagnostic.primary is not None:
        return diagnostic
    path = "<stdin>" if spec == "-" else spec
    return replace(diagnostic, primary=Label(Span(Source(path, ""), 0, 0)))


def _judged(found: Iterable[Diagnostic], allowed: tuple[str, ...], *, strict: bool) -> list[Diagnostic]:
    """What counts: without the warnings that are allowed, and with the others as errors where the user is ``strict``."""
    kept = [each for each in found if each.severity != "warning" or each.code not in allowed]
    return [replace(each, severity="error") if strict and each.severity == "warning" else each for each in kept]


def _mending(specs: tuple[str, ...], form: str, *, diff: bool) -> Mending:
    """The texts of ``specs`` that may be mended."""
    if "-" in specs and len(specs) > 1:
        raise click.UsageError("`-` stands alone: standard input goes to standard output, and files are written in place")
    if form != "text" and (diff or "-" in specs):
        raise click.UsageError(f"standard output cannot take both the mended text and {form}")
    return Mending(specs)


def _mended(settings: Settings, mending: Mending, *, diff: bool) -> None:
    """Write, or print, what was mended, and tell of it."""
    for text in mending.files.values():
        if diff:
            result(text.diff())
        elif text.path == "<stdin>":
            result(text.after)
        else:
            text.write()
    for text in mending.changed:
        for change in text.changes:
            settings.say(change)
    for path in sorted(mending.out_of_reach):
        settings.say(f"{printable(path)}: could be mended, and was not named as a file")
    changes = sum(len(text.changes) for text in mending.changed)
    if changes:
        done = "would mend" if diff else "mended"
        settings.say(f"{done} {counted(changes, 'place')} in {counted(len(mending.changed), 'file')}\n")


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
        result_json(document)
