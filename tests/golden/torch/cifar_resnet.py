"""ResNet for CIFAR-10 with 6n + 2 layers; shortcuts pad with zeros (option A).

Written by archdsl from the spec of resnet_cifar.
The keys of `state_dict` are the paths of the spec.
"""

import torch.nn.functional as F
from torch import Tensor, nn


class GlobalAvgPool2d(nn.Module):
    """Mean over height and width: [N, C, H, W] to [N, C]."""

    def forward(self, x):
        return x.mean((2, 3))


class PadChannels(nn.Module):
    """Every `stride`-th row and column, with channels of zeros appended up to `channels`."""

    def __init__(self, channels, stride=1):
        super().__init__()
        self.channels = channels
        self.stride = (stride, stride) if isinstance(stride, int) else tuple(stride)

    def forward(self, x):
        x = x[:, :, :: self.stride[0], :: self.stride[1]]
        return F.pad(x, (0, 0, 0, 0, 0, self.channels - x.shape[1]))

    def extra_repr(self):
        return f"channels={self.channels}, stride={self.stride}"


class Unit(nn.Module):
    def __init__(self, in_channels: int, w: int, stride: int = 1) -> None:
        super().__init__()
        self.short = PadChannels(w, stride=stride) if stride != 1 else None
        self.conv1 = nn.Conv2d(in_channels, w, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(w)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(w, w, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(w)
        self.relu_2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        short = x if self.short is None else self.short(x)
        x = self.conv1(x)
        x = self.bn1(x)
        x = self.relu(x)
        x = self.conv2(x)
        x = short + self.bn2(x)
        return self.relu_2(x)


class Stage(nn.Module):
    def __init__(self, in_channels: int, w: int, n: int, stride: int = 1) -> None:
        super().__init__()
        self.first = Unit(in_channels, w, stride=stride)
        self.rest = nn.Sequential(*(Unit(w, w) for _ in range(n - 1)))

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return self.rest(x)


class ResnetCifar(nn.Module):
    """image [N, 3, 32, 32] -> logits [N, 10]"""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(16)
        self.relu = nn.ReLU()
        self.stage1 = Stage(16, 16, 3)
        self.stage2 = Stage(16, 32, 3, stride=2)
        self.stage3 = Stage(32, 64, 4, stride=2)
        self.global_avg_pool = GlobalAvgPool2d()
        self.fc = nn.Linear(64, 10)

    def forward(self, image: Tensor) -> Tensor:
        x = self.conv(image)
        x = self.bn(x)
        x = self.relu(x)
        x = self.stage1(x)
        x = self.stage2(x)
        x = self.stage3(x)
        x = self.global_avg_pool(x)
        return self.fc(x)
