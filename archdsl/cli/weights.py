"""``archdsl weights``: weights of other libraries, mapped, checked, converted and written back."""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from archdsl.cli.options import Options, SpecCommand, network_options, verbosity
from archdsl.cli.streams import Settings, result, result_json
from archdsl.diagnostics import printable

if TYPE_CHECKING:
    from archdsl.ir.weights import Recipe, WeightFile, WeightMap, WeightReport
    from archdsl.pipeline import Network
    from archdsl.weights import Names

Command = Callable[..., Any]


@click.group("weights", short_help="Weights of other libraries: map, check, convert, export.")
@verbosity
def command() -> None:
    """Bring weights from timm, torchvision, Keras and TF-slim to a spec's own names, and back.

    A file is used only if every weight finds exactly one array and every array is used, or known to be of no use.
    """


def matching_options(function: Command) -> Command:
    """The options of every command that matches a file."""
    for option in (
        click.option(
            "--names",
            type=click.Choice(["now", "older"]),
            help="How the file calls layers whose names were exchanged by `was`.  [default: as the file says, or the shapes]",
        ),
        click.option("--ignore", metavar="NAME", multiple=True, help="Leave arrays of the file alone; `*` matches anything."),
        click.option("--skip", metavar="PATH", multiple=True, help="Leave a layer of the network out; `*` matches many."),
        click.option("--key", metavar="NAME", help="Which of several sets of weights a PyTorch checkpoint holds."),
    ):
        function = option(function)
    return function


def _source(what: str) -> Command:
    return click.option("--from", "source", metavar="NAME", help=what)


_DETECTED = "Whose names the file has: native, timm, torchvision, keras, tf-slim, or a file of rules.  [default: found out]"
_FETCHED = f"{_DETECTED[:-1]}; or a model on the Hugging Face hub, as timm/inception_v4.tf_in1k, instead of FILE]"


