"""Written by archdsl from the spec of unet.

The keys of `state_dict` are the paths of the spec.
"""

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


class SameMaxPool2d(nn.MaxPool2d):
    """Max pooling with TensorFlow's `same` padding, computed from the size of each input; padding never wins."""

    def forward(self, x):
        pads = _same_padding(x, self.kernel_size, self.stride, self.dilation)
        return super().forward(F.pad(x, pads, value=float("-inf")))


class Double(nn.Module):
    def __init__(self, in_channels: int, c: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, c, 3, padding=1)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(c, c, 3, padding=1)
        self.relu_2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        x = self.relu(x)
        x = self.conv2(x)
        return self.relu_2(x)


class Unet(nn.Module):
    """image [N, 1, 64, 64] -> mask [N, 2, 64, 64]"""

    def __init__(self) -> None:
        super().__init__()
        self.down1 = Double(1, 16)
        self.max_pool = SameMaxPool2d(2)
        self.down2 = Double(16, 32)
        self.max_pool_2 = SameMaxPool2d(2)
        self.middle = Double(32, 64)
        self.up2 = nn.Upsample(scale_factor=2)
        self.merge2 = Double(96, 32)
        self.up1 = nn.Upsample(scale_factor=2)
        self.merge1 = Double(48, 16)
        self.head = nn.Conv2d(16, 2, 1)

    def forward(self, image: Tensor) -> Tensor:
        down1 = self.down1(image)
        x = self.max_pool(down1)
        down2 = self.down2(x)
        x = self.max_pool_2(down2)
        x = self.middle(x)
        x = torch.cat([self.up2(x), down2], dim=1)
        x = self.merge2(x)
        x = torch.cat([self.up1(x), down1], dim=1)
        x = self.merge1(x)
        return self.head(x)
