"""Pooling: each channel of a map reduced over windows, bins, or all of it.

Average pooling divides by the cells of the input that a window sees, as TensorFlow does and the Inception papers assume;
``count_pad=true`` divides by padding too.  ``ceil=true`` keeps a last window that hangs over the end.
"""

from math import gcd
from typing import ClassVar

from archdsl.ir import (
    Arg,
    Cost,
    OnnxConstant,
    OnnxNode,
    OnnxTarget,
    Op,
    TensorType,
    TorchModule,
    TorchSource,
    TorchTarget,
    Types,
    Window,
)
from archdsl.ops.attributes import Flag, Padding, Pair
from archdsl.ops.operands import the_map
from archdsl.ops.torch_padding import PAD_AVG_POOL, PAD_MAX_POOL, SAME_AVG_POOL, SAME_MAX_POOL
from archdsl.ops.window import Quad, check_cells, closing_pads, follows_size, is_even, onnx_pads, place, slide


def _pooled(window: Window, entering: TensorType, ceil: bool) -> TensorType:
    """Type of the output; raises :class:`OpError` where the window does not fit or would see padding alone."""
    out = slide(window, entering.spatial, ceil=ceil)
    check_cells(window, entering.spatial)
    return TensorType((entering.channels, *out))


def _is_plain(window: Window) -> bool:
    """Whether torch's own pools take this padding: even, and at most half a kernel (not counting its dilation)."""
    left, _, top, _ = window.pads
    height, width = window.kernel
    return is_even(window.pads) and 2 * top <= height and 2 * left <= width


def _kernel_and_stride(kernel: tuple[int, int], stride: tuple[int, int], own_default: bool) -> tuple[Arg, ...]:
    """The first arguments of a pool; torch's pools step by the kernel unless told otherwise, ours always say."""
    if own_default:
        return Arg("kernel_size", kernel, attribute="kernel", positional=True), Arg("stride", stride, kernel, "stride")
    return Arg("kernel_size", kernel, attribute="kernel", positional=True), Arg("stride", stride, attribute="stride")


def _padding(window: Window) -> Arg:
    left, _, top, _ = window.pads
    return Arg("padding", (top, left), (0, 0), "pad")


def _pad(window: Window) -> Arg:
    return Arg("pad", window.pads, attribute="pad")


def _pads_constant(pads: Quad) -> OnnxConstant:
    top, left, bottom, right = onnx_pads(pads)
    return OnnxConstant((0, 0, top, left, 0, 0, bottom, right), "int64", (8,))


class MaxPool(Op):
    """Largest value of each window."""

    keyword: ClassVar[str] = "max_pool"
    family: ClassVar[str] = "pool"
    positional: ClassVar[tuple[str, ...]] = ("kernel",)

    kernel: Pair
    stride: Pair = (1, 1)
    pad: Padding = "same"
    dilation: Pair = (1, 1)
    ceil: Flag = False

    def window(self, inputs: Types) -> Window:
        return place(the_map(self.keyword, inputs).spatial, self.kernel, self.stride, self.dilation, self.pad)

    def infer(self, inputs: Types) -> TensorType:
        return _pooled(self.window(inputs), inputs[0], self.ceil)

    def cost(self, inputs: Types, output: TensorType) -> Cost:
        return self.moved(inputs, output, cmp=output.elements * (self.kernel[0] * self.kernel[1] - 1))

    def torch(self, inputs: Types, output: TensorType) -> TorchTarget:
        window = self.window(inputs)
        dilation = Arg("dilation", self.dilation, (1, 1), "dilation")
        ceil = Arg("ceil_mode", self.ceil, False, "ceil")
        if follows_size(window, self.pad):
            args = (*_kernel_and_stride(self.kernel, self.stride, True), dilation)
            return TorchModule("SameMaxPool2d", args, (SAME_MAX_POOL,))
        if _is_plain(window):
            args = (*_kernel_and_stride(self.kernel, self.stride, True), _padding(window), dilation, ceil)
            return TorchModule("nn.MaxPool2d", args)
        args = (*_kernel_and_stride(self.kernel, self.stride, False), _pad(window), dilation, ceil)
        return TorchModule("PadMaxPool2d", args, (PAD_MAX_POOL,))

    def onnx(self, inputs: Types, output: TensorType) -> OnnxTarget:
        window = self.window(inputs)
        pads = closing_pads(window, inputs[0].spatial, output.spatial)
        attributes = {"kernel_shape": self.kernel, "strides": self.stride, "dilations": self.dilation}
        left, right, top, bottom = pads
        # Runtimes want padding below the undilated kernel; what is wider goes into a node of its own.
        if max(top, bottom) < self.kernel[0] and max(left, right) < self.kernel[1]:
            return OnnxTarget((OnnxNode("MaxPool", ("in0",), ("out",), attributes | {"pads": onnx_pads(pads)}),))
        nodes = (
            OnnxNode("Pad", ("in0", "pads", "lowest"), ("padded",), {"mode": "constant"}),
            OnnxNode("MaxPool", ("padded",), ("out",), attributes),
        )
        return OnnxTarget(nodes, {"pads": _pads_constant(pads), "lowest": OnnxConstant((float("-inf"),), "float32", ())})