@command.command("map", cls=SpecCommand, short_help="Show the names of every weight.")
@click.argument("spec")
@click.option(
    "--from", "source", metavar="NAME", required=True, help="native, timm, torchvision, keras, tf-slim, or a rule file."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON, schema 1.")
@network_options
@verbosity
@click.pass_obj
def show_map(settings: Settings, spec: str, source: str, as_json: bool, options: Options) -> int:
    """Show what each weight of SPEC is called elsewhere, its shape there and here."""
    network = _network(settings, spec, options)
    (found,) = network.weight_maps(source)
    if as_json:
        weights = [_recipe(recipe) for recipe in found.recipes]
        uncovered = [{"name": name, "shape": list(shape)} for name, shape in found.uncovered]
        result_json({**_heading(found), "weights": weights, "uncovered": uncovered, "unused": list(found.unused)})
    else:
        rows = [(recipe.ours, _text(recipe.shape), _theirs(recipe), _text(recipe.form)) for recipe in found.recipes]
        rows += [(name, _text(shape), "no name", "") for name, shape in found.uncovered]
        _table(rows)
    return 1 if found.uncovered else 0


@command.command("check", cls=SpecCommand, short_help="See whether a file fits a network.")
@click.argument("spec")
@click.argument("file", required=False)
@_source(_FETCHED)
@matching_options
@click.option("--json", "as_json", is_flag=True, help="Every weight and every problem as JSON, schema 1.")
@network_options
@verbosity
@click.pass_obj
def check(
    settings: Settings,
    spec: str,
    file: str | None,
    source: str | None,
    key: str | None,
    skip: tuple[str, ...],
    ignore: tuple[str, ...],
    names: "Names | None",
    as_json: bool,
    options: Options,
) -> int:
    """Report what of FILE goes where in SPEC; exit with 1 where anything is missing, left over or of another shape."""
    from archdsl.weights import fit, match

    network = _network(settings, spec, options)
    stored, source = _opened(settings, file, source, key)
    maps = network.weight_maps(source)
    if as_json:
        reports = [match(each, stored, skip, ignore, names) for each in maps]
        report = min(reports, key=lambda each: (each.problems, -len(each.matches)))
        result_json(_report(report))
        return 0 if report.fits and fit(stored, maps, skip, ignore, names).fits else 1
    _tell(fit(stored, maps, skip, ignore, names), lambda line: result(f"{line}\n"))
    return 0


@command.command("convert", cls=SpecCommand, short_help="Write a file under the spec's own names.")
@click.argument("spec")
@click.argument("file", required=False)
@click.option("-o", "--output", metavar="FILE", help="A .safetensors or .pth file.  [default: NETWORK.safetensors]")
@_source(_FETCHED)
@matching_options
@network_options
@verbosity
@click.pass_obj
def convert(
    settings: Settings,
    spec: str,
    file: str | None,
    output: str | None,
    source: str | None,
    key: str | None,
    skip: tuple[str, ...],
    ignore: tuple[str, ...],
    names: "Names | None",
    options: Options,
) -> None:
    """Bring the weights in FILE to the names and shapes of SPEC; nothing is written unless all of it fits."""
    from archdsl.weights import NATIVE, about, fit, read

    network = _network(settings, spec, options)
    target = _target(output, network.name, file)
    stored, source = _opened(settings, file, source, key)
    report = fit(stored, network.weight_maps(source), skip, ignore, names)
    arrays = read(report, stored)
    _tell(report, settings.say)
    _write(settings, target, arrays, about(network.graph, NATIVE, report.map.source))


@command.command("export", cls=SpecCommand, short_help="Write a file under another library's names.")
@click.argument("spec")
@click.argument("file")
@click.option("--to", "goal", metavar="NAME", required=True, help="native, timm, torchvision, keras, tf-slim, or a rule file.")
@click.option("-o", "--output", metavar="FILE", required=True, help="A .safetensors or .pth file.")
@_source(_DETECTED)
@matching_options
@network_options
@verbosity
@click.pass_obj
def export(
    settings: Settings,
    spec: str,
    file: str,
    goal: str,
    output: str,
    source: str | None,
    key: str | None,
    skip: tuple[str, ...],
    ignore: tuple[str, ...],
    names: "Names | None",
    options: Options,
) -> None:
    """Bring weights of SPEC to the names and shapes of another library."""
    from archdsl.weights import about, fit, read, written

    if skip:
        raise click.UsageError("another library has no use for a part of the weights: --skip and export do not go together")
    network = _network(settings, spec, options)
    target = _target(output, network.name, file)
    (wanted,) = network.weight_maps(goal)
    stored, source = _opened(settings, file, source, key)
    report = fit(stored, network.weight_maps(source), skip, ignore, names)
    arrays = written(wanted, read(report, stored))
    _write(settings, target, arrays, about(network.graph, goal, report.map.source))


@command.command("insert", cls=SpecCommand, short_help="Write weights into an ONNX file.")
@click.argument("model")
@click.argument("file")
@click.option("-o", "--output", metavar="FILE", help="Write to FILE and leave MODEL as it is.  [default: MODEL itself]")
@_source(_DETECTED)
@matching_options
@network_options
@verbosity
@click.pass_obj
def insert(
    settings: Settings,
    model: str,
    file: str,
    output: str | None,
    source: str | None,
    key: str | None,
    skip: tuple[str, ...],
    ignore: tuple[str, ...],
    names: "Names | None",
    options: Options,
) -> None:
    """Put the weights in FILE into MODEL, an ONNX file that archdsl wrote; nothing is written unless all of it fits.

    All else in MODEL stays as it is, and so do the weights of layers that are skipped.
    """
    from archdsl import stored as models
    from archdsl.weights import NATIVE, fit, read

    network = _network(settings, model, options)
    if output is not None:
        _target(output, network.name, file)
    stored, source = _opened(settings, file, source, key)
    skip = (*skip, *models.left_out(network.graph, stored))
    report = fit(stored, network.weight_maps(source), skip, ignore, names)
    saved = network.write_weights(read(report, stored), NATIVE, output=output, skip=skip, names="now")
    _tell(report, settings.say)
    settings.say(f"wrote {saved}")


def _network(settings: Settings, spec: str, options: Options) -> "Network":
    from archdsl.pipeline import open_spec

    network = open_spec(spec, options.choices())
    settings.tell_of(network)
    return network


def _opened(settings: Settings, file: str | None, source: str | None, key: str | None) -> "tuple[WeightFile, str | None]":
    """The file, open for reading, and whose names it has, where that is said; fetched where ``source`` is a model on the hub."""
    from archdsl.pipeline import MissingExtra, open_weights
    from archdsl.weights import hub

    if source is not None and hub.is_model(source):
        if file is not None:
            raise click.UsageError(f"`{source}` is a model on the hub: give that or FILE, not both")
        settings.say(f"fetching {source}")
        try:
            return open_weights(hub.fetch(source), key), None
        except ModuleNotFoundError as fault:
            if fault.name != "huggingface_hub":
                raise
            raise MissingExtra("huggingface_hub", "hub") from fault
    if file is None:
        raise click.UsageError("Missing argument 'FILE': a file of weights, or --from ORGANISATION/MODEL to fetch one.")
    return open_weights(file, key), source


def _target(output: str | None, network: str, file: str | None) -> str:
    """Where to write; never over what is read."""
    target = output or f"{network}.safetensors"
    if file is not None and os.path.exists(target) and os.path.exists(file) and os.path.samefile(target, file):
        raise click.UsageError(f"`{target}` is what is read: name another file with -o")
    return target


def _write(settings: Settings, target: str, arrays: dict[str, Any], about: dict[str, object]) -> None:
    """``target`` holds the arrays, as a PyTorch checkpoint or a safetensors file, as its name ends."""
    from archdsl.files import atomic_write

    if target.endswith((".pth", ".pt")):
        from archdsl.pipeline import checkpoint_bytes

        data = checkpoint_bytes(arrays, about)
    elif target.endswith(".safetensors"):
        from archdsl.weights import safetensors_bytes

        data = safetensors_bytes(arrays, about)
    else:
        raise click.UsageError(f"`{target}` ends neither in .safetensors nor in .pth")
    atomic_write(target, data)
    settings.say(f"wrote {target} ({len(arrays):,} arrays, {len(data):,} bytes)")


def _tell(report: "WeightReport", say: Callable[[str], None]) -> None:
    """What was found, in a few lines."""
    say(f"{printable(report.file)} fits {report.map.network}, named as {report.map.source} names it")
    width = max((len(f"{count:,}") for count in report.counts().values()), default=1)
    for how, count in report.counts().items():
        say(f"  {count:>{width},}  {how}")
    for names, what in ((report.skipped, "left out"), (report.ignored, "of the file not used")):
        if names:
            more = f", … and {len(names) - 3:,} more" if len(names) > 3 else ""
            say(f"  {len(names):>{width},}  {what}: {', '.join(map(printable, names[:3]))}{more}")
    if report.map.note:
        say(f"  note: {report.map.note}")


def _heading(map: "WeightMap") -> dict[str, Any]:
    return {"schema": 1, "network": map.network, "source": map.source, "theirs": map.theirs}


def _report(report: "WeightReport") -> dict[str, Any]:
    return {
        **_heading(report.map),
        "file": report.file,
        "fits": report.fits,
        "weights": [{**_recipe(each.recipe), "how": each.how} for each in report],
        "ignored": list(report.ignored),
        "skipped": list(report.skipped),
        "missing": [
            {
                "name": each.ours,
                "shape": list(each.shape),
                "from": each.theirs,
                "from_shape": list(each.form),
                "suggestion": each.suggestion,
            }
            for each in report.missing
        ],
        "misshaped": [
            {
                "name": each.ours,
                "from": each.theirs,
                "expected": list(each.expected),
                "found": list(each.found.shape),
                "dtype": each.found.dtype,
            }
            for each in report.misshaped
        ],
        "left_over": [{"name": name, "shape": list(stored.shape), "dtype": stored.dtype} for name, stored in report.left_over],
        "parameters": [{"name": name, "wanted": wanted, "found": found} for name, wanted, found in report.map.unmet],
    }


def _recipe(recipe: "Recipe") -> dict[str, Any]:
    return {
        "name": recipe.ours,
        "shape": list(recipe.shape),
        "from": recipe.theirs,
        "from_shape": list(recipe.form),
        "less": recipe.less,
        "fill": recipe.fill,
    }


def _theirs(recipe: "Recipe") -> str:
    name = f"filled with {recipe.fill or 0:g}" if recipe.theirs is None else recipe.theirs
    return name if recipe.less is None else f"{name} - {recipe.less}"


def _text(shape: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, shape))}]"


def _table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)] if rows else []
    for row in rows:
        result("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")
