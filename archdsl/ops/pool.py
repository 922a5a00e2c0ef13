"""Pooling over windows: each channel of a map reduced to its mean or largest value in each place of a sliding window.

Average pooling divides by the cells of the input that a window sees, as TensorFlow does and the Inception papers assume;
``count_pad=true`` divides by padding too.  ``ceil=true`` keeps a last window that hangs over the end.
"""

from collections.abc import Mapping
from typing import ClassVar, Final

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
    TorchTarget,
    Types,
    Unsupported,
    Window,
)
from archdsl.ops.attributes import Flag, Padding, Pair
from archdsl.ops.free_sizes import Constants, Nodes, ceil_pads, ones, same_pads
from archdsl.ops.operands import the_map
from archdsl.ops.torch_padding import PAD_AVG_POOL, PAD_MAX_POOL, SAME_AVG_POOL, SAME_MAX_POOL
from archdsl.ops.window import (
    Quad,
    check_cells,
    closing_pads,
    follows_size,
    is_even,
    is_same_upper,
    never_starts_in_padding,
    onnx_pads,
    place,
    slide,
)

_CEIL_SINCE: Final = 22
"""The opset whose ceil mode leaves out a window that would begin in the padding at the end, as PyTorch and we do."""


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

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        window = self.window(inputs)
        attributes = {"kernel_shape": self.kernel, "strides": self.stride, "dilations": self.dilation}
        if not form.dynamic:
            return _padded_max(window, closing_pads(window, inputs[0].spatial, output.spatial), attributes)
        if follows_size(window, self.pad):
            if is_same_upper(window):
                return OnnxTarget((OnnxNode("MaxPool", ("in0",), ("out",), attributes | {"auto_pad": "SAME_UPPER"}),))
            return _computed_max(*same_pads(window), attributes)
        if not self.ceil or self.pad == "same":
            return _padded_max(window, window.pads, attributes)
        if never_starts_in_padding(window) or (form.opset >= _CEIL_SINCE and _fits_kernel(window, window.pads)):
            return _padded_max(window, window.pads, attributes | {"ceil_mode": 1})
        return _computed_max(*ceil_pads(window), attributes)


def _fits_kernel(window: Window, pads: Quad) -> bool:
    """Whether runtimes take this padding: below the kernel, not counting its dilation."""
    left, right, top, bottom = pads
    return max(top, bottom) < window.kernel[0] and max(left, right) < window.kernel[1]


_LOWEST: Final = OnnxConstant((float("-inf"),), "float32", ())


def _padded_max(window: Window, pads: Quad, attributes: Mapping[str, object]) -> OnnxTarget:
    """Max pooling padded by fixed numbers; what is too wide for the pooling goes into a node of its own."""
    if _fits_kernel(window, pads):
        return OnnxTarget((OnnxNode("MaxPool", ("in0",), ("out",), {**attributes, "pads": onnx_pads(pads)}),))
    return _computed_max((), {"pads": _pads_constant(pads)}, attributes)


def _computed_max(nodes: Nodes, constants: Constants, attributes: Mapping[str, object]) -> OnnxTarget:
    """Max pooling of what ``pads``, which these nodes or constants give, makes of the map."""
    padding = OnnxNode("Pad", ("in0", "pads", "lowest"), ("padded",), {"mode": "constant"})
    pool = OnnxNode("MaxPool", ("padded",), ("out",), attributes)
    return OnnxTarget((*nodes, padding, pool), {**constants, "lowest": _LOWEST})


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

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        if form.dynamic:
            return self._of_any_size(self.window(inputs), form)
        window = self.window(inputs)
        pads = closing_pads(window, inputs[0].spatial, output.spatial)
        _, right, _, bottom = window.pads
        attributes = self._onnx_attributes() | {"pads": onnx_pads(pads)}
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

    def _onnx_attributes(self) -> dict[str, object]:
        return {"kernel_shape": self.kernel, "strides": self.stride, "count_include_pad": int(self.count_pad)}

    def _of_any_size(self, window: Window, form: OnnxForm) -> OnnxTarget:
        attributes = self._onnx_attributes()
        if follows_size(window, self.pad):
            if is_same_upper(window):
                return OnnxTarget((OnnxNode("AveragePool", ("in0",), ("out",), attributes | {"auto_pad": "SAME_UPPER"}),))
            return self._of_computed_padding(window)
        attributes |= {"pads": onnx_pads(window.pads)}
        if self.ceil and self.pad != "same":
            if form.opset < _CEIL_SINCE and not (never_starts_in_padding(window) and not self.count_pad):
                what = "`avg_pool` with `ceil` and this padding, over maps of free height and width,"
                raise Unsupported(f"{what} needs opset {_CEIL_SINCE} of ONNX")
            attributes |= {"ceil_mode": 1}
        return OnnxTarget((OnnxNode("AveragePool", ("in0",), ("out",), attributes),))

    def _of_computed_padding(self, window: Window) -> OnnxTarget:
        nodes, constants = same_pads(window)
        pool = {"kernel_shape": self.kernel, "strides": self.stride}
        nodes = (*nodes, OnnxNode("Pad", ("in0", "pads"), ("padded",), {"mode": "constant"}))
        if self.count_pad:
            return OnnxTarget((*nodes, OnnxNode("AveragePool", ("padded",), ("out",), pool)), constants)
        # Over padding that does not count: the mean of all cells by the part of them that counts.
        unit, more = ones()
        nodes = (
            *nodes,
            OnnxNode("AveragePool", ("padded",), ("mean",), pool),
            *unit,
            OnnxNode("Pad", ("ones", "pads"), ("counted",), {"mode": "constant"}),
            OnnxNode("AveragePool", ("counted",), ("part",), pool),
            OnnxNode("Div", ("mean", "part")),
        )
        return OnnxTarget(nodes, constants | more)


def _corrections(outputs: int, kernel: int, stride: int, beyond: int) -> tuple[float, ...]:
    """Whole window over counted cells, per output, where the padded axis ends ``beyond`` cells before the last window does."""
    end = (outputs - 1) * stride + kernel - max(beyond, 0)
    return tuple(kernel / min(kernel, end - index * stride) for index in range(outputs))
