"""The type of a value: its shape per sample and its element type."""

from dataclasses import dataclass
from math import prod

ELEMENT_BYTES = {"float32": 4}


@dataclass(frozen=True, slots=True)
class TensorType:
    """Shape of one sample, ``[C, H, W]`` for a map or ``[C]`` for a vector; the batch axis exists only in backends."""

    shape: tuple[int, ...]
    dtype: str = "float32"

    @property
    def is_map(self) -> bool:
        """Whether the value is a map ``[C, H, W]``."""
        return len(self.shape) == 3

    @property
    def channels(self) -> int:
        return self.shape[0]

    @property
    def spatial(self) -> tuple[int, int]:
        """Height and width of a map."""
        _, height, width = self.shape
        return height, width

    @property
    def elements(self) -> int:
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        return self.elements * ELEMENT_BYTES[self.dtype]

    def __str__(self) -> str:
        return f"[{', '.join(['N', *map(str, self.shape)])}]"
