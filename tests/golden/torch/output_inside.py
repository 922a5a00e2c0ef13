"""An output from the middle of a labelled body: the body stays no plain sequence.

Written by archdsl from the spec of output_inside.
The keys of `state_dict` are the paths of the spec.
"""

from typing import NamedTuple

from torch import Tensor, nn


class Outputs(NamedTuple):
    """What the network gives, in order of declaration."""

    middle: Tensor
    last: Tensor


class OutputInside(nn.Module):
    """image [N, 3, 8, 8] -> middle [N, 4, 8, 8], last [N, 2, 8, 8]"""

    def __init__(self) -> None:
        super().__init__()
        self.s = nn.Module()
        self.s.c = nn.Conv2d(3, 4, 3, padding=1)
        self.s.d = nn.Conv2d(4, 2, 1)

    def forward(self, image: Tensor) -> Outputs:
        middle = self.s.c(image)
        last = self.s.d(middle)
        return Outputs(middle=middle, last=last)
