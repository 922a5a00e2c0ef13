"""Written by archdsl from the spec of guards.

The keys of `state_dict` are the paths of the spec.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn


class Unit(nn.Module):
    def __init__(
        self, in_channels: int, w: int, norm: bool = True, act: bool = True, gated: bool = False
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, w, 3, padding=1, bias=not norm)
        self.bn = nn.BatchNorm2d(w) if norm else None
        self.gate = None
        if gated:
            self.gate = nn.Sequential(OrderedDict(conv=nn.Conv2d(w, w, 1), sigmoid=nn.Sigmoid()))
        self.relu = nn.ReLU() if act else None

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        if self.bn is not None:
            x = self.bn(x)
        if self.gate is not None:
            x = self.gate(x)
        if self.relu is not None:
            x = self.relu(x)
        return x


class Split(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(16, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.a(x)], dim=1)


class Split2(nn.Module):
    def __init__(self, in_channels: int, w: int = 8) -> None:
        super().__init__()
        self.a = nn.Conv2d(in_channels, w, 1)
        self.b = nn.Conv2d(in_channels, w, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.a(x), self.b(x)], dim=1)


class Guards(nn.Module):
    """image [N, 4, 16, 16] -> y [N, 8, 16, 16]"""

    def __init__(self) -> None:
        super().__init__()
        self.a = Unit(4, 8)
        self.b = Unit(8, 16, norm=False)
        self.c = Unit(16, 16, act=False, gated=True)
        self.d = Split()
        self.e = Split2(8)
        self.f = Split2(16, w=4)

    def forward(self, image: Tensor) -> Tensor:
        x = self.a(image)
        x = self.b(x)
        x = self.c(x)
        x = self.d(x)
        x = self.e(x)
        return self.f(x)
