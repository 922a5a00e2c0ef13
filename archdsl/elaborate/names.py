"""Names that cannot be labels, and the paths that instances get."""

import keyword
from collections.abc import Iterator

from archdsl.diagnostics import ArchError, Label, error
from archdsl.elaborate.environment import PREDECLARED
from archdsl.ir import MODULE_ATTRIBUTES
from archdsl.source import Span
from archdsl.syntax import ast


def no_label(name: str) -> str | None:
    """Why ``name`` could not name a submodule, so that ``state_dict`` keys equal paths; None where it can."""
    if keyword.iskeyword(name):
        return "a keyword of Python"
    if name in MODULE_ATTRIBUTES:
        return "an attribute of every PyTorch module"
    return "labels do not start with `_`" if name.startswith("_") else None


def check_label(name: str, span: Span) -> None:
    """Raises E0203 where ``name`` cannot be a label."""
    reason = no_label(name)
    if reason is not None:
        other = (name.strip("_") or "a") if name.startswith("_") else f"{name}_"
        raise error("E0203", f"`{name}` cannot be a label", span, reason, help=f"write `{other}`")


def _check_own_name(path: str, span: Span) -> None:
    """Raises E0203 where what is called cannot lend its name to a step without a label."""
    name = path.rpartition(".")[2]
    reason = no_label(name)
    if reason is not None:
        message = f"a step cannot be called `{name}` after what it calls"
        raise error("E0203", message, span, reason, help=f"label it: `name: {name}…`")


def check_output(name: str, span: Span) -> None:
    """Raises E0203 where ``name`` could not name an argument or a field of the emitted code."""
    if keyword.iskeyword(name) or name.startswith("_") or name in ("self", "count", "index"):
        raise error("E0203", f"`{name}` cannot name an input or output", span, help=f"write `{name.strip('_') or 'a'}_`")


def check_value_name(name: ast.Name) -> None:
    """Raises E0203 for a word that expressions keep for themselves, and where a constant of the language would be redefined."""
    if name.id in ast.RESERVED:
        help_ = f"write `{name.id}_`"
        raise error("E0203", f"`{name.id}` is a word of the language", name.span, "cannot be a name", help=help_)
    if name.id in PREDECLARED:
        raise error("E0203", f"`{name.id}` is a constant of the language", name.span, "cannot be redefined")


class Paths:
    """The paths in use; each is given out once."""

    def __init__(self) -> None:
        self._taken: dict[str, Span] = {}
        self._numbers: dict[str, int] = {}

    def claim(self, path: str, span: Span) -> str:
        """``path``, now taken; raises E0202 where it was."""
        first = self._taken.get(path)
        if first is not None:
            name = path.rpartition(".")[2]
            where = Label(first, "first used here")
            raise error("E0202", f"`{name}` names two things here", span, "used again", secondary=[where], path=path)
        self._taken[path] = span
        return path

    def weighted(self, path: str, span: Span, what: str) -> str:
        """The path of something with weights and without a label; raises E0204 where it needs one."""
        _check_own_name(path, span)
        if path in self._taken:
            raise self.unlabelled(span, what, path)
        return self.claim(path, span)

    def unlabelled(self, span: Span, what: str, path: str) -> ArchError:
        """The E0204 error for something with weights whose own name is taken."""
        first = self._taken.get(path, span)
        return error(
            "E0204",
            f"two `{what}` with weights and without a label",
            span,
            "needs a label",
            secondary=[Label(first, f"`{what}` is taken here")],
            help=f"name it: `name: {what}…`",
            path=path,
        )

    def automatic(self, path: str, span: Span, labels: frozenset[str]) -> str:
        """A free path for something without a label, now taken: ``path``, else ``path_2`` and so on.

        Labels written elsewhere in the definition stay free.
        """
        _check_own_name(path, span)
        name = path.rpartition(".")[2]
        prefix = path[: len(path) - len(name)]
        number = self._numbers.get(path, 1)
        candidate = name if number == 1 else f"{name}_{number}"
        while candidate in labels or prefix + candidate in self._taken:
            number += 1
            candidate = f"{name}_{number}"
        self._numbers[path] = number
        return self.claim(prefix + candidate, span)

    def take(self, path: str, span: Span) -> None:
        """Makes ``path`` taken, whether or not it was."""
        self._taken.setdefault(path, span)


def labels_in(step: ast.Step) -> frozenset[str]:
    """Every label written in ``step``, at any depth."""
    pipes = (statement for body in bodies_in(step) for statement in body.statements if isinstance(statement, ast.Pipe))
    return frozenset(labelled.label.name for pipe in pipes for labelled in pipe.steps if labelled.label is not None)


def taps_in(passed: ast.Statement | ast.Step) -> frozenset[str]:
    """Every name that ``passed`` would give to a value: by `tap`, at any depth, and by `input`."""
    if isinstance(passed, ast.Input):
        return frozenset((passed.name.name,))
    steps = [labelled.step for labelled in passed.steps] if isinstance(passed, ast.Pipe) else [passed]
    pipes = (
        statement
        for step in steps
        if isinstance(step, ast.Step)
        for body in bodies_in(step)
        for statement in body.statements
        if isinstance(statement, ast.Pipe)
    )
    inside = (labelled.step for pipe in pipes for labelled in pipe.steps)
    return frozenset(step.name.id for step in (*steps, *inside) if isinstance(step, ast.Tap))


def bodies_in(step: ast.Step) -> Iterator[ast.Body]:
    """Every body written in ``step``, at any depth, itself included."""
    waiting = [step]
    while waiting:
        each = waiting.pop()
        if isinstance(each, ast.Repeat):
            waiting.append(each.step)
        elif isinstance(each, ast.Call):
            waiting += [argument.value for argument in each.arguments if isinstance(argument.value, ast.Body)]
            waiting += [] if each.body is None else [each.body]
        elif isinstance(each, ast.Body):
            yield each
            waiting += [labelled.step for pipe in each.statements if isinstance(pipe, ast.Pipe) for labelled in pipe.steps]
