"""What an operator may ask of its input."""

from archdsl.ir import OpError, TensorType, Types


def the_map(keyword: str, inputs: Types) -> TensorType:
    """The only input, once it is known to be a map ``[C, H, W]``; raises :class:`OpError` (E0303)."""
    if not inputs[0].is_map:
        raise OpError(f"`{keyword}` takes a map [N, C, H, W], not {inputs[0]}")
    return inputs[0]


def the_vector(keyword: str, inputs: Types, help: str | None = None) -> TensorType:
    """The only input, once it is known to be a vector ``[C]``; raises :class:`OpError` (E0303)."""
    if len(inputs[0].shape) != 1:
        raise OpError(f"`{keyword}` takes a vector [N, C], not {inputs[0]}", help=help)
    return inputs[0]
