"""Names that mean something to Python or PyTorch, and a docstring with \\ and ''' in it.

Written by archdsl from the spec of nn.
The keys of `state_dict` are the paths of the spec.
"""

from typing import NamedTuple

from torch import Tensor, nn


class Outputs(NamedTuple):
    """What the network gives, in order of declaration."""

    Outputs: Tensor
    l: Tensor


class Torch(nn.Module):
    def __init__(self, in_channels: int, nn_: int, list_: int = 2, self_: bool = True) -> None:
        super().__init__()
        self.F = nn.Conv2d(in_channels, nn_, 1)
        self.x = nn.BatchNorm2d(nn_) if self_ else None
        self.range = nn.Sequential(*(nn.Conv2d(nn_, nn_, 3, padding=1) for _ in range(list_)))

    def forward(self, x: Tensor) -> Tensor:
        x = self.F(x)
        if self.x is not None:
            x = self.x(x)
        return self.range(x)


class Module(nn.Module):
    def __init__(self, in_channels: int, Tensor_out_channels: int) -> None:
        super().__init__()
        self.Tensor = nn.Conv2d(in_channels, Tensor_out_channels, 1)
        self.l = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.Tensor(x)
        return self.l(x)


class Nn(nn.Module):
    """self_ [N, 3, 8, 8] -> Outputs [N, 8, 8, 8], l [N, 1, 8, 8]"""

    def __init__(self) -> None:
        super().__init__()
        self.lambda_ = Torch(3, 4)
        self.None_ = Torch(4, 6, list_=3, self_=False)
        self.module = Module(6, 4)
        self.outputs = Module(4, 8)
        self.list = nn.Conv2d(8, 1, 1)

    def forward(self, self_: Tensor) -> Outputs:
        x = self.lambda_(self_)
        x = self.None_(x)
        x = self.module(x)
        Outputs2 = self.outputs(x)
        l_ = self.list(Outputs2)
        return Outputs(Outputs=Outputs2, l=l_)
