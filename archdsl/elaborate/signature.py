"""The network's face: its parameters, its inputs, and the captions that hold only for the network as declared."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from archdsl.diagnostics import Label, did_you_mean, error
from archdsl.elaborate.arguments import set_to
from archdsl.elaborate.environment import Bound, FileScope, Frame, Names, Value
from archdsl.elaborate.evaluate import describe, evaluate
from archdsl.elaborate.unknown import unknown_parameter
from archdsl.ir import Input, Node, Origin
from archdsl.limits import Limits
from archdsl.source import Source, Span
from archdsl.syntax import ast, parse_expr

Shape = tuple[int, ...]
"""Sizes of one sample."""


@dataclass
class Signature:
    """What the caller asks of the network: sizes of its inputs, and whether it is still the network as declared.

    ``inputs`` gives sizes for the only input, or by name; ``as_declared`` turns false where a size differs from the spec's.
    """

    inputs: Shape | Mapping[str, Shape] | None
    as_declared: bool
    limits: Limits
    seen: int = 0
    batch: ast.Name | None = None

    def origins(self, statement: ast.Input) -> dict[str, Origin]:
        """Where the sizes of an input come from: the caller, or its statement."""
        name = statement.name.name
        by_caller = name in self.inputs if isinstance(self.inputs, Mapping) else self.inputs is not None
        if by_caller:
            return {"shape": Origin("command line", given="command line")}
        span = statement.span
        sizes = Span(span.source, span.start + span.text.index("["), span.end)
        return {"shape": Origin("literal", sizes, place=sizes)}

    def input(self, statement: ast.Input, frame: Frame) -> Input:
        """The operator of an ``input`` statement, with the caller's sizes where there are any."""
        self.seen += 1
        name = statement.name.name
        batch, *dims = statement.dims
        if batch.name is None or batch.value is not None or frame.find(batch.name.id) is not None:
            raise error("E0401", "the first size of an input is the batch", batch.span, "not a free name", help="write `[N, …]`")
        self.batch = first = self.batch or batch.name
        if batch.name.id != first.id:
            where = [Label(first.span, "the batch of the first input")]
            message = f"the batch of input `{name}` is `{batch.name.id}`, that of the network `{first.id}`"
            raise error("E0301", message, batch.span, "another batch", secondary=where, help=f"write `{first.id}`")
        if len(dims) not in (1, 3):
            help_ = "write `[N, C, H, W]` or `[N, C]`"
            raise error("E0303", f"an input of {len(dims) + 1} sizes", statement.span, help=help_)
        names = tuple(_symbol(dim, frame) for dim in dims)
        given = self.inputs.get(name) if isinstance(self.inputs, Mapping) else self.inputs
        declared = tuple(_declared(dim, frame, free=given is not None) for dim in dims)
        if given is None:
            shape = tuple(size for size in declared if size is not None)
        else:
            if len(given) != len(dims):
                text = "x".join(map(str, given))
                raise error("E0405", f"input `{name}` has {len(dims)} sizes per sample, {text} has {len(given)}", statement.span)
            shape = tuple(given)
            self.as_declared = self.as_declared and shape == declared
        for size, dim in zip(shape, dims, strict=True):
            if not 0 < size <= self.limits.dimension:
                wanted = "sizes are 1 or more" if size <= 0 else f"the limit is {self.limits.dimension}"
                place = dim.span if given is None else statement.name.span
                raise error("E0402", f"a size of {size} for input `{name}`", place, wanted)
        return Input(shape=shape, batch=batch.name.id, dims=names)

    def check_inputs(self, found: tuple[Node, ...], span: Span) -> None:
        """Raises E0405 where the caller gave sizes for inputs that the network does not have."""
        names = [node.path for node in found]
        if isinstance(self.inputs, Mapping):
            for name in self.inputs:
                if name not in names:
                    raise error("E0405", f"the network has no input `{name}`", span, help=did_you_mean(name, names))
        elif self.inputs is not None and len(names) > 1:
            listed = ", ".join(f"`{name}`" for name in names)
            raise error("E0405", "sizes for one input, but the network has several", span, notes=[f"inputs: {listed}"])

    def expected(self, statement: ast.Expect, frame: Frame) -> tuple[int, ...]:
        """The shape per sample that the caption tells; raises E0401 for what is none."""
        batch = statement.dims[0]
        if batch.name is None or batch.value is not None or frame.find(batch.name.id) is not None:
            message = "the first size of an `expect` is the batch"
            raise error("E0401", message, batch.span, "not a free name", help="write `[N, …]`")
        return tuple(self._expected(dim, frame) for dim in statement.dims[1:])

    def _expected(self, dim: ast.Dim, frame: Frame) -> int:
        expr = dim.value if dim.value is not None else dim.name
        if expr is None:
            raise error("E0401", "an expected size is missing", dim.span)
        value = evaluate(expr, frame)
        if isinstance(value, bool) or not isinstance(value, int):
            raise error("E0401", f"an expected size is a whole number, this is {describe(value)}", dim.span)
        return value


