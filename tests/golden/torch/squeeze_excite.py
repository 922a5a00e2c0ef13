"""Written by archdsl from the spec of senet.

The keys of `state_dict` are the paths of the spec.
"""

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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


class SameConv2d(nn.Conv2d):
    """Convolution with TensorFlow's `same` padding, computed from the size of each input."""

    def forward(self, x):
        pads = _same_padding(x, self.kernel_size, self.stride, self.dilation)
        return super().forward(F.pad(x, pads))


class SE(nn.Module):
    def __init__(self, in_channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            OrderedDict(
                squeeze=nn.AdaptiveAvgPool2d(1),
                down=nn.Conv2d(in_channels, in_channels // reduction, 1),
                relu=nn.ReLU(),
                up=nn.Conv2d(in_channels // reduction, in_channels, 1),
                sigmoid=nn.Sigmoid(),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x)


class Senet(nn.Module):
    """image [N, 3, 32, 32] -> features [N, 64, 16, 16]"""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, padding=1)
        self.se1 = SE(32)
        self.conv2 = SameConv2d(32, 64, 3, stride=2)
        self.se2 = SE(64, reduction=8)

    def forward(self, image: Tensor) -> Tensor:
        x = self.conv1(image)
        x = self.se1(x)
        x = self.conv2(x)
        return self.se2(x)
