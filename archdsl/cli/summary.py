"""``archdsl summary``: what a network is made of and what that costs."""

import click

from archdsl.cli.options import Options, SpecCommand, network_options, verbosity
from archdsl.cli.streams import Settings, result, result_json


@click.command("summary", cls=SpecCommand, short_help="Table of shapes, parameters and multiply-accumulates.")
@click.argument("spec")
@network_options
@click.option("--depth", type=click.IntRange(min=0), help="Levels of structure to show.  [default: 2]")
@click.option("--json", "form", flag_value="json", help="Every scope and node as JSON, schema 1.")
@click.option("--markdown", "form", flag_value="markdown", help="The table as Markdown.")
@click.option("--csv", "form", flag_value="csv", help="Exact numbers as CSV; every level unless --depth is given.")
@verbosity
@click.pass_obj
def command(settings: Settings, spec: str, options: Options, depth: int | None, form: str | None) -> None:
    """Show the shapes, parameters, multiply-accumulates and activation bytes of SPEC, block by block."""
    from archdsl.pipeline import open_spec
    from archdsl.render import table

    network = open_spec(spec, options.choices())
    settings.tell_of(network)
    levels = table.DEPTH if depth is None else depth
    if form == "json":
        result_json(table.as_json(network.report))
    elif form == "markdown":
        result(table.markdown(network.report, levels))
    elif form == "csv":
        result(table.csv(network.report, depth))
    else:
        result(table.text(network.report, levels))
