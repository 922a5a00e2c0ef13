"""``__init__``: the modules of a class, made from its arguments."""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from archdsl.backends.torch.chains import Chain, Step
from archdsl.backends.torch.initialise import statement
from archdsl.backends.torch.instances import Key
from archdsl.backends.torch.templates import (
    Argument,
    Conditional,
    Construct,
    Expression,
    Hole,
    Listed,
    Module,
    Repeated,
    Template,
)
from archdsl.backends.torch.text import INDENT, LONGEST_NAME, WIDTH, free_name, lay_out, literal
from archdsl.ir import MODULE_ATTRIBUTES, REQUIRED

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_POSITIONAL = 3


class Face:
    """How the code of one class refers to its own parts: submodules, stored numbers, and switches of guarded statements."""

    def __init__(self, template: Template, steps: list[Step]) -> None:
        self.template, self.steps = template, steps
        self.conditionals = {each.key: each for each in template.conditionals if not each.present.constant}
        self.members: dict[Key, list[Step]] = {}
        self._taken = {step.path[0] for step in steps} | MODULE_ATTRIBUTES
        self.stored: dict[str, str] = {}
        self._numbers: dict[int, str] = {}
        self.switches: dict[Key, str] = {}
        for step in steps:
            for key in step.guards:
                self.members.setdefault(key, []).append(step)
            if isinstance(step.part, Expression):
                for hole in step.part.holes:
                    self._numbers[id(hole)] = hole.text if hole.constant else self._stored(hole.text, hole.role)
        for key, conditional in self.conditionals.items():
            members = self.members.get(key, [])
            if len(members) == 1 and not isinstance(members[0].part, Expression) and members[0].guards == (key,):
                self.switches[key] = f"{attribute(members[0].path)} is not None"
            elif members:
                self.switches[key] = self._stored(conditional.present.text, conditional.present.role)

    def _stored(self, text: str, role: str) -> str:
        for name, value in self.stored.items():
            if value == text:
                return f"self.{name}"
        wanted = text.lstrip("_") if text.isidentifier() else role
        name = free_name(wanted[:LONGEST_NAME], self._taken)
        self._taken.add(name)
        self.stored[name] = text
        return f"self.{name}"

    def number(self, hole: Hole) -> str:
        """A number of an expression, as ``forward`` writes it."""
        return self._numbers[id(hole)]

    def lone(self, step: Step) -> Conditional | None:
        """The conditional that ``step`` alone makes up, if it does."""
        if len(step.guards) == 1 and self.switches.get(step.guards[0]) == f"{attribute(step.path)} is not None":
            return self.conditionals[step.guards[0]]
        return None


def attribute(path: tuple[str, ...]) -> str:
    """``self.res.mix.b1``; iterations that are no chain are keys: ``self.a["0"]``."""
    return "self" + "".join(f'["{part}"]' if part.isdigit() else f".{part}" for part in path)


def constructor(face: Face) -> list[str]:
    """The lines of ``__init__``."""
    template = face.template
    arguments = [_parameter(argument) for argument in template.arguments]
    body = INDENT * 2
    lines = lay_out(f"def __init__({', '.join(['self', *arguments])})", INDENT, " -> None:")
    lines.append(f"{body}super().__init__()")
    for name, text in face.stored.items():
        lines.append(f"{body}self.{name} = {text}")
    made: set[tuple[str, ...]] = set()
    for step in face.steps:
        if isinstance(step.part, Expression):
            continue
        for length in range(1, len(step.path)):
            prefix = step.path[:length]
            if prefix not in made:
                made.add(prefix)
                kind = "nn.ModuleDict()" if step.path[length].isdigit() else "nn.Module()"
                lines.append(f"{body}{attribute(prefix)} = {kind}")
        lines += _module_lines(step, face)
    return lines


def _module_lines(step: Step, face: Face) -> Iterator[str]:
    part, target, body = step.part, attribute(step.path), INDENT * 2
    if isinstance(part, Expression):
        return
    code = module_code(part, looped=len(step.inputs) > 1)
    inits = list(_inits(part, target))
    lone = face.lone(step)
    if lone is not None:
        line = f"{body}{target} = {code} if {lone.present.text} else None"
        if not inits and len(line) <= WIDTH:
            yield line
            return
        yield f"{body}{target} = None"
    conditions = [face.conditionals[key].present.text for key in step.guards if key in face.conditionals]
    if conditions:
        joined = " and ".join(_bracketed(text) if len(conditions) > 1 else text for text in conditions)
        yield from lay_out(f"if {joined}", body, ":")
        body += INDENT
    yield from lay_out(f"{target} = {code}", body)
    for depth, line in inits:
        yield from lay_out(line, body + INDENT * depth)


def _bracketed(text: str) -> str:
    return text if text.isidentifier() else f"({text})"


