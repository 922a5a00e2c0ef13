"""The parts of an ONNX model, written into protobufs field by field, and the bytes of a model with its weights."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import AttributeProto, ModelProto, TensorProto
from onnx.defs import onnx_opset_version
from onnx.helper import find_min_ir_version_for, make_opsetid

from archdsl.diagnostics import error
from archdsl.ir import OnnxConstant
from archdsl.version import __version__

Array = NDArray[Any]
DOMAIN = "archdsl"
"""Where the functions of a model live."""
EARLIEST = 13
_FUNCTIONS_SINCE = 8
"""The version of the format (``ir_version``) that brought functions."""
_STORED = {"float32": (TensorProto.FLOAT, "<f4"), "int64": (TensorProto.INT64, "<i8")}


def opsets() -> range:
    """The opsets that can be asked for: from 13 to the newest that the installed onnx knows."""
    return range(EARLIEST, onnx_opset_version() + 1)


def clean(text: str) -> str:
    """``text`` as protobufs take it: without halves of characters."""
    return text.encode("utf-8", "replace").decode()


def sign(model: ModelProto, opset: int, metadata: Mapping[str, str]) -> None:
    """Makes ``model`` say what it needs of its reader, the oldest version of the format that has it all, and who wrote it."""
    standard = make_opsetid("", opset)
    model.ir_version = max(find_min_ir_version_for([standard]), _FUNCTIONS_SINCE if model.functions else 0)
    model.opset_import.append(standard)
    if model.functions:
        model.opset_import.add(domain=DOMAIN, version=1)
    model.producer_name, model.producer_version = "archdsl", __version__
    for key, value in metadata.items():
        model.metadata_props.add(key=clean(key), value=clean(value))


def attributes(values: Mapping[str, object]) -> list[AttributeProto]:
    """The attributes of a node: whole numbers, floats, texts, and tuples of one of these."""
    return [_attribute(name, value) for name, value in values.items()]


def _attribute(name: str, value: object) -> AttributeProto:
    made = AttributeProto(name=name)
    match value:
        case bool() | int():
            made.type, made.i = AttributeProto.INT, int(value)
        case float():
            made.type, made.f = AttributeProto.FLOAT, value
        case str():
            made.type, made.s = AttributeProto.STRING, value.encode()
        case tuple() | list() if all(isinstance(each, int) for each in value):
            made.type = AttributeProto.INTS
            made.ints.extend(value)
        case tuple() | list() if all(isinstance(each, int | float) for each in value):
            made.type = AttributeProto.FLOATS
            made.floats.extend(value)
        case tuple() | list() if all(isinstance(each, str) for each in value):
            made.type = AttributeProto.STRINGS
            made.strings.extend(each.encode() for each in value)
        case _:
            raise TypeError(f"attribute `{name}` of an ONNX node cannot be {value!r}")
    return made


def write_node(
    nodes: Any,
    op_type: str,
    name: str,
    inputs: Iterable[str],
    outputs: Iterable[str],
    given: Sequence[AttributeProto] = (),
    domain: str = "",
    doc: str = "",
) -> None:
    """Appends a node to the repeated field ``nodes``."""
    node = nodes.add()
    node.input.extend(inputs)
    node.output.extend(outputs)
    node.name = name
    node.op_type = op_type
    if domain:
        node.domain = domain
    if given:
        node.attribute.extend(given)
    if doc:
        node.doc_string = doc


def tensor(constant: OnnxConstant) -> TensorProto:
    """A small tensor with its values."""
    kind, stored = _STORED[constant.dtype]
    with np.errstate(over="ignore"):
        data = np.array(constant.values, stored).tobytes()
    return TensorProto(dims=constant.shape, data_type=kind, raw_data=data)


def write_type(info: Any, name: str, dims: Iterable[int | str | None]) -> None:
    """Makes the ``ValueInfoProto`` ``info`` say that value ``name`` is of float32 and this shape, None for what is not known."""
    info.name = name
    kind = info.type.tensor_type
    kind.elem_type = TensorProto.FLOAT
    shape = kind.shape
    for size in dims:
        dim = shape.dim.add()
        if isinstance(size, str):
            dim.dim_param = size
        elif size is not None:
            dim.dim_value = size


def write_weight(made: Any, key: str, shape: tuple[int, ...], array: Array | None) -> Array:
    """Makes the ``TensorProto`` ``made`` the weight ``key``, and gives its values as they are to be stored in it.

    Raises E0708 where the array is missing, or of another shape or element type.
    """
    if array is None:
        raise error("E0708", f"there is no array for the weight `{key}`")
    if array.shape != shape or array.dtype.type is not np.float32:
        found = f"{array.dtype} of shape {list(array.shape)}"
        raise error("E0708", f"the array for the weight `{key}` is {found}, and is to be float32 of shape {list(shape)}")
    made.name = key
    made.dims.extend(shape)
    made.data_type = TensorProto.FLOAT
    return np.ascontiguousarray(array, "<f4").reshape(shape)
