"""Dense layers: each adds its maps to all that came before it.

Written by archdsl from the spec of densenet.
The keys of `state_dict` are the paths of the spec.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn


class Layer(nn.Module):
    def __init__(self, in_channels: int, growth: int) -> None:
        super().__init__()
        self.new = nn.Sequential(
            OrderedDict(
                bn1=nn.BatchNorm2d(in_channels),
                relu=nn.ReLU(),
                conv1=nn.Conv2d(in_channels, 4 * growth, 1, bias=False),
                bn2=nn.BatchNorm2d(4 * growth),
                relu_2=nn.ReLU(),
                conv2=nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.new(x)], dim=1)


class DenseBlock(nn.Module):
    def __init__(self, in_channels: int, n: int, growth: int) -> None:
        super().__init__()
        self.layer = nn.Sequential(*(Layer(in_channels + i * growth, growth) for i in range(n)))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


class Transition(nn.Module):
    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU()
        self.conv = nn.Conv2d(in_channels, in_channels // 2, 1, bias=False)
        self.pool = nn.AvgPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(x)
        x = self.relu(x)
        x = self.conv(x)
        return self.pool(x)


class Densenet(nn.Module):
    """image [N, 3, 32, 32] -> features [N, 86, 8, 8]"""

    def __init__(self) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(3, 24, 3, padding=1, bias=False)
        self.dense1 = DenseBlock(24, 4, 12)
        self.trans1 = Transition(72)
        self.dense2 = DenseBlock(36, 6, 12)
        self.trans2 = Transition(108)
        self.dense3 = DenseBlock(54, 2, 16)

    def forward(self, image: Tensor) -> Tensor:
        x = self.conv0(image)
        x = self.dense1(x)
        x = self.trans1(x)
        x = self.dense2(x)
        x = self.trans2(x)
        return self.dense3(x)
