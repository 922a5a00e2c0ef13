"""Written by archdsl from the spec of mobilenet.

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


class Inverted(nn.Module):
    """Inverted residual: expand, filter, project; a shortcut where nothing changes."""

    def __init__(self, in_channels: int, c: int, t: int) -> None:
        super().__init__()
        self.body = nn.Module()
        self.body.expand = None
        if t != 1:
            self.body.expand = nn.Sequential(
                OrderedDict(
                    conv=nn.Conv2d(in_channels, t * in_channels, 1, bias=False),
                    bn=nn.BatchNorm2d(t * in_channels),
                    relu6=nn.ReLU6(),
                )
            )
        self.body.filter = nn.Sequential(
            OrderedDict(
                conv=nn.Conv2d(
                    t * in_channels,
                    t * in_channels,
                    3,
                    padding=1,
                    bias=False,
                    groups=t * in_channels,
                ),
                bn=nn.BatchNorm2d(t * in_channels),
                relu6=nn.ReLU6(),
            )
        )
        self.body.project = nn.Sequential(
            OrderedDict(conv=nn.Conv2d(t * in_channels, c, 1, bias=False), bn=nn.BatchNorm2d(c))
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.body.expand is not None:
            x = self.body.expand(x)
        x = self.body.filter(x)
        return self.body.project(x)


class Inverted2(nn.Module):
    """Inverted residual: expand, filter, project; a shortcut where nothing changes."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            OrderedDict(
                expand=nn.Sequential(
                    OrderedDict(
                        conv=nn.Conv2d(16, 96, 1, bias=False),
                        bn=nn.BatchNorm2d(96),
                        relu6=nn.ReLU6(),
                    )
                ),
                filter=nn.Sequential(
                    OrderedDict(
                        conv=SameConv2d(96, 96, 3, stride=2, bias=False, groups=96),
                        bn=nn.BatchNorm2d(96),
                        relu6=nn.ReLU6(),
                    )
                ),
                project=nn.Sequential(
                    OrderedDict(conv=nn.Conv2d(96, 24, 1, bias=False), bn=nn.BatchNorm2d(24))
                ),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class Shortcut(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.expand = nn.Sequential(
            OrderedDict(
                conv=nn.Conv2d(48, 48, 1, bias=False), bn=nn.BatchNorm2d(48), relu6=nn.ReLU6()
            )
        )
        self.filter = nn.Sequential(
            OrderedDict(
                conv=nn.Conv2d(48, 48, 3, padding=1, bias=False, groups=48),
                bn=nn.BatchNorm2d(48),
                relu6=nn.ReLU6(),
            )
        )
        self.project = nn.Sequential(
            OrderedDict(conv=nn.Conv2d(48, 48, 1, bias=False), bn=nn.BatchNorm2d(48))
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.expand(x)
        y = self.filter(y)
        return x + self.project(y)


class Mobilenet(nn.Module):
    """image [N, 3, 64, 64] -> features [N, 48, 16, 16]"""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv2d(3, 32, 3, stride=2, bias=False)
        self.a = Inverted(32, 16, 1)
        self.b = Inverted2()
        self.c = nn.Sequential(*(Inverted(24 + 8 * i, 32 + 8 * i, 6) for i in range(3)))
        self.d = nn.Sequential(*(Shortcut() for _ in range(2)))

    def forward(self, image: Tensor) -> Tensor:
        x = self.stem(image)
        x = self.a(x)
        x = self.b(x)
        x = self.c(x)
        return self.d(x)
