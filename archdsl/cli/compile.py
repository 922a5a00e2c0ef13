"""``archdsl compile``: a spec as text of another language, as a model, or as one of the compiler's own stages sees it."""

import os
from contextlib import suppress

import click

from archdsl.cli.onnx import OnnxOptions, onnx_options
from archdsl.cli.options import Options, SpecCommand, network_options, verbosity
from archdsl.cli.streams import Settings, result, result_bytes
from archdsl.diagnostics import printable


@click.command("compile", cls=SpecCommand, short_help="Emit PyTorch source, an ONNX model, or a stage of the compiler.")
@click.argument("spec")
@network_options
@click.option("--to", "target", type=click.Choice(["torch", "onnx", "ir", "json", "ast"]), required=True, help="What to emit.")
@click.option(
    "-o", "--output", type=click.Path(), metavar="FILE", help="Write to FILE.  [default: standard output; NETWORK.onnx]"
)
@onnx_options
@verbosity
@click.pass_obj
def command(settings: Settings, spec: str, options: Options, target: str, output: str | None, onnx: OnnxOptions) -> None:
    """Emit SPEC.

    As PyTorch source text (torch), as an ONNX model (onnx), as the typed graph (ir, or json for other tools) or as the syntax
    tree (ast).
    """
    if output == "":
        raise click.BadParameter("an empty name is no file", param_hint="-o")
    if target == "ast" and options.given:
        raise click.UsageError("--to ast shows the text as it is written; options that change the network do not act on it")
    if target != "onnx" and onnx.given:
        raise click.UsageError(f"{onnx.given[0]} says what an ONNX model is to be; it goes with --to onnx alone")
    if target == "onnx":
        _write_onnx(settings, spec, options, onnx, output)
        return
    text, sources = _emitted(settings, spec, options, target)
    if output is None or output == "-":
        result(text)
        return
    from archdsl.files import atomic_write

    _keep_sources(output, (spec, *sources))
    data = text.encode()
    atomic_write(output, data)
    settings.say(f"wrote {printable(output)} ({len(data):,} bytes)")


def _write_onnx(settings: Settings, spec: str, options: Options, onnx: OnnxOptions, output: str | None) -> None:
    from archdsl import pipeline

    onnx.check(to_file=output != "-")
    network = pipeline.open_spec(spec, options.choices())
    settings.tell_of(network)
    if onnx.seed is not None and network.file is not None and network.file.entries:
        raise click.UsageError(f"--seed is for first values; `{printable(network.file.path)}` has others")
    output = f"{network.name}.onnx" if output is None else output
    if output == "-":
        result_bytes(network.to_onnx_bytes(**onnx.arguments()))
        return
    sources = [spec, *(source.path for source in network.graph.sources)]
    _keep_sources(output, (*sources, onnx.weights) if onnx.weights is not None else tuple(sources))
    saved = network.save_onnx(output, external=onnx.external_data, **onnx.arguments())
    settings.say(f"wrote {printable(saved.path)} ({saved.size:,} bytes)")
    if saved.data is not None:
        settings.say(f"wrote {printable(saved.data)} ({saved.data_size:,} bytes)")


def _keep_sources(output: str, sources: tuple[str, ...]) -> None:
    """Refuses to write over a text that was read."""
    for path in sources:
        with suppress(OSError):
            if os.path.samefile(output, path):
                raise click.BadParameter(f"`{printable(output)}` is what is being compiled", param_hint="-o")


def _emitted(settings: Settings, spec: str, options: Options, target: str) -> tuple[str, tuple[str, ...]]:
    """What to write, and the files that it was made from."""
    from archdsl import pipeline

    if target == "ast":
        from archdsl.syntax import dump as dump_tree

        program = pipeline.read(spec)
        return dump_tree(program.main), tuple(file.source.path for file in program.files)
    network = pipeline.open_spec(spec, options.choices())
    settings.tell_of(network)
    sources = tuple(source.path for source in network.graph.sources)
    if target == "torch":
        return network.to_torch_source(), sources
    if target == "json":
        from archdsl.ir.exchange import to_json

        return to_json(network.graph) + "\n", sources
    from archdsl.ir import dump

    return dump(network.graph), sources
