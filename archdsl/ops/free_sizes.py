"""ONNX nodes that find padding and bins from the map at hand, where its height and width are free.

Each function gives nodes that begin at ``in0``, the map, and the constants that they need.  All numbers are int64; those of both
axes are pairs, height before width.
"""

from typing import Final

from archdsl.ir import OnnxConstant, OnnxNode, Window
from archdsl.ops.window import extents

Nodes = tuple[OnnxNode, ...]
Constants = dict[str, OnnxConstant]

_SIZE: Final = (OnnxNode("Shape", ("in0",), ("shape",)), OnnxNode("Slice", ("shape", "from", "to"), ("size",)))
_FLOAT: Final = 1  # `Cast`: to float32


def whole(*numbers: int) -> OnnxConstant:
    """These numbers as a vector of int64."""
    return OnnxConstant(numbers, "int64", (len(numbers),))


_SIZE_CONSTANTS: Final = {"from": whole(2), "to": whole(4)}


def same_pads(window: Window) -> tuple[Nodes, Constants]:
    """``pads`` by TensorFlow's rule, as `Pad` takes them: ``max(extent - 1 - (size - 1) mod stride, 0)``, half of it before."""
    rows, columns = extents(window)
    nodes = (
        *_SIZE,
        OnnxNode("Sub", ("size", "one"), ("last",)),
        OnnxNode("Mod", ("last", "stride"), ("beyond",)),
        OnnxNode("Sub", ("overhang", "beyond"), ("lacking",)),
        OnnxNode("Max", ("lacking", "zero"), ("total",)),
        OnnxNode("Div", ("total", "two"), ("before",)),
        OnnxNode("Sub", ("total", "before"), ("after",)),
        OnnxNode("Concat", ("outside", "before", "outside", "after"), ("pads",), {"axis": 0}),
    )
    constants = {
        **_SIZE_CONSTANTS,
        "one": whole(1),
        "stride": whole(*window.stride),
        "overhang": whole(rows - 1, columns - 1),
        "zero": whole(0),
        "two": whole(2),
        "outside": whole(0, 0),
    }
    return nodes, constants


def ceil_pads(window: Window) -> tuple[Nodes, Constants]:
    """``pads`` that complete the last window of ceil mode, where it begins inside the input: then none is left incomplete."""
    left, right, top, bottom = window.pads
    rows, columns = extents(window)
    nodes = (
        *_SIZE,
        OnnxNode("Add", ("size", "around"), ("room",)),
        OnnxNode("Add", ("room", "almost"), ("beyond",)),
        OnnxNode("Div", ("beyond", "stride"), ("steps",)),
        OnnxNode("Mul", ("steps", "stride"), ("start",)),
        OnnxNode("Sub", ("start", "room"), ("lacking",)),
        OnnxNode("Add", ("size", "before"), ("end",)),
        OnnxNode("Less", ("start", "end"), ("begins",)),
        OnnxNode("Where", ("begins", "lacking", "none"), ("extra",)),
        OnnxNode("Add", ("after", "extra"), ("behind",)),
        OnnxNode("Concat", ("none", "before", "none", "behind"), ("pads",), {"axis": 0}),
    )
    constants = {
        **_SIZE_CONSTANTS,
        "around": whole(top + bottom - rows, left + right - columns),
        "almost": whole(window.stride[0] - 1, window.stride[1] - 1),
        "stride": whole(*window.stride),
        "before": whole(top, left),
        "after": whole(bottom, right),
        "none": whole(0, 0),
    }
    return nodes, constants


def ones() -> tuple[Nodes, Constants]:
    """``ones``: [1, 1, H, W], once there is the ``size`` that paddings begin with."""
    return (OnnxNode("Expand", ("unit", "size"), ("ones",)),), {"unit": OnnxConstant((1.0,), "float32", (1, 1, 1, 1))}


def bin_means(axis: int, count: int, name: str) -> tuple[Nodes, Constants]:
    """``name``: a matrix [count, cells of ``axis``] that takes the mean of each bin, ``i * cells / count`` to ``(i + 1) * …``."""

    def local(*names: str) -> tuple[str, ...]:
        return tuple(f"{name}_{each}" if each else "in0" for each in names)

    nodes = (
        OnnxNode("Shape", ("in0",), local("shape")),
        OnnxNode("Gather", local("shape", "axis"), local("size")),
        OnnxNode("Range", local("zero", "size", "one"), local("cells")),
        OnnxNode("Mul", local("index", "size"), local("multiple")),
        OnnxNode("Div", local("multiple", "count"), local("start")),
        OnnxNode("Mul", local("next", "size"), local("next_multiple")),
        OnnxNode("Add", local("next_multiple", "almost"), local("beyond")),
        OnnxNode("Div", local("beyond", "count"), local("end")),
        OnnxNode("GreaterOrEqual", local("cells", "start"), local("begun")),
        OnnxNode("Less", local("cells", "end"), local("unfinished")),
        OnnxNode("And", local("begun", "unfinished"), local("inside")),
        OnnxNode("Cast", local("inside"), local("chosen"), {"to": _FLOAT}),
        OnnxNode("Sub", local("end", "start"), local("length")),
        OnnxNode("Cast", local("length"), local("divisor"), {"to": _FLOAT}),
        OnnxNode("Div", local("chosen", "divisor"), (name,)),
    )
    constants = {
        "axis": OnnxConstant((axis,), "int64", ()),
        "zero": OnnxConstant((0,), "int64", ()),
        "one": OnnxConstant((1,), "int64", ()),
        "count": whole(count),
        "almost": whole(count - 1),
        "index": OnnxConstant(tuple(range(count)), "int64", (count, 1)),
        "next": OnnxConstant(tuple(range(1, count + 1)), "int64", (count, 1)),
    }
    return nodes, {f"{name}_{key}": constant for key, constant in constants.items()}
