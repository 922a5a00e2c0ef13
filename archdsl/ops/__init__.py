"""The operators of the language, a file per family; each class carries all that is known about its operator."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from archdsl.ir import Op
from archdsl.ops.activation import Elu, Gelu, HardSwish, LeakyRelu, Relu, Relu6, Sigmoid, Silu, Softmax, Tanh
from archdsl.ops.attributes import build, help_with
from archdsl.ops.conv import Conv, DepthwiseConv, SeparableConv
from archdsl.ops.global_pool import AdaptiveAvgPool, GlobalAvgPool, GlobalMaxPool
from archdsl.ops.initialisation import SCHEMES, parse_init
from archdsl.ops.linear import Dropout, Flatten, Linear
from archdsl.ops.merge import Add, Concat, Mul
from archdsl.ops.norm import BatchNorm, GroupNorm, LayerNorm, LocalResponseNorm
from archdsl.ops.pool import AvgPool, MaxPool
from archdsl.ops.shape import Identity, Pad, PadChannels, Upsample

ALL: Final[tuple[type[Op], ...]] = (
    Conv,
    DepthwiseConv,
    SeparableConv,
    BatchNorm,
    LocalResponseNorm,
    LayerNorm,
    GroupNorm,
    Relu,
    Relu6,
    LeakyRelu,
    Elu,
    Gelu,
    Silu,
    Sigmoid,
    Tanh,
    Softmax,
    HardSwish,
    MaxPool,
    AvgPool,
    GlobalAvgPool,
    AdaptiveAvgPool,
    GlobalMaxPool,
    Linear,
    Flatten,
    Dropout,
    Concat,
    Add,
    Mul,
    Pad,
    PadChannels,
    Identity,
    Upsample,
)
"""Every operator, in the order of the documentation."""

BY_KEYWORD: Final[Mapping[str, type[Op]]] = MappingProxyType({operator.keyword: operator for operator in ALL})
"""The operators by their name in specs."""

__all__ = ["ALL", "BY_KEYWORD", "SCHEMES", "build", "help_with", "parse_init"]
