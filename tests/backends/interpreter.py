"""A network run node by node, each from what its operator says about torch: a second opinion on the emitted source.

Nothing of the emitter takes part.  Every node is a module of its own, in the graph's order, with the weights that a live module
has at the node's path.
"""

import torch
from torch import nn

from archdsl.ir import Graph
from tests.conformance import torch_module


def key(path: str) -> str:
    """The path as ``state_dict`` writes it: ``a[3].conv`` is ``a.3.conv``."""
    return path.replace("][", ".").replace("[", ".").replace("]", "")


def expected_state(graph: Graph) -> dict[str, tuple[int, ...]]:
    """Keys and shapes that a ``state_dict`` of the network has."""
    return {key(f"{node.path}.{weight.name}"): weight.shape for node in graph for weight in node.weights}


class Interpreter(nn.Module):
    """The network of ``graph`` with copies of the values in ``state``."""

    def __init__(self, graph: Graph, state: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.graph = graph
        self.parts = nn.ModuleList()
        for node in graph:
            part = nn.Identity() if node.op.family == "input" else torch_module.live(node.op, graph.types(node.inputs)).double()
            if isinstance(part, nn.Dropout):
                part.p = 0.0
            part.load_state_dict({weight.name: state[key(f"{node.path}.{weight.name}")] for weight in node.weights})
            self.parts.append(part)

    def forward(self, *inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        """The value of every node by its path."""
        waiting = list(inputs)
        values: dict[str, torch.Tensor] = {}
        for node, part in zip(self.graph, self.parts, strict=True):
            takes = [waiting.pop(0)] if node.op.family == "input" else [values[path] for path in node.inputs]
            values[node.path] = part(*takes)
        return values

    def outputs(self, *inputs: torch.Tensor) -> list[torch.Tensor]:
        """The network's outputs in order of declaration."""
        values = self(*inputs)
        return [values[output.node] for output in self.graph.outputs]


def randomised(model: nn.Module) -> nn.Module:
    """``model`` in float64, every weight and running statistic away from where it starts, and no dropout, whose draws differ."""
    generator = torch.Generator().manual_seed(1)
    model = model.double()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            noise = torch.rand(value.shape, generator=generator, dtype=torch.float64)
            fan_in = max(1, value[0].numel()) if value.dim() > 1 else 1
            value.copy_(noise + 0.5 if name.endswith("running_var") else (noise - 0.5) * 4 / fan_in**0.5)
    return model


def images(graph: Graph, add: int = 0, batch: int = 2) -> list[torch.Tensor]:
    """Inputs for the network, maps larger by ``add`` rows and columns than declared."""
    generator = torch.Generator().manual_seed(2)
    shapes = [node.type.shape for node in graph.inputs]
    sizes = [(shape[0], *(side + add for side in shape[1:])) for shape in shapes]
    return [torch.rand((batch, *size), generator=generator, dtype=torch.float64) for size in sizes]


def difference(model: nn.Module, graph: Graph, add: int = 8) -> float:
    """The largest relative difference between ``model`` and the interpreter.

    Evaluated, trained (statistics move) and evaluated again on maps that are larger by ``add`` rows and columns.  Asserts that
    both have the same number of outputs, of the same shapes, which at the declared size are the graph's.
    """
    second = Interpreter(graph, model.state_dict())
    largest = 0.0
    with torch.no_grad():
        for training, more in ((False, 0), (True, 0), (False, add)):
            model.train(training)
            second.train(training)
            inputs = images(graph, more)
            made = model(*inputs)
            ours = [made] if isinstance(made, torch.Tensor) else list(made)
            theirs = second.outputs(*inputs)
            assert [tuple(each.shape) for each in ours] == [tuple(each.shape) for each in theirs]
            if more == 0:
                assert [tuple(each.shape[1:]) for each in ours] == [graph[each.node].type.shape for each in graph.outputs]
            largest = max(largest, *map(_distance, ours, theirs))
    return largest


def _distance(one: torch.Tensor, other: torch.Tensor) -> float:
    assert torch.equal(one.isfinite(), other.isfinite())
    one, other = one.nan_to_num(0, 0, 0), other.nan_to_num(0, 0, 0)
    return float((one - other).abs().max()) / max(1.0, float(other.abs().max()))
