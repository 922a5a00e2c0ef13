"""First values of weights without PyTorch, of the distributions that an emitted PyTorch module draws its own from.

Every weight has a stream of random numbers of its own, which follows from the seed and its key alone: an edit elsewhere in the
network leaves it as it was.  Fan-in is the number of values that enter one output, fan-out of outputs that one value enters,
both as PyTorch counts them.

======================  ===========================================================================================
scheme                  values
======================  ===========================================================================================
trunc_normal(s)         normal of standard deviation s, cut at 2 s on both sides
normal(s)               normal of standard deviation s
uniform(b)              uniform from -b to b
kaiming_normal          normal of variance 2 / fan-in
kaiming_uniform         uniform of that variance: bound sqrt(6 / fan-in)
xavier_normal           normal of variance 2 / (fan-in + fan-out)
xavier_uniform          uniform of that variance: bound sqrt(6 / (fan-in + fan-out))
none, kernel and bias   uniform with bound 1 / sqrt(fan-in), the default of PyTorch's convolution and linear layers
none, the others        1 for scale and variance, 0 for shift, mean and count
======================  ===========================================================================================
"""

import operator
from collections.abc import Mapping
from hashlib import sha256
from math import prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.diagnostics import error
from archdsl.ir import Graph, Init, Unsupported, Weight
from archdsl.ir.weights import state_key

Array = NDArray[Any]
_CUT = 2.0
_FIXED = {"scale": 1.0, "variance": 1.0, "shift": 0.0, "mean": 0.0, "count": 0.0}


def initial(graph: Graph, seed: int = 0) -> dict[str, Array]:
    """First values of every weight by its key in a ``state_dict``: float32, and int64 for counts.

    Equal seeds give equal values.  Raises ``ArchError`` (E0701) for a scheme that has no meaning for its weight.
    """
    seed = operator.index(seed)
    found: dict[str, Array] = {}
    for node in graph.nodes:
        beside = {weight.name: weight for weight in node.weights}
        for weight in node.weights:
            key = state_key(node.path, weight.name)
            try:
                found[key] = values(weight, beside, _stream(seed, key))
            except Unsupported as fault:
                raise error("E0701", str(fault), node.span, path=node.path) from None
    return found


def _stream(seed: int, key: str) -> np.random.Generator:
    digest = sha256(f"{seed} {key}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))


def values(weight: Weight, beside: Mapping[str, Weight], random: np.random.Generator) -> Array:
    """First values of ``weight``, drawn from ``random``; ``beside`` are all weights of its operator by name.

    Raises :class:`Unsupported` for a scheme that has no meaning for it.
    """
    if weight.role == "count":
        return np.zeros(weight.shape, np.int64)
    if weight.init is not None:
        return _scheme(weight.init, weight.shape, random)
    if weight.role in _FIXED:
        return np.full(weight.shape, _FIXED[weight.role], np.float32)
    kernel = _kernel(weight, beside)
    return _uniform(random, weight.shape, 1 / sqrt(prod(kernel.shape[1:]) or 1))


def _kernel(weight: Weight, beside: Mapping[str, Weight]) -> Weight:
    """The kernel whose fan-in bounds ``weight``: itself, or the one that a bias belongs to, which has a name like it."""
    if weight.role != "bias":
        return weight
    kernels = {name.rpartition(".")[0]: each for name, each in beside.items() if each.role == "kernel"}
    return kernels.get(weight.name.rpartition(".")[0], next(reversed(kernels.values()), weight))


def _scheme(init: Init, shape: tuple[int, ...], random: np.random.Generator) -> Array:
    """Values as ``init`` says; a spec has at most one number, whose meaning :mod:`archdsl.ops.initialisation` tells."""
    number = init.numbers[0] if len(init.numbers) == 1 else None
    if number is not None and abs(number) > float(np.finfo(np.float32).max):
        raise Unsupported(f"`{init}` is beyond what float32 can hold")
    match init.scheme:
        case "zeros" | "ones":
            return np.full(shape, float(init.scheme == "ones"), np.float32)
        case "constant" if number is not None:
            return np.full(shape, number, np.float32)
        case "normal" if number is not None:
            return _normal(random, shape, number)
        case "trunc_normal" if number is not None:
            return _cut_normal(random, shape, number)
        case "uniform" if number is not None:
            return _uniform(random, shape, number)
        case "kaiming_normal":
            return _normal(random, shape, sqrt(2 / _fans(init, shape)[0]))
        case "kaiming_uniform":
            return _uniform(random, shape, sqrt(6 / _fans(init, shape)[0]))
        case "xavier_normal":
            return _normal(random, shape, sqrt(2 / sum(_fans(init, shape))))
        case "xavier_uniform":
            return _uniform(random, shape, sqrt(6 / sum(_fans(init, shape))))
    raise Unsupported(f"no initialisation `{init}` without PyTorch")


def _fans(init: Init, shape: tuple[int, ...]) -> tuple[int, int]:
    """Fan-in and fan-out of a kernel ``[outputs, inputs, …]``."""
    if len(shape) < 2:
        raise Unsupported(f"`{init}` is for kernels, whose shape has two sizes or more")
    window = prod(shape[2:])
    return shape[1] * window, shape[0] * window


def _uniform(random: np.random.Generator, shape: tuple[int, ...], bound: float) -> Array:
    drawn = np.asarray(random.random(shape, np.float32))
    drawn *= np.float32(2)
    drawn -= np.float32(1)
    drawn *= np.float32(bound)
    return drawn


def _normal(random: np.random.Generator, shape: tuple[int, ...], deviation: float) -> Array:
    drawn = np.asarray(random.standard_normal(shape, np.float32))
    drawn *= np.float32(deviation)
    return drawn


def _cut_normal(random: np.random.Generator, shape: tuple[int, ...], deviation: float) -> Array:
    """A normal distribution without its ends: what falls there is drawn again."""
    drawn = random.standard_normal(prod(shape), np.float32)
    outside = np.flatnonzero(np.abs(drawn) > _CUT)
    while outside.size:
        drawn[outside] = random.standard_normal(outside.size, np.float32)
        outside = outside[np.abs(drawn[outside]) > _CUT]
    drawn *= np.float32(deviation)
    return drawn.reshape(shape)
