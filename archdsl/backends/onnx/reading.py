"""ONNX files from anybody, opened without reading them: what they say, and arrays one at a time when they are asked for.

Nothing of a file is believed.  Sizes are compared with what is there before memory is taken, and data outside are sought in the
folder of the model alone.
"""

import os
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from math import prod
from mmap import ACCESS_READ, mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.backends.onnx.wire import Contents, Damaged, Tensor, contents
from archdsl.diagnostics import ArchError, error, printable
from archdsl.ir.weights import Stored, WeightFile

Array = NDArray[Any]
_TYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
    16: "bfloat16",
}
_MOST_DIGITS = 18
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_COUNTS: Mapping[str, int] = {}
Identity = tuple[int, int, int, int]


def open_model(path: str | os.PathLike[str], code: str = "E0604") -> "StoredModel":
    """The model at ``path``, looked through but not read.

    Raises ``ArchError``: ``code`` for what is no file, or no whole ONNX model; E0601 instead where there is none.
    """
    named = os.fspath(path)
    with _opened(named, code) as file:
        status = os.fstat(file.fileno())
        if not status.st_size:
            raise damaged(named, "it is empty", code)
        try:
            with mmap(file.fileno(), 0, access=ACCESS_READ) as data:
                return StoredModel(named, contents(data), _identity(status))
        except Damaged as fault:
            raise damaged(named, str(fault), code) from None


def damaged(path: str, reason: str, code: str = "E0604") -> ArchError:
    return error(code, f"`{_shown(path)}` is not an ONNX file, or not a whole one: {reason}")


