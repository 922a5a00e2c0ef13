"""Where a sliding window lies: the padding arithmetic that convolutions and pools share.

Per axis, with ``extent = (kernel - 1) * dilation + 1``:

``valid``     no padding
``same``      TensorFlow's rule: ``out = ceil(in / stride)``, ``total = max((out - 1) * stride + extent - in, 0)``, half of it
              (rounded down) before the input and the rest after it
``sym``       ``extent // 2`` on both sides, which is ``kernel // 2`` without dilation
in numbers    as given

``out = floor((in + before + after - extent) / stride) + 1``.  Ceil mode rounds up instead, and then leaves out a last window
that would begin beyond the input, as PyTorch does.
"""

from archdsl.ir import OpError, Window

Quad = tuple[int, int, int, int]


def extent(kernel: int, dilation: int) -> int:
    """Cells from the first to the last that a dilated kernel touches."""
    return (kernel - 1) * dilation + 1


def extents(window: Window) -> tuple[int, int]:
    """Height and width of the window with its dilation."""
    return extent(window.kernel[0], window.dilation[0]), extent(window.kernel[1], window.dilation[1])


def quad(amounts: tuple[int, ...]) -> Quad:
    """Padding in numbers as (left, right, top, bottom)."""
    if len(amounts) == 2:
        height, width = amounts
        return width, width, height, height
    left, right, top, bottom = amounts
    return left, right, top, bottom


def place(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    pad: str | tuple[int, ...],
) -> Window:
    """The window with its padding resolved for an input of this height and width."""
    if not isinstance(pad, str):
        return Window(kernel, stride, dilation, quad(pad))
    top, bottom = _axis_pads(pad, size[0], extent(kernel[0], dilation[0]), stride[0])
    left, right = _axis_pads(pad, size[1], extent(kernel[1], dilation[1]), stride[1])
    return Window(kernel, stride, dilation, (left, right, top, bottom))


def _axis_pads(pad: str, size: int, reach: int, stride: int) -> tuple[int, int]:
    if pad == "valid":
        return 0, 0
    if pad == "sym":
        return reach // 2, reach // 2
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


def follows_size(window: Window, pad: object) -> bool:
    """Whether another input size may need other padding: ``same`` along an axis with a stride and more than one cell."""
    return pad == "same" and any(stride > 1 and reach > 1 for stride, reach in zip(window.stride, extents(window), strict=True))


def is_same_upper(window: Window) -> bool:
    """Whether ONNX's SAME_UPPER is ``same`` at every size: runtimes crop where windows leave gaps, and refuse dilated ones."""
    return window.dilation == (1, 1) and all(step <= kernel for step, kernel in zip(window.stride, window.kernel, strict=True))


def never_starts_in_padding(window: Window) -> bool:
    """Whether no window of ceil mode can begin in the padding at the end, whatever the size of the input."""
    _, right, _, bottom = window.pads
    height, width = extents(window)
    return window.stride[0] + bottom <= height and window.stride[1] + right <= width


def is_even(pads: Quad) -> bool:
    """Whether both sides of each axis are padded alike."""
    left, right, top, bottom = pads
    return left == right and top == bottom


def slide(window: Window, size: tuple[int, int], *, ceil: bool = False) -> tuple[int, int]:
    """Height and width of the output; raises :class:`OpError` (E0302) where the window does not fit the padded input."""
    left, right, top, bottom = window.pads
    reach = extents(window)
    if reach[0] > size[0] + top + bottom or reach[1] > size[1] + left + right:
        raise OpError(_misfit(window, size), code="E0302", attribute="kernel")
    return (
        _axis_outputs(size[0], top, bottom, reach[0], window.stride[0], ceil=ceil),
        _axis_outputs(size[1], left, right, reach[1], window.stride[1], ceil=ceil),
    )


def _axis_outputs(size: int, before: int, after: int, reach: int, stride: int, *, ceil: bool) -> int:
    room = size + before + after - reach
    steps = room // stride
    if ceil and room % stride and (steps + 1) * stride < size + before:
        steps += 1
    return steps + 1


def _misfit(window: Window, size: tuple[int, int]) -> str:
    left, right, top, bottom = window.pads
    reach = extents(window)
    dilated = f" dilated to {reach[0]}x{reach[1]}" if reach != window.kernel else ""
    padded = f" padded to {size[0] + top + bottom}x{size[1] + left + right}" if any(window.pads) else ""
    kernel = f"{window.kernel[0]}x{window.kernel[1]}"
    return f"a {kernel} window{dilated} does not fit an input of {size[0]}x{size[1]}{padded}"


def check_cells(window: Window, size: tuple[int, int]) -> None:
    """Holds where every window of a pool sees at least one cell of the input; raises :class:`OpError` (E0302) elsewhere."""
    left, right, top, bottom = window.pads
    axes = zip(("height", "width"), extents(window), ((top, bottom), (left, right)), window.dilation, size, strict=True)
    for axis, reach, pads, dilation, cells in axes:
        if max(pads) >= reach:
            message = f"padding of {max(pads)} along the {axis} leaves windows of {reach} with nothing but padding"
            raise OpError(message, code="E0302", attribute="pad")
        if any(pads) and dilation > cells:
            message = f"a dilation of {dilation} along the {axis} steps over the whole input of {cells}, onto padding"
            raise OpError(message, code="E0302", attribute="dilation")


def closing_pads(window: Window, size: tuple[int, int], out: tuple[int, int]) -> Quad:
    """(left, right, top, bottom) with which ``out`` windows fit: the end is padded by what the last one touches, and no more."""
    left, _, top, _ = window.pads
    reach = extents(window)
    bottom = max((out[0] - 1) * window.stride[0] + reach[0] - size[0] - top, 0)
    right = max((out[1] - 1) * window.stride[1] + reach[1] - size[1] - left, 0)
    return left, right, top, bottom


def onnx_pads(pads: Quad) -> tuple[int, int, int, int]:
    """The order of ONNX: begins, then ends, each height before width."""
    left, right, top, bottom = pads
    return top, left, bottom, right
