"""The straight line from a spec to a network, as a handful of functions, and :class:`Network`, what users hold.

::

    find ─▶ read ─▶ ast.Program ─ build ─▶ Network ─┬─ report ─▶ summary
        (text, parsed)     (elaborated, verified)   └─ torch source ─▶ nn.Module
"""

import gc
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from os import PathLike, fspath
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from archdsl import analysis, syntax
from archdsl.diagnostics import ArchError, Diagnostic, did_you_mean, error
from archdsl.elaborate import elaborate, networks
from archdsl.ir import Graph, Op, Report, fingerprint, verify
from archdsl.limits import DEFAULT, Limits
from archdsl.ops import BY_KEYWORD
from archdsl.render import table
from archdsl.source import Source
from archdsl.syntax import ast

Spec = str | PathLike[str] | Source
"""A file, ``-`` for standard input, the name of a bundled network, or a text that is already read."""
Inputs = tuple[int, ...] | Mapping[str, tuple[int, ...]]
"""Size of the one input per sample, or of each input by name."""
Parameters = Mapping[str, Any]
"""Values for parameters of a network: of Python, or sources that hold an expression of the language."""
Operators = str | PathLike[str] | ModuleType | type[Op] | Iterable["str | PathLike[str] | ModuleType | type[Op]"]
"""Custom operators: a module by name or by the path of its file, a module, a class, or several of these."""

_NOTHING: Parameters = MappingProxyType({})
_BARRED = frozenset(
    "repeat from input output expect tap let defaults about if then else and or not in true false "
    "block arch variant residual side".split()
)


