"""Where things are in an ONNX file, found without reading the file: its metadata, and the place of every initializer.

An ONNX file is a protobuf: fields one after another, each a number, a kind, and either a small value or a length and so many
bytes.  Fields that nobody asked for are stepped over, so that a file of 2 GB is looked through in the time of its field headers,
and what a header claims is checked against what is there before anything is allocated::

    model    1 ir_version   7 graph   14 metadata_props (1 key, 2 value)   …
    graph    5 initializer   …
    tensor   1 dims   2 data_type   4 float_data   8 name   9 raw_data   13 external_data (1 key, 2 value)   14 data_location   …
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from mmap import mmap
from typing import Final, NamedTuple

from archdsl.ir.weights import Shape

MOST_FIELDS: Final = 10_000_000
"""The most fields that are looked at: some for every node, value and initializer of the top graph, and one for every function."""
MOST_TEXT: Final = 1 << 26
"""Bytes of all metadata and names together."""
MOST_SIZES: Final = 64
"""The most sizes in the shape of one initializer."""

_VARINT, _EIGHT, _DELIMITED, _FOUR = 0, 1, 2, 5
_LONGEST_VARINT = 10  # bytes
_FLOAT, _EXTERNAL = 1, 1


class Damaged(ValueError):
    """Bytes that are no ONNX model, or not a whole one; the message says what is wrong with "it"."""


class Field(NamedTuple):
    """A field: its number and kind, and its value; its bytes, where it has a length, are ``start`` to ``end``."""

    number: int
    kind: int
    value: int
    start: int
    end: int


@dataclass(slots=True)
class Tensor:
    """An initializer: shape, element type by its number in ONNX, and where its bytes are.

    ``inside`` are offsets in the file, where it has the bytes; ``outside`` tells in texts where they are instead.
    """

    name: str = ""
    shape: Shape = ()
    type: int = 0
    inside: tuple[int, int] | None = None
    outside: dict[str, str] = field(default_factory=dict)
    is_outside: bool = False


@dataclass(slots=True)
class Contents:
    """What a model holds, as far as it is looked at."""

    metadata: dict[str, str] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)


def contents(data: mmap | bytes) -> Contents:
    """Metadata and initializers of the model in ``data``; raises :class:`Damaged`."""
    return _Reader(data).model()


class _Reader:
    def __init__(self, data: mmap | bytes) -> None:
        self.data = data
        self.found = Contents()
        self.fields_left = MOST_FIELDS
        self.text_left = MOST_TEXT

    def model(self) -> Contents:
        graphs = versions = 0
        for each in self.fields(0, len(self.data)):
            match each.number:
                case 1:
                    versions += each.kind == _VARINT
                case 7:
                    graphs += 1
                    self.graph(each)
                case 14:
                    self.metadata(each)
        if not graphs or not versions:
            raise Damaged("it holds no model")
        if graphs > 1:
            raise Damaged("it holds several graphs")
        return self.found

    def metadata(self, each: Field) -> None:
        key, value = self.pair(each)
        if key in self.found.metadata:
            raise Damaged(f"it says twice what its `{_short(key)}` is")
        self.found.metadata[key] = value

    def graph(self, within: Field) -> None:
        tensors = self.found.tensors
        for each in self.fields(*_bytes(within)):
            if each.number == 5:
                tensor = self.tensor(each)
                if tensor.name in tensors:
                    raise Damaged(f"it holds two initializers called `{_short(tensor.name)}`")
                tensors[tensor.name] = tensor

    def tensor(self, within: Field) -> Tensor:
        made = Tensor()
        sizes: list[int] = []
        floats: tuple[int, int] | None = None
        for each in self.fields(*_bytes(within)):
            match each.number:
                case 1:
                    self.sizes(each, sizes)
                case 2:
                    made.type = each.value
                case 4 if each.kind == _DELIMITED:
                    floats = each.start, each.end
                case 8:
                    made.name = self.text(each)
                case 9:
                    made.inside = _bytes(each)
                case 13:
                    key, value = self.pair(each)
                    made.outside[key] = value
                case 14:
                    made.is_outside = each.value == _EXTERNAL
        if made.inside is None and made.type == _FLOAT:
            made.inside = floats
        made.shape = tuple(sizes)
        return made

    def sizes(self, each: Field, found: list[int]) -> None:
        """Adds one size, or several that were packed together; those below 0 have the 64th bit set."""
        if each.kind == _VARINT:
            found.append(each.value)
        else:
            at, end = _bytes(each)
            while at < end and len(found) <= MOST_SIZES:
                size, at = self.varint(at, end)
                found.append(size)
        if len(found) > MOST_SIZES:
            raise Damaged(f"it holds an initializer with more than {MOST_SIZES} sizes")
        if any(size >= 1 << 63 for size in found):
            raise Damaged("it holds an initializer with a size below 0")

    def fields(self, start: int, end: int) -> Iterator[Field]:
        """The fields of the message from ``start`` to ``end``, each within it."""
        at = start
        while at < end:
            self.fields_left -= 1
            if self.fields_left < 0:
                raise Damaged(f"it holds more than {MOST_FIELDS:,} fields")
            tag, at = self.varint(at, end)
            number, kind = tag >> 3, tag & 7
            value, first = 0, at
            if kind == _VARINT:
                value, at = self.varint(at, end)
            elif kind == _DELIMITED:
                length, first = self.varint(at, end)
                at = first + length
            elif kind in (_EIGHT, _FOUR):
                at += 8 if kind == _EIGHT else 4
            else:
                number = 0
            if not 0 < number < 1 << 29:
                raise Damaged(f"it holds no field at byte {first:,}")
            if at > end:
                raise Damaged(f"it is cut off: {at - first:,} bytes should follow byte {first:,}, and {end - first:,} do")
            yield Field(number, kind, value, first, at)

    def varint(self, at: int, end: int) -> tuple[int, int]:
        """A whole number in groups of seven bits, the lowest first, and where it ends."""
        value = 0
        for count in range(_LONGEST_VARINT):
            if at + count >= end:
                raise Damaged(f"it is cut off at byte {end:,}")
            byte = self.data[at + count]
            value |= (byte & 0x7F) << (7 * count)
            if byte < 0x80:
                return value & (1 << 64) - 1, at + count + 1
        raise Damaged(f"it holds no number at byte {at:,}")

    def text(self, each: Field) -> str:
        start, end = _bytes(each)
        self.text_left -= end - start
        if self.text_left < 0:
            raise Damaged(f"its metadata and names take more than {MOST_TEXT:,} bytes")
        try:
            return self.data[start:end].decode()
        except UnicodeDecodeError:
            raise Damaged(f"it holds a text at byte {start:,} that is not UTF-8") from None

    def pair(self, within: Field) -> tuple[str, str]:
        """The texts ``key`` and ``value`` of an entry."""
        key = value = ""
        for each in self.fields(*_bytes(within)):
            if each.number == 1:
                key = self.text(each)
            elif each.number == 2:
                value = self.text(each)
        return key, value


def _bytes(each: Field) -> tuple[int, int]:
    if each.kind != _DELIMITED:
        raise Damaged(f"it holds a number at byte {each.start:,}, where a text or a message is to be")
    return each.start, each.end


def _short(name: str) -> str:
    return name if len(name) <= 120 else f"{name[:117]}…"
