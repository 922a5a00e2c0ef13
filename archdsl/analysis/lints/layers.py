"""Rules about convolutions and pools, one after another or by themselves."""

from typing import NamedTuple

from archdsl.analysis.lints.uses import Uses, is_batch_norm, warning
from archdsl.diagnostics import Diagnostic, Label
from archdsl.ir import Node, Window

_PASSING = ("norm", "activation", "regularisation")
"""Families that leave height and width alone and stand between two convolutions in a row."""
_LONG = 3
"""From how many times longer than across on a map is taken for a course of time, and no picture."""


def cancelled_bias(uses: Uses, node: Node) -> Diagnostic | None:
    """W104: a convolution (or fully connected layer) with a bias directly in front of batch normalisation.

    ``bn(y + b) = bn(y)`` for one ``b`` per channel, since the mean is taken off: Ioffe, Szegedy, arXiv:1502.03167,
    section 3.2.  The bias costs parameters and has no effect.

    No fix is to be applied unseen: without the bias a checkpoint that holds it no longer fits.
    """
    if not node.op.counts_as_layer:
        return None
    bias = sum(weight.elements for weight in node.weights if weight.role == "bias")
    norm = uses.only_reader(node) if bias else None
    if norm is None or not is_batch_norm(norm):
        return None
    name = norm.op.keyword
    return warning(
        "W104",
        f"`{node.op.keyword}` has a bias that the `{name}` behind it takes away",
        Label(uses.written(node, "bias") or uses.seen_from(node, norm), f"{bias} parameters without effect"),
        node.path,
        secondary=(Label(uses.seen_from(norm, node), "takes off the mean, and the bias with it"),),
        help="write `bias=false`; checkpoints that hold the bias then no longer fit",
    )


def repeated_strip(uses: Uses, node: Node) -> Diagnostic | None:
    """W105: two 1xn convolutions in a row, or two nx1, where one of each makes a factorised nxn.

    Szegedy et al., arXiv:1512.00567, section 3.2, take an nxn convolution apart into 1xn and nx1.  In one branch of
    Inception-v4's 17x17 module Fig. 5 of arXiv:1602.07261 prints 1x7 twice; the released network has 1x7 and 7x1.

    The rule is silent where something else reads the value in between, as in modules that go on with 1x3 and 3x1 side by
    side, where the map is one cell high (or wide), so that there is nothing to turn to, and where both run along a map that is
    at least three times as long that way as across, such as a spectrogram: reach in time is wanted there for itself.
    """
    strip = _strip(uses, node)
    before = None if strip is None else _layer_before(uses, node)
    if strip is None or before is None:
        return None
    first = _strip(uses, before)
    if first is None or first.axis != strip.axis:
        return None
    return warning(
        "W105",
        f"two convolutions in a row along the {strip.axis}: {first.kernel}, then {strip.kernel}",
        Label(uses.written(node, "kernel") or uses.seen_from(node, before), f"{strip.kernel} behind {first.kernel}"),
        node.path,
        secondary=(Label(uses.written(before, "kernel") or uses.seen_from(before, node), "the first"),),
        help=f"a factorised {strip.square} has a {strip.kernel} and a {strip.turned}: turn one of the two",
    )


def unwritten_padding(uses: Uses, node: Node) -> Diagnostic | None:
    """W109: a strided window without a written padding, where ``same``, the default, pads one side more than the other.

    ``same`` follows TensorFlow: ``total = max((ceil(in / stride) - 1) * stride + kernel - in, 0)``, half of it, rounded down,
    before the input and the rest behind it.  PyTorch's usual ``padding=kernel // 2``, here ``sym``, pads both sides alike.
    Where the two differ, windows lie on other cells, and weights trained with one give other values with the other.
    """
    if "pad" in node.origins or "pad" not in type(node.op).model_fields:
        return None
    window = uses.window(node)
    axis = None if window is None else _uneven_axis(window)
    if axis is None:
        return None
    (before, behind), reach, name = axis
    theirs = "`pad=sym` for PyTorch's `padding=kernel // 2`" if reach % 2 else "`pad=valid` for none, as PyTorch has by itself"
    return warning(
        "W109",
        f"`{node.op.keyword}` without `pad` pads unevenly here: {before} before and {behind} behind, along the {name}",
        Label(node.span, f"`same`, the default, and `sym` differ for an input of {uses.types(node)[0]}"),
        node.path,
        notes=(f"`sym` would pad {reach // 2} on both sides",),
        help=f"write {theirs}, or `pad=same` for TensorFlow's rule",
    )


class _Strip(NamedTuple):
    """A kernel of ``length`` cells along ``axis`` and one cell across it."""

    axis: str
    length: int

    @property
    def kernel(self) -> str:
        return f"1x{self.length}" if self.axis == "width" else f"{self.length}x1"

    @property
    def turned(self) -> str:
        return f"{self.length}x1" if self.axis == "width" else f"1x{self.length}"

    @property
    def square(self) -> str:
        return f"{self.length}x{self.length}"


def _strip(uses: Uses, node: Node) -> _Strip | None:
    """The kernel of ``node`` where that is a strip, on a map with more than one row (or column) across it."""
    window = uses.window(node) if node.op.counts_as_layer and len(node.inputs) == 1 else None
    (entering,) = uses.types(node) if window is not None else (node.type,)
    if window is None or 1 not in window.kernel or not entering.is_map:
        return None
    (height, width), (rows, columns) = window.kernel, entering.spatial
    if height < width and rows > 1 and columns < _LONG * rows:
        return _Strip("width", width)
    return _Strip("height", height) if width < height and columns > 1 and rows < _LONG * columns else None


def _layer_before(uses: Uses, node: Node) -> Node | None:
    """The layer that ``node`` follows, normalisation and activation apart; None where anything else reads a value in between."""
    (before,) = uses.entering(node)
    while uses.only_reader(before) is not None:
        if before.op.counts_as_layer:
            return before
        if before.op.family not in _PASSING or len(before.inputs) != 1:
            return None
        (before,) = uses.entering(before)
    return None


def _uneven_axis(window: Window) -> tuple[tuple[int, int], int, str] | None:
    """Padding before and behind, cells that the kernel spans, and name of the first strided axis that is padded unevenly."""
    left, right, top, bottom = window.pads
    axes = zip(((top, bottom), (left, right)), window.kernel, window.dilation, window.stride, ("height", "width"), strict=True)
    for pads, kernel, dilation, stride, name in axes:
        if stride > 1 and pads[0] != pads[1]:
            return pads, (kernel - 1) * dilation + 1, name
    return None