class MissingExtra(ImportError):
    """Something was asked for that needs an optional dependency; the message holds the line that installs it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f'{package} is not installed; install it with: pip install "archdsl[{extra}]"', name=package)


@dataclass(frozen=True, eq=False)
class Network:
    """A validated network: its typed graph, what was noted on the way, and all that follows from them."""

    graph: Graph
    notes: tuple[Diagnostic, ...] = ()

    @property
    def name(self) -> str:
        return self.graph.name

    @cached_property
    def report(self) -> Report:
        """Shapes and costs of every node and scope, batch 1."""
        return analysis.report(self.graph)

    @property
    def params(self) -> int:
        """Learnable values, auxiliary heads apart."""
        return self.report.total.params

    @property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions and fully connected layers, batch 1, auxiliary heads apart."""
        return self.report.total.macs

    @property
    def depth(self) -> int:
        """Longest path in convolutions and fully connected layers."""
        return self.report.depth

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """Shape of each input per sample, by name."""
        return dict(self.report.inputs)

    @property
    def outputs(self) -> dict[str, tuple[int, ...]]:
        """Shape of each output per sample, by name, auxiliary ones included."""
        return dict(self.report.outputs)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the graph and of every text it was made from; equal for equal networks on every machine."""
        return fingerprint(self.graph)

    def summary(self, depth: int = table.DEPTH) -> str:
        """A table of stages and blocks, ``depth`` levels of them, with exact totals below."""
        return table.text(self.report, depth)

    def to_torch_source(self) -> str:
        """The network as PyTorch source text; PyTorch itself is not needed for it."""
        from archdsl.backends.torch.emit import emit

        return emit(self.graph)

    def to_torch(self) -> Any:
        """The network as a fresh ``nn.Module``: the emitted source, executed.  Raises :class:`MissingExtra` without PyTorch."""
        try:
            from archdsl.backends.torch.live import live
        except ModuleNotFoundError as fault:
            if fault.name != "torch":
                raise
            raise MissingExtra("torch", "torch") from fault
        return live(self.graph, self.to_torch_source())

    def __repr__(self) -> str:
        total = self.report.total
        size = f"{table.human(total.params).strip()} params, {table.human(total.macs).strip()} MACs, depth {self.depth}"
        return f"<Network {table.title(self.report)}; {size}>"


def load(
    spec: Spec,
    *,
    input: Inputs | None = None,
    ops: Operators | None = None,
    network: str | None = None,
    parameters: Parameters = _NOTHING,
    limits: Limits = DEFAULT,
    **more: object,
) -> Network:
    """The network that ``spec`` describes, elaborated and verified.

    ``input`` replaces the declared input size, ``network`` picks one of several in a file, ``ops`` enables custom operators.
    Parameters of the network are given by keyword, or in ``parameters`` where a keyword of this function has the same name.
    Raises :class:`ArchError` where the spec is at fault.
    """
    twice = sorted(set(parameters) & set(more))
    if twice:
        raise TypeError(f"parameter `{twice[0]}` is given twice")
    with _collector_paused():
        program = read(spec, limits)
        arguments = {**parameters, **more}
        return build(program, network=network, input=input, operators=operators(ops), parameters=arguments, limits=limits)


def diagnose(
    spec: Spec,
    *,
    input: Inputs | None = None,
    operators: Mapping[str, type[Op]] = BY_KEYWORD,
    parameters: Parameters = _NOTHING,
    limits: Limits = DEFAULT,
) -> tuple[tuple[str, ...], tuple[Diagnostic, ...]]:
    """Names of the networks that the main file of ``spec`` defines, and all that is to be said about them, each thing once."""
    with _collector_paused():
        try:
            program = read(spec, limits)
            names = networks(program)
        except ArchError as fault:
            return (), fault.diagnostics
        found: list[Diagnostic] = []
        for name in names:
            try:
                built = build(program, network=name, input=input, operators=operators, parameters=parameters, limits=limits)
                found += built.notes
            except ArchError as fault:
                found += fault.diagnostics
    return tuple(names), _once(found)


def _once(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """One of each: a fault in a block that several networks use is one fault."""
    seen: dict[object, Diagnostic] = {}
    for each in diagnostics:
        span = each.primary.span if each.primary is not None else None
        place = None if span is None else (span.source.path, span.start, span.end)
        seen.setdefault((each.code, each.message, place), each)
    return tuple(seen.values())


def library() -> Path:
    """The folder of the bundled specs: inside the installed package, or beside it in a source tree."""
    package = Path(__file__).parent
    inside = package / "specs"
    return inside if inside.is_dir() else package.parent / "specs"


def bundled() -> tuple[str, ...]:
    """Names of the bundled networks, sorted."""
    return tuple(sorted(path.stem for path in library().glob("*.arch")))


def find(spec: str | PathLike[str]) -> Path:
    """The file that ``spec`` names; raises E0601 for a name that is neither a file nor bundled."""
    path = Path(spec)
    if not isinstance(spec, str) or "/" in spec or "\\" in spec or spec.endswith(".arch") or path.is_file():
        return path
    names = bundled()
    if spec in names:
        return library() / f"{spec}.arch"
    help_ = did_you_mean(spec, names) or "`archdsl list` shows the bundled networks; a file of your own ends in `.arch`"
    raise error("E0601", f"no file and no bundled network is called `{spec}`", help=help_)


def read(spec: Spec, limits: Limits = DEFAULT) -> ast.Program:
    """The spec and all that it imports, parsed."""
    if isinstance(spec, Source):
        return syntax.read_program(spec, None, str(library()), limits)
    if spec == "-":
        return syntax.read_program(_standard_input(limits), None, str(library()), limits)
    path = find(spec)
    return syntax.read_program(syntax.read_file(fspath(path), limits), fspath(path.parent), str(library()), limits)


def build(
    program: ast.Program,
    *,
    network: str | None = None,
    input: Inputs | None = None,
    operators: Mapping[str, type[Op]] = BY_KEYWORD,
    parameters: Parameters = _NOTHING,
    limits: Limits = DEFAULT,
) -> Network:
    """One network of a parsed program, elaborated and verified."""
    result = elaborate(program, network=network, arguments=parameters, inputs=input, operators=operators, limits=limits)
    return Network(verify(result.graph), result.notes)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """No cyclic garbage is looked for meanwhile.

    Nearly all that a load makes stays, and the collector would look through it again and again: a quarter of the time that a
    network of 40,000 nodes takes.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


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
    checks = {
        "has no `keyword`": not isinstance(keyword, str),
        f"has the keyword `{keyword}`, which is no name": isinstance(keyword, str) and not _is_name(keyword),
        f"has the keyword `{keyword}`, which the language keeps for itself": keyword in _BARRED,
        f"has the keyword `{keyword}`, which another operator has": keyword in known,
        "has no `family`": not isinstance(family, str),
        f"does not define {', '.join(f'`{name}`' for name in missing)}": bool(missing),
        f"names `{''.join(unknown[:1])}` in `positional`, which is no attribute of it": bool(unknown),
        "takes more than two attributes by position": len(operator.positional) > 2,
    }
    return next((reason for reason, holds in checks.items() if holds), None)


def _is_name(text: str) -> bool:
    return text.isidentifier() and text.isascii() and len(text) <= DEFAULT.name_length


def _standard_input(limits: Limits) -> Source:
    """The text on standard input, no more of it read than the limit allows."""
    if sys.stdin is None:
        raise error("E0604", "standard input is closed")
    return syntax.source_from_bytes("<stdin>", sys.stdin.buffer.read(limits.file_bytes + 1), limits)
