"""``__init__``: the modules of a class, made from its arguments."""

from collections.abc import Iterator
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
from archdsl.backends.torch.text import INDENT, free_name, lay_out, literal
from archdsl.ir import REQUIRED

_POSITIONAL = 3


class Face:
    """How the code of one class refers to its own parts: submodules, stored numbers, and switches of guarded statements."""

    def __init__(self, template: Template, steps: list[Step], names: dict[int, str]) -> None:
        self.template, self.steps, self.names = template, steps, names
        self.conditionals = {each.key: each for each in template.conditionals if not each.present.constant}
        self._taken = {step.path[0] for step in steps}
        self.stored: dict[str, str] = {}
        self._numbers: dict[int, str] = {}
        self.switches: dict[Key, str] = {}
        for step in steps:
            if isinstance(step.part, Expression):
                for hole in step.part.holes:
                    self._store(hole)
        for key, conditional in self.conditionals.items():
            members = [step for step in steps if key in step.guards]
            if len(members) == 1 and not isinstance(members[0].part, Expression) and members[0].guards == (key,):
                self.switches[key] = f"{attribute(members[0].path)} is not None"
            else:
                self.switches[key] = self._stored(conditional.present.text, conditional.present.role)

    def _store(self, hole: Hole) -> None:
        self._numbers[id(hole)] = hole.text if hole.constant else self._stored(hole.text, hole.role)

    def _stored(self, text: str, role: str) -> str:
        for name, value in self.stored.items():
            if value == text:
                return f"self.{name}"
        wanted = text if text.isidentifier() else role
        name = free_name(wanted, self._taken)
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
    code = module_code(part, face.names)
    inits = list(_inits(part, target, INDENT if step.guards else ""))
    lone = face.lone(step)
    if lone is not None and not inits:
        yield from lay_out(f"{target} = {code} if {lone.present.text} else None", body)
        return
    conditions = [face.conditionals[key].present.text for key in step.guards if key in face.conditionals]
    if conditions:
        if lone is not None:
            yield f"{body}{target} = None"
        yield f"{body}if {' and '.join(_bracketed(text) if len(conditions) > 1 else text for text in conditions)}:"
        body += INDENT
    yield from lay_out(f"{target} = {code}", body)
    yield from (f"{INDENT * 2}{line}" for line in inits)


def _bracketed(text: str) -> str:
    return text if text.isidentifier() else f"({text})"


def _inits(part: "Module | Chain", target: str, indent: str) -> Iterator[str]:
    """The lines that initialise weights, where the spec says how."""
    if isinstance(part, Chain):
        for name, inner in part.parts:
            yield from _inits(inner, f"{target}.{name}", indent)
    elif isinstance(part, Listed):
        for index, each in enumerate(part.parts):
            yield from _inits(each, f"{target}[{index}]", indent)
    elif isinstance(part, Repeated):
        lines = list(_inits(part.rest, "module", indent + INDENT))
        yield from [f"{indent}for module in {target}:", *lines] if lines else []
    else:
        for name, init in part.inits:
            yield from lay_out(statement(init, f"{target}.{name}"), indent)


def module_code(part: "Module | Chain", names: dict[int, str]) -> str:
    """The expression that makes a module."""
    if isinstance(part, Chain):
        inner = ", ".join(f"{name}={module_code(each, names)}" for name, each in part.parts)
        return f"nn.Sequential(OrderedDict({inner}))"
    if isinstance(part, Listed):
        return f"nn.Sequential({', '.join(module_code(each, names) for each in part.parts)})"
    if isinstance(part, Repeated):
        return _repeated_code(part, names)
    callee = part.callee if isinstance(part.callee, str) else names[id(part.callee)]
    return f"{callee}({', '.join(_arguments(part, {}))})"


def _repeated_code(part: Repeated, names: dict[int, str]) -> str:
    callee = part.rest.callee if isinstance(part.rest.callee, str) else names[id(part.rest.callee)]
    if part.first is not None:
        less = str(part.count.constant_value - 1) if part.count.constant else f"{_bracketed(part.count.text)} - 1"
        rest = f"{callee}({', '.join(_arguments(part.rest, {}))})"
        return f"nn.Sequential({module_code(part.first, names)}, *({rest} for _ in range({less})))"
    if not part.varying:
        return f"nn.Sequential(*({callee}({', '.join(_arguments(part.rest, {}))}) for _ in range({part.count.text})))"
    variables: dict[int, str] = {}
    for hole in part.varying:
        variables[id(hole)] = free_name(hole.role, variables.values())
    made = f"{callee}({', '.join(_arguments(part.rest, variables))})"
    if len(part.varying) == 1:
        return f"nn.Sequential(*({made} for {variables[id(part.varying[0])]} in {part.varying[0].text}))"
    each = ", ".join(variables.values())
    return f"nn.Sequential(*({made} for {each} in zip({', '.join(hole.text for hole in part.varying)})))"


def _arguments(part: Construct, variables: dict[int, str]) -> list[str]:
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
    return " | ".join(dict.fromkeys(_type(value) for value in sorted(values, key=lambda each: isinstance(each, tuple))))


def _type(value: Any) -> str:
    if isinstance(value, tuple):
        inner = list(dict.fromkeys(_type(each) for each in value))
        if len(inner) == 1 and len(value) != 2:
            return f"tuple[{inner[0]}, ...]"
        return f"tuple[{', '.join(_type(each) for each in value)}]"
    return type(value).__name__
