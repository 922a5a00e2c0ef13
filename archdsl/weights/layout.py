"""How other libraries store an array: what it is called below its layer, and the order of its axes.

==========  =========================================  ==========================  ===========================
library     convolution                                depthwise convolution       fully connected
==========  =========================================  ==========================  ===========================
torch       ``weight`` [O, I, H, W]                    ``weight`` [C M, 1, H, W]   ``weight`` [O, I]
keras       ``kernel`` [H, W, I, O]                    ``kernel`` [H, W, C, M]     ``kernel`` [I, O]
tf-slim     ``weights`` [H, W, I, O]                   [H, W, C, M]                ``weights`` [I, O]
==========  =========================================  ==========================  ===========================

Where a map is flattened before a fully connected layer, torch runs through channels first and the others through them last; the
columns of the layer's matrix follow.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from archdsl.ir import Graph, Node, Weight
from archdsl.ir.weights import Recipe, Role, Shape


class NoPlace(ValueError):
    """A weight that a layout has no way to store, or none that is beyond doubt; the message says why."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A library's habits: ``variables`` by role (an absent one has no such array), what separates parts of a name, axis order."""

    name: str
    separator: str
    variables: Mapping[Role, str]
    channels_last: bool = True

    def variable(self, weight: Weight) -> str | None:
        """The name of ``weight`` below its layer; None where the library has no such array."""
        if not self.channels_last:
            return weight.name
        name = self.variables.get(weight.role)
        part = weight.name.rpartition(".")[0]  # `depthwise` and `pointwise` of a separable convolution
        return f"{part}_{name}" if name and part and weight.role == "kernel" else name

    def recipe(self, graph: Graph, node: Node, weight: Weight, kind: str | None) -> Recipe:
        """How the library stores ``weight`` of ``node``, its name left open; ``kind`` as in :class:`names.Rule`.

        Raises :class:`NoPlace`.
        """
        shape = weight.shape
        form, view, axes = shape, shape, tuple(range(len(shape)))
        if weight.role == "kernel" and (self.channels_last or kind is not None):
            form, view, axes = self._kernel(graph, node, weight, kind)
        return Recipe("", weight.role, shape, None, form, view, axes)

    def _kernel(self, graph: Graph, node: Node, weight: Weight, kind: str | None) -> tuple[Shape, Shape, tuple[int, ...]]:
        """Shape over there, the shape that it is viewed in, and the permutation that then gives ours."""
        shape = weight.shape
        if len(shape) == 2:
            return self._matrix(shape, flattened(graph, node, doubt=self.channels_last), kind)
        if len(shape) != 4:
            raise NoPlace(f"a kernel of shape {list(shape)} has no place in the layout `{self.name}`")
        outputs, inputs, height, width = shape
        if kind == "linear":
            if (height, width) != (1, 1):
                raise NoPlace(f"a {height}x{width} convolution cannot be stored as fully connected")
            return ((inputs, outputs),) * 2 + ((1, 0),) if self.channels_last else ((outputs, inputs),) * 2 + ((0, 1),)
        if not self.channels_last:
            return shape, shape, (0, 1, 2, 3)
        entering = graph[node.inputs[0]].type.channels
        if inputs == 1 and entering > 1 and outputs % entering == 0:
            form = (height, width, entering, outputs // entering)
            return form, form, (2, 3, 0, 1)
        form = (height, width, inputs, outputs)
        return form, form, (3, 2, 0, 1)

    def _matrix(self, shape: Shape, entering: Shape | None, kind: str | None) -> tuple[Shape, Shape, tuple[int, ...]]:
        """The same for a fully connected layer that ``entering``, a map, is flattened for (None: that vectors enter)."""
        outputs, inputs = shape
        channels, height, width = entering or (inputs, 1, 1)
        if kind == "conv":
            form = (height, width, channels, outputs) if self.channels_last else (outputs, channels, height, width)
            return form, form, (3, 2, 0, 1) if self.channels_last else (0, 1, 2, 3)
        if not self.channels_last:
            return shape, shape, (0, 1)
        if height * width == 1:
            return (inputs, outputs), (inputs, outputs), (1, 0)
        return (inputs, outputs), (height, width, channels, outputs), (3, 2, 0, 1)


def flattened(graph: Graph, node: Node, *, doubt: bool = True) -> Shape | None:
    """Shape ``[C, H, W]`` of the map whose values, flattened, ``node`` takes; None where it takes a vector of another origin.

    With ``doubt``, raises :class:`NoPlace` where the origin cannot be told, or where a layer in between follows the same order.
    """
    value, between = graph[node.inputs[0]], False
    while value.inputs and not value.op.counts_as_layer:
        before = graph[value.inputs[0]]
        if len(value.inputs) > 1 or (not before.type.is_map and before.type.elements != value.type.elements):
            break
        if before.type.is_map and before.type.elements != value.type.elements:
            return None  # pooled: one value a channel
        if before.type.is_map:
            if between and prod(before.type.spatial) > 1:
                break
            return before.type.shape
        value, between = before, between or bool(value.weights)
    else:
        return None
    if doubt:
        raise NoPlace(f"the order of the values that enter `{node.path}` cannot be told")
    return None


TORCH = Layout("torch", ".", {}, channels_last=False)
KERAS = Layout(
    "keras",
    "/",
    {
        "kernel": "kernel",
        "bias": "bias",
        "scale": "gamma",
        "shift": "beta",
        "mean": "moving_mean",
        "variance": "moving_variance",
    },
)
SLIM = Layout("tf-slim", "/", {**KERAS.variables, "kernel": "weights", "bias": "biases"})
LAYOUTS = {layout.name: layout for layout in (TORCH, KERAS, SLIM)}
