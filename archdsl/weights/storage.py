"""Files of named arrays in the safetensors format: bytes of arrays behind a header of text, and nothing that could be executed.

The header is checked before anything else is read: its size against a limit, and by the safetensors library names, types, offsets
and their fit with the length of the file.  Arrays are read one at a time from a mapping of the file into memory.
"""

import json
import os
import stat
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from archdsl.diagnostics import error
from archdsl.ir.weights import Stored, WeightFile

HEADER_BYTES = 16 << 20
"""The largest header that is looked at: some 200,000 arrays; the largest bundled network has 1,500."""
_ABOUT = "archdsl"
_DTYPES = {
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "I8": "int8",
    "I16": "int16",
    "I32": "int32",
    "I64": "int64",
    "U8": "uint8",
    "BOOL": "bool",
}


def beginning(path: str, count: int = 16) -> bytes:
    """The first bytes of the file at ``path``; raises E0709 where there is no ordinary file.

    Neither a pipe nor a device is opened: reading one may wait for ever.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise error("E0709", f"`{path}` is not a file")
        with open(path, "rb") as file:
            return file.read(count)
    except (FileNotFoundError, NotADirectoryError):
        raise error("E0709", f"there is no file `{path}`") from None


def open_safetensors(path: str) -> WeightFile:
    """The safetensors file at ``path``; raises E0709 where it is none, or none that is sound."""
    size = int.from_bytes(beginning(path, 8), "little")
    if size > HEADER_BYTES:
        raise error("E0709", f"`{path}` is not a safetensors file, or not read as one: its header would have {size:,} bytes")
    try:
        file: Any = safe_open(path, framework="np")
        entries = {name: _stored(file.get_slice(name)) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except SafetensorError as fault:
        raise error("E0709", f"`{path}` is not a sound safetensors file: {fault}") from None

    def read(name: str) -> Any:
        if entries[name].dtype == "bfloat16":
            return _widened(path, name, entries[name])
        return file.get_tensor(name)

    return WeightFile(path, entries, read, _about(file.metadata()))


def _about(metadata: Mapping[str, str] | None) -> Mapping[str, Any]:
    """What a file of ours says of itself; nothing for any other file, and for one that is not as we write it."""
    try:
        found = json.loads((metadata or {}).get(_ABOUT, ""))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _stored(array: Any) -> Stored:
    name = array.get_dtype()
    return Stored(tuple(array.get_shape()), _DTYPES.get(name, name))


def _widened(path: str, name: str, stored: Stored) -> NDArray[np.float32]:
    """An array of bfloat16, which numpy does not have, as float32: the same numbers."""
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        file.seek(8 + size + header[name]["data_offsets"][0])
        halves = np.frombuffer(file.read(2 * prod(stored.shape)), "<u2")
    return (halves.astype(np.uint32) << 16).view(np.float32).reshape(stored.shape)


def safetensors_bytes(arrays: Mapping[str, NDArray[np.generic]], about: Mapping[str, Any] | None = None) -> bytes:
    """A safetensors file with these arrays, and what it says of itself; equal ones give equal bytes.

    The format's metadata is a table of texts, which the library writes in an order that changes from run to run.  Ours is one
    text in JSON, so that there is no order.
    """
    whole = {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in arrays.items()}
    data: bytes = save(whole, {_ABOUT: json.dumps(about, sort_keys=True)} if about else None)
    return data


def in_memory(arrays: Mapping[str, Any], path: str = "<arrays>") -> WeightFile:
    """Arrays of numpy, or tensors of torch, as if they had been read from a file."""

    def read(name: str) -> Any:
        value = arrays[name]
        if not hasattr(value, "detach"):
            return np.asarray(value)
        value = value.detach().cpu()
        return (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()

    entries = {}
    for name, value in arrays.items():
        array = value if hasattr(value, "dtype") else np.asarray(value)
        entries[name] = Stored(tuple(array.shape), str(array.dtype).removeprefix("torch."))
    metadata = getattr(arrays, "_metadata", None)  # of a `state_dict`, where a checkpoint of ours tells of itself
    said = metadata.get(_ABOUT) if isinstance(metadata, Mapping) else None
    return WeightFile(path, entries, read, said if isinstance(said, Mapping) else {})
