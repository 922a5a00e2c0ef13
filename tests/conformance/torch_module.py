"""One operator as a live module, from what it says about torch and nothing else."""

import torch
import torch.nn.functional as F
from torch import nn

from archdsl.ir import Arg, Op, TensorType, TorchExpr, TorchModule, TorchSource
from tests.conformance.cases import BATCH, Case


def namespace(sources: tuple[TorchSource, ...]) -> dict[str, object]:
    """What the source texts define, beside torch's own names."""
    names: dict[str, object] = {"torch": torch, "nn": nn, "F": F}

    def define(source: TorchSource) -> None:
        for needed in source.needs:
            define(needed)
        exec(source.text, names)

    for source in sources:
        define(source)
    return names


def called(function, args: tuple[Arg, ...]):
    """The call as emitted code writes it: positional arguments first, defaults left out."""
    written = [arg for arg in args if arg.positional or arg.value != arg.default]
    by_position = [arg.value for arg in written if arg.positional]
    return function(*by_position, **{arg.name: arg.value for arg in written if not arg.positional})


def live(op: Op, inputs: tuple[TensorType, ...]) -> nn.Module:
    """The operator as a module over as many tensors as there are inputs."""
    target = op.torch(inputs, op.infer(inputs))
    names = namespace(target.sources)
    if isinstance(target, TorchModule):
        return called(eval(target.type, names), target.args)
    return Expression(target, names)


class Expression(nn.Module):
    """A :class:`TorchExpr` as a module."""

    def __init__(self, target: TorchExpr, names: dict[str, object]) -> None:
        super().__init__()
        self.target, self.names = target, names

    def forward(self, *tensors):
        by_default = all(arg.value == arg.default for arg in self.target.args)
        template = self.target.plain if by_default and self.target.plain is not None else self.target.template
        symbols = [f"x{index}" for index in range(len(tensors))]
        args = {arg.name: repr(arg.value) for arg in self.target.args}
        text = template.format(*symbols, inputs=", ".join(symbols), **args)
        return eval(text, self.names | dict(zip(symbols, tensors, strict=True)))


def tensors(case: Case, seed: int = 0) -> list[torch.Tensor]:
    """Inputs for a case."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(BATCH, *shape, generator=generator) for shape in case.shapes]


def ready(case: Case) -> nn.Module:
    """The live module in eval mode, with every weight and statistic away from its initial value."""
    module = live(case.op, case.inputs).eval()
    generator = torch.Generator().manual_seed(1)
    for name, value in module.state_dict().items():
        if value.dtype.is_floating_point:
            noise = torch.randn(value.shape, generator=generator)
            value.copy_(noise.abs() + 0.5 if name == "running_var" else noise)
    return module
