"""Statements turned into nodes: the flow through pipes, calls, merges, residuals, side roads and repeats.

Every statement takes the current value of its frame and replaces it.  A step is *placed* at a path: the one its label gives it,
the one an iteration has (``a[3]``), or none, in which case what is inside takes paths of the enclosing braces.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from archdsl.diagnostics import Diagnostic, InternalError, Label, error
from archdsl.elaborate.arguments import bind, evaluate_all, expression, unknown_argument, value_of
from archdsl.elaborate.blame import merge_fault, operator_fault, residual_fault
from archdsl.elaborate.builder import Builder, too_large
from archdsl.elaborate.definitions import Definitions, add_defaults
from archdsl.elaborate.edits import Edit, Edits, kind_of, replacement
from archdsl.elaborate.environment import BlockDefinition, Bound, FileScope, Frame, Trace
from archdsl.elaborate.evaluate import describe, evaluate, evaluate_bool, formula
from archdsl.elaborate.names import Paths, check_label, check_output, check_value_name, labels_in
from archdsl.elaborate.signature import Signature
from archdsl.ir import Guard, Node, Op, OpError, Origin, Output
from archdsl.limits import Limits
from archdsl.ops import build
from archdsl.source import Source, Span
from archdsl.syntax import ast


class Flow:
    """One elaboration: what it knows of the definitions, and the graph it has built so far."""

    def __init__(self, definitions: Definitions, signature: Signature, edits: Edits, limits: Limits) -> None:
        self.builder = Builder(limits)
        self.notes: list[Diagnostic] = []
        self._definitions = definitions
        self._signature = signature
        self._edits = edits
        self._parameters: Mapping[str, Bound] = {}
        self._limits = limits
        self._main: Source = definitions.main.file.source
        self._paths = Paths()
        self._calls: list[Span] = []
        self._active: list[BlockDefinition] = []
        self._labels: dict[int, frozenset[str]] = {}

    # --- statements ------------------------------------------------------------------------------------------------------

    def body(self, body: ast.Body, frame: Frame) -> Node | None:
        """The value that leaves ``body``, whose statements are elaborated in ``frame``."""
        for statement, file in self._statements(body, frame):
            self.builder.step(statement.span)
            if isinstance(statement, ast.Pipe):
                self.pipe(statement, frame, file)
            elif isinstance(statement, ast.Let):
                self._let(statement, frame)
            elif isinstance(statement, ast.Defaults):
                self._definitions.callable(statement.callee, frame.file)
                add_defaults(statement, frame)
            elif isinstance(statement, ast.Expect):
                self._expect(statement, frame)
            elif isinstance(statement, ast.Input):
                self._input(statement, frame)
            elif not frame.in_arch or frame.prefix:
                raise error("E0501", "`about` stands at the start of a file, `arch` or variant", statement.span)
        return frame.current

    def _let(self, statement: ast.Let, frame: Frame) -> None:
        name = statement.name
        check_value_name(name)
        if name.id in frame.own:
            first = Label(frame.own[name.id], "first defined here")
            raise error("E0202", f"`{name.id}` is defined twice", name.span, "defined again", secondary=[first])
        value = value_of(statement.value, frame)
        frame.own[name.id] = name.span
        frame.values[name.id] = Bound(value.value, "let", value.span, value.formula, name.span)

    def pipe(self, pipe: ast.Pipe, frame: Frame, file: FileScope | None = None, *, merged: bool = False) -> bool:
        """Whether the statement is there: false, and nothing done, where its guard is false or every step of it is dropped.

        ``file`` is the one whose blocks the text sees, where that is not the frame's own.
        """
        if file is not None:
            inner = _foreign(frame, file)
            present = self.pipe(pipe, inner, merged=merged)
            frame.current = inner.current
            return present
        if pipe.guard is None:
            return self._steps(pipe, frame)
        present = evaluate_bool(pipe.guard, frame, "a guard")
        entry = frame.current.path if frame.current is not None else ""
        first = len(self.builder.nodes)
        done = self._steps(pipe, frame) if present else False
        exit_ = frame.current.path if frame.current is not None else ""
        label = pipe.steps[0].label.name if pipe.steps[0].label is not None else ""
        nodes = (first, len(self.builder.nodes))
        condition = formula(pipe.guard, frame)
        self.builder.guards.append(Guard(frame.scope, pipe.span, label, present, entry, exit_, nodes, merged, condition))
        return done

    def _steps(self, pipe: ast.Pipe, frame: Frame) -> bool:
        """Whether any step of ``pipe`` is left and done."""
        done = False
        for index, labelled in enumerate(pipe.steps):
            path = self._path_of(labelled, frame) if self._edits else None
            if path is not None and index > 0:
                self._insert(path, frame, before=True)
            done = self._step(labelled, path, frame) or done
            if path is not None and index < len(pipe.steps) - 1:
                self._insert(path, frame, before=False)
        return done

    def _step(self, labelled: ast.LabelledStep, edited: str | None, frame: Frame) -> bool:
        """Whether the step is there; ``edited`` is the path at which edits may drop or replace it."""
        for each in self._edits.changes(edited) if edited is not None else ():
            if isinstance(each.edit, ast.Drop):
                each.hits += 1
                if labelled.label is None and isinstance(labelled.step, ast.Call):
                    self._paths.automatic(frame.path(labelled.step.callee.id), labelled.span, frame.labels)
                return False
            if isinstance(each.edit, ast.Replace):
                each.hits += 1
                step = replacement(each.edit)
                inner = _foreign(frame, each.file)
                self._labelled(ast.LabelledStep(labelled.label, step, step.span), inner)
                frame.current = inner.current
                return True
        self._labelled(labelled, frame)
        return True

    def _labelled(self, labelled: ast.LabelledStep, frame: Frame) -> None:
        step, label = labelled.step, labelled.label
        before = frame.current
        path = None
        if label is not None:
            if isinstance(step, ast.Tap | ast.Output):
                raise error("E0501", "a `tap` or `output` takes no label", label.span, "its own name is enough")
            check_label(label.name, label.span)
            path = self._paths.claim(frame.path(label.name), label.span)
            if label.was:
                self.builder.renames[path] = tuple(frame.path(old) for old in label.was)
        self._place(step, path, frame)
        if before is not None and frame.current is not None and not isinstance(step, ast.Body):
            place = step.callee.span.to(step.span) if isinstance(step, ast.Call) else step.span
            frame.trail.append(Trace(place, before, frame.current))

    # --- edits -----------------------------------------------------------------------------------------------------------

    def _statements(self, body: ast.Body, frame: Frame) -> Iterator[tuple[ast.Statement, FileScope | None]]:
        """The statements of ``body`` and what edits insert beside them, each with the file whose blocks it sees, if another."""
        for statement in body.statements:
            if not self._edits or not isinstance(statement, ast.Pipe):
                yield statement, None
                continue
            present = statement.guard is None or evaluate_bool(statement.guard, frame, "a guard")
            first = self._path_of(statement.steps[0], frame) if present else None
            yield from self._inserted(first, before=True)
            last = self._path_of(statement.steps[-1], frame) if present else None
            after = list(self._inserted(last, before=False))
            yield statement, None
            yield from after

    def _inserted(self, path: str | None, *, before: bool) -> Iterator[tuple[ast.Pipe, FileScope]]:
        for each in self._edits.changes(path) if path is not None else ():
            if isinstance(each.edit, ast.Insert) and each.edit.before == before:
                each.hits += 1
                yield each.edit.step, each.file

    def _insert(self, path: str, frame: Frame, *, before: bool) -> None:
        for pipe, file in self._inserted(path, before=before):
            self.pipe(pipe, frame, file)

    def _path_of(self, labelled: ast.LabelledStep, frame: Frame) -> str | None:
        """The path at which edits find a step: its label's, else that of the name it will get; None where it has none."""
        if labelled.label is not None:
            return frame.path(labelled.label.name)
        if isinstance(labelled.step, ast.Call):
            return self._paths.next_automatic(frame.path(labelled.step.callee.id), frame.labels)
        return None

    def _arguments(
        self, call: ast.Call, names: Collection[str], positional: Sequence[str], path: str, frame: Frame
    ) -> dict[str, Bound]:
        """The arguments of ``call`` as written, from defaults, and as edits set them."""
        bound: dict[str, Bound] = {}
        if call.arguments or call.callee.id in frame.defaults:
            bound = evaluate_all(bind(call.arguments, call.callee, names, positional), call.callee, frame, names)
        for each, edit in self._edits.sets(path) if self._edits else ():
            if edit.name.id not in names:
                raise unknown_argument(edit.name.id, edit.name.span, call.callee, names)
            bound[edit.name.id] = self._set_value(each, edit)
        return bound

    def _set_value(self, each: Edit, edit: ast.Set) -> Bound:
        each.hits += 1
        where = Frame(each.file, self._limits, {**each.file.top.values, **self._parameters}, {})
        return Bound(evaluate(edit.value, where), kind_of(edit), edit.value.span)

    def _place(self, step: ast.Step, path: str | None, frame: Frame) -> None:
        """``step`` done at ``path``; a step without a path names itself."""
        if isinstance(step, ast.Call):
            self._call(step, path, frame)
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

    def _nested(self, body: ast.Body, path: str | None, frame: Frame) -> None:
        inner = frame.inner(frame.current)
        if path is not None:
            inner.scope = self.builder.open(path, "body", "", frame.scope, body.span, entry=frame.current, doc=body.doc)
            inner.prefix = path
        frame.current = self.body(body, inner)
        frame.trail += inner.trail
        if path is not None:
            self.builder.close(inner.scope, frame.current)

    # --- calls -----------------------------------------------------------------------------------------------------------

    def _call(self, call: ast.Call, path: str | None, frame: Frame) -> None:
        target = self._definitions.callable(call.callee, frame.file)
        if isinstance(target, BlockDefinition):
            frame.current = self._block(call, target, path, frame)
        elif target == "residual":
            frame.current = self._residual(call, path, frame)
        elif target == "side":
            self._side(call, path, frame)
        elif isinstance(target, str):
            raise InternalError(f"the form `{target}` is not elaborated")
        elif target.inputs == (1, 1):
            frame.current = self._operator(call, target, path, frame)
        else:
            frame.current = self._merge(call, target, path, frame)

    def _operator(self, call: ast.Call, operator: type[Op], path: str | None, frame: Frame) -> Node:
        if call.body is not None:
            raise error("E0501", f"`{call.callee.id}` takes no body", call.body.span)
        current = self._current(frame, call.span)
        op, origins = self._built(call, operator, path or frame.path(call.callee.id), frame)
        try:
            facts = self.builder.facts(op, (current,), call.span)
        except OpError as fault:
            where = path or frame.path(call.callee.id)
            raise operator_fault(fault, op.keyword, call.span, origins, self._calls, where, self._main) from None
        if path is None:
            segment, span = frame.path(call.callee.id), call.callee.span
            if facts.weights:
                path = self._paths.weighted(segment, span, call.callee.id)
            else:
                path = self._paths.automatic(segment, span, frame.labels)
        return self.builder.add(op, (current,), path, frame.scope, call.span, origins, facts)

    def _built(self, call: ast.Call, operator: type[Op], path: str, frame: Frame) -> tuple[Op, dict[str, Origin]]:
        """The operator that ``call`` describes, and where each of its attributes comes from."""
        bound = self._arguments(call, operator.model_fields, operator.positional, path, frame)
        origins = {name: value.origin for name, value in bound.items()}
        try:
            return build(operator, {name: value.value for name, value in bound.items()}), origins
        except OpError as fault:
            raise operator_fault(fault, operator.keyword, call.span, origins, self._calls, path, self._main) from None

    def _block(self, call: ast.Call, definition: BlockDefinition, path: str | None, frame: Frame) -> Node | None:
        block = definition.block
        if call.body is not None:
            raise error("E0501", f"block `{block.name.id}` takes no body", call.body.span)
        self._check_depth(call, definition)
        current = self._current(frame, call.span)
        first, unlabelled = len(self.builder.nodes), path is None
        segment = frame.path(call.callee.id)
        if path is None:
            path = self._paths.automatic(segment, call.callee.span, frame.labels)
        values, origins = self._block_values(call, definition, current, path, frame)
        arguments = {name: bound.value for name, bound in values.items()}
        scope = self.builder.open(
            path,
            "block",
            block.name.id,
            frame.scope,
            call.span,
            entry=current,
            definition=block.span,
            arguments=arguments,
            origins=origins,
            doc=block.body.doc,
        )
        top = definition.file.top
        inner = Frame(definition.file, self._limits, {**top.values, **values}, dict(top.defaults), current, current)
        inner.scope, inner.prefix, inner.labels, inner.in_side = scope, path, self._labels_of(block), frame.in_side
        self._calls.append(call.span)
        self._active.append(definition)
        result = self.body(block.body, inner)
        self._active.pop()
        self._calls.pop()
        self.builder.close(scope, result)
        if unlabelled and path != segment and any(node.weights for node in self.builder.nodes[first:]):
            raise self._paths.unlabelled(call.callee.span, call.callee.id, segment)
        return result

    def _block_values(
        self, call: ast.Call, definition: BlockDefinition, current: Node, path: str, frame: Frame
    ) -> tuple[dict[str, Bound], dict[str, Origin]]:
        """The block's parameters as bound by ``call``, and where the caller has them from."""
        block = definition.block
        names = [parameter.name.id for parameter in block.parameters]
        given = self._arguments(call, names, names, path, frame)
        top = definition.file.top
        inside = Frame(definition.file, self._limits, dict(top.values), {}, current, current)
        values: dict[str, Bound] = {}
        for parameter in block.parameters:
            name = parameter.name
            if name.id in given:
                bound = Bound(given[name.id].value, "parameter", given[name.id].span, name.id, name.span)
            elif parameter.default is not None:
                bound = Bound(evaluate(parameter.default, inside), "default", parameter.default.span, name.id, name.span)
            else:
                declared = Label(name.span, "declared without a default")
                message = f"`{block.name.id}` needs `{name.id}`"
                raise error("E0404", message, call.callee.span, f"`{name.id}` is missing", secondary=[declared])
            values[name.id] = inside.values[name.id] = bound
        return values, {name: value.origin for name, value in given.items()}

    def _check_depth(self, call: ast.Call, definition: BlockDefinition) -> None:
        if definition in self._active:
            chain = [each.block.name.id for each in self._active[self._active.index(definition) :]]
            circle = " uses ".join(f"`{name}`" for name in [*chain, definition.block.name.id])
            raise error("E0504", f"`{definition.block.name.id}` uses itself", call.callee.span, circle, help="use `repeat`")
        if len(self._active) >= self._limits.nesting:
            raise error("E0105", "blocks are nested too deeply", call.callee.span, f"more than {self._limits.nesting} calls")

    # --- forms -----------------------------------------------------------------------------------------------------------

    def _merge(self, call: ast.Call, operator: type[Op], path: str | None, frame: Frame) -> Node:
        body = _required_body(call)
        op, origins = self._built(call, operator, path or frame.path(call.callee.id), frame)
        inner = self._opened(call, path, frame)
        branches: list[tuple[Node, list[Trace]]] = []
        for statement, file in self._statements(body, inner):
            if not isinstance(statement, ast.Pipe):
                if not isinstance(statement, ast.Let | ast.Defaults):
                    raise error("E0501", f"each statement of `{call.callee.id}` is a branch", statement.span, "this is none")
                self.body(replace(body, statements=(statement,)), inner)
                continue
            _check_branch(statement, call)
            inner.current, inner.trail = inner.entry, []
            if self.pipe(statement, inner, file, merged=True):
                branches.append((self._current(inner, statement.span), inner.trail))
        if not branches:
            raise error("E0502", f"`{call.callee.id}` has no branches left", call.callee.span, "nothing to merge", path=path)
        values = [node for node, _ in branches]
        where = path or frame.path(call.callee.id)
        try:
            facts = self.builder.facts(op, values, call.span)
        except OpError as fault:
            raise merge_fault(fault, op.keyword, call.callee.span, branches, where) from None
        if path is None:
            path = self._paths.automatic(where, call.callee.span, frame.labels)
        node = self.builder.add(op, values, path, inner.scope, call.span, origins, facts)
        if inner.scope != frame.scope:
            self.builder.close(inner.scope, node)
        return node

    def _residual(self, call: ast.Call, path: str | None, frame: Frame) -> Node:
        body = _required_body(call)
        where = path or frame.path(call.callee.id)
        side_road = next((each.value for each in call.arguments if each.name == "shortcut"), None)
        if side_road is not None and not isinstance(side_road, ast.Body):
            raise error("E0401", "`shortcut` takes a body", side_road.span, help="write `shortcut = { … }`")
        numbers = replace(call, arguments=tuple(each for each in call.arguments if each.name != "shortcut"))
        bound = self._arguments(numbers, ("scale",), (), where, frame)
        origins = {name: value.origin for name, value in bound.items()}
        inner = self._opened(call, path, frame)
        entry = self._current(inner, call.span)
        shortcut = entry
        if side_road is not None:
            shortcut = self.body(side_road, inner.inner(entry)) or entry
        inside = inner.inner(entry)
        result = self.body(body, inside) or entry
        if shortcut.type != result.type:
            place = call.callee.span
            raise residual_fault(shortcut, result, inside.trail, call.span, place, where, plain=shortcut is entry)
        operator = self._definitions.operators["add"]
        try:
            op = build(operator, {name: value.value for name, value in bound.items()})
            facts = self.builder.facts(op, (shortcut, result), call.span)
        except OpError as fault:
            raise operator_fault(fault, "residual", call.span, origins, self._calls, where, self._main) from None
        if path is None:
            path = self._paths.automatic(where, call.callee.span, frame.labels)
        node = self.builder.add(op, (shortcut, result), path, inner.scope, call.span, origins, facts)
        if inner.scope != frame.scope:
            self.builder.close(inner.scope, node)
        return node

    def _opened(self, call: ast.Call, path: str | None, frame: Frame) -> Frame:
        """The frame of a merge's or residual's braces, with a scope of its own where it has a path."""
        current = self._current(frame, call.span)
        inner = frame.inner(current)
        if path is not None:
            doc = "" if call.body is None else call.body.doc
            inner.scope = self.builder.open(path, "merge", call.callee.id, frame.scope, call.span, entry=current, doc=doc)
            inner.prefix = path
        return inner

    def _side(self, call: ast.Call, path: str | None, frame: Frame) -> None:
        body = _required_body(call)
        bind(call.arguments, call.callee, (), ())
        inner = frame.inner(self._current(frame, call.span))
        inner.in_side = True
        if path is not None:
            inner.scope = self.builder.open(path, "side", "", frame.scope, call.span, entry=frame.current, doc=body.doc)
            inner.prefix = path
        result = self.body(body, inner)
        if path is not None:
            self.builder.close(inner.scope, result)

    def _repeat(self, repeat: ast.Repeat, path: str | None, frame: Frame) -> None:
        bound = value_of(repeat.count, frame)
        for each, edit in self._edits.sets(path) if self._edits and path is not None else ():
            if edit.name.id == "repeat":
                bound = self._set_value(each, edit)
        count = bound.value
        if isinstance(count, bool) or not isinstance(count, int):
            help_ = "use `//` to divide whole numbers" if isinstance(count, float) else None
            raise error("E0401", f"a repeat needs a whole number, this is {describe(count)}", repeat.count.span, help=help_)
        if count < 0:
            raise error("E0402", f"a repeat of {count}", repeat.count.span, "counts are 0 or more")
        if repeat.variable is not None:
            check_value_name(repeat.variable)
        fewest = len(self.builder.nodes) + count * max(1, self._definitions.fewest_nodes(repeat.step, frame.file))
        if fewest > self._limits.nodes:
            raise too_large(fewest, self._limits.nodes, repeat.count.span)
        before = frame.current
        scope = frame.scope
        if path is not None:
            callee = repeat.step.callee.id if isinstance(repeat.step, ast.Call) else ""
            scope = self.builder.open(
                path,
                "repeat",
                callee,
                frame.scope,
                repeat.span,
                entry=before,
                arguments={"count": count},
                origins={"count": bound.origin},
            )
        first = len(self.builder.nodes)
        for index in range(count):
            self.builder.step(repeat.span)
            inner = frame.inner(frame.entry)
            inner.current, inner.scope, inner.taps = frame.current, scope, dict(frame.taps)
            if repeat.variable is not None:
                inner.values[repeat.variable.id] = Bound(index, "let", repeat.variable.span)
            self._iteration(repeat.step, None if path is None else f"{path}[{index}]", inner)
            frame.current = inner.current
        if path is not None:
            self.builder.close(scope, frame.current)
        elif any(node.weights for node in self.builder.nodes[first:]):
            help_ = "write `name: repeat …`"
            raise error("E0204", "a repeat with weights and without a label", repeat.span, "needs a label", help=help_)

    def _iteration(self, step: ast.Step, path: str | None, frame: Frame) -> None:
        for each in self._edits.changes(path) if self._edits and path is not None else ():
            each.hits += 1
            if isinstance(each.edit, ast.Drop):  # the iteration stays as the identity, so that the others keep their paths
                self.builder.open(str(path), "body", "", frame.scope, step.span, entry=frame.current)
                return
            if isinstance(each.edit, ast.Insert):
                help_ = f"name a step inside: `{path}.name`"
                raise error("E0405", "nothing can stand between iterations", each.edit.path.span, help=help_)
            if isinstance(each.edit, ast.Replace):
                inner = _foreign(frame, each.file)
                self._place(replacement(each.edit), path, inner)
                frame.current = inner.current
                return
        self._place(step, path, frame)

    # --- the network's own statements ------------------------------------------------------------------------------------

    def _input(self, statement: ast.Input, frame: Frame) -> None:
        if not frame.in_arch or frame.prefix:
            raise error("E0501", "`input` stands directly in an `arch`", statement.span)
        op = self._signature.input(statement, frame)
        check_output(statement.name.name, statement.name.span)
        path = self._paths.claim(statement.name.name, statement.name.span)
        facts = self.builder.facts(op, (), statement.span)
        frame.current = frame.entry = self.builder.add(op, (), path, 0, statement.span, {}, facts)
        self._tap(ast.Name(statement.name.name, statement.name.span), frame.current, frame)

    def _expect(self, statement: ast.Expect, frame: Frame) -> None:
        current = self._current(frame, statement.span)
        note = self._signature.expect(statement, current, frame)
        if note is not None:
            self.notes.append(note)

    def _output(self, step: ast.Output, frame: Frame) -> None:
        name = step.name
        if not frame.in_arch:
            raise error("E0501", "`output` stands in an `arch`, not in a block", step.span)
        check_output(name.id, name.span)
        for other in self.builder.outputs:
            if other.name == name.id:
                first = Label(other.span, "first here")
                raise error("E0202", f"two outputs `{name.id}`", name.span, "named again", secondary=[first])
        given = bind(step.arguments, name, ("weight",), ())
        weight = None
        if "weight" in given:
            value = evaluate(expression(given["weight"], "`weight`"), frame)
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise error("E0401", "`weight` needs a number of 0 or more", given["weight"].value.span)
            weight = float(value)
        node = self._current(frame, step.span)
        self.builder.outputs.append(Output(name.id, node.path, name.span, frame.in_side, weight))

    def _tap(self, name: ast.Name, node: Node, frame: Frame) -> None:
        if name.id in frame.taps:
            first = Label(frame.taps[name.id][1], "first named here")
            raise error("E0202", f"two taps `{name.id}`", name.span, "named again", secondary=[first])
        frame.taps[name.id] = (node, name.span)

    def _tapped(self, name: ast.Name, frame: Frame) -> Node:
        found = frame.taps.get(name.id)
        if found is None:
            known = ", ".join(f"`{tap}`" for tap in frame.taps) or "none"
            help_ = "name a value with `tap`; a tap is visible from the next line to the end of its block"
            raise error("E0205", f"no tap `{name.id}` is visible here", name.span, notes=[f"visible taps: {known}"], help=help_)
        return found[0]

    # --- odds ------------------------------------------------------------------------------------------------------------

    def _current(self, frame: Frame, span: Span) -> Node:
        if frame.current is None:
            help_ = "begin with `input image: [N, 3, 224, 224]`"
            raise error("E0503", "no value flows here yet", span, "needs an input", help=help_)
        return frame.current

    def _labels_of(self, block: ast.Block | ast.Arch) -> frozenset[str]:
        found = self._labels.get(id(block))
        if found is None:
            found = self._labels[id(block)] = labels_in(block.body)
        return found

    def network(self, arch: ast.Arch, file: FileScope, values: Mapping[str, Bound], arguments: Mapping[str, object]) -> None:
        """The whole ``arch`` elaborated, with its parameters bound to ``values``."""
        top, self._parameters = file.top, values
        frame = Frame(file, self._limits, {**top.values, **values}, dict(top.defaults))
        frame.labels, frame.in_arch = self._labels_of(arch), True
        self.builder.open("", "arch", arch.name.id, None, arch.span, entry=None, arguments=arguments, doc=arch.body.doc)
        self.body(arch.body, frame)

    def check_inputs(self, found: tuple[Node, ...], span: Span) -> None:
        """Raises E0405 where the caller gave sizes for inputs that the network does not have."""
        self._signature.check_inputs(found, span)


def _foreign(frame: Frame, file: FileScope) -> Frame:
    """``frame`` for a text of an edit, which sees the values of its place, and the blocks and defaults of its own file too."""
    place = frame.file
    names = FileScope(file.file, {**place.blocks, **file.blocks}, {**place.networks, **file.networks}, file.top)
    return replace(frame, file=names, values={**file.top.values, **frame.values}, defaults=dict(file.top.defaults))


def _required_body(call: ast.Call) -> ast.Body:
    if call.body is None:
        what = call.callee.id
        help_ = f"write `{what} {{ … }}`, with `{{` on the same line"
        raise error("E0501", f"`{what}` needs a body", call.callee.span, help=help_)
    return call.body


def _check_branch(statement: ast.Pipe, call: ast.Call) -> None:
    first = statement.steps[0].step
    beside = isinstance(first, ast.Call) and first.callee.id == "side"
    if beside or isinstance(first, ast.Tap | ast.Output):
        raise error("E0501", f"each statement of `{call.callee.id}` is a branch", statement.span, "this is none")
