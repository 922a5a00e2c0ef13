"""A live module run on arrays: what it gives, and what each of its parts gives on the way."""

from collections.abc import Iterable
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

Array = NDArray[Any]
VERSION: str = torch.__version__


def run(module: nn.Module, inputs: Iterable[Array]) -> list[Array]:
    """The outputs of ``module`` in order of declaration, as in use and not in training."""
    module.eval()
    with torch.inference_mode():
        made = module(*map(torch.from_numpy, inputs))
    return [each.numpy() for each in ([made] if isinstance(made, Tensor) else made)]


def values(module: nn.Module, inputs: Iterable[Array]) -> dict[str, Array]:
    """What each module inside ``module`` gives, by its name there; expressions have no module, so no entry."""
    found: dict[str, Array] = {}
    handles = [each.register_forward_hook(_keeper(found, name)) for name, each in module.named_modules() if name]
    try:
        run(module, inputs)
    finally:
        _remove(handles)
    return found


def _keeper(found: dict[str, Array], name: str) -> Any:
    def keep(_module: nn.Module, _inputs: Any, made: object) -> None:
        if isinstance(made, Tensor):
            found.setdefault(name, made.clone().numpy())  # a later module may work in place

    return keep


def _remove(handles: Iterable[RemovableHandle]) -> None:
    for handle in handles:
        handle.remove()
