"""ONNX files, written whole or not at all, and models read back from them.

Where one file cannot hold the data, or is not to, they are in another beside it, which is named after what it holds::

    net.onnx  ──▶  net.onnx.3f9a0c41d2b7.data     each tensor at a multiple of 4096 bytes

The data are written first and the model last.  A run that ends between the two leaves the old model with the data that it names,
and never the one with the data of the other.
"""

import errno
import hashlib
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archdsl.backends.onnx.reading import StoredModel, damaged, open_model
from archdsl.diagnostics import ArchError, error, printable
from archdsl.files import Piece, atomic_write

if TYPE_CHECKING:  # slow to import, and not needed to look into a file
    from onnx import ModelProto, TensorProto

Array = NDArray[Any]
THRESHOLD = 1024
"""Bytes from which on a tensor goes outside, where nothing else is said."""
MOST_BYTES = (1 << 31) - 1
"""No protobuf is larger."""
_ALIGNMENT = 4096  # a page, so that a runtime can map tensors into memory
_ROOM = 1 << 26  # for all that a model says beside its weights, where that is not counted exactly
_MOST_SIBLINGS = 1000
_MOST_SEARCHED = 1 << 33  # bytes of other files in a folder, a second or two
_DIGITS = 12
_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Saved:
    """What was written: the model, the file with its data if there is one, and their sizes in bytes."""

    path: str
    size: int
    data: str | None = None
    data_size: int = 0

    def __str__(self) -> str:
        """Name and size of what was written, for a message: ``net.onnx (1,235 bytes)``."""
        model = f"{self.path} ({self.size:,} bytes)"
        return model if self.data is None else f"{model} and {os.path.basename(self.data)} ({self.data_size:,} bytes)"


def save(
    model: "ModelProto",
    path: str | os.PathLike[str],
    external: int | None = None,
    arrays: Mapping[str, Array] | None = None,
) -> Saved:
    """``path`` holds ``model``; where ``external`` is given, a file beside it holds the data of tensors of so many bytes or more.

    ``arrays`` are the data of initializers that have none in the model itself, and are written from where they are.  A model of
    more than 2 GB, which one file cannot hold, has external data in any case.  Raises :class:`OSError`.
    """
    named = os.fspath(path)
    given = {name: _plain(array) for name, array in (arrays or {}).items()}
    if external is None:
        whole = _whole(model, given)
        if whole is not None:
            return _save_whole(named, whole)
    return _save_apart(model, named, THRESHOLD if external is None else max(external, 1), given)


def _plain(array: Array) -> Array:
    """The array as its bytes are stored; itself, where it is so already."""
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)


def _whole(model: "ModelProto", arrays: Mapping[str, Array]) -> list[Piece] | None:
    """All bytes of the model; None for more than one file can hold."""
    from archdsl.backends.onnx.splice import pieces, size_of

    if arrays:
        found = pieces(model, arrays)
        return found if size_of(found) <= MOST_BYTES else None
    if sum(_size(each, arrays) for each in model.graph.initializer) > MOST_BYTES - _ROOM:
        return None
    return [model.SerializeToString()]


def _size(tensor: "TensorProto", arrays: Mapping[str, Array]) -> int:
    """Bytes of data that could lie outside."""
    array = arrays.get(tensor.name)
    return len(tensor.raw_data) if array is None else array.nbytes


def _save_whole(path: str, whole: Sequence[Piece]) -> Saved:
    old = _data_of(path)
    atomic_write(path, whole)
    _tidy(path, old, None)
    return Saved(path, sum(len(piece) for piece in whole))


@dataclass(frozen=True, slots=True)
class _Outside:
    """A tensor that goes outside: as it was given, as it is written, and where its data are to be."""

    given: "TensorProto"
    made: "TensorProto"
    array: Array | None
    offset: int
    size: int

    def data(self) -> Piece:
        return self.given.raw_data if self.array is None else self.array.reshape(-1).view(np.uint8).data


def _save_apart(model: "ModelProto", path: str, threshold: int, arrays: Mapping[str, Array]) -> Saved:
    real = os.path.realpath(path)
    if os.path.exists(real) and not os.path.isfile(real) and not os.path.isdir(real):
        raise OSError(errno.EINVAL, "external data need a folder to lie in", path)
    made, outside = _parted(model, threshold, arrays)
    if not outside:
        return _save_whole(path, [made.SerializeToString()])
    digest = hashlib.sha256()
    for piece in _data(outside):
        digest.update(piece)
    data = f"{real}.{digest.hexdigest()[:_DIGITS]}.data"
    for each in outside:
        place = {"location": os.path.basename(data), "offset": str(each.offset), "length": str(each.size)}
        for key, value in place.items():
            each.made.external_data.add(key=key, value=value)
        each.made.data_location = each.made.EXTERNAL
    whole = made.SerializeToString()
    old = _data_of(path)
    is_new = not os.path.lexists(data)
    atomic_write(data, _data(outside))
    try:
        atomic_write(path, whole)
    except BaseException:
        if is_new:
            with suppress(OSError):
                os.unlink(data)
        raise
    _tidy(path, old, data)
    return Saved(path, len(whole), data, outside[-1].offset + outside[-1].size)


