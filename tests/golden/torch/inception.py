"""Written by archdsl from the spec of inception.

The keys of `state_dict` are the paths of the spec.
"""

from collections import OrderedDict
from typing import NamedTuple

import torch
from torch import Tensor, nn


class GlobalAvgPool2d(nn.Module):
    """Mean over height and width: [N, C, H, W] to [N, C]."""

    def forward(self, x):
        return x.mean((2, 3))


class Outputs(NamedTuple):
    """What the network gives, in order of declaration."""

    aux: Tensor
    logits: Tensor


class Cbr(nn.Module):
    def __init__(
        self, in_channels: int, c: int, k: int | tuple[int, int], padding: int | tuple[int, int] = 0
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, c, k, padding=padding, bias=False)
        self.bn = nn.BatchNorm2d(c, eps=0.001)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        x = self.bn(x)
        return self.relu(x)


class Mixed(nn.Module):
    def __init__(self, in_channels: int, pool: int) -> None:
        super().__init__()
        self.b1 = Cbr(in_channels, 64, 1)
        self.b5 = nn.Sequential(OrderedDict(r=Cbr(in_channels, 48, 1), c=Cbr(48, 64, 5, padding=2)))
        self.deep = nn.Module()
        self.deep.r = Cbr(in_channels, 64, 1)
        self.deep.split = nn.Module()
        self.deep.split.h = Cbr(64, 96, (1, 3), padding=(0, 1))
        self.deep.split.v = Cbr(64, 96, (3, 1), padding=(1, 0))
        self.pool = nn.Sequential(
            OrderedDict(
                avg=nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
                p=Cbr(in_channels, pool, 1),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        b1 = self.b1(x)
        b5 = self.b5(x)
        deep = self.deep.r(x)
        deep = torch.cat([self.deep.split.h(deep), self.deep.split.v(deep)], dim=1)
        pool = self.pool(x)
        return torch.cat([b1, b5, deep, pool], dim=1)


class Inception(nn.Module):
    """image [N, 3, 75, 75] -> aux [N, 10], logits [N, 10]"""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Cbr(3, 32, 3, padding=1)
        self.mixed1 = Mixed(32, 32)
        self.mixed2 = Mixed(352, 64)
        self.pool = nn.AvgPool2d(5, stride=3)
        self.reduce = Cbr(384, 128, 1)
        self.squeeze = GlobalAvgPool2d()
        self.aux = nn.Linear(128, 10)
        self.mixed3 = Mixed(384, 64)
        self.global_avg_pool = GlobalAvgPool2d()
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(384, 10)

    def forward(self, image: Tensor) -> Outputs:
        x = self.stem(image)
        x = self.mixed1(x)
        mixed2 = self.mixed2(x)
        aux = self.pool(mixed2)
        aux = self.reduce(aux)
        aux = self.squeeze(aux)
        aux = self.aux(aux)
        x = self.mixed3(mixed2)
        x = self.global_avg_pool(x)
        x = self.dropout(x)
        logits = self.fc(x)
        return Outputs(aux=aux, logits=logits)
