"""Written by archdsl from the spec of xception.

The keys of `state_dict` are the paths of the spec.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SeparableConv2d(nn.Module):
    """A depthwise convolution, given by its `spatial` arguments, and then a 1x1 convolution across channels."""

    def __init__(self, in_channels, out_channels, kernel_size, bias=True, **spatial):
        super().__init__()
        spatial.update(groups=in_channels, bias=False)
        self.depthwise = nn.Conv2d(in_channels, in_channels, kernel_size, **spatial)
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1, bias=bias)

    def forward(self, x):
        return self.pointwise(self.depthwise(x))


def _pair(value):
    """(height, width) from one number for both, or from a pair."""
    return (value, value) if isinstance(value, int) else tuple(value)


def _same_padding(x, kernel_size, stride, dilation=1):
    """(left, right, top, bottom) by TensorFlow's rule: ceil(size / stride) windows fit, the odd cell comes last."""
    pads = []
    windows = _pair(kernel_size), _pair(stride), _pair(dilation)
    axes = zip(x.shape[-2:], *windows, strict=True)
    for size, kernel, step, gap in reversed(list(axes)):
        reach = (kernel - 1) * gap
        total = reach - (size - 1) % step
        if reach < step - 1:
            total = torch.sym_max(total, 0)
        pads += [total // 2, total - total // 2]
    return pads


class SameMaxPool2d(nn.MaxPool2d):
    """Max pooling with TensorFlow's `same` padding, computed from the size of each input; padding never wins."""

    def forward(self, x):
        pads = _same_padding(x, self.kernel_size, self.stride, self.dilation)
        return super().forward(F.pad(x, pads, value=float("-inf")))


class Entry(nn.Module):
    def __init__(self, in_channels: int, c: int, first: bool = True) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_channels, c, 1, stride=2, bias=False)
        self.bn_proj = nn.BatchNorm2d(c)
        self.pre = nn.ReLU() if first else None
        self.sep1 = SeparableConv2d(in_channels, c, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(c)
        self.act = nn.ReLU()
        self.sep2 = SeparableConv2d(c, c, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(c)
        self.max_pool = SameMaxPool2d(3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.proj(x)
        if self.pre is not None:
            x = self.pre(x)
        x = self.sep1(x)
        x = self.bn1(x)
        x = self.act(x)
        x = self.sep2(x)
        x = self.bn2(x)
        return self.bn_proj(y) + self.max_pool(x)


class Unit(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.sep = SeparableConv2d(128, 128, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(128)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(x)
        x = self.sep(x)
        return self.bn(x)


class Middle(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.unit = nn.Sequential(*(Unit() for _ in range(3)))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.unit(x)


class Xception(nn.Module):
    """image [N, 3, 64, 64] -> features [N, 128, 8, 8]"""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, stride=2)
        self.entry1 = Entry(32, 64, first=False)
        self.entry2 = Entry(64, 128)
        self.middle = nn.Sequential(*(Middle() for _ in range(8)))

    def forward(self, image: Tensor) -> Tensor:
        x = self.stem(image)
        x = self.entry1(x)
        x = self.entry2(x)
        return self.middle(x)
