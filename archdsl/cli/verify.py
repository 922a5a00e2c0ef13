"""``archdsl verify``: whether both backends compute the same."""

import math
import re
from typing import TYPE_CHECKING, Any

import click

from archdsl.cli.onnx import check_opset
from archdsl.cli.options import Options, SpecCommand, network_options, verbosity
from archdsl.cli.streams import Settings, counted, result, result_json

if TYPE_CHECKING:
    from archdsl.verification import Difference, Parting, Run, Verdict

_SIZE = re.compile(r"([1-9]\d{0,5})x([1-9]\d{0,5})", re.ASCII)


def _sizes(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    found = []
    for value in values:
        match = _SIZE.fullmatch(value)
        if match is None:
            raise click.BadParameter(f"`{value}` is not a size such as 240x320 (height x width)")
        found.append((int(match[1]), int(match[2])))
    return tuple(found)


def _tolerance(_ctx: click.Context, _param: click.Parameter, value: float) -> float:
    if not math.isfinite(value) or value < 0:
        raise click.BadParameter("a tolerance is a number from 0 on")
    return value


@click.command("verify", cls=SpecCommand, short_help="Run PyTorch and ONNX Runtime side by side and compare.")
@click.argument("spec")
@network_options
@click.option("--weights", metavar="FILE", help="A safetensors or ONNX file, or a PyTorch checkpoint; without it, first values.")
@click.option("--seed", type=click.IntRange(min=0), default=0, metavar="N", help="For weights and inputs.  [default: 0]")
@click.option("--opset", type=int, metavar="N", help="Opset of the models.  [default: 22]")
@click.option(
    "--size",
    "maps",
    metavar="HxW",
    multiple=True,
    callback=_sizes,
    help="Another height and width to run, in place of those that are chosen.",
)
@click.option(
    "--tolerance",
    type=float,
    default=1e-5,
    callback=_tolerance,
    metavar="X",
    help="Largest difference that counts as none, relative to the largest value of an output.  [default: 1e-5]",
)
@click.option("--json", "as_json", is_flag=True, help="Every run as JSON, schema 1.")
@verbosity
@click.pass_obj
def command(
    settings: Settings,
    spec: str,
    options: Options,
    weights: str | None,
    seed: int,
    opset: int | None,
    maps: tuple[tuple[int, int], ...],
    tolerance: float,
    as_json: bool,
) -> int:
    """Compile SPEC to PyTorch and to ONNX with the same weights, run both on random inputs, and exit with 1 where they differ.

    Runs are at the declared size and, where the network allows others, at two more, with batches of 1 and 3, on the model with
    blocks as functions and on the flat one. Where SPEC is an ONNX file, the model in it is run as well.
    """
    from archdsl.ir import OnnxForm
    from archdsl.pipeline import open_spec
    from archdsl.verification import verify

    check_opset(opset)
    form = OnnxForm() if opset is None else OnnxForm(opset)
    choices = options.choices()
    network = open_spec(spec, choices)
    settings.tell_of(network)
    if spec == "-":
        if maps:
            raise click.UsageError("standard input can be read only once; --size needs a file")
        settings.say("standard input can be read only once, so the declared size alone is run")
    found = verify(spec, choices, weights=weights, seed=seed, opset=form.opset, sizes=maps, tolerance=tolerance, network=network)
    if as_json:
        result_json(_document(found))
    else:
        _tell(found)
    return 0 if found.agrees else 1


def _tell(found: "Verdict") -> None:
    from archdsl.verification import BATCHES, describe, described

    runs = len({(each.form, each.batch, describe(each.sizes)) for each in found.runs})
    batches = " and ".join(map(str, BATCHES))
    forms = " and ".join(dict.fromkeys(each.form for each in found.runs))
    result(f"{found.network}: PyTorch {found.torch} and ONNX Runtime {found.runtime}, opset {found.opset}\n")
    result(f"{counted(runs, 'run')}: {', '.join(described(found.runs))}; batch {batches}; {forms}\n\n")
    rows = [("output", "absolute", "relative", "largest at")]
    for output, (run, absolute) in found.worst().items():
        rows.append((output, _number(absolute), _number(run.difference.relative), _where(run)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        result("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")
    if found.agrees:
        result(f"\nno output differs by more than {found.tolerance:g}\n")
        return
    result(f"\nan output differs by more than {found.tolerance:g}\n")
    result(_trail(found.parting))


def _trail(parting: "Parting | None") -> str:
    if parting is None:
        return "no node that both backends show alone does\n"
    apart = f"by {_number(parting.difference.relative)}"
    return f"the first node that does is {parting.path} ({parting.operator}), {apart}, at {_where(parting.run)}\n"


def _where(run: "Run") -> str:
    from archdsl.verification import describe

    return f"{describe(run.sizes)}, batch {run.batch}, {run.form}"


def _number(value: float) -> str:
    return f"{value:.1e}" if math.isfinite(value) else "not comparable"


def _document(found: "Verdict") -> dict[str, Any]:
    parting = found.parting
    return {
        "schema": 1,
        "network": found.network,
        "agrees": found.agrees,
        "tolerance": found.tolerance,
        "opset": found.opset,
        "torch": found.torch,
        "onnxruntime": found.runtime,
        "outputs": [
            {"output": output, "absolute": _json(absolute), "relative": _json(run.difference.relative)}
            for output, (run, absolute) in found.worst().items()
        ],
        "first": None
        if parting is None
        else {"path": parting.path, "op": parting.operator, **_pair(parting.difference), "at": _circumstances(parting.run)},
        "runs": [{"output": each.output, **_pair(each.difference), **_circumstances(each)} for each in found.runs],
    }


def _circumstances(run: "Run") -> dict[str, Any]:
    return {"inputs": {name: list(shape) for name, shape in run.sizes.items()}, "batch": run.batch, "form": run.form}


def _pair(difference: "Difference") -> dict[str, float | None]:
    return {"absolute": _json(difference.absolute), "relative": _json(difference.relative)}


def _json(value: float) -> float | None:
    """The number; None for what JSON has no number for: values that cannot be compared."""
    return value if math.isfinite(value) else None
