"""The arguments of a class's constructor as they are found, one after another, while its values get their texts."""

import ast
from collections.abc import Container, Iterable, Iterator
from typing import Any

from archdsl.backends.torch import formulas
from archdsl.backends.torch.templates import ABSENT, Argument, Hole, Template, agree, plain, same
from archdsl.backends.torch.text import AnyOf, free_name
from archdsl.ir import REQUIRED

_WIDTHS = ("in_channels", "in_features", "out_channels", "out_features", "channels", "num_features", "num_channels")


class ArgumentTable:
    """The arguments of ``template``, none of them ``reserved``, and the variables of the loops that stand among them."""

    def __init__(self, template: Template, reserved: Container[str]) -> None:
        self._template = template
        self._reserved = reserved
        self._arguments: dict[str, Argument] = {}
        self._indices: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._arguments

    def new(self, hole: Hole, label: str) -> str:
        """An argument with the values of ``hole``, called after its role and, where that says too little, after ``label``."""
        label = label.strip("_")
        short = hole.role not in _WIDTHS and hole.role not in self._arguments and hole.role not in self._template.first.parameters
        wanted = hole.role if short or not label or label == hole.role else f"{label}_{hole.role}"
        for name in (hole.role, wanted):
            found = self._arguments.get(name)
            if found is not None and found.parameter is None and _unify(found, hole.values):
                return name
        name = free_name(wanted, AnyOf(self._arguments, self._template.first.parameters, self._reserved, self._indices))
        self._arguments[name] = Argument(name, list(hole.values), hole.default)
        return name

    def named(self, wanted: str, values: list[Any], default: object, parameter: str | None = None) -> str | None:
        """The argument called ``wanted``, or as near as Python lets it, with these values; None where it is one with others."""
        name = free_name(wanted, AnyOf(self._reserved, self._indices))
        found = self._arguments.get(name)
        if found is None:
            self._arguments[name] = Argument(name, list(values), default, parameter)
            return name
        return name if found.parameter == parameter and _unify(found, values) else None

    def unify(self, text: str, values: list[Any]) -> bool:
        """Whether ``text``, over the arguments that there are, has these values; an argument takes those that it had none of."""
        argument = self._arguments.get(text)
        if argument is not None:
            return _unify(argument, values)
        tree = formulas.parse(text)
        if tree is None:
            return False
        for index, value in enumerate(values):
            known = {name: each.values[index] for name, each in self._arguments.items() if each.values[index] is not ABSENT}
            if value is not ABSENT and not same(formulas.value(tree, known), value):
                return False
        return True

    def free_index(self, wanted: str) -> str:
        """A name for the variable of a loop, which no argument has; :meth:`take_index` keeps it so."""
        return free_name(wanted, AnyOf(self._arguments, self._template.first.parameters, self._reserved))

    def take_index(self, name: str) -> None:
        """No argument is to be called ``name`` from now on."""
        self._indices.add(name)

    def ordered(self, texts: Iterable[str], entering: str) -> list[Argument]:
        """The arguments that ``texts`` use, with defaults where some caller relies on the spec's, in the order of a caller.

        Those without a default stand first; of either kind first the width called ``entering``, then the spec's parameters.
        """
        template = self._template
        used = {name for text in dict.fromkeys(texts) for name in _names_in(text)}
        rank = {name: index for index, name in enumerate(template.first.scope.arguments, 1)}
        found = sorted(
            (each for each in self._arguments.values() if each.name in used),
            key=lambda each: 0 if each.name == entering else rank.get(each.parameter or "", len(rank) + 1),
        )
        for argument in found:
            argument.default = _default(argument, template)
            known = [value for value in argument.values if value is not ABSENT]
            argument.values = [known[0] if value is ABSENT else value for value in argument.values]
        return sorted(found, key=lambda each: each.default is not REQUIRED)


def _unify(argument: Argument, values: list[Any]) -> bool:
    """Whether ``argument`` has these values, where it had none of its own taken from them."""
    if not agree(argument.values, values):
        return False
    argument.values = [new if old is ABSENT else old for old, new in zip(argument.values, values, strict=True)]
    return True


def _default(argument: Argument, template: Template) -> object:
    """What the spec leaves unsaid: PyTorch's own default for a lowered value, else the value that most silent callers mean."""
    name = argument.parameter
    if name is None:
        lowered = argument.default is not REQUIRED and any(same(value, argument.default) for value in argument.values)
        return argument.default if lowered else REQUIRED
    raw = [plain(instance.scope.arguments.get(name, ABSENT)) for instance in template.instances]
    if not agree(raw, argument.values) and any(same(value, argument.default) for value in argument.values):
        return argument.default
    silent = [
        value
        for instance, value in zip(template.instances, argument.values, strict=True)
        if value is not ABSENT and name not in instance.scope.origins
    ]
    if template.first.scope.kind != "block" or not silent:
        return REQUIRED
    return max(dict.fromkeys(silent), key=silent.count)


def _names_in(text: str) -> Iterator[str]:
    yield from (node.id for node in ast.walk(ast.parse(text, mode="eval")) if isinstance(node, ast.Name))
