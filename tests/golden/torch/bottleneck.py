"""Bottlenecks of ResNet-50: a projection where width or stride change, option B.

Written by archdsl from the spec of resnet50.
The keys of `state_dict` are the paths of the spec.
"""

from collections import OrderedDict

from torch import Tensor, nn


class GlobalAvgPool2d(nn.Module):
    """Mean over height and width: [N, C, H, W] to [N, C]."""

    def forward(self, x):
        return x.mean((2, 3))


class Cbr(nn.Module):
    def __init__(self, in_channels: int, c: int, k: int, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, c, k, stride=stride, padding=padding, bias=False)
        self.bn = nn.BatchNorm2d(c)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        x = self.bn(x)
        return self.relu(x)


class Cb(nn.Module):
    def __init__(self, in_channels: int, c: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, c, 1, stride=stride, bias=False)
        self.bn = nn.BatchNorm2d(c)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return self.bn(x)


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1, and a shortcut beside them."""

    def __init__(self, in_channels: int, w: int, stride: int = 1) -> None:
        super().__init__()
        self.proj = None
        if stride != 1 or in_channels != 4 * w:
            self.proj = Cb(in_channels, 4 * w, stride=stride)
        self.a = Cbr(in_channels, w, 1, stride=stride)
        self.b = Cbr(w, w, 3, padding=1)
        self.c = Cb(w, 4 * w)
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        proj = x if self.proj is None else self.proj(x)
        x = self.a(x)
        x = self.b(x)
        x = proj + self.c(x)
        return self.act(x)


class Resnet50(nn.Module):
    """image [N, 3, 224, 224] -> logits [N, 1000]"""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Cbr(3, 64, 7, stride=2, padding=3)
        self.max_pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = nn.Sequential(Bottleneck(64, 64), *(Bottleneck(256, 64) for _ in range(2)))
        self.layer2 = nn.Sequential(
            Bottleneck(256, 128, stride=2), *(Bottleneck(512, 128) for _ in range(3))
        )
        self.layer3 = nn.Sequential(
            OrderedDict(
                first=Bottleneck(512, 256, stride=2),
                rest=nn.Sequential(*(Bottleneck(1024, 256) for _ in range(5))),
            )
        )
        self.layer4 = nn.Sequential(
            OrderedDict(
                first=Bottleneck(1024, 512, stride=2),
                rest=nn.Sequential(*(Bottleneck(2048, 512) for _ in range(2))),
            )
        )
        self.global_avg_pool = GlobalAvgPool2d()
        self.fc = nn.Linear(2048, 1000)

    def forward(self, image: Tensor) -> Tensor:
        x = self.stem(image)
        x = self.max_pool(x)
        x = self.layer1(x)
        x = self.layer2(x)
        x = self.layer3(x)
        x = self.layer4(x)
        x = self.global_avg_pool(x)
        return self.fc(x)