class AvgPool(Op):
    """Mean of each window."""

    keyword: ClassVar[str] = "avg_pool"
    family: ClassVar[str] = "pool"
    positional: ClassVar[tuple[str, ...]] = ("kernel",)

    kernel: Pair
    stride: Pair = (1, 1)
    pad: Padding = "same"
    ceil: Flag = False
    count_pad: Flag = False

    def window(self, inputs: Types) -> Window:
        return place(the_map(self.keyword, inputs).spatial, self.kernel, self.stride, (1, 1), self.pad)

    def infer(self, inputs: Types) -> TensorType:
        return _pooled(self.window(inputs), inputs[0], self.ceil)

    def cost(self, inputs: Types, output: TensorType) -> Cost:
        adds = output.elements * (self.kernel[0] * self.kernel[1] - 1)
        return self.moved(inputs, output, add=adds, div=output.elements)

    def torch(self, inputs: Types, output: TensorType) -> TorchTarget:
        window = self.window(inputs)
        ceil = Arg("ceil_mode", self.ceil, False, "ceil")
        if follows_size(window, self.pad):
            counting = Arg("count_include_pad", self.count_pad, False, "count_pad")
            args = (*_kernel_and_stride(self.kernel, self.stride, False), counting)
            return TorchModule("SameAvgPool2d", args, (SAME_AVG_POOL,))
        if _is_plain(window):
            # Without padding there is nothing to count or leave out.
            counts = any(window.pads)
            counting = Arg("count_include_pad", self.count_pad or not counts, True, "count_pad" if counts else None)
            args = (*_kernel_and_stride(self.kernel, self.stride, True), _padding(window), ceil, counting)
            return TorchModule("nn.AvgPool2d", args)
        counting = Arg("count_include_pad", self.count_pad, False, "count_pad")
        args = (*_kernel_and_stride(self.kernel, self.stride, False), _pad(window), ceil, counting)
        return TorchModule("PadAvgPool2d", args, (PAD_AVG_POOL,))

    def onnx(self, inputs: Types, output: TensorType) -> OnnxTarget:
        window = self.window(inputs)
        pads = closing_pads(window, inputs[0].spatial, output.spatial)
        _, right, _, bottom = window.pads
        attributes = {
            "kernel_shape": self.kernel,
            "strides": self.stride,
            "pads": onnx_pads(pads),
            "count_include_pad": int(self.count_pad),
        }
        if not self.count_pad or (pads[1] <= right and pads[3] <= bottom):
            return OnnxTarget((OnnxNode("AveragePool", ("in0",), ("out",), attributes),))
        # Declared padding counts, what ceil mode adds beyond it does not: divide by the whole window, then correct.
        nodes = (
            OnnxNode("AveragePool", ("in0",), ("mean",), attributes),
            OnnxNode("Mul", ("mean", "rows"), ("corrected",)),
            OnnxNode("Mul", ("corrected", "columns")),
        )
        height, width = output.spatial
        rows = _corrections(height, window.kernel[0], window.stride[0], pads[3] - max(bottom, 0))
        columns = _corrections(width, window.kernel[1], window.stride[1], pads[1] - max(right, 0))
        constants = {
            "rows": OnnxConstant(rows, "float32", (1, 1, height, 1)),
            "columns": OnnxConstant(columns, "float32", (1, 1, 1, width)),
        }
        return OnnxTarget(nodes, constants)


def _corrections(outputs: int, kernel: int, stride: int, beyond: int) -> tuple[float, ...]:
    """Whole window over counted cells, per output, where the padded axis ends ``beyond`` cells before the last window does."""
    end = (outputs - 1) * stride + kernel - max(beyond, 0)
    return tuple(kernel / min(kernel, end - index * stride) for index in range(outputs))


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

    def onnx(self, inputs: Types, output: TensorType) -> OnnxTarget:
        (height, width), (rows, columns) = inputs[0].spatial, self.size
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

    def onnx(self, inputs: Types, output: TensorType) -> OnnxTarget:
        return _global_nodes("GlobalAveragePool", self.keep)


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

    def onnx(self, inputs: Types, output: TensorType) -> OnnxTarget:
        return _global_nodes("GlobalMaxPool", self.keep)
