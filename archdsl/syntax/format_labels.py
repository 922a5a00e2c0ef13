"""Labels for what has weights and none: each gets the name that its path has already, so that no path changes."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from archdsl.source import Source
from archdsl.syntax import ast


def with_labels(program: ast.Program, operators: frozenset[str], allowed: Callable[[str], bool]) -> tuple[str, int]:
    """The text of the main file with a label before each call that wants one, and the number of labels.

    A call wants one where what it calls may have weights, an operator out of ``operators`` or a block that uses one, and where
    it has none.  The label is the name of what is called; calls stay as they are where ``allowed`` refuses that name, where the
    definition already has a label of that name, and where two calls of one name stand in one scope.
    """
    weighted = _Weighted(program.imported, operators).of_file(program.main)
    places: list[tuple[int, str]] = []
    for item in program.main.items:
        if isinstance(item, ast.Block | ast.Arch):
            places += _wanted(item.body, frozenset(name for name in weighted if allowed(name)))
    return _inserted(program.main.source, places), len(places)


def _inserted(source: Source, places: list[tuple[int, str]]) -> str:
    parts = []
    at = 0
    for start, name in sorted(places):
        parts += [source.text[at:start], f"{name}: "]
        at = start
    return "".join(parts) + source.text[at:]


class _Weighted:
    """The names that stand for something with weights, file by file."""

    def __init__(self, imported: Mapping[tuple[Source, str], ast.File], operators: frozenset[str]) -> None:
        self._imported = imported
        self._operators = operators
        self._known: dict[int, frozenset[str]] = {}

    def of_file(self, file: ast.File) -> frozenset[str]:
        known = self._known.get(id(file))
        if known is not None:
            return known
        blocks = [item for item in file.items if isinstance(item, ast.Block)]
        names = set(self._operators) - {block.name.id for block in blocks}
        for item in file.items:
            if isinstance(item, ast.Import):
                names |= self._imports(file, item, names)
        self._known[id(file)] = found = _closure(blocks, names)
        return found

    def _imports(self, file: ast.File, item: ast.Import, names: set[str]) -> set[str]:
        """The weighted ones among the names that ``item`` brings; those that hide an operator leave ``names``."""
        theirs = self.of_file(self._imported[file.source, str(item.file.value)])
        names -= {each.alias.id for each in item.names}
        return {each.alias.id for each in item.names if each.name.id in theirs}


def _closure(blocks: list[ast.Block], names: set[str]) -> frozenset[str]:
    """``names`` and those of the blocks that use any of them, directly or through other blocks."""
    users: dict[str, list[str]] = {}
    for block in blocks:
        for call in _calls(block.body):
            users.setdefault(call.callee.id, []).append(block.name.id)
    found = set(names)
    waiting = list(names)
    while waiting:
        for user in users.get(waiting.pop(), ()):
            if user not in found:
                found.add(user)
                waiting.append(user)
    return frozenset(found)


def _calls(body: ast.Body) -> Iterator[ast.Call]:
    waiting = [body]
    while waiting:
        for statement in waiting.pop().statements:
            for labelled in statement.steps if isinstance(statement, ast.Pipe) else ():
                step = labelled.step
                while isinstance(step, ast.Repeat):
                    step = step.step
                if isinstance(step, ast.Call):
                    yield step
                waiting += _bodies(step)


def _bodies(step: ast.Step) -> list[ast.Body]:
    if isinstance(step, ast.Body):
        return [step]
    if not isinstance(step, ast.Call):
        return []
    arguments = [each.value for each in step.arguments if isinstance(each.value, ast.Body)]
    return arguments + ([] if step.body is None else [step.body])


@dataclass(slots=True)
class _Survey:
    """What one definition says of its names: the labels in it, names not to be given, and the calls without a label by scope."""

    taken: set[str] = field(default_factory=set)
    calls: list[tuple[int, ast.Call]] = field(default_factory=list)


def _wanted(body: ast.Body, weighted: frozenset[str]) -> list[tuple[int, str]]:
    """The places in a definition that get a label, with the label."""
    survey = _survey(body, weighted)
    counts = Counter((scope, call.callee.id) for scope, call in survey.calls)
    refused = survey.taken | {name for (_, name), count in counts.items() if count > 1}
    return [(call.span.start, call.callee.id) for _, call in survey.calls if call.callee.id not in refused]


def _survey(body: ast.Body, weighted: frozenset[str]) -> _Survey:
    survey = _Survey()
    scopes = 1
    waiting = [(body, 0)]
    while waiting:
        inside, scope = waiting.pop()
        for statement in inside.statements:
            for labelled in statement.steps if isinstance(statement, ast.Pipe) else ():
                step, inner = labelled.step, scope
                if labelled.label is not None:
                    survey.taken.add(labelled.label.name)
                    inner, scopes = scopes, scopes + 1
                elif isinstance(step, ast.Call) and step.callee.id in weighted:
                    survey.calls.append((scope, step))
                elif isinstance(step, ast.Repeat):
                    survey.taken |= _repeated(step)  # not ours to name: with weights it is a fault, without any none is wanted
                while isinstance(step, ast.Repeat):
                    step = step.step
                waiting += [(each, inner) for each in _bodies(step)]
    return survey


def _repeated(repeat: ast.Repeat) -> set[str]:
    step = repeat.step
    while isinstance(step, ast.Repeat):
        step = step.step
    return {step.callee.id} if isinstance(step, ast.Call) else set()
