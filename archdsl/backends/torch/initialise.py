"""Initialisation schemes in PyTorch's own functions."""

from archdsl.ir import Init, Unsupported

_PLAIN = {
    "zeros": "nn.init.zeros_({0})",
    "ones": "nn.init.ones_({0})",
    "kaiming_normal": 'nn.init.kaiming_normal_({0}, nonlinearity="relu")',
    "kaiming_uniform": 'nn.init.kaiming_uniform_({0}, nonlinearity="relu")',
    "xavier_normal": "nn.init.xavier_normal_({0})",
    "xavier_uniform": "nn.init.xavier_uniform_({0})",
}


def statement(init: Init, weight: str) -> str:
    """The statement that initialises ``weight``; raises :class:`Unsupported` for a scheme without one."""
    if init.scheme in _PLAIN:
        return _PLAIN[init.scheme].format(weight)
    if len(init.numbers) == 1:
        number = init.numbers[0]
        if init.scheme == "normal":
            return f"nn.init.normal_({weight}, std={number!r})"
        if init.scheme == "trunc_normal":  # cut at two standard deviations, as TensorFlow does
            return f"nn.init.trunc_normal_({weight}, std={number!r}, a={-2 * number!r}, b={2 * number!r})"
        if init.scheme == "uniform":
            return f"nn.init.uniform_({weight}, {-number!r}, {number!r})"
        if init.scheme == "constant":
            return f"nn.init.constant_({weight}, {number!r})"
    raise Unsupported(f"no initialisation `{init}` in PyTorch")
