"""Models by other people, to compare ours with."""

import importlib

import pytest

_declared = []


def import_reference(name):
    """The module ``timm`` or ``torchvision``; where one that it needs is not installed, the calling test is skipped."""
    try:
        return _import(name)
    except ModuleNotFoundError as missing:
        pytest.skip(f"needs {missing.name}")


def _import(name):
    # A torchvision built for another torch cannot load its compiled operators, and stumbles over the two that it describes to
    # torch's compiler.  Declaring these mends it: no classification model calls them.
    try:
        return importlib.import_module(name)
    except RuntimeError as fault:
        if _declared or "torchvision::" not in str(fault):
            raise
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _declared.append(library)  # a declaration lives as long as its library
    return importlib.import_module(name)
