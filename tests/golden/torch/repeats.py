"""Repeats: with a variable, nested, of branches that reach back to a tap, and with steps that come and go.

Written by archdsl from the spec of repeats.
The keys of `state_dict` are the paths of the spec.
"""

import torch
from torch import Tensor, nn


class Unit(nn.Module):
    def __init__(self, drop: float) -> None:
        super().__init__()
        self.drop = drop
        self.conv = nn.Conv2d(8, 8, 3, padding=1)
        self.dropout = nn.Dropout(drop)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return x + self.drop * self.dropout(y)


class Deep(nn.Module):
    def __init__(self, n: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            *(nn.Sequential(*(nn.Conv2d(8, 8, 3, padding=1) for _ in range(2))) for _ in range(n))
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


class Back(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv2d(16, 8, 1)

    def forward(self, x: Tensor, x2: Tensor) -> Tensor:
        x = torch.cat([x, x2], dim=1)
        return self.mix(x)


class Odd(nn.Module):
    def __init__(self, with_relu: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, padding=1)
        self.relu = nn.ReLU() if with_relu else None

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        if self.relu is not None:
            x = self.relu(x)
        return x


class Repeats(nn.Module):
    """image [N, 8, 16, 16] -> y [N, 16, 16, 16]"""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Sequential(*(Unit(0.1 * i / 4) for i in range(5)))
        self.deep1 = Deep(2)
        self.deep2 = Deep(3)
        self.start = nn.Conv2d(8, 8, 3, padding=1)
        self.mid = nn.Conv2d(8, 8, 3, padding=1)
        self.back = nn.ModuleList(Back() for _ in range(3))
        self.odd = nn.Sequential(*(Odd(with_relu) for with_relu in (True, False, True, False)))
        self.grow = nn.Sequential(
            *(
                nn.Conv2d(in_channels, out_channels, 1)
                for in_channels, out_channels in zip((8, 8, 12), (8, 12, 16), strict=True)
            )
        )

    def forward(self, image: Tensor) -> Tensor:
        x = self.a(image)
        x = self.deep1(x)
        x = self.deep2(x)
        start = self.start(x)
        x = self.mid(start)
        for block in self.back:
            x = block(x, start)
        x = self.odd(x)
        return self.grow(x)
