"""``archdsl compile``: a spec as text of another language, or as one of the compiler's own stages sees it."""

import click

from archdsl.cli.options import Options, SpecCommand, network_options, verbosity
from archdsl.cli.streams import Settings, result


@click.command("compile", cls=SpecCommand, short_help="Emit PyTorch source, or a stage of the compiler.")
@click.argument("spec")
@network_options
@click.option("--to", "target", type=click.Choice(["torch", "ir", "ast"]), required=True, help="What to emit.")
@click.option("-o", "--output", type=click.Path(), metavar="FILE", help="Write to FILE instead of standard output.")
@verbosity
@click.pass_obj
def command(settings: Settings, spec: str, options: Options, target: str, output: str | None) -> None:
    """Emit SPEC as PyTorch source text (torch), as the typed graph (ir) or as the syntax tree (ast)."""
    text = _emitted(settings, spec, options, target)
    if output is None or output == "-":
        result(text)
        return
    from archdsl.files import atomic_write

    data = text.encode()
    atomic_write(output, data)
    settings.say(f"wrote {output} ({len(data):,} bytes)")


def _emitted(settings: Settings, spec: str, options: Options, target: str) -> str:
    from archdsl import pipeline

    if target == "ast":
        from archdsl.syntax import dump as dump_tree

        return dump_tree(pipeline.read(spec).main)
    network = pipeline.open_spec(spec, options.choices())
    settings.tell_of(network)
    if target == "torch":
        return network.to_torch_source()
    from archdsl.ir import dump

    return dump(network.graph)
