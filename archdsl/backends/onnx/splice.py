"""The bytes of a model with large weights.

A protobuf stores an array three times on its way to bytes: as Python bytes, in the message, and in a buffer that grows as it is
written.  Here the message holds everything but the arrays, and its bytes and theirs are put together once.  What comes out is
what ``SerializeToString`` of the whole message gives, byte for byte.
"""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from onnx import GraphProto, ModelProto, TensorProto

from archdsl.backends.onnx.model import Array
from archdsl.diagnostics import error

MOST_BYTES = (1 << 31) - 1
"""No protobuf is larger."""
_LENGTH_DELIMITED = 2
_GRAPH = ModelProto.GRAPH_FIELD_NUMBER
_INITIALIZER = GraphProto.INITIALIZER_FIELD_NUMBER
_RAW_DATA = TensorProto.RAW_DATA_FIELD_NUMBER
Piece = bytes | memoryview


def spliced(model: ModelProto, arrays: Mapping[str, Array]) -> bytes:
    """The bytes of ``model`` with ``arrays``, little-endian and contiguous, as data of the initializers of these names.

    Raises E0701 for a model of more than 2 GiB, which only external data makes possible.
    """
    found = pieces(model, arrays)
    if size_of(found) > MOST_BYTES:
        raise error("E0701", "the model has more than 2 GiB, which ONNX cannot hold in one file", help="--external-data can")
    return b"".join(found)


def pieces(model: ModelProto, arrays: Mapping[str, Array]) -> list[Piece]:
    """The same bytes piece by piece, the arrays themselves among them."""
    tensors = [_tensor(each, arrays) for each in model.graph.initializer]
    first, last = _around(model.graph, _INITIALIZER)
    graph = [first, *chain.from_iterable(_field(_INITIALIZER, tensor) for tensor in tensors), last]
    first, last = _around(model, _GRAPH)
    return [first, *_field(_GRAPH, graph), last]


def _tensor(made: TensorProto, arrays: Mapping[str, Array]) -> list[Piece]:
    array = arrays.get(made.name)
    if array is None or not array.size:
        return [made.SerializeToString()]
    first, last = _around(made, _RAW_DATA)
    return [first, *_field(_RAW_DATA, [array.reshape(-1).view("B").data]), last]


def _around(message: Any, field: int) -> tuple[bytes, bytes]:
    """The bytes of a message before and after those of ``field``: fields stand in the order of their numbers."""
    fields = message.ListFields()
    if all(each.number < field for each, _ in fields):
        return message.SerializeToString(), b""
    halves = []
    for late in (False, True):
        half = type(message)()
        half.CopyFrom(message)
        for each, _ in fields:
            if each.number == field or (each.number > field) is not late:
                half.ClearField(each.name)
        halves.append(half.SerializeToString())
    return halves[0], halves[1]


def _field(number: int, content: list[Piece]) -> Iterator[Piece]:
    """A field of the kind that says its length."""
    yield _varint(number << 3 | _LENGTH_DELIMITED) + _varint(size_of(content))
    yield from content


def size_of(content: list[Piece]) -> int:
    return sum(len(piece) for piece in content)


def _varint(number: int) -> bytes:
    """A whole number in groups of seven bits, the lowest first; the eighth bit tells that more follow."""
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)
