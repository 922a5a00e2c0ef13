"""Custom operators: Python classes of the caller's own, enabled by the caller alone and never by a spec."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from inspect import Parameter, signature
from os import PathLike, fspath
from pathlib import Path
from types import ModuleType
from typing import Any

from archdsl.diagnostics import error
from archdsl.ir import Op
from archdsl.limits import DEFAULT
from archdsl.ops import BY_KEYWORD

Operators = str | PathLike[str] | ModuleType | type[Op] | Iterable["str | PathLike[str] | ModuleType | type[Op]"]
"""Custom operators: a module by name or by the path of its file, a module, a class, or several of these."""

_METHODS = ("infer", "weights", "cost", "torch", "onnx", "free_size", "window", "terms")
_BARRED = frozenset(
    "repeat from input output expect tap let defaults about if then else and or not in true false "
    "block arch variant residual side".split()
)


def operators(given: Operators | None) -> Mapping[str, type[Op]]:
    """The built-in operators and the custom ones, by keyword; raises E0506 for one that does not fit the contract."""
    found = dict(BY_KEYWORD)
    for each in _classes(given):
        if isinstance(each, type) and found.get(getattr(each, "keyword", "")) is each:
            continue
        reason = _misfit(each, found)
        if reason is not None:
            raise error("E0506", f"custom operator `{getattr(each, '__name__', each)}` {reason}")
        found[each.keyword] = each
    return found


def _classes(given: Operators | None) -> Iterator[Any]:
    """What is offered as an operator class, unchecked."""
    if given is None:
        return
    items: Iterable[Any] = (given,) if isinstance(given, str) or not isinstance(given, Iterable) else given
    for each in items:
        offered = _module(fspath(each)) if isinstance(each, str | PathLike) else each
        if isinstance(offered, ModuleType):
            yield from _offered(offered)
        else:
            yield offered


def _offered(module: ModuleType) -> Iterable[Any]:
    found = getattr(module, "OPERATORS", None)
    if isinstance(found, tuple | list):
        return found
    help_ = "end the module with `OPERATORS = (MyOperator,)`"
    raise error("E0506", f"module `{module.__name__}` has no tuple `OPERATORS`", help=help_)


def _module(name: str) -> ModuleType:
    """The module of that name, or the one in that file; raises E0506 where it cannot be imported."""
    is_file = name.endswith(".py") or "/" in name or "\\" in name
    try:
        return _module_in(Path(name)) if is_file else import_module(name)
    except Exception as fault:
        reason = f"{type(fault).__name__}: {fault}"
        raise error("E0506", f"the operators in `{name}` cannot be imported", notes=[reason]) from fault


def _module_in(path: Path) -> ModuleType:
    description = spec_from_file_location(f"archdsl_operators_{path.stem}", path)
    if description is None or description.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = module_from_spec(description)
    sys.modules[description.name] = module  # where pydantic looks up the names in annotations
    try:
        description.loader.exec_module(module)
    except BaseException:
        del sys.modules[description.name]
        raise
    return module


def _misfit(operator: Any, known: Mapping[str, type[Op]]) -> str | None:
    """Why something is no operator that can be added to those ``known``; None where it is one."""
    if not (isinstance(operator, type) and issubclass(operator, Op)):
        return "is no subclass of `archdsl.ir.Op`"
    keyword, family = getattr(operator, "keyword", None), getattr(operator, "family", None)
    unknown = [name for name in operator.positional if name not in operator.model_fields]
    missing = sorted(getattr(operator, "__abstractmethods__", ()))
    deaf = [name for name in _METHODS if not _takes_all(getattr(operator, name), getattr(Op, name))]
    checks = {
        "has no `keyword`": not isinstance(keyword, str),
        f"has the keyword `{keyword}`, which is no name": isinstance(keyword, str) and not _is_name(keyword),
        f"has the keyword `{keyword}`, which the language keeps for itself": keyword in _BARRED,
        f"has the keyword `{keyword}`, which another operator has": keyword in known,
        "has no `family`": not isinstance(family, str),
        f"does not define {', '.join(f'`{name}`' for name in missing)}": bool(missing),
        f"defines `{''.join(deaf[:1])}` without all its parameters": bool(deaf),
        f"names `{''.join(unknown[:1])}` in `positional`, which is no attribute of it": bool(unknown),
        "takes more than two attributes by position": len(operator.positional) > 2,
    }
    return next((reason for reason, holds in checks.items() if holds), None)


def _takes_all(method: Any, contract: Callable[..., Any]) -> bool:
    """Whether ``method`` can be called as ``contract`` is, with an object and everything else by position."""
    wanted = [each for each in signature(contract).parameters.values() if each.kind is Parameter.POSITIONAL_OR_KEYWORD]
    try:
        signature(method).bind(*wanted)
    except (TypeError, ValueError):
        return False
    return True


def _is_name(text: str) -> bool:
    return text.isidentifier() and text.isascii() and len(text) <= DEFAULT.name_length
