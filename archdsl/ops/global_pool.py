"""Pooling over bins, as many whatever the size of the map, and over all of it."""

from collections.abc import Sequence
from math import gcd
from typing import ClassVar

from archdsl.ir import (
    Arg,
    Cost,
    OnnxConstant,
    OnnxForm,
    OnnxNode,
    OnnxTarget,
    Op,
    TensorType,
    TorchModule,
    TorchSource,
    TorchTarget,
    Types,
)
from archdsl.ops.attributes import Flag, Pair
from archdsl.ops.free_sizes import bin_means
from archdsl.ops.operands import the_map


class AdaptiveAvgPool(Op):
    """Mean of ``size`` bins: bin i of n spans ``floor(i * in / n)`` to ``ceil((i + 1) * in / n)``, as in PyTorch."""

    keyword: ClassVar[str] = "adaptive_avg_pool"
    family: ClassVar[str] = "pool"
    positional: ClassVar[tuple[str, ...]] = ("size",)

    size: Pair

    def infer(self, inputs: Types) -> TensorType:
        return TensorType((the_map(self.keyword, inputs).channels, *self.size))

    def cost(self, inputs: Types, output: TensorType) -> Cost:
        # Bins that do not end where the next begins share one cell.
        rows, columns = (cells + count - gcd(cells, count) for cells, count in zip(inputs[0].spatial, self.size, strict=True))
        read = inputs[0].channels * rows * columns
        return self.moved(inputs, output, add=read - output.elements, div=output.elements)

    def torch(self, inputs: Types, output: TensorType) -> TorchTarget:
        return TorchModule("nn.AdaptiveAvgPool2d", (Arg("output_size", self.size, attribute="size", positional=True),))

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        (height, width), (rows, columns) = inputs[0].spatial, self.size
        if self.size == (1, 1):
            return OnnxTarget((OnnxNode("GlobalAveragePool", ("in0",)),))
        if form.dynamic:
            return _bins_of_any_size(self.size)
        if height % rows == 0 and width % columns == 0:
            step = (height // rows, width // columns)
            return OnnxTarget((OnnxNode("AveragePool", ("in0",), ("out",), {"kernel_shape": step, "strides": step}),))
        # Means of uneven bins are two small matrix products: rows [rows, H] x map [H, W] x columns [W, columns].
        nodes = (OnnxNode("MatMul", ("rows", "in0"), ("pooled_rows",)), OnnxNode("MatMul", ("pooled_rows", "columns")))
        down, across = _bin_matrix(height, rows), _bin_matrix(width, columns)
        constants = {
            "rows": OnnxConstant(tuple(value for row in down for value in row), "float32", (rows, height)),
            "columns": OnnxConstant(
                tuple(value for column in zip(*across, strict=True) for value in column), "float32", (width, columns)
            ),
        }
        return OnnxTarget(nodes, constants)

    def free_size(self, inputs: Types, free: Sequence[bool]) -> bool:
        return False


def _bins_of_any_size(size: tuple[int, int]) -> OnnxTarget:
    down, constants = bin_means(2, size[0], "rows")
    across, more = bin_means(3, size[1], "across")
    nodes = (
        *down,
        *across,
        OnnxNode("MatMul", ("rows", "in0"), ("pooled_rows",)),
        OnnxNode("Transpose", ("across",), ("columns",), {"perm": (1, 0)}),
        OnnxNode("MatMul", ("pooled_rows", "columns")),
    )
    return OnnxTarget(nodes, constants | more)


def _bins(cells: int, count: int) -> list[tuple[int, int]]:
    return [(index * cells // count, -(-(index + 1) * cells // count)) for index in range(count)]


def _bin_matrix(cells: int, count: int) -> list[list[float]]:
    """``count`` rows over ``cells`` columns; each row takes the mean of its bin."""
    return [[1 / (end - start) if start <= cell < end else 0.0 for cell in range(cells)] for start, end in _bins(cells, count)]


_GLOBAL_AVG_POOL = TorchSource(
    "GlobalAvgPool2d",
    '''
class GlobalAvgPool2d(nn.Module):
    """Mean over height and width: [N, C, H, W] to [N, C]."""

    def forward(self, x):
        return x.mean((2, 3))
''',
)

_GLOBAL_MAX_POOL = TorchSource(
    "GlobalMaxPool2d",
    '''
class GlobalMaxPool2d(nn.Module):
    """Largest value over height and width: [N, C, H, W] to [N, C]."""

    def forward(self, x):
        return F.adaptive_max_pool2d(x, 1).flatten(1)
''',
)


def _global_type(entering: TensorType, keep: bool) -> TensorType:
    return TensorType((entering.channels, 1, 1) if keep else (entering.channels,))


def _global_nodes(op_type: str, keep: bool) -> OnnxTarget:
    if keep:
        return OnnxTarget((OnnxNode(op_type, ("in0",)),))
    return OnnxTarget((OnnxNode(op_type, ("in0",), ("pooled",)), OnnxNode("Flatten", ("pooled",), ("out",), {"axis": 1})))


class GlobalAvgPool(Op):
    """Mean of each channel: ``[C]``, or ``[C, 1, 1]`` with ``keep``."""

    keyword: ClassVar[str] = "global_avg_pool"
    family: ClassVar[str] = "pool"

    keep: Flag = False

    def infer(self, inputs: Types) -> TensorType:
        return _global_type(the_map(self.keyword, inputs), self.keep)

    def cost(self, inputs: Types, output: TensorType) -> Cost:
        return self.moved(inputs, output, add=inputs[0].elements - output.elements, div=output.elements)

    def torch(self, inputs: Types, output: TensorType) -> TorchTarget:
        if self.keep:
            return TorchModule("nn.AdaptiveAvgPool2d", (Arg("output_size", 1, positional=True),))
        return TorchModule("GlobalAvgPool2d", (), (_GLOBAL_AVG_POOL,))

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        return _global_nodes("GlobalAveragePool", self.keep)

    def free_size(self, inputs: Types, free: Sequence[bool]) -> bool:
        return False


class GlobalMaxPool(Op):
    """Largest value of each channel: ``[C]``, or ``[C, 1, 1]`` with ``keep``."""

    keyword: ClassVar[str] = "global_max_pool"
    family: ClassVar[str] = "pool"

    keep: Flag = False

    def infer(self, inputs: Types) -> TensorType:
        return _global_type(the_map(self.keyword, inputs), self.keep)

    def cost(self, inputs: Types, output: TensorType) -> Cost:
        return self.moved(inputs, output, cmp=inputs[0].elements - output.elements)

    def torch(self, inputs: Types, output: TensorType) -> TorchTarget:
        if self.keep:
            return TorchModule("nn.AdaptiveMaxPool2d", (Arg("output_size", 1, positional=True),))
        return TorchModule("GlobalMaxPool2d", (), (_GLOBAL_MAX_POOL,))

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        return _global_nodes("GlobalMaxPool", self.keep)

    def free_size(self, inputs: Types, free: Sequence[bool]) -> bool:
        return False
