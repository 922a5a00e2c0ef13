"""The operator contract: a fact that needs only an operator's attributes and its input types lives on the operator."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from archdsl.ir.cost import Cost
from archdsl.ir.target import OnnxForm, OnnxTarget, TorchTarget
from archdsl.ir.types import TensorType

Types = Sequence[TensorType]


class OpError(Exception):
    """An operator cannot take these inputs: what is the case, with which code, and which attribute (if any) is to blame."""

    def __init__(self, message: str, *, code: str = "E0303", attribute: str | None = None, help: str | None = None) -> None:
        super().__init__(message)
        self.message, self.code, self.attribute, self.help = message, code, attribute, help


class Unsupported(Exception):
    """An operator with these attributes has no equivalent in a backend; the message says which part."""


@dataclass(frozen=True, slots=True)
class Init:
    """An initialisation scheme by its name in the field and its numbers: ``Init("trunc_normal", (0.1,))``."""

    scheme: str
    numbers: tuple[float, ...] = ()

    def __str__(self) -> str:
        return f"{self.scheme}({', '.join(f'{number:g}' for number in self.numbers)})" if self.numbers else self.scheme


@dataclass(frozen=True, slots=True)
class Weight:
    """A named array of an operator.

    ``name`` is its key below the operator's path in a ``state_dict``.  ``role`` tells ``kernel``, ``bias``, ``scale`` (gamma)
    and ``shift`` (beta), which are learnable, from ``mean``, ``variance`` and ``count``, which are buffers.
    ``init`` is None where the backend's own default holds.
    """

    name: str
    shape: tuple[int, ...]
    role: Literal["kernel", "bias", "scale", "shift", "mean", "variance", "count"]
    init: Init | None = None

    @property
    def learnable(self) -> bool:
        return self.role not in ("mean", "variance", "count")

    @property
    def elements(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class Window:
    """A sliding window: height x width each; ``pads`` is (left, right, top, bottom) as resolved for the input at hand."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    pads: tuple[int, int, int, int]


class Op(BaseModel):
    """An operator with its attributes: frozen, strict, comparable, hashable.

    A subclass gives the class facts below and the methods; attribute fields are declared in the order in which they are shown.
    The methods take the types of the inputs (per sample) and are pure.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True, validate_default=False)

    keyword: ClassVar[str]
    """Name in specs."""
    family: ClassVar[str]
    """Kind of operator for figures and tables: conv, norm, activation, pool, linear, shape, merge, regularisation, input."""
    positional: ClassVar[tuple[str, ...]] = ()
    """Attributes that may be given by position, two at most."""
    inputs: ClassVar[tuple[int, int | None]] = (1, 1)
    """Fewest and most inputs (None: any number)."""
    counts_as_layer: ClassVar[bool] = False
    """Whether it adds one to the depth, as the literature counts it: convolutions and fully connected layers."""
    nonnegative: ClassVar[bool] = False
    """Whether no value of its output is below zero, whatever the input is."""

    @abstractmethod
    def infer(self, inputs: Types) -> TensorType:
        """Type of the output; raises :class:`OpError` where these inputs do not fit."""

    def weights(self, inputs: Types) -> tuple[Weight, ...]:
        """The operator's arrays; the same names and shapes as in torch's ``state_dict``."""
        return ()

    @abstractmethod
    def cost(self, inputs: Types, output: TensorType) -> Cost:
        """Work of one forward pass on one sample."""

    def torch(self, inputs: Types, output: TensorType) -> TorchTarget:
        """The operator in PyTorch; raises :class:`Unsupported` where it has no equivalent."""
        raise Unsupported(f"`{self.keyword}` has no PyTorch form")

    def onnx(self, inputs: Types, output: TensorType, form: OnnxForm = OnnxForm()) -> OnnxTarget:
        """The operator in ONNX, at the opset of ``form``; raises :class:`Unsupported` where it has no equivalent.

        Where ``form.dynamic``, the nodes are right for every height and width that the inputs may have.
        """
        raise Unsupported(f"`{self.keyword}` has no ONNX form")

    def free_size(self, inputs: Types, free: Sequence[bool]) -> bool:
        """Whether the output is a map of free height and width, where ``free`` says it of each input.

        Raises :class:`Unsupported` where the operator cannot be had with inputs that are free in this way.
        """
        return any(free) and self.infer(inputs).is_map

    def window(self, inputs: Types) -> Window | None:
        """The sliding window, for operators that have one."""
        return None

    def terms(self, inputs: Types) -> tuple[float, ...] | None:
        """The factor of each input, for operators that sum their inputs."""
        return None

    def moved(self, inputs: Types, output: TensorType, **work: int) -> Cost:
        """A cost with the bytes and parameters that follow from the types, and ``work`` as given."""
        weights = self.weights(inputs)
        return Cost(
            bytes_in=sum(each.bytes for each in inputs) + 4 * sum(weight.elements for weight in weights),
            bytes_out=output.bytes,
            params=sum(weight.elements for weight in weights if weight.learnable),
            **work,
        )


class Input(Op):
    """A network input; ``dims`` are the names of its symbolic sizes in order (None where the size is a number)."""

    keyword: ClassVar[str] = "input"
    family: ClassVar[str] = "input"
    inputs: ClassVar[tuple[int, int | None]] = (0, 0)

    shape: tuple[int, ...]
    batch: str = "N"
    dims: tuple[str | None, ...] = ()

    def infer(self, inputs: Types) -> TensorType:
        return TensorType(self.shape)

    def cost(self, inputs: Types, output: TensorType) -> Cost:
        return Cost()
