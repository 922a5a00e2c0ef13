"""Random specs with what the plain ones lack: maps and windows that are not square, ceil mode, response norm, groups."""

from tests.backends.random_specs import Scope, Writer

_KEEPING = ("3x1", "1x5", "5x3", "1x7", "2x3")
_DOWN = (
    "max_pool(3x3, stride=2, ceil=true)",
    "max_pool(3x2, stride=2x1, ceil=true, pad=valid)",
    "avg_pool(2x3, stride=2, pad=valid)",
    "avg_pool(3x3, stride=2, pad=(1, 0, 0, 1), count_pad=true)",
    "avg_pool(3x3, stride=2, ceil=true, pad=valid)",
    "max_pool(2x3, stride=1x2, pad=(0, 1, 1, 0))",
)


class WiderWriter(Writer):
    """A random spec whose batch, channels, height and width are all different numbers."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        height = self.random.randint(13, 17)
        self.sides = f"{height}, {height + self.random.randint(2, 7)}"

    def conv(self, scope: Scope) -> str:
        r = self.random
        if r.random() < 0.6:
            return super().conv(scope)
        width, kernel = self.width(scope), r.choice(_KEEPING)
        kind = r.choice(
            [
                f"conv({width}, {kernel})",
                f"conv({width}, 3x3, pad=(2, 0, 0, 2))",
                f"conv({width}, 3x2, pad=(1, 0, 1, 1), bias=false)",
                f"conv({width}, 1x3, dilation=1x2)",
                f"{{ wide: conv(6, 1x1); parts: conv(9, {kernel}, groups=3) }}",
                f"depthwise_conv({kernel}, multiplier=2)",
                f"separable_conv({width}, {kernel})",
            ]
        )
        return f"{self.label(scope)}: {kind}"

    def norm(self, scope: Scope) -> str:
        if self.random.random() < 0.6:
            return super().norm(scope)
        return self.random.choice(["lrn(5)", "lrn(3, alpha=0.5, beta=0.75, k=2)", "lrn(2, alpha=1.0)", "lrn(7, alpha=0.1)"])

    def weightless(self) -> str:
        if self.random.random() < 0.7:
            return super().weightless()
        return self.random.choice(["max_pool(3x1)", "avg_pool(1x5)", "avg_pool(3x5, count_pad=true)", "max_pool(2x5)"])

    def down(self, scope: Scope) -> str:
        r = self.random
        if r.random() < 0.3:
            return super().down(scope)
        strided = f"{self.label(scope)}: conv({self.width(scope)}, 3x2, stride=2x1, pad={r.choice(['valid', 'same', 'sym'])})"
        return r.choice([strided, r.choice(_DOWN)])