def _inits(part: "Module | Chain", target: str, depth: int = 0) -> Iterator[tuple[int, str]]:
    """The lines that initialise weights, where the spec says how, and how far each is indented."""
    if isinstance(part, Chain):
        for name, inner in part.parts:
            yield from _inits(inner, f"{target}.{name}", depth)
    elif isinstance(part, Listed):
        for index, each in enumerate(part.parts):
            yield from _inits(each, f"{target}[{index}]", depth)
    elif isinstance(part, Repeated):
        variable = "module" if isinstance(part.rest, Construct) else "modules"
        lines = list(_inits(part.rest, variable, depth + 1))
        yield from [(depth, f"for {variable} in {target}:"), *lines] if lines else []
    else:
        for name, init in part.inits:
            yield depth, statement(init, f"{target}.{name}")


def module_code(part: "Module | Chain", *, looped: bool = False) -> str:
    """The expression that makes a module; what is ``looped`` over is no sequence that can be called."""
    if isinstance(part, Chain):
        inner = ", ".join(f"{name}={module_code(each)}" for name, each in part.parts)
        return f"nn.Sequential(OrderedDict({inner}))"
    if isinstance(part, Listed):
        inner = ", ".join(map(module_code, part.parts))
        return f"nn.ModuleList([{inner}])" if looped else f"nn.Sequential({inner})"
    if isinstance(part, Repeated):
        return _repeated_code(part, looped=looped)
    return f"{_callee(part)}({', '.join(_arguments(part))})"


def _callee(part: Construct) -> str:
    return part.callee if isinstance(part.callee, str) else part.callee.name


def _repeated_code(part: Repeated, *, looped: bool) -> str:
    made, count = module_code(part.rest), part.count
    if part.first is None and not part.varying and count.constant and count.constant_value == 1:
        return f"nn.ModuleList([{made}])" if looped else f"nn.Sequential({made})"
    if part.first is not None:
        less = str(count.constant_value - 1) if count.constant else f"{_bracketed(count.text)} - 1"
        inner = f"{module_code(part.first)}, *({made} for _ in range({less}))"
        return f"nn.ModuleList([{inner}])" if looped else f"nn.Sequential({inner})"
    inner = f"{made} for {part.index or '_'} in range({count.text})"
    if part.varying and part.index is None:
        inner = _zipped(part)
    return f"nn.ModuleList({inner})" if looped else f"nn.Sequential(*({inner}))"


def _zipped(part: Repeated) -> str:
    """A loop over the values that vary, where no formula gives them."""
    assert isinstance(part.rest, Construct)
    variables: dict[int, str] = {}
    varying = {id(hole) for hole in part.varying}
    read = {name for hole in part.rest.holes if id(hole) not in varying for name in _NAME.findall(hole.text)}
    for hole in part.varying:
        variables[id(hole)] = free_name(hole.role, {*variables.values(), *read})
    made = f"{_callee(part.rest)}({', '.join(_arguments(part.rest, variables))})"
    each, values = ", ".join(variables.values()), ", ".join(hole.text for hole in part.varying)
    return f"{made} for {each} in {values}" if len(variables) == 1 else f"{made} for {each} in zip({values}, strict=True)"


def _arguments(part: Construct, variables: Mapping[int, str] = MappingProxyType({})) -> list[str]:
    """The arguments of a call: leading required ones by position, those that equal the default left out."""
    own = not isinstance(part.callee, str)
    items = []
    by_position = True
    for index, hole in enumerate(part.holes):
        text = variables.get(id(hole), hole.text)
        if hole.constant and id(hole) not in variables and _same(hole.constant_value, hole.default):
            by_position = False
            continue
        leading = hole.default is REQUIRED and index < _POSITIONAL if own else hole.positional
        by_position = by_position and leading
        items.append(text if by_position else f"{hole.role}={text}")
    return items


def _same(value: Any, default: object) -> bool:
    return default is not REQUIRED and value == default and isinstance(value, bool) == isinstance(default, bool)


def _parameter(argument: Argument) -> str:
    default = "" if argument.default is REQUIRED else f" = {literal(argument.default)}"
    return f"{argument.name}: {_annotation(argument.values)}{default}"


def _annotation(values: list[Any]) -> str:
    if len({len(value) for value in values if isinstance(value, tuple)}) > 1:
        inner = dict.fromkeys(_type(each) for value in values if isinstance(value, tuple) for each in value)
        return f"tuple[{' | '.join(inner)}, ...]"
    return " | ".join(dict.fromkeys(_type(value) for value in sorted(values, key=lambda each: isinstance(each, tuple))))


def _type(value: Any) -> str:
    if not isinstance(value, tuple):
        return type(value).__name__
    inner = dict.fromkeys(_type(each) for each in value)
    if len(inner) == 1 and len(value) != 2:
        return f"tuple[{next(iter(inner))}, ...]"
    return f"tuple[{', '.join(_type(each) for each in value)}]"
