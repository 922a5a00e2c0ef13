"""Statements turned into nodes: every one takes the current value of its frame and replaces it.

A step is *placed* at a path: the one its label gives it, the one an iteration has (``a[3]``), or none, in which case what is
inside takes paths of the enclosing braces.
"""

from collections.abc import Iterator, Mapping, Sequence

from archdsl.diagnostics import ArchError, Diagnostic, InternalError, Label, error
from archdsl.elaborate.arguments import bind, expression, value_of
from archdsl.elaborate.blame import caption_fault
from archdsl.elaborate.calls import foreign
from archdsl.elaborate.definitions import Definitions
from archdsl.elaborate.edits import Edit, Edits, Statement, Step
from archdsl.elaborate.environment import UNKNOWN, BlockDefinition, Bound, Defaults, FileScope, Frame, Names, Trace
from archdsl.elaborate.evaluate import evaluate, evaluate_bool, formula
from archdsl.elaborate.forms import Forms
from archdsl.elaborate.names import check_label, check_output, check_value_name, taps_in
from archdsl.elaborate.repair import repair
from archdsl.elaborate.signature import Signature
from archdsl.elaborate.unknown import unknown_tap
from archdsl.ir import Guard, Node, Output, TensorType
from archdsl.limits import Limits
from archdsl.source import Span
from archdsl.syntax import ast


