"""The live module: the emitted source, executed and registered as a module of its own.

Tracebacks and ``inspect`` show the source through ``linecache``; a pickle of any of its objects carries the source, so that it
opens in a process that has never seen the spec.
"""

import linecache
import sys
from hashlib import sha256
from types import ModuleType
from typing import Any

from torch import nn

from archdsl.ir import Graph

_PREFIX = "archdsl_live_"


def live(graph: Graph, source: str) -> nn.Module:
    """The network that ``source``, emitted from ``graph``, defines, with freshly initialised weights."""
    module = _module(source, graph.name)
    network = vars(module)[module.__dict__["__network__"]]()
    assert isinstance(network, nn.Module)
    return network


def _module(source: str, name: str) -> ModuleType:
    """The executed source; equal sources share one module."""
    qualified = f"{_PREFIX}{name}_{sha256(source.encode()).hexdigest()[:16]}"
    found = sys.modules.get(qualified)
    if found is not None:
        return found
    module = ModuleType(qualified)
    module.__file__ = f"<{qualified}>"
    code = compile(source, module.__file__, "exec")
    sys.modules[qualified] = module
    linecache.cache[module.__file__] = (len(source), None, source.splitlines(keepends=True), module.__file__)
    try:
        exec(code, module.__dict__)  # noqa: S102 - our own text: every name in it is checked, every string a literal
    except BaseException:
        del sys.modules[qualified], linecache.cache[module.__file__]
        raise
    own = [value for value in vars(module).values() if isinstance(value, type) and value.__module__ == qualified]
    for each in own:
        _carry_source(each, source, name)
    module.__dict__["__network__"] = own[-1].__name__
    return module


def _carry_source(cls: type, source: str, name: str) -> None:
    """Makes pickles of ``cls`` carry the source that defines it."""

    def reduce(self: Any, protocol: Any = 2) -> Any:
        if type(self) is not cls:  # a subclass knows more than our source does
            return object.__reduce_ex__(self, protocol)
        if isinstance(self, tuple):
            return _rebuild, (source, name, cls.__name__, tuple(self))
        return _rebuild, (source, name, cls.__name__, None), self.__getstate__()

    cls.__reduce_ex__ = reduce  # type: ignore[method-assign]


def _rebuild(source: str, name: str, cls: str, values: tuple[Any, ...] | None) -> Any:
    """An object of class ``cls`` of the executed ``source``, as pickle wants it."""
    found = vars(_module(source, name))[cls]
    return found(*values) if values is not None else found.__new__(found)