def _parted(model: "ModelProto", threshold: int, arrays: Mapping[str, Array]) -> "tuple[ModelProto, list[_Outside]]":
    """A copy of the model without the data that go outside, and these, in the order of the file."""
    made = _without_initializers(model)
    outside: list[_Outside] = []
    end = 0
    for given in model.graph.initializer:
        own = made.graph.initializer.add()
        _copy(given, own, "raw_data")
        size, array = _size(given, arrays), arrays.get(given.name)
        if size >= threshold:
            offset = -(-end // _ALIGNMENT) * _ALIGNMENT
            outside.append(_Outside(given, own, array, offset, size))
            end = offset + size
        elif array is not None:
            own.raw_data = array.tobytes()
        elif size:
            own.raw_data = given.raw_data
    return made, outside


def _copy(given: Any, made: Any, without: str) -> None:
    """Gives ``made`` every field of ``given`` but one."""
    for field, value in given.ListFields():
        own = getattr(made, field.name)
        if field.name == without:
            continue
        if hasattr(own, "extend"):
            own.extend(value)
        elif hasattr(own, "CopyFrom"):
            own.CopyFrom(value)
        else:
            setattr(made, field.name, value)


def _data(outside: Sequence[_Outside]) -> Iterator[Piece]:
    """The file of data, piece by piece."""
    end = 0
    for each in outside:
        if each.offset > end:
            yield bytes(each.offset - end)
        yield each.data()
        end = each.offset + each.size


def _data_of(path: str) -> frozenset[str]:
    """Names of the files with data that we wrote for the model at ``path``; none where there is no model, or none of ours."""
    if not os.path.isfile(path):
        return frozenset()
    try:
        locations = open_model(path).locations
    except ArchError:
        return frozenset()
    ours = re.compile(rf"{re.escape(os.path.basename(os.path.realpath(path)))}\.[0-9a-f]{{{_DIGITS}}}\.data")
    return frozenset(each for each in locations if ours.fullmatch(each))


def _tidy(path: str, old: frozenset[str], data: str | None) -> None:
    """Removes the ``old`` data of the model at ``path``, now that it has others, unless a model beside it names them too."""
    folder = os.path.dirname(os.path.realpath(path))
    stale = old - {os.path.basename(data or "")}
    with suppress(OSError):  # the model is whole, whatever is left beside it
        for name in stale and stale - _named_in(folder, stale):
            os.unlink(os.path.join(folder, name))


def _named_in(folder: str, names: frozenset[str]) -> frozenset[str]:
    """Those of ``names``, files with data, that some other file in ``folder`` names, or may name, whatever it is called itself.

    A model holds them as plain text, and a copy of one may have any ending.
    """
    with os.scandir(folder) as entries:
        others = [entry for entry in entries if not _is_data(entry.name) and entry.is_file()]
    if len(others) > _MOST_SIBLINGS or sum(each.stat().st_size for each in others) > _MOST_SEARCHED:
        return names
    try:
        return frozenset().union(*(_found_in(each.path, names) for each in others if each.stat().st_size))
    except (OSError, ValueError):  # who knows what it names
        return names


def _found_in(path: str, names: frozenset[str]) -> frozenset[str]:
    with open(path, "rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        return frozenset(each for each in names if content.find(os.fsencode(each)) >= 0)


def _is_data(name: str) -> bool:
    return re.search(rf"\.[0-9a-f]{{{_DIGITS}}}\.data$", name) is not None


def load(path: str | os.PathLike[str]) -> "ModelProto":
    """The model at ``path`` with all of its data, those outside included.

    Raises ``ArchError``: E0601, E0604 where it is no whole model, E0709 where data are missing or are not where they may be.
    """
    stored = open_model(path)
    model = _parsed(stored)
    _check_claims(stored)
    for tensor in model.graph.initializer:
        if tensor.data_location == tensor.EXTERNAL:
            data = stored.raw(tensor.name)
            tensor.ClearField("external_data")
            tensor.ClearField("data_location")
            tensor.raw_data = data.tobytes()
    return model


def _parsed(stored: StoredModel) -> "ModelProto":
    """The model as it is in its own file."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from onnx import ModelProto

    if stored.identity[2] > MOST_BYTES:
        raise damaged(stored.path, "it has more than 2 GB, which no protobuf has")
    with open(stored.path, "rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data, memoryview(data) as view:
        try:
            model: ModelProto = ModelProto.FromString(view)
        except (DecodeError, RecursionError) as fault:
            raise damaged(stored.path, str(fault)) from None
    return model


def _check_claims(stored: StoredModel) -> None:
    """Raises E0709 where tensors outside claim more bytes together than the files that they name have."""
    tensors = [each for each in stored.contents.tensors.values() if each.is_outside]
    claimed: dict[str, int] = {}
    for tensor in tensors:
        path, _, length = stored.place(tensor)
        assert path is not None
        claimed[path] = claimed.get(path, 0) + length
    for path, length in claimed.items():
        if length > os.stat(path).st_size:
            message = f"`{stored.path}` wants {length:,} bytes of `{os.path.basename(path)}`, which has {os.stat(path).st_size:,}"
            raise error("E0709", message)


def runnable(path: str | os.PathLike[str]) -> bytes | str:
    """The model at ``path`` as ONNX Runtime can take it: its bytes with all data, or the path where these are too many.

    Raises as :func:`load`: no data are sought outside the folder of the model.
    """
    model = load(path)
    small = sum(len(each.raw_data) for each in model.graph.initializer) <= MOST_BYTES - _ROOM
    return model.SerializeToString() if small else os.fspath(path)


def replace_weights(
    path: str | os.PathLike[str],
    arrays: Mapping[str, Array],
    output: str | os.PathLike[str] | None = None,
    metadata: Mapping[str, str] = _NOTHING,
    needed: Collection[str] = (),
) -> Saved:
    """``output``, or else ``path`` itself, holds the model at ``path`` with ``arrays`` as the values of its weights, by name.

    All else is as it was, ``metadata`` of other keys included (an empty text removes one); a weight that was an input without a
    value becomes an initializer.  Arrays that the model has no weight for are left alone.  Raises E0708 for one of another shape
    or type, and where the model has no place for an array that is ``needed``.
    """
    stored = open_model(path)
    outside = [each for each in stored.contents.tensors.values() if each.is_outside]
    threshold = min((stored.place(each)[2] for each in outside), default=None)
    model = _parsed(stored)
    _check_claims(stored)
    try:
        made = _without_initializers(model)
        data = _initializers(stored, model, made, arrays)
        del model
        data |= _inputs_filled(made, arrays)
    except UnicodeDecodeError as fault:
        raise damaged(stored.path, f"a text in it is not UTF-8: {fault.reason}") from None
    homeless = next((name for name in arrays if name in needed and name not in data), None)
    if homeless is not None:
        help_ = "another tool may have renamed or folded it; write the model anew: `compile --to onnx --weights FILE`"
        raise error("E0708", f"`{printable(stored.path)}` has no weight `{homeless}` to give a value to", help=help_)
    _tell(made, metadata)
    return save(made, path if output is None else output, threshold, data)


def _initializers(stored: StoredModel, model: "ModelProto", made: "ModelProto", arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Gives ``made`` the initializers of ``model``; the data of those that are new or lie outside, by name."""
    data: dict[str, Array] = {}
    for given in model.graph.initializer:
        own = made.graph.initializer.add()
        if given.name not in arrays and given.data_location != given.EXTERNAL:
            own.CopyFrom(given)
            continue
        own.name, own.data_type = given.name, given.data_type
        own.dims.extend(given.dims)
        data[given.name] = stored.raw(given.name) if given.name not in arrays else _fitting(given, arrays[given.name])
    return data


def _inputs_filled(made: "ModelProto", arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Makes initializers of the inputs that are weights; one that has an initializer already is its default, and stays."""
    known = {each.name for each in made.graph.initializer}
    data: dict[str, Array] = {}
    for place in reversed(range(len(made.graph.input))):
        given = made.graph.input[place]
        if given.name in known or given.name not in arrays:
            continue
        kind, array = given.type.tensor_type, arrays[given.name]
        sizes = [each.dim_value for each in kind.shape.dim]
        free = len(sizes) == array.ndim and not all(each.HasField("dim_value") for each in kind.shape.dim)
        own = made.graph.initializer.add(name=given.name, data_type=kind.elem_type, dims=array.shape if free else sizes)
        data[given.name] = _fitting(own, array)
        del made.graph.input[place]
    return data


def _tell(made: "ModelProto", metadata: Mapping[str, str]) -> None:
    """Replaces metadata of these keys; an empty text removes one."""
    for place in [index for index, each in enumerate(made.metadata_props) if each.key in metadata][::-1]:
        del made.metadata_props[place]
    for key, value in metadata.items():
        if value:
            made.metadata_props.add(key=key, value=value)


def _without_initializers(model: "ModelProto") -> "ModelProto":
    from onnx import ModelProto

    made = ModelProto()
    _copy(model, made, "graph")
    _copy(model.graph, made.graph, "initializer")
    return made


def _fitting(tensor: "TensorProto", array: Array) -> Array:
    """The array, once it has shape and type of ``tensor``."""
    from onnx.helper import tensor_dtype_to_np_dtype

    try:
        wanted = tensor_dtype_to_np_dtype(tensor.data_type)
    except KeyError:
        raise error("E0708", f"`{printable(tensor.name)}` has no type that ONNX knows, and cannot be given a value") from None
    if array.shape != tuple(tensor.dims) or array.dtype != wanted:
        found = f"{array.dtype} of shape {list(array.shape)}"
        raise error("E0708", f"the array for `{tensor.name}` is {found}, and is to be {wanted} of shape {list(tensor.dims)}")
    return array
