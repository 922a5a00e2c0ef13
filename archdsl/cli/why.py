"""``archdsl why``: where a place of a network, and every value that it is built with, comes from."""

import click

from archdsl.cli.options import Options, SpecCommand, network_options, verbosity
from archdsl.cli.streams import Settings, result, result_json


@click.command("why", cls=SpecCommand, short_help="Tell where a layer and each of its attributes come from.")
@click.argument("spec")
@click.argument("path")
@network_options
@click.option("--json", "as_json", is_flag=True, help="As JSON, schema 1.")
@verbosity
@click.pass_obj
def command(settings: Settings, spec: str, path: str, options: Options, as_json: bool) -> None:
    """Tell where what is at PATH of SPEC is written, what it is in, and where each of its attributes or arguments comes from.

    PATH is that of a layer (`a[3].b1.conv`) or of a block, repeat or merge (`a[3]`).
    """
    from archdsl.pipeline import open_spec
    from archdsl.render import provenance

    network = open_spec(spec, options.choices())
    settings.tell_of(network)
    found = network.why(path)
    if as_json:
        result_json(provenance.as_json(found))
    else:
        result(provenance.text(found))
