"""The options that say what an ONNX model is to be."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

Command = Callable[..., Any]
_EXTERNAL = 1024


@dataclass(frozen=True, slots=True)
class OnnxOptions:
    """What the command line says about a model; None and False where it says nothing."""

    opset: int | None
    flat: bool
    dynamic: bool
    aux: bool
    structure: bool
    weights: str | None
    seed: int | None
    external_data: int | None

    @property
    def given(self) -> tuple[str, ...]:
        """The options that stood on the line."""
        stated = ((name, getattr(self, name)) for name in self.__slots__)
        return tuple(f"--{name.replace('_', '-')}" for name, value in stated if value is not None and value is not False)

    def check(self, *, to_file: bool) -> None:
        """Holds where the options go together, and there is a place for a model; raises :class:`click.UsageError` elsewhere."""
        if self.structure and (self.weights is not None or self.seed is not None):
            other = "--weights" if self.weights is not None else "--seed"
            raise click.UsageError(f"--structure leaves the weights out; {other} does not go with it")
        if self.weights is not None and self.seed is not None:
            raise click.UsageError("--seed is for first values; --weights gives others")
        if self.external_data is not None and (self.structure or not to_file):
            why = "--structure leaves them out" if self.structure else "name that with -o"
            raise click.UsageError(f"--external-data puts weights into a file beside that of the model; {why}")
        if not to_file and sys.stdout is not None and sys.stdout.isatty():
            raise click.UsageError("an ONNX model is not for a terminal; pipe the output somewhere, or leave `-o -` out")
        check_opset(self.opset)

    def arguments(self) -> dict[str, Any]:
        """The same as :meth:`archdsl.pipeline.Network.to_onnx` takes it."""
        stated: dict[str, Any] = {"opset": self.opset, "seed": self.seed, "weights": self.weights}
        found = {name: value for name, value in stated.items() if value is not None}
        return found | {"flat": self.flat, "dynamic": self.dynamic, "auxiliary": self.aux, "structure": self.structure}


def check_opset(opset: int | None) -> None:
    """Holds where a model can have this opset; raises :class:`click.BadParameter` elsewhere."""
    if opset is None:
        return
    from archdsl.pipeline import opsets

    known = opsets()
    if opset not in known:
        message = f"{opset} is not one of the opsets that can be written, {known[0]} to {known[-1]}"
        raise click.BadParameter(message, param_hint="--opset")


def onnx_options(command: Command) -> Command:
    """The options of a command that writes ONNX models, handed to it as one argument ``onnx``."""

    @click.option("--opset", type=int, metavar="N", help="onnx: opset of the model.  [default: 22]")
    @click.option("--flat", is_flag=True, help="onnx: one graph; without it, blocks are functions of the model.")
    @click.option("--dynamic", is_flag=True, help="onnx: free height and width, where the network allows them.")
    @click.option("--aux", is_flag=True, help="onnx: keep auxiliary outputs.")
    @click.option("--weights", metavar="FILE", help="onnx: weights, in a safetensors or ONNX file, or a PyTorch checkpoint.")
    @click.option(
        "--seed", type=click.IntRange(min=0), metavar="N", help="onnx: what first values of weights follow from.  [default: 0]"
    )
    @click.option("--structure", is_flag=True, help="onnx: no weights; they are inputs of the model.")
    @click.option(
        "--external-data",
        type=click.IntRange(min=1),
        is_flag=False,
        flag_value=_EXTERNAL,
        metavar="[BYTES]",
        help=f"onnx: arrays from BYTES on in a second file.  [default: {_EXTERNAL} where it stands alone; beyond 2 GB always]",
    )
    @wraps(command)
    def collected(
        *args: Any,
        opset: int | None,
        flat: bool,
        dynamic: bool,
        aux: bool,
        weights: str | None,
        seed: int | None,
        structure: bool,
        external_data: int | None,
        **more: Any,
    ) -> Any:
        return command(*args, onnx=OnnxOptions(opset, flat, dynamic, aux, structure, weights, seed, external_data), **more)

    return collected
