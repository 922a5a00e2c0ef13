"""Edits by path: what a variant or the command line changes, found while the network is elaborated.

An edit acts on the spec's meaning before shapes are inferred: a dropped step is exactly a deleted one, a replacement stands in
its place under its label, and what is inserted is elaborated as if it were written there.  Edits act in the order in which they
are written, each on what those before it left; ``set`` alone acts on all.  A step is found at its *address*: the path that it
has in the network without edits, so that dropping a ``relu`` does not turn ``relu_2`` into the next one to be hit.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from archdsl.diagnostics import ArchError, Diagnostic, Label, did_you_mean
from archdsl.elaborate.arguments import unknown_argument
from archdsl.elaborate.environment import FileScope, Frame
from archdsl.elaborate.names import Paths
from archdsl.elaborate.paths import heads, match, matches, nearest, parts
from archdsl.syntax import ast

OUTSIDE = ("<command line>", "<edits>")
"""What texts are called that are no part of a spec: what options of a command say, and `edits` of a caller."""
_LONGEST = 100
_SHOWN = 6
_INDICES = re.compile(r"(\[\d+\])+$")


@dataclass(slots=True)
class Edit:
    """One edit, the file whose names its text sees, how many places it hit; edits from number ``next`` on act on its text.

    ``lacking`` are the callees, with their parameters, that a `set` met and that do not have what it sets.
    """

    edit: ast.Edit
    file: FileScope
    hits: int = 0
    next: int = 0
    lacking: dict[str, tuple[ast.Name, tuple[str, ...]]] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The edit as it was written, on one line and cut where it is long."""
        text = " ".join(self.edit.span.text.split())
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


class Step(NamedTuple):
    """A step as edits have left it: its address (None where edits cannot find it), and the edit whose text it is, if any."""

    labelled: ast.LabelledStep
    address: str | None = None
    edit: Edit | None = None


@dataclass(slots=True)
class Statement:
    """A statement as edits have left it: ``pipe`` with ``steps`` in place of its own, and the edit whose text it is, if any."""

    pipe: ast.Pipe
    steps: list[Step] = field(default_factory=list)
    edit: Edit | None = None