@contextmanager
def _opened(path: str, code: str) -> Iterator[FileIO]:
    """An ordinary file, open for reading; neither pipes nor devices are, which could keep us waiting."""
    try:
        descriptor = os.open(path, _FLAGS)
    except (FileNotFoundError, NotADirectoryError):
        raise error("E0601" if code == "E0604" else code, f"there is no file `{_shown(path)}`") from None
    except (OSError, ValueError) as fault:
        reason = (getattr(fault, "strerror", None) or "this is no name of a file").lower()
        raise error(code, f"`{_shown(path)}` cannot be read: {reason}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise error(code, f"`{_shown(path)}` is not a file")
    with FileIO(descriptor, "rb") as file:
        yield file


@dataclass(frozen=True, eq=False)
class StoredModel:
    """An ONNX file: its metadata, and its initializers by name, none of them read yet.

    ``identity`` tells the file that was looked at from another that has taken its place.
    """

    path: str
    contents: Contents
    identity: Identity

    @property
    def metadata(self) -> Mapping[str, str]:
        return self.contents.metadata

    @property
    def folder(self) -> str:
        """Where data outside lie: beside the model itself, wherever links to it are."""
        return os.path.dirname(os.path.realpath(self.path))

    @property
    def locations(self) -> frozenset[str]:
        """What the model calls the files that hold data of it."""
        return frozenset(each.outside.get("location", "") for each in self.contents.tensors.values() if each.is_outside)

    def weights(
        self, about: Mapping[str, Any], names: Collection[str] | None = None, counts: Mapping[str, int] = _NO_COUNTS
    ) -> WeightFile:
        """The initializers as a file of weights, those in ``names`` alone where that is given, and ``counts`` beside them."""
        tensors = {name: each for name, each in self.contents.tensors.items() if names is None or name in names}
        entries = {name: Stored(each.shape, _TYPES.get(each.type, f"ONNX type {each.type}")) for name, each in tensors.items()}
        beside = {name: count for name, count in counts.items() if name not in entries and (names is None or name in names)}
        entries |= dict.fromkeys(beside, Stored((), "int64"))

        def read(name: str) -> Array:
            return np.array(beside[name]) if name in beside else self.read(name)

        return WeightFile(self.path, entries, read, about)

    def read(self, name: str) -> Array:
        """The initializer ``name``, bfloat16 as float32; raises ``ArchError`` (E0709) where its data are not there."""
        tensor = self.contents.tensors[name]
        kind = _TYPES.get(tensor.type)
        if kind is None:
            raise self._fault(name, f"is of a type that is not read (ONNX type {tensor.type})")
        array = self.raw(name).view(_stored(kind)).reshape(tensor.shape)
        if kind == "bfloat16":
            return (array.astype(np.uint32) << 16).view(np.float32)
        return array

    def raw(self, name: str) -> Array:
        """The bytes of the initializer ``name``, as many as its shape wants; raises as :meth:`read`."""
        tensor = self.contents.tensors[name]
        path, start, length = self.place(tensor)
        kind = _TYPES.get(tensor.type)
        size = length if kind is None else prod(tensor.shape) * _stored(kind).itemsize
        if length != size:
            raise self._fault(name, f"takes {size:,} bytes by its shape, and has {length:,}")
        return self._bytes(tensor, path, start, length)

    def _bytes(self, tensor: Tensor, path: str | None, start: int, length: int) -> Array:
        """The bytes of a tensor from a file; None stands for the model itself."""
        named = self.path if path is None else path
        with _opened(named, "E0709") as file:
            status = os.fstat(file.fileno())
            if path is None and _identity(status) != self.identity:
                raise error("E0709", f"`{_shown(named)}` was changed since it was opened")
            if start + length > status.st_size:
                missing = start + length - status.st_size
                raise self._fault(tensor.name, f"is cut off: `{_shown(named)}` is {missing:,} bytes too short for it")
            found = np.empty(length, np.uint8)
            file.seek(start)
            rest = memoryview(found.data)
            while rest:
                count = file.readinto(rest)
                if not count:
                    raise self._fault(tensor.name, f"is cut off in `{_shown(named)}`")
                rest = rest[count:]
        return found

    def place(self, tensor: Tensor) -> tuple[str | None, int, int]:
        """File (None: the model itself), offset and length of the data of a tensor."""
        if not tensor.is_outside:
            if tensor.inside is None:
                raise self._fault(tensor.name, "has no data")
            return None, tensor.inside[0], tensor.inside[1] - tensor.inside[0]
        path = self._outside(tensor)
        offset, length = (self._number(tensor, key) for key in ("offset", "length"))
        if length is None:
            with _opened(path, "E0709") as file:
                length = os.fstat(file.fileno()).st_size - (offset or 0)
        return path, offset or 0, length

    def _outside(self, tensor: Tensor) -> str:
        """The file that holds the data of ``tensor``: in the folder of the model, links followed."""
        location = tensor.outside.get("location", "")
        parts = location.split("/")
        plain = location.isprintable() and "\\" not in location and not os.path.splitdrive(location)[0]
        if not plain or any(part in ("", ".", "..") for part in parts):
            raise self._fault(tensor.name, f"is sought at `{_shown(location)}`, which leads out of the folder of the model")
        real = os.path.realpath(os.path.join(self.folder, *parts))
        if os.path.commonpath([real, self.folder]) != self.folder:
            raise self._fault(tensor.name, f"is sought at `{_shown(location)}`, a link that leads out of the folder of the model")
        if not os.path.exists(real):
            raise self._fault(tensor.name, f"is in the file `{_shown(location)}`, which is not there")
        return real

    def _number(self, tensor: Tensor, key: str) -> int | None:
        text = tensor.outside.get(key)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
            raise self._fault(tensor.name, f"has no number as its {key}")
        return int(text)

    def _fault(self, name: str, what: str) -> ArchError:
        return error("E0709", f"`{_shown(name)}` in `{_shown(self.path)}` {what}")


def _stored(kind: str) -> np.dtype[Any]:
    """How numbers of a kind lie in a file; bfloat16, which numpy does not have, as whole numbers."""
    return np.dtype(np.uint16 if kind == "bfloat16" else kind).newbyteorder("<")


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _shown(text: str) -> str:
    return printable(text if len(text) <= 200 else f"{text[:200]}…")
