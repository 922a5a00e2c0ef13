"""How an operator says what it is in a backend: plain data, without an import of that backend.

Torch:: an ``nn.Module`` built by a call (:class:`TorchModule`), or an expression over its inputs (:class:`TorchExpr`).
ONNX::  one or several :class:`OnnxNode` over named values (:class:`OnnxTarget`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


class _Required:
    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED: Final = _Required()
"""Default of an argument that must always be written."""

MODULE_ATTRIBUTES = frozenset(
    """
    T_destination add_module append apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches eval
    extend extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half insert ipu load_state_dict
    modules mtia named_buffers named_children named_modules named_parameters parameters pop register_backward_hook
    register_buffer register_forward_hook register_forward_pre_hook register_full_backward_hook
    register_full_backward_pre_hook register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module
    register_parameter register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ set_extra_state
    set_submodule share_memory state_dict to to_empty train training type xpu zero_grad
    """.split()
)
"""Public attributes of PyTorch's ``nn.Module`` and ``nn.Sequential``: no submodule and no stored number can have such a name."""


@dataclass(frozen=True, slots=True)
class Arg:
    """One argument of a torch call: the target's parameter ``name``, its ``value``, and the target's own ``default``.

    ``attribute`` names the operator attribute that the value comes from (None: it follows from the input's type), so that
    emitted code can name it after the spec.  ``value`` is an int, float, bool, string, None or a tuple of those.
    """

    name: str
    value: object
    default: object = REQUIRED
    attribute: str | None = None
    positional: bool = False


@dataclass(frozen=True, slots=True)
class TorchSource:
    """A class or function that emitted code needs beside torch: its ``name`` and complete source ``text``.

    The text may use ``torch``, ``nn``, ``F`` and the names of the sources it ``needs``.
    """

    name: str
    text: str
    needs: tuple["TorchSource", ...] = ()


@dataclass(frozen=True, slots=True)
class TorchModule:
    """The operator is the module ``type(*args)``; ``type`` is ``nn.Something`` or the name of one of ``sources``."""

    type: str
    args: tuple[Arg, ...] = ()
    sources: tuple[TorchSource, ...] = ()


@dataclass(frozen=True, slots=True)
class TorchExpr:
    """The operator is a Python expression.

    ``template`` holds ``{inputs}`` (all, comma separated), ``{0}``, ``{1}`` … (one each) and ``{name}`` for each of ``args``.
    ``plain`` is used instead where every argument has its default.  A template is written so that it needs no parentheses
    around a plain name, and is wrapped in them by the emitter where it is nested.
    """

    template: str
    args: tuple[Arg, ...] = ()
    plain: str | None = None
    sources: tuple[TorchSource, ...] = ()


TorchTarget = TorchModule | TorchExpr


@dataclass(frozen=True, slots=True)
class OnnxForm:
    """What an ONNX model is to be: its opset, and whether height and width of maps are free.

    Asked of one operator, ``dynamic`` is about its inputs: behind a global pooling, say, sizes are fixed again
    (:meth:`Op.free_size`).
    """

    opset: int = 22
    dynamic: bool = False


@dataclass(frozen=True, slots=True)
class OnnxNode:
    """One node of the ONNX graph.

    Value names: ``in0``, ``in1`` … are the operator's inputs, ``out`` its output, a weight's name (``weight``) that weight,
    a key of :attr:`OnnxTarget.constants` that constant, an empty string an omitted input; others are local to the operator.
    """

    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...] = ("out",)
    attributes: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OnnxConstant:
    """A small tensor that a node needs beside weights: flat ``values`` of ``dtype`` (``int64`` or ``float32``) with ``shape``."""

    values: tuple[int | float, ...]
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OnnxTarget:
    """The operator as ONNX nodes, in order."""

    nodes: tuple[OnnxNode, ...]
    constants: Mapping[str, OnnxConstant] = field(default_factory=dict)
