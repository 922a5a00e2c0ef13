"""Torch classes for padding that ``nn.Conv2d`` and the pools of torch cannot state: uneven, or following the input's size.

``Same…`` computes TensorFlow's rule from the size of the input at hand; ``Pad…`` pads by fixed (left, right, top, bottom).
Max pooling pads with minus infinity; average pooling divides by the cells of the input that a window sees, unless told to
count padding.
"""

from typing import Final

from archdsl.ir import TorchSource

_PAIR: Final = TorchSource(
    "_pair",
    '''
def _pair(value):
    """(height, width) from one number for both, or from a pair."""
    return (value, value) if isinstance(value, int) else tuple(value)
''',
)

_SAME_PADDING: Final = TorchSource(
    "_same_padding",
    '''
def _same_padding(x, kernel_size, stride, dilation=1):
    """(left, right, top, bottom) by TensorFlow's rule: ceil(size / stride) windows fit, the odd cell comes last."""
    pads = []
    windows = _pair(kernel_size), _pair(stride), _pair(dilation)
    axes = zip(x.shape[-2:], *windows, strict=True)
    for size, kernel, step, gap in reversed(list(axes)):
        reach = (kernel - 1) * gap
        total = reach - (size - 1) % step
        if reach < step - 1:
            total = torch.sym_max(total, 0)
        pads += [total // 2, total - total // 2]
    return pads
''',
    (_PAIR,),
)

_CEIL_PADDING: Final = TorchSource(
    "_ceil_padding",
    '''
def _ceil_padding(x, pad, kernel_size, stride, dilation=1):
    """(left, right, top, bottom) that completes the last window of ceil mode, where that window begins inside the input."""
    extra = []
    befores, afters = (pad[2], pad[0]), (pad[3], pad[1])
    windows = _pair(kernel_size), _pair(stride), _pair(dilation)
    axes = zip(x.shape[-2:], befores, afters, *windows, strict=True)
    for size, before, after, kernel, step, gap in reversed(list(axes)):
        room = size + before + after - (kernel - 1) * gap - 1
        start = -(-room // step) * step
        extra += [0, start - room if start < size + before else 0]
    return extra
''',
    (_PAIR,),
)

SAME_CONV: Final = TorchSource(
    "SameConv2d",
    '''
class SameConv2d(nn.Conv2d):
    """Convolution with TensorFlow's `same` padding, computed from the size of each input."""

    def forward(self, x):
        pads = _same_padding(x, self.kernel_size, self.stride, self.dilation)
        return super().forward(F.pad(x, pads))
''',
    (_SAME_PADDING,),
)

PAD_CONV: Final = TorchSource(
    "PadConv2d",
    '''
class PadConv2d(nn.Conv2d):
    """Convolution padded with zeros by `pad`: (left, right, top, bottom)."""

    def __init__(self, *args, pad, **kwargs):
        super().__init__(*args, **kwargs)
        self.pad = pad

    def forward(self, x):
        return super().forward(F.pad(x, self.pad))

    def extra_repr(self):
        return f"{super().extra_repr()}, pad={self.pad}"
''',
)

SAME_MAX_POOL: Final = TorchSource(
    "SameMaxPool2d",
    '''
class SameMaxPool2d(nn.MaxPool2d):
    """Max pooling with TensorFlow's `same` padding, computed from the size of each input; padding never wins."""

    def forward(self, x):
        pads = _same_padding(x, self.kernel_size, self.stride, self.dilation)
        return super().forward(F.pad(x, pads, value=float("-inf")))
''',
    (_SAME_PADDING,),
)

PAD_MAX_POOL: Final = TorchSource(
    "PadMaxPool2d",
    '''
class PadMaxPool2d(nn.Module):
    """Max pooling padded by `pad`: (left, right, top, bottom); padding never wins."""

    def __init__(self, kernel_size, stride, pad, dilation=1, ceil_mode=False):
        super().__init__()
        self.kernel_size, self.stride, self.pad = kernel_size, stride, pad
        self.dilation, self.ceil_mode = dilation, ceil_mode

    def forward(self, x):
        if self.ceil_mode:
            extra = _ceil_padding(x, self.pad, self.kernel_size, self.stride, self.dilation)
            x = F.pad(x, extra, value=float("-inf"))
        x = F.pad(x, self.pad, value=float("-inf"))
        return F.max_pool2d(x, self.kernel_size, self.stride, dilation=self.dilation)

    def extra_repr(self):
        return f"{self.kernel_size}, {self.stride}, pad={self.pad}, ceil_mode={self.ceil_mode}"
''',
    (_CEIL_PADDING,),
)

_AVERAGE: Final = TorchSource(
    "_average",
    '''
def _average(x, counted, kernel_size, stride):
    """Mean of the cells that `counted`, ones and zeros of the size of `x`, marks in each window."""
    return F.avg_pool2d(x, kernel_size, stride) / F.avg_pool2d(counted, kernel_size, stride)
''',
)

SAME_AVG_POOL: Final = TorchSource(
    "SameAvgPool2d",
    '''
class SameAvgPool2d(nn.Module):
    """Average pooling with TensorFlow's `same` padding, computed from the size of each input."""

    def __init__(self, kernel_size, stride, count_include_pad=False):
        super().__init__()
        self.kernel_size, self.stride = kernel_size, stride
        self.count_include_pad = count_include_pad

    def forward(self, x):
        pads = _same_padding(x, self.kernel_size, self.stride)
        if self.count_include_pad:
            return F.avg_pool2d(F.pad(x, pads), self.kernel_size, self.stride)
        counted = F.pad(torch.ones_like(x[:1, :1]), pads)
        return _average(F.pad(x, pads), counted, self.kernel_size, self.stride)

    def extra_repr(self):
        return f"{self.kernel_size}, {self.stride}, count_include_pad={self.count_include_pad}"
''',
    (_SAME_PADDING, _AVERAGE),
)

PAD_AVG_POOL: Final = TorchSource(
    "PadAvgPool2d",
    '''
class PadAvgPool2d(nn.Module):
    """Average pooling padded by `pad`: (left, right, top, bottom); what ceil mode adds beyond it never counts."""

    def __init__(self, kernel_size, stride, pad, ceil_mode=False, count_include_pad=False):
        super().__init__()
        self.kernel_size, self.stride, self.pad = kernel_size, stride, pad
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, x):
        extra = (0, 0, 0, 0)
        if self.ceil_mode:
            extra = _ceil_padding(x, self.pad, self.kernel_size, self.stride)
        counted = F.pad(torch.ones_like(x[:1, :1]), self.pad, value=float(self.count_include_pad))
        x, counted = F.pad(F.pad(x, self.pad), extra), F.pad(counted, extra)
        return _average(x, counted, self.kernel_size, self.stride)

    def extra_repr(self):
        return f"{self.kernel_size}, {self.stride}, pad={self.pad}, ceil_mode={self.ceil_mode}"
''',
    (_CEIL_PADDING, _AVERAGE),
)
