"""PyTorch's own files of weights, read without running anything that is in them, and a module that takes weights.

Such a file is a pickle, a small program.  It is opened with ``weights_only``, which admits tensors and plain containers alone.
"""

import io
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from archdsl.diagnostics import InternalError, error
from archdsl.ir.weights import Stored, WeightFile

_ABOUT = "archdsl"
_SAFE_SINCE = (2, 6)
"""The release from which ``weights_only`` holds for the format of before 2020 as well (CVE-2025-32434)."""


def open_checkpoint(path: str, key: str | None = None) -> WeightFile:
    """The tensors of the file at ``path``, which holds a ``state_dict``, or beside other things one under ``key``.

    Raises E0709 where there is none, or more than one and no ``key``, and for a file that wants more than data.
    """
    zipped = zipfile.is_zipfile(path)
    if zipped:
        _check_archive(path)
    elif tuple(int(part) for part in torch.__version__.split(".")[:2]) < _SAFE_SINCE:
        raise error("E0709", f"`{path}` has the format of before 2020, which is safe to open from torch 2.6 on")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=zipped or None)
    except MemoryError:
        raise
    except Exception as fault:  # noqa: BLE001 - a damaged or hostile file raises anything at all
        raise error("E0709", f"`{path}` is not a PyTorch file that holds weights alone: {_line(fault)}") from None
    tensors, about = _state(path, found, key), _about(found)
    entries = {name: Stored(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch.")) for name, tensor in tensors.items()}

    def read(name: str) -> Any:
        tensor = tensors[name].detach()
        try:
            return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
        except (RuntimeError, TypeError, NotImplementedError) as fault:
            raise error("E0709", f"`{name}` in `{path}` holds no numbers: {_line(fault)}") from None

    return WeightFile(path, entries, read, about)


def _check_archive(path: str) -> None:
    """Raises E0709 for an archive that would grow when it is unpacked: PyTorch stores, it never compresses."""
    try:
        with zipfile.ZipFile(path) as archive:
            packed = any(each.compress_type != zipfile.ZIP_STORED for each in archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as fault:
        raise error("E0709", f"`{path}` is a damaged archive: {_line(fault)}") from None
    if packed:
        raise error("E0709", f"`{path}` is a compressed archive, which PyTorch does not write")


def _state(path: str, found: object, key: str | None) -> dict[str, torch.Tensor]:
    """The one ``state_dict`` in what a file holds."""
    states = {name: value for name, value in _named(found).items() if _is_state(value)}
    if key is not None:
        if key not in states:
            raise error("E0709", f"`{path}` holds no weights under `{key}`", help=_choices(states))
        return dict(states[key])
    if _is_state(found):
        return _named(found)
    if len(states) != 1:
        raise error("E0709", f"`{path}` holds {'several sets of' if states else 'no'} weights", help=_choices(states))
    return next(iter(states.values()))


def _named(found: object) -> dict[str, Any]:
    return {name: value for name, value in found.items() if isinstance(name, str)} if isinstance(found, dict) else {}


def _is_state(value: object) -> bool:
    named = _named(value)
    return (
        isinstance(value, dict)
        and 0 < len(named) == len(value)
        and all(isinstance(each, torch.Tensor) for each in named.values())
    )


def _choices(states: Mapping[str, object]) -> str | None:
    return f"say which: --key {' or '.join(sorted(states))}" if states else None


def checkpoint_bytes(arrays: Mapping[str, Any], about: Mapping[str, Any] | None = None) -> bytes:
    """A file that ``torch.load`` reads, with ``arrays`` as a ``state_dict``, and what it says of itself in its ``_metadata``.

    That is where PyTorch keeps the versions of a module's parts; it reads none but those, so that any network loads the file.
    """
    buffer = io.BytesIO()
    state = OrderedDict((name, torch.from_numpy(array.copy())) for name, array in arrays.items())
    if about:
        vars(state)["_metadata"] = OrderedDict({_ABOUT: dict(about)})
    torch.save(state, buffer)
    return buffer.getvalue()


def _about(found: object) -> Mapping[str, Any]:
    """What a file of ours says of itself; nothing for any other."""
    metadata = getattr(found, "_metadata", None)
    said = metadata.get(_ABOUT) if isinstance(metadata, Mapping) else None
    return said if isinstance(said, Mapping) else {}


def assign(module: nn.Module, arrays: Mapping[str, Any]) -> nn.Module:
    """``module`` with the weights that ``arrays`` names; those that it does not name stay as they were."""
    result = module.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()}, strict=False)
    if result.unexpected_keys:
        raise InternalError(f"the emitted module has no `{result.unexpected_keys[0]}`")
    return module


def _line(fault: Exception) -> str:
    return (str(fault).strip().splitlines() or [type(fault).__name__])[0][:200]
