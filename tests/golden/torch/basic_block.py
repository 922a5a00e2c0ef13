"""Written by archdsl from the spec of tiny_resnet.

The keys of `state_dict` are the paths of the spec.
"""

from collections import OrderedDict

from torch import Tensor, nn


class Basic(nn.Module):
    def __init__(self, in_channels: int, w: int, stride: int = 1) -> None:
        super().__init__()
        self.proj = None
        if stride != 1:
            self.proj = nn.Sequential(
                OrderedDict(
                    conv=nn.Conv2d(in_channels, w, 1, stride=stride, bias=False),
                    bn=nn.BatchNorm2d(w),
                )
            )
        self.conv1 = nn.Conv2d(in_channels, w, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(w)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(w, w, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(w)
        self.relu_2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        proj = x if self.proj is None else self.proj(x)
        x = self.conv1(x)
        x = self.bn1(x)
        x = self.relu(x)
        x = self.conv2(x)
        x = proj + self.bn2(x)
        return self.relu_2(x)


class TinyResnet(nn.Module):
    """image [N, 16, 32, 32] -> features [N, 32, 16, 16]"""

    def __init__(self) -> None:
        super().__init__()
        self.layer1 = nn.Sequential(*(Basic(16, 16) for _ in range(2)))
        self.down = Basic(16, 32, stride=2)
        self.layer2 = Basic(32, 32)

    def forward(self, image: Tensor) -> Tensor:
        x = self.layer1(image)
        x = self.down(x)
        return self.layer2(x)