class Edits:
    """The edits of one elaboration, in the order in which they apply."""

    def __init__(self, edits: Iterable[Edit]) -> None:
        self.all = [each for each in edits if not (isinstance(each.edit, ast.Set) and each.edit.path is None)]
        self._sets = [(each, each.edit) for each in self.all if isinstance(each.edit, ast.Set)]
        self._changes = [each for each in self.all if not isinstance(each.edit, ast.Set)]
        for index, each in enumerate(self._changes):
            each.next = index + 1
        self._unedited = Paths()
        self._moved: dict[str, str] = {}
        self._removed: dict[str, int] = {}
        self._met: dict[str, None] = {}

    def __bool__(self) -> bool:
        return bool(self.all)

    # --- addresses -------------------------------------------------------------------------------------------------------

    def address(self, path: str) -> str:
        """Where the network without edits has what is now at ``path``."""
        cut = len(path) if self._moved else 0
        while cut > 0:
            if path[:cut] in self._moved:
                return self._moved[path[:cut]] + path[cut:]
            cut = max(path.rfind(".", 0, cut), path.rfind("[", 0, cut))
        return path

    def move(self, path: str, address: str) -> None:
        """Notes that what is now at ``path`` has this address."""
        if path != address:
            self._moved[path] = address

    def _steps(self, pipe: ast.Pipe, frame: Frame, edit: Edit | None = None) -> list[Step]:
        """The steps of ``pipe`` with their addresses; a text of an edit is found by its labels only."""
        prefix = self.address(frame.prefix)
        steps = []
        for labelled in pipe.steps:
            address = None
            if labelled.label is not None:
                address = f"{prefix}.{labelled.label.name}" if prefix else labelled.label.name
                self._unedited.take(address, labelled.span)
            elif isinstance(labelled.step, ast.Call) and edit is None:
                name = labelled.step.callee.id
                address = self._unedited.automatic(f"{prefix}.{name}" if prefix else name, labelled.span, frame.labels)
            if address is not None:
                self._met[address] = None
            steps.append(Step(labelled, address, edit))
        return steps

    # --- changes ---------------------------------------------------------------------------------------------------------

    def statements(self, pipe: ast.Pipe, frame: Frame, holds: Callable[[Edit], bool]) -> list[Statement]:
        """What stands in the place of ``pipe``: itself with its steps changed, and what is inserted beside it.

        ``holds`` tells whether the guard of an inserted text holds here.
        """
        found = [Statement(pipe, self._steps(pipe, frame))]
        for each in self._changes[frame.since :]:
            if isinstance(each.edit, ast.Drop):
                for statement in found:
                    statement.steps = [step for step in statement.steps if not self._removes(each, each.edit.path, step)]
            elif isinstance(each.edit, ast.Replace):
                for statement in found:
                    statement.steps = [self._replaced(each, each.edit, step) for step in statement.steps]
            elif isinstance(each.edit, ast.Insert):
                insert = each.edit
                found = [part for statement in found for part in self._beside(each, insert, statement, frame)]
                for statement in found:
                    if statement.edit is not each:
                        statement.steps = self._between(each, insert, statement.steps, frame, holds)
        return found

    def _removes(self, each: Edit, path: ast.Path, step: Step) -> bool:
        if step.address is None or not matches(path, step.address):
            return False
        each.hits += 1
        self._removed[step.address] = each.next
        return True

    def _replaced(self, each: Edit, edit: ast.Replace, step: Step) -> Step:
        if not self._removes(each, edit.path, step):
            return step
        new = replacement(edit)
        return Step(ast.LabelledStep(step.labelled.label or new.label, new.step, new.span), step.address, each)

    def _beside(self, each: Edit, edit: ast.Insert, statement: Statement, frame: Frame) -> Iterator[Statement]:
        """``statement``, and before or after it what is inserted beside its first or last step."""
        edge = statement.steps[0 if edit.before else -1].address if statement.steps else None
        hit = edge is not None and matches(edit.path, edge)
        if not hit:
            yield statement
            return
        each.hits += 1
        new = Statement(edit.step, self._steps(edit.step, frame, each), each)
        yield from (new, statement) if edit.before else (statement, new)

    def _between(
        self, each: Edit, edit: ast.Insert, steps: list[Step], frame: Frame, holds: Callable[[Edit], bool]
    ) -> list[Step]:
        """``steps`` with what is inserted between two of them."""
        found: list[Step] = []
        for index, step in enumerate(steps):
            at_edge = index == (0 if edit.before else len(steps) - 1)
            if at_edge or step.address is None or not matches(edit.path, step.address):
                found.append(step)
                continue
            each.hits += 1
            new = self._steps(edit.step, frame, each) if holds(each) else []
            found += [*new, step] if edit.before else [step, *new]
        return found

    def iteration(self, path: str, since: int) -> Iterator[Edit]:
        """The edits that drop, replace or add to the iteration at ``path``, in order; none after it is dropped."""
        address = self.address(path)
        self._met[address] = None
        for each in self._changes[since:]:
            edit = each.edit
            if not isinstance(edit, ast.Set) and matches(edit.path, address):
                each.hits += 1
                if not isinstance(edit, ast.Insert):
                    self._removed[address] = each.next
                yield each
                if isinstance(edit, ast.Drop):
                    return

    def sets(self, address: str) -> Iterator[tuple[Edit, ast.Set]]:
        """The arguments set for the call at ``address``; those set for a repeat hold for each of its iterations."""
        self._met[address] = None
        whole = _INDICES.sub("", address)
        for each, edit in self._sets:
            if edit.path is None:
                continue
            of_repeat = whole != address and edit.name.id != "repeat" and matches(edit.path, whole)
            if of_repeat or matches(edit.path, address):
                yield each, edit

    # --- what hit nothing ------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Raises E0405 for every edit that hit nothing, with the path that was most likely meant.

        One that was to hit something inside of what a later edit removed is no fault.
        """
        missed = [self._missed(each) for each in self.all if each.hits == 0 and not self._overtaken(each)]
        if missed:
            raise ArchError(*missed)

    def _overtaken(self, each: Edit) -> bool:
        path = each.edit.path
        if path is None:
            return False
        later = [parts(address) for address, by in self._removed.items() if by > each.next]
        return any(match(head, removed) for removed in later for head in heads(path.segments))

    def _missed(self, each: Edit) -> Diagnostic:
        edit = each.edit
        if isinstance(edit, ast.Set) and each.lacking:
            return _lacking(each, edit.name)
        path = edit.path
        text = path.span.text if path is not None else ""
        span = path.span if path is not None else edit.span
        known = dict.fromkeys(name for met in self._met for name in (met, re.sub(r"\[\d+\]", "[*]", met)))
        found = nearest(text, [each for each in known if "[*]" in each or "[" not in each])
        help_ = f"did you mean `{found}`?" if found else "`archdsl summary --depth 9` lists the paths"
        if isinstance(edit, ast.Set) and any(path is not None and matches(path, met) for met in self._met):
            help_ = f"nothing called at `{text}` takes it"
        label = "no such place in this network"
        if path is not None and any(match(head, parts(address)) for address in self._removed for head in heads(path.segments)):
            label, help_ = "an edit before this one removed it", "leave this edit out, or put it first"
        return Diagnostic("E0405", f"`{text}` hits nothing", Label(span, label), help=help_)


def _lacking(each: Edit, name: ast.Name) -> Diagnostic:
    """The E0404 fault of a `set` whose argument nothing that it met has."""
    callees = list(each.lacking.values())
    if len(callees) == 1:
        return unknown_argument(name.id, name.span, *callees[0]).diagnostics[0]
    listed = ", ".join(f"`{callee.id}`" for callee, _ in callees[:_SHOWN]) + (" and others" if len(callees) > _SHOWN else "")
    known = [known for _, names in callees for known in names]
    message = f"nothing that this sets has an argument `{name.id}`"
    help_ = did_you_mean(name.id, known)
    return Diagnostic("E0404", message, Label(name.span, "unknown argument"), notes=(f"it meets {listed}",), help=help_)


def replacement(edit: ast.Replace) -> ast.LabelledStep:
    """What stands in the place of a replaced step: the one step that is given, else a body of all."""
    if len(edit.step.steps) == 1 and edit.step.guard is None:
        return edit.step.steps[0]
    return ast.LabelledStep(None, ast.Body((edit.step,), "", edit.step.span), edit.step.span)


def kind_of(edit: ast.Edit) -> Literal["variant", "command line"]:
    """Where an edit was written."""
    return "command line" if edit.span.source.path in OUTSIDE else "variant"
