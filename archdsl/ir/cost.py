"""What an operation costs, as a vector over kinds of work; totals are views over it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """Scalar operations of one forward pass at batch 1, bytes moved, and learnable values.

    A multiply-accumulate counts once under ``mac`` and under nothing else; a bias is an ``add``.  ``bytes_in`` covers inputs
    and weights.  ``params`` are learnable values; buffers such as running statistics never count.
    """

    mac: int = 0
    add: int = 0
    mul: int = 0
    div: int = 0
    cmp: int = 0
    exp: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    params: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.mac + other.mac,
            self.add + other.add,
            self.mul + other.mul,
            self.div + other.div,
            self.cmp + other.cmp,
            self.exp + other.exp,
            self.bytes_in + other.bytes_in,
            self.bytes_out + other.bytes_out,
            self.params + other.params,
        )

    @property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions and fully connected layers."""
        return self.mac

    @property
    def flops(self) -> int:
        """Twice the multiply-accumulates: the convention of torch's ``FlopCounterMode``."""
        return 2 * self.mac


ZERO = Cost()
