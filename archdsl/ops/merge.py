"""Where branches meet: concatenation of channels, (scaled) sum, product."""

from collections.abc import Sequence
from typing import ClassVar

from archdsl.ir import (
    Arg,
    Cost,
    OnnxConstant,
    OnnxForm,
    OnnxNode,
    OnnxTarget,
    Op,
    OpError,
    TensorType,
    TorchExpr,
    TorchTarget,
    Types,
    Unsupported,
)
from archdsl.ops.attributes import Number


def _listed(inputs: Types) -> str:
    return ", ".join(map(str, inputs))


def _alike(keyword: str, inputs: Types, free: Sequence[bool]) -> bool:
    """Whether the sizes of all inputs are free; raises :class:`Unsupported` where some are and others are not."""
    if any(free) and not all(free):
        fixed = next(each for each, is_free in zip(inputs, free, strict=True) if not is_free)
        height, width = fixed.spatial
        raise Unsupported(
            f"`{keyword}` takes a map whose height and width are to be free beside one that is always {height}x{width}"
        )
    return any(free)


class Concat(Op):
    """The channels of all inputs one after another; maps agree in height and width."""

    keyword: ClassVar[str] = "concat"
    family: ClassVar[str] = "merge"
    inputs: ClassVar[tuple[int, int | None]] = (1, None)

    def infer(self, inputs: Types) -> TensorType:
        rest = inputs[0].shape[1:]
        if any(each.shape[1:] != rest or len(each.shape) != len(inputs[0].shape) for each in inputs):
            same_rank = len({len(each.shape) for each in inputs}) == 1
            what = "height and width" if same_rank else "kind (maps with maps, vectors with vectors)"
            raise OpError(f"branches of `concat` must agree in {what}: {_listed(inputs)}", code="E0301")
        return TensorType((sum(each.channels for each in inputs), *rest))

    def cost(self, inputs: Types, output: TensorType) -> Cost:
        return self.moved(inputs, output)

    def torch(self, inputs: Types, output: TensorType) -> TorchTarget:
        return TorchExpr("torch.cat([{inputs}], dim=1)")

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        names = tuple(f"in{index}" for index in range(len(inputs)))
        return OnnxTarget((OnnxNode("Concat", names, ("out",), {"axis": 1}),))

    def free_size(self, inputs: Types, free: Sequence[bool]) -> bool:
        return _alike(self.keyword, inputs, free)


class Add(Op):
    """The sum of its inputs, the last one times ``scale``: ``x + scale * body(x)`` for a residual."""

    keyword: ClassVar[str] = "add"
    family: ClassVar[str] = "merge"
    inputs: ClassVar[tuple[int, int | None]] = (1, None)

    scale: Number = 1.0

    def infer(self, inputs: Types) -> TensorType:
        if any(each.shape != inputs[0].shape for each in inputs):
            raise OpError(f"branches of `add` must have one shape: {_listed(inputs)}", code="E0301")
        return inputs[0]

    def terms(self, inputs: Types) -> tuple[float, ...]:
        return (*(1.0 for _ in inputs[1:]), self.scale)

    def cost(self, inputs: Types, output: TensorType) -> Cost:
        scaled = output.elements if self.scale != 1 else 0
        return self.moved(inputs, output, add=(len(inputs) - 1) * output.elements, mul=scaled)

    def torch(self, inputs: Types, output: TensorType) -> TorchTarget:
        names = [f"{{{index}}}" for index in range(len(inputs))]
        scaled = [*names[:-1], f"{{scale}} * {names[-1]}"]
        return TorchExpr(" + ".join(scaled), (Arg("scale", self.scale, 1.0, "scale"),), plain=" + ".join(names))

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        terms = [f"in{index}" for index in range(len(inputs))]
        nodes: list[OnnxNode] = []
        constants = {}
        if self.scale != 1:
            constants["scale"] = OnnxConstant((self.scale,), "float32", ())
            nodes.append(OnnxNode("Mul", (terms[-1], "scale"), ("scaled",)))
            terms[-1] = "scaled"
        nodes += _chain("Add", terms)
        return OnnxTarget(_into_out(nodes), constants)

    def free_size(self, inputs: Types, free: Sequence[bool]) -> bool:
        return _alike(self.keyword, inputs, free)


class Mul(Op):
    """The product of its inputs; a ``[C, 1, 1]`` one weighs the channels of a map, as a squeeze-and-excite gate does."""

    keyword: ClassVar[str] = "mul"
    family: ClassVar[str] = "merge"
    inputs: ClassVar[tuple[int, int | None]] = (1, None)

    def infer(self, inputs: Types) -> TensorType:
        widest = max(inputs, key=lambda each: each.elements)
        gate = (widest.channels, 1, 1) if widest.is_map else widest.shape
        if all(each.shape in (widest.shape, gate) for each in inputs):
            return widest
        vector = widest.is_map and any(each.shape == (widest.channels,) for each in inputs)
        help = "keep the gate a map: `global_avg_pool(keep=true)` and 1x1 convolutions" if vector else None
        message = f"branches of `mul` must have one shape, or [N, C, 1, 1] beside a map: {_listed(inputs)}"
        raise OpError(message, code="E0301", help=help)

    def cost(self, inputs: Types, output: TensorType) -> Cost:
        return self.moved(inputs, output, mul=(len(inputs) - 1) * output.elements)

    def torch(self, inputs: Types, output: TensorType) -> TorchTarget:
        return TorchExpr(" * ".join(f"{{{index}}}" for index in range(len(inputs))))

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        return OnnxTarget(_into_out(_chain("Mul", [f"in{index}" for index in range(len(inputs))])))

    def free_size(self, inputs: Types, free: Sequence[bool]) -> bool:
        # A single cell goes with a map of any size.
        wide = [(each, is_free) for each, is_free in zip(inputs, free, strict=True) if is_free or each.shape[1:] != (1, 1)]
        return bool(wide) and _alike(self.keyword, [each for each, _ in wide], [is_free for _, is_free in wide])


def _chain(op_type: str, terms: list[str]) -> list[OnnxNode]:
    """Nodes that combine the terms from the left, two at a time; a single term passes through."""
    if len(terms) == 1:
        return [OnnxNode("Identity", (terms[0],))]
    nodes = []
    left = terms[0]
    for index, right in enumerate(terms[1:], 1):
        nodes.append(OnnxNode(op_type, (left, right), (f"partial{index}",)))
        left = f"partial{index}"
    return nodes


def _into_out(nodes: list[OnnxNode]) -> tuple[OnnxNode, ...]:
    """The nodes with the last one writing ``out``."""
    last = nodes[-1]
    return (*nodes[:-1], OnnxNode(last.op_type, last.inputs, ("out",), last.attributes))
