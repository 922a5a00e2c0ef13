"""Weights from the Hugging Face hub, for users with network; nothing of it is imported before it is asked for."""

import re

from archdsl.diagnostics import error

_NAME = re.compile(r"[\w.-]+/[\w.-]+(?:@[\w./-]+)?", re.ASCII)
FILE = "model.safetensors"


def is_model(name: str) -> bool:
    """Whether ``name`` is of the form ``organisation/model`` or ``organisation/model@revision``."""
    return _NAME.fullmatch(name) is not None and not name.endswith(".toml")


def fetch(name: str) -> str:
    """Path of the file ``model.safetensors`` of a model on the hub, in the hub's own cache; fetched if it is not there yet.

    Raises E0709 where the hub has no such model or the model no such file, :class:`ConnectionError` where the hub cannot be
    reached, ``ModuleNotFoundError`` without ``huggingface_hub``.
    """
    from huggingface_hub import errors, hf_hub_download

    model, _, revision = name.partition("@")
    try:
        return str(hf_hub_download(model, FILE, revision=revision or None))
    except errors.LocalEntryNotFoundError as fault:
        raise ConnectionError(f"`{name}` is not in the cache, and the hub cannot be reached: {_line(fault)}") from None
    except (errors.EntryNotFoundError, errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as fault:
        raise error("E0709", f"the hub has no `{FILE}` for `{name}`: {_line(fault)}") from None
    except errors.HFValidationError as fault:
        raise error("E0709", f"`{name}` names no model on the hub: {_line(fault)}") from None
    except OSError as fault:
        raise ConnectionError(f"`{name}` cannot be fetched: {_line(fault)}") from None


def _line(fault: Exception) -> str:
    return (str(fault).strip().splitlines() or [type(fault).__name__])[0][:200]
