"""Written by archdsl from the spec of late_fusion.

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

    mask: Tensor
    scene: Tensor


class LateFusion(nn.Module):
    """rgb [N, 3, 32, 32], depth [N, 1, 32, 32] -> mask [N, 2, 32, 32], scene [N, 4]"""

    def __init__(self) -> None:
        super().__init__()
        self.fused = nn.Module()
        self.fused.colour = nn.Sequential(
            OrderedDict(conv1=nn.Conv2d(3, 8, 3, padding=1), relu=nn.ReLU())
        )
        self.fused.range = nn.Sequential(
            OrderedDict(conv1=nn.Conv2d(1, 8, 3, padding=1), relu=nn.ReLU())
        )
        self.head = nn.Conv2d(16, 2, 1)
        self.global_avg_pool = GlobalAvgPool2d()
        self.fc = nn.Linear(2, 4)

    def forward(self, rgb: Tensor, depth: Tensor) -> Outputs:
        x = torch.cat([self.fused.colour(rgb), self.fused.range(depth)], dim=1)
        mask = self.head(x)
        x = self.global_avg_pool(mask)
        scene = self.fc(x)
        return Outputs(mask=mask, scene=scene)
