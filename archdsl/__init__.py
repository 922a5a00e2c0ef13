"""archdsl: a convolutional network as text, and what follows from it.

    import archdsl

    net = archdsl.load("inception_v4")
    print(net.summary())
    model = net.to_torch()

Importing the package loads nothing else: each public name brings its module along when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from archdsl.version import __version__

if TYPE_CHECKING:
    from archdsl.diagnostics import ArchError, Diagnostic
    from archdsl.pipeline import Network, load

__all__ = ["ArchError", "Diagnostic", "Network", "__version__", "load"]

_HOME = {
    "ArchError": "archdsl.diagnostics",
    "Diagnostic": "archdsl.diagnostics",
    "Network": "archdsl.pipeline",
    "load": "archdsl.pipeline",
}

# Hidden from type checkers, to which any name at all would otherwise look like an attribute of the package.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """The public object ``name``, from the module that defines it; raises ``AttributeError`` for any other name."""
        home = _HOME.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(home), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
