"""A parameter is called like a variable that a loop would have: the formula in the loop still means the parameter.

Written by archdsl from the spec of net.
The keys of `state_dict` are the paths of the spec.
"""

import torch
from torch import Tensor, nn


class Cell(nn.Module):
    def __init__(self, in_channels: int, out: int, b_out_channels: int) -> None:
        super().__init__()
        self.grow = nn.Module()
        self.grow.a = nn.Conv2d(in_channels, out, 3, padding=1, bias=False)
        self.grow.b = nn.Conv2d(
            in_channels, b_out_channels, (1, 7), padding=(0, 3), groups=in_channels
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.grow.a(x), self.grow.b(x), x], dim=1)


class Unit(nn.Module):
    def __init__(
        self,
        in_channels: int,
        cells_in_channels: tuple[int, ...],
        b_out_channels: tuple[int, ...],
        last_in_channels: int,
        last_b_out_channels: int,
    ) -> None:
        super().__init__()
        self.cells = nn.Sequential(
            *(
                Cell(in_channels2, 2 * in_channels, b_out_channels)
                for in_channels2, b_out_channels in zip(
                    cells_in_channels, b_out_channels, strict=True
                )
            )
        )
        self.last = Cell(last_in_channels, in_channels + 1, last_b_out_channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.cells(x)
        return self.last(x)


class Net(nn.Module):
    """x [N, 3, 14, 16] -> y [N, 32879, 14, 16]"""

    def __init__(self) -> None:
        super().__init__()
        self.first = Unit(
            2, (3, 13, 43), (6, 26, 86), last_in_channels=133, last_b_out_channels=266
        )
        self.second = Unit(
            4,
            (402, 1214, 3650),
            (804, 2428, 7300),
            last_in_channels=10958,
            last_b_out_channels=21916,
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return self.second(x)