class Flow(Forms):
    """One elaboration of an ``arch``, statement by statement."""

    def __init__(self, definitions: Definitions, signature: Signature, edits: Edits, limits: Limits) -> None:
        super().__init__(definitions, signature, edits, limits)
        self._looked_at, self._told = 0, 0  # nodes and faults before the last caption
        self._captions: dict[Span, ArchError] = {}
        self._lost_taps: frozenset[str] = frozenset()

    def network(self, arch: ast.Arch, file: FileScope, defaults: Defaults, values: Mapping[str, Bound]) -> None:
        """The whole ``arch`` elaborated, with its parameters bound to ``values``."""
        self._parameters = values
        frame = Frame(file, self._limits, Names(dict(values)), defaults)
        frame.own = {name: bound.defined for name, bound in values.items() if bound.defined is not None}
        frame.labels, frame.in_arch, frame.outermost = self._labels_of(arch), True, True
        arguments = {name: bound.value for name, bound in values.items()}
        self._sizes.check(arch.body, file, values, arch.name.span)
        self.builder.open("", "arch", arch.name.id, None, arch.span, entry=None, arguments=arguments, doc=arch.body.doc)
        self._depth = -1
        self.body(arch.body, frame)

    def check_inputs(self, found: tuple[Node, ...], span: Span) -> None:
        """Raises E0405 where the caller gave sizes for inputs that the network does not have."""
        self._signature.check_inputs(found, span)

    # --- statements ------------------------------------------------------------------------------------------------------

    def body(self, body: ast.Body, frame: Frame) -> Node | None:
        """The value that leaves ``body``, whose statements are elaborated in ``frame``."""
        self._descend(body.span)
        for statement in body.statements:
            self.builder.step(statement.span)
            before, depth = frame.current, self._depth
            try:
                if isinstance(statement, ast.Pipe):
                    self._statement(statement, frame)
                else:
                    self._declaration(statement, frame)
            except ArchError as fault:
                self._depth = depth
                self._pass_over(fault, statement, before, frame)
        self._depth -= 1
        return frame.current

    def _pass_over(self, fault: ArchError, passed: ast.Statement | ast.Step, before: Node | None, frame: Frame) -> None:
        """Tells ``fault``, which ended what is ``passed``, and lets a doubtful value of the type before it flow on."""
        self._lost_taps |= taps_in(passed)
        self.faults.tell(fault, doubtful=self.builder.doubtful(before, frame.entry))
        if before is not None:
            frame.current = self.builder.stand_in(before, before.type, doubtful=True)

    def _declaration(self, statement: ast.Let | ast.Defaults | ast.Expect | ast.Input | ast.About, frame: Frame) -> None:
        if isinstance(statement, ast.Let):
            self._let(statement, frame)
        elif isinstance(statement, ast.Defaults):
            self._definitions.check_defaults(statement, frame.file)
            frame.add_defaults(statement.callee.id, statement.arguments)
        elif isinstance(statement, ast.Expect):
            self._expect(statement, frame)
        elif isinstance(statement, ast.Input):
            self._input(statement, frame)
        elif not frame.outermost:
            raise error("E0501", "`about` stands at the start of a file, `arch` or variant", statement.span)

    def _expect(self, statement: ast.Expect, frame: Frame) -> None:
        """Tells E0304 where the caption does not hold; what follows is looked at as if it held."""
        current = self._current(frame, statement.span)
        if not self._signature.as_declared:
            note = "not checked: it holds for the network as declared"
            self.notes.append(Diagnostic("E0304", note, Label(statement.span), severity="note"))
            return
        wanted = self._signature.expected(statement, frame)
        doubtful = self.builder.doubtful(current)
        if wanted != current.type.shape:
            doubtful = doubtful or self.faults.of_shapes_since(self._told)
            again = self._captions.get(statement.span)
            if again is not None or not doubtful:
                fault = again or self._caption_fault(statement, current, wanted, frame)
                self._captions[statement.span] = fault
                self.faults.tell(fault, doubtful=False)
            if len(wanted) in (1, 3) and min(wanted) > 0:  # after a fault told above, the caption is what to go by
                frame.current = self.builder.stand_in(current, TensorType(wanted), doubtful=not doubtful)
        elif doubtful:
            frame.current = self.builder.stand_in(current, current.type, doubtful=False)
        self._looked_at, self._told = len(self.builder.nodes), len(self.faults)

    def _caption_fault(self, statement: ast.Expect, current: Node, wanted: tuple[int, ...], frame: Frame) -> ArchError:
        nodes = self.builder.nodes[self._looked_at :]
        found = repair(nodes, (*self.builder.nodes[: self._looked_at], *self.builder.stand_ins), current, wanted)
        since = {node.path for node in nodes}
        trail = [trace for trace in frame.trail if trace.after.path in since]
        return caption_fault(statement, current, wanted, found, frame, trail, self.builder.scopes, self._definitions.library)

    def _let(self, statement: ast.Let, frame: Frame) -> None:
        name = statement.name
        check_value_name(name)
        if name.id in frame.own:
            first = Label(frame.own[name.id], "first defined here")
            raise error("E0202", f"`{name.id}` is defined twice", name.span, "defined again", secondary=[first])
        try:
            value = value_of(statement.value, frame)
        except ArchError:
            frame.bind(name.id, UNKNOWN, name.span)
            raise
        frame.bind(name.id, value.as_let(name), name.span)

    # --- pipes -----------------------------------------------------------------------------------------------------------

    def _statement(self, pipe: ast.Pipe, frame: Frame) -> None:
        """``pipe`` done, and what edits put beside it."""
        if not self._edits:
            self._pipe(pipe, None, frame, merged=False)
            return
        for each in self._edited(pipe, frame):
            self._foreign_pipe(each, frame, merged=False)

    def branches(self, pipe: ast.Pipe, frame: Frame) -> Iterator[ast.Pipe]:
        """The branches that ``pipe`` and the edits beside it make, each one elaborated when its turn comes."""
        if not self._edits:
            if self._pipe(pipe, None, frame, merged=True):
                yield pipe
            return
        for each in self._edited(pipe, frame):
            if self._foreign_pipe(each, frame, merged=True):
                yield each.pipe

    def _edited(self, pipe: ast.Pipe, frame: Frame) -> list[Statement]:
        """What edits make of ``pipe``; one whose guard is false is not there for them."""
        if pipe.guard is not None and not evaluate_bool(pipe.guard, frame, "a guard"):
            return [Statement(pipe)]

        def holds(each: Edit) -> bool:
            guard = each.edit.step.guard if isinstance(each.edit, ast.Insert) else None
            return guard is None or evaluate_bool(guard, foreign(frame, each), "a guard")

        return self._edits.statements(pipe, frame, holds)

    def _foreign_pipe(self, statement: Statement, frame: Frame, *, merged: bool) -> bool:
        """Whether anything of ``statement`` is there, now done in the frame that its text sees."""
        inner = frame if statement.edit is None else foreign(frame, statement.edit)
        present = self._pipe(statement.pipe, statement.steps, inner, merged=merged)
        frame.current = inner.current
        return present

    def _pipe(self, pipe: ast.Pipe, steps: Sequence[Step] | None, frame: Frame, *, merged: bool) -> bool:
        """Whether the statement is there: false, and nothing done, where its guard is false or every step of it is dropped.

        ``steps`` stand in the place of those of ``pipe``, where edits have been at it.
        """
        if pipe.guard is None:
            return self._steps(pipe, steps, frame)
        present = evaluate_bool(pipe.guard, frame, "a guard")
        entry = frame.current.path if frame.current is not None else ""
        first = len(self.builder.nodes)
        done = self._steps(pipe, steps, frame) if present else False
        exit_ = frame.current.path if frame.current is not None else ""
        label = pipe.steps[0].label.name if pipe.steps[0].label is not None else ""
        nodes = (first, len(self.builder.nodes))
        condition = formula(pipe.guard, frame)
        self.builder.guards.append(Guard(frame.scope, pipe.span, label, present, entry, exit_, nodes, merged, condition))
        return done

    def _steps(self, pipe: ast.Pipe, steps: Sequence[Step] | None, frame: Frame) -> bool:
        """Whether any step is left and done."""
        if steps is None:
            for labelled in pipe.steps:
                self._labelled(labelled, frame, None)
            return True
        for step in steps:
            if step.edit is None or step.edit.next == frame.since:
                self._labelled(step.labelled, frame, step.address)
            else:
                inner = foreign(frame, step.edit)
                self._labelled(step.labelled, inner, step.address)
                frame.current = inner.current
        return bool(steps)

    def _labelled(self, labelled: ast.LabelledStep, frame: Frame, address: str | None) -> None:
        before, depth, active = frame.current, self._depth, len(self._active)
        try:
            self._step(labelled, frame, address)
        except ArchError as fault:
            self._depth = depth
            del self._active[active:]
            self._pass_over(fault, labelled.step, before, frame)
            return
        if before is not None and frame.current is not None and not isinstance(labelled.step, ast.Body):
            frame.trail.append(Trace(labelled.step.span, before, frame.current))

    def _step(self, labelled: ast.LabelledStep, frame: Frame, address: str | None) -> None:
        step, label = labelled.step, labelled.label
        path, twice = None, False
        if label is not None:
            if isinstance(step, ast.Tap | ast.Output):
                raise error("E0501", "a `tap` or `output` takes no label", label.span, "its own name is enough")
            path = frame.path(label.name)
            try:
                check_label(label.name, label.span)
                self._paths.claim(path, label.span)
            except ArchError as fault:  # the step itself is sound
                self.faults.tell(fault, doubtful=False)
                twice = fault.diagnostics[0].code == "E0202"
                path = self.builder.aside(path) if twice else path
            if label.was:
                self.builder.renames[path] = tuple(frame.path(old) for old in label.was)
        self.place(step, path, frame, None if path is not None else address)
        if twice and frame.current is not None:  # one of the two is likely too much
            frame.current = self.builder.stand_in(frame.current, frame.current.type, doubtful=True)

    # --- steps -----------------------------------------------------------------------------------------------------------

    def place(self, step: ast.Step, path: str | None, frame: Frame, address: str | None = None) -> None:
        """``step`` done at ``path``; a step without a path names itself."""
        if isinstance(step, ast.Call):
            self._call(step, path, frame, address)
        elif isinstance(step, ast.Body):
            self._nested(step, path, frame)
        elif isinstance(step, ast.Repeat):
            self._repeat(step, path, frame)
        elif isinstance(step, ast.From):
            frame.current = self._tapped(step.tap, frame)
        elif isinstance(step, ast.Tap):
            self._tap(step.name, self._current(frame, step.span), frame)
        else:
            self._output(step, frame)

    def _call(self, call: ast.Call, path: str | None, frame: Frame, address: str | None) -> None:
        target = self._definitions.callable(call.callee, frame.file)
        if isinstance(target, BlockDefinition):
            frame.current = self._block(call, target, path, frame, address)
        elif target == "residual":
            frame.current = self._residual(call, path, frame, address)
        elif target == "side":
            self._side(call, path, frame)
        elif isinstance(target, str):
            raise InternalError(f"the form `{target}` is not elaborated")
        elif target.inputs == (1, 1):
            frame.current = self._operator(call, target, path, frame, address)
        else:
            frame.current = self._merge(call, target, path, frame, address)

    def _nested(self, body: ast.Body, path: str | None, frame: Frame) -> None:
        inner = frame.inner(frame.current)
        if path is not None:
            inner.scope = self.builder.open(path, "body", "", frame.scope, body.span, entry=frame.current, doc=body.doc)
            inner.prefix = path
        frame.current = self.body(body, inner)
        frame.trail += inner.trail
        if path is not None:
            self.builder.close(inner.scope, frame.current)

    # --- taps, inputs, outputs -------------------------------------------------------------------------------------------

    def _tap(self, name: ast.Name, node: Node, frame: Frame) -> None:
        taken = frame.taps.get(name.id)
        if taken is not None:
            first = Label(taken[1], "first named here")
            raise error("E0202", f"two taps `{name.id}`", name.span, "named again", secondary=[first])
        frame.taps[name.id] = (node, name.span)

    def _tapped(self, name: ast.Name, frame: Frame) -> Node:
        found = frame.taps.get(name.id)
        if found is not None:
            return found[0]
        if name.id in self._lost_taps:
            raise ArchError  # a consequence of what is told already
        raise unknown_tap(name, frame.taps.all(), frame.labels)

    def _input(self, statement: ast.Input, frame: Frame) -> None:
        if not frame.outermost:
            raise error("E0501", "`input` stands directly in an `arch`", statement.span)
        op = self._signature.input(statement, frame)
        check_output(statement.name.name, statement.name.span)
        path = self._paths.claim(statement.name.name, statement.name.span)
        facts = self.builder.facts(op, (), statement.span)
        origins = self._signature.origins(statement)
        frame.current = frame.entry = self.builder.add(op, (), path, 0, statement.span, origins, facts)
        self._tap(ast.Name(statement.name.name, statement.name.span), frame.current, frame)

    def _output(self, step: ast.Output, frame: Frame) -> None:
        name = step.name
        if not frame.in_arch:
            raise error("E0501", "`output` stands in an `arch`, not in a block or a repeat", step.span)
        check_output(name.id, name.span)
        given = bind(step.arguments, name, ("weight",), ())
        weight = None
        if "weight" in given:
            value = evaluate(expression(given["weight"], "`weight`"), frame)
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise error("E0401", "`weight` needs a number of 0 or more", given["weight"].value.span)
            weight = float(value)
        node = self._current(frame, step.span)
        self.builder.output(Output(name.id, node.path, name.span, frame.in_side, weight))