def _symbol(dim: ast.Dim, frame: Frame) -> str | None:
    """The name of a symbolic size."""
    if dim.name is None or (dim.value is None and frame.find(dim.name.id) is not None):
        return None
    return dim.name.id


def _declared(dim: ast.Dim, frame: Frame, *, free: bool) -> int | None:
    """The size that the spec itself gives; None for a symbolic one without a default."""
    expr = dim.value
    if expr is None and dim.name is not None:
        if frame.find(dim.name.id) is None:
            if free:
                return None
            help_ = f"give it with `--input`, or a default: `{dim.name.id} = 224`"
            raise error("E0405", f"the size `{dim.name.id}` has no value", dim.span, "symbolic", help=help_)
        expr = dim.name
    if expr is None:
        raise error("E0401", "a size is missing", dim.span)
    value = evaluate(expr, frame)
    if isinstance(value, bool) or not isinstance(value, int):
        raise error("E0401", f"a size is a whole number, this is {describe(value)}", dim.span)
    return value


@dataclass(frozen=True, slots=True)
class FromOutside:
    """A value for a parameter of the network from outside its definition; ``place`` is where its name was written."""

    bound: Bound
    place: Span | None


def parameters(arch: ast.Arch, file: FileScope, given: Mapping[str, FromOutside], limits: Limits) -> dict[str, Bound]:
    """The network's parameters: the values that are given, else the defaults.

    Raises E0405 for a parameter that the network does not have, E0404 for one that has no value.
    """
    names = [parameter.name.id for parameter in arch.parameters]
    for name, each in given.items():
        if name not in names:
            raise unknown_parameter(arch, name, each.place or arch.name.span)
    frame = Frame(file, limits, Names(), {})
    found: dict[str, Bound] = {}
    for parameter in arch.parameters:
        name, place = parameter.name.id, parameter.name.span
        if name in given:
            found[name] = given[name].bound.as_parameter(parameter.name, arch.name.id, given[name].bound.kind)
        elif parameter.default is not None:
            found[name] = set_to(parameter.default, frame, "default").as_parameter(parameter.name, arch.name.id, "default")
        else:
            help_ = f"give it: `--set {name}=…`"
            raise error("E0404", f"the parameter `{name}` has no value", place, "without a default", help=help_)
        frame.values[name] = found[name]
    return found


def from_caller(arguments: Mapping[str, object], file: FileScope, limits: Limits) -> dict[str, FromOutside]:
    """Values that the caller gives: plain ones, or the texts of expressions.

    Raises E0401 or E0402 for what is no value of the language.
    """
    found: dict[str, FromOutside] = {}
    for name, value in arguments.items():
        if isinstance(value, Source):
            expr = parse_expr(value)
            found[name] = FromOutside(set_to(expr, file.top, "command line"), None)
        else:
            found[name] = FromOutside(Bound(_plain(name, value, limits), "command line", given="command line"), None)
    return found


def _plain(name: str, value: object, limits: Limits) -> Value:
    """A value of Python as one of the language."""
    if isinstance(value, tuple | list):
        return tuple(_scalar(name, each, limits) for each in value)
    return _scalar(name, value, limits)


def _scalar(name: str, value: object, limits: Limits) -> int | float | bool | str:
    if not isinstance(value, int | float | str):
        message = f"`{name}` takes a number, truth value, string or tuple of these, not `{type(value).__name__}`"
        raise error("E0401", message)
    if isinstance(value, float) and not math.isfinite(value):
        raise error("E0402", f"`{name}` takes finite numbers only")
    if isinstance(value, int) and abs(value) > limits.integer:
        raise error("E0402", f"the value of `{name}` is too large", notes=[f"the limit is {limits.integer}"])
    return value
