"""The forms that shape the flow: merges, residuals, side roads and repeats."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace

from archdsl.diagnostics import ArchError, error
from archdsl.elaborate.arguments import bind, value_of
from archdsl.elaborate.blame import merge_fault, operator_fault, residual_fault
from archdsl.elaborate.calls import Calls, foreign
from archdsl.elaborate.edits import replacement
from archdsl.elaborate.environment import Bound, Frame, Names, Trace
from archdsl.elaborate.evaluate import describe
from archdsl.elaborate.names import check_value_name, labels_in
from archdsl.ir import Node, Op, OpError, Origin
from archdsl.ops import help_with
from archdsl.syntax import ast


class Forms(Calls):
    """An elaboration that knows, beside calls, what is written with a body behind it, and repeats."""

    @abstractmethod
    def branches(self, pipe: ast.Pipe, frame: Frame) -> Iterator[ast.Pipe]:
        """The branches that ``pipe`` and the edits beside it make, each one elaborated when its turn comes."""

    @abstractmethod
    def place(self, step: ast.Step, path: str | None, frame: Frame, address: str | None = None) -> None:
        """``step`` done at ``path``; a step without a path names itself."""

    # --- merges ----------------------------------------------------------------------------------------------------------

    def _merge(self, call: ast.Call, operator: type[Op], path: str | None, frame: Frame, address: str | None) -> Node:
        body = _required_body(call)
        where = path or frame.path(call.callee.id)
        op, origins = self._built(call, operator, where, frame, address)
        inner = self._opened(call, path, frame)
        if path is None:
            path = where = self._automatic(call, frame, address)
        branches = self._elaborated(call, body, inner)
        _check_number(call, operator, len(branches), where)
        values = [node for node, _ in branches]
        try:
            facts = self.builder.facts(op, values, call.callee.span)
        except OpError as fault:
            if self.builder.doubtful(*values):
                raise ArchError from None  # a consequence of what is told already
            raise merge_fault(fault, op.keyword, call.callee.span, branches, where) from None
        return self._closed(self.builder.add(op, values, path, inner.scope, call.span, origins, facts), inner, frame)

    def _elaborated(self, call: ast.Call, body: ast.Body, inner: Frame) -> list[tuple[Node, list[Trace]]]:
        """The value of each branch that is there, with what its steps did."""
        self._descend(call.callee.span)
        found: list[tuple[Node, list[Trace]]] = []
        for statement in body.statements:
            if not isinstance(statement, ast.Pipe):
                if not isinstance(statement, ast.Let | ast.Defaults):
                    raise error("E0501", f"each statement of `{call.callee.id}` is a branch", statement.span, "this is none")
                self.body(replace(body, statements=(statement,)), inner)
                continue
            self.builder.step(statement.span)
            _check_branch(statement, call)
            inner.current, inner.trail = inner.entry, []
            for branch in self.branches(statement, inner):
                found.append((self._current(inner, branch.span), inner.trail))
                inner.current, inner.trail = inner.entry, []
        self._depth -= 1
        return found

    # --- residuals -------------------------------------------------------------------------------------------------------

    def _residual(self, call: ast.Call, path: str | None, frame: Frame, address: str | None) -> Node:
        body = _required_body(call)
        where = path or frame.path(call.callee.id)
        side_road = next((each.value for each in call.arguments if each.name == "shortcut"), None)
        if side_road is not None and not isinstance(side_road, ast.Body):
            raise error("E0401", "`shortcut` takes a body", side_road.span, help="write `shortcut = { … }`")
        bound = self._arguments(_without_shortcut(call), ("scale",), (), where, frame, address)
        origins = {name: value.origin for name, value in bound.items()}
        inner = self._opened(call, path, frame)
        if path is None:
            path = where = self._automatic(call, frame, address)
        entry = self._current(inner, call.span)
        shortcut = entry
        if side_road is not None:
            shortcut = self.body(side_road, inner.inner(entry)) or entry
        inside = inner.inner(entry)
        result = self.body(body, inside) or entry
        op = self._sum(call, bound, origins, where)
        if shortcut.type != result.type:
            if not self.builder.doubtful(shortcut, result):
                fault = residual_fault(shortcut, result, inside.trail, call, where, self.builder.nodes, plain=shortcut is entry)
                self.faults.tell(fault, doubtful=False)
            return self._closed(shortcut, inner, frame)  # the shape that it is to have
        facts = self.builder.facts(op, (shortcut, result), call.callee.span)
        node = self.builder.add(op, (shortcut, result), path, inner.scope, call.span, origins, facts)
        return self._closed(node, inner, frame)

    def _sum(self, call: ast.Call, bound: dict[str, Bound], origins: dict[str, Origin], where: str) -> Op:
        """The scaled sum that ends a residual."""
        try:
            return self.builder.built(self._definitions.operators["add"], {name: each.value for name, each in bound.items()})
        except OpError as fault:
            raise operator_fault(fault, "residual", call, origins, where) from None

    def _opened(self, call: ast.Call, path: str | None, frame: Frame) -> Frame:
        """The frame of a merge's or residual's braces, with a scope of its own where it has a path."""
        current = self._current(frame, call.span)
        inner = frame.inner(current)
        if path is not None:
            doc = "" if call.body is None else call.body.doc
            inner.scope = self.builder.open(path, "merge", call.callee.id, frame.scope, call.span, entry=current, doc=doc)
            inner.prefix = path
        return inner

    def _closed(self, node: Node, inner: Frame, frame: Frame) -> Node:
        if inner.scope != frame.scope:
            self.builder.close(inner.scope, node)
        return node

    # --- side roads ------------------------------------------------------------------------------------------------------

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

    # --- repeats ---------------------------------------------------------------------------------------------------------

    def _repeat(self, repeat: ast.Repeat, path: str | None, frame: Frame) -> None:
        bound, count = self._count(repeat, path, frame)
        made = len(self.builder.nodes)
        self._sizes.check_repeat(repeat, count, frame.file, frame.values.all(), made)
        self._descend(repeat.span)
        scope = frame.scope
        if path is not None:
            callee = repeat.step.callee.id if isinstance(repeat.step, ast.Call) else ""
            arguments, origins = {"count": count}, {"count": bound.origin}
            scope = self.builder.open(
                path,
                "repeat",
                callee,
                frame.scope,
                repeat.span,
                entry=frame.current,
                arguments=arguments,
                origins=origins,
            )
        for index in range(count):
            self.builder.step(repeat.span)
            inner = frame.inner(frame.entry)
            inner.current, inner.scope, inner.taps, inner.outermost = frame.current, scope, Names(outer=frame.taps), False
            inner.in_arch = False  # an iteration gives one value, to the next
            if repeat.variable is not None:
                variable = Bound(index, "let", repeat.variable.span).as_index(repeat.variable)
                inner.values = Names({repeat.variable.id: variable}, frame.values)
            if path is not None:
                self._iteration(repeat.step, f"{path}[{index}]", inner)
            else:
                self.place(repeat.step, None, inner)
                made = self._check_unlabelled(repeat, made)
            frame.current = inner.current
        self._depth -= 1
        if path is not None:
            self.builder.close(scope, frame.current)

    def _count(self, repeat: ast.Repeat, path: str | None, frame: Frame) -> tuple[Bound, int]:
        """How often to repeat, as written or as an edit sets it; raises E04 for what is no count."""
        if repeat.variable is not None:
            check_value_name(repeat.variable)
        bound = value_of(repeat.count, frame)
        place = repeat.count.span
        for each, edit in self._edits.sets(self._edits.address(path)) if self._edits and path is not None else ():
            if edit.name.id == "repeat":
                bound, place = self._set_value(each, edit), edit.value.span
        count = bound.value
        if isinstance(count, bool) or not isinstance(count, int):
            help_ = help_with(count) if isinstance(count, float) else None
            raise error("E0401", f"a repeat needs a whole number, this is {describe(count)}", place, help=help_)
        if count < 0:
            raise error("E0402", f"a repeat of {count}", place, "counts are 0 or more")
        return bound, count

    def _check_unlabelled(self, repeat: ast.Repeat, made: int) -> int:
        """The number of nodes now; raises E0204 where what an iteration without a path made needs names of its own."""
        nodes = self.builder.nodes
        weighted = any(nodes[index].weights for index in range(made, len(nodes)))
        if weighted or labels_in(ast.Body((_statement(repeat.step),), "", repeat.span)):
            what = "weights" if weighted else "labels"
            message = f"a repeat with {what} and without a label"
            raise error("E0204", message, repeat.span, "needs a label", help="write `name: repeat …`")
        return len(nodes)

    def _iteration(self, step: ast.Step, path: str, frame: Frame) -> None:
        """The step of a repeat at the path of one iteration, as edits have left it."""
        inner = frame
        for each in self._edits.iteration(path, frame.since) if self._edits else ():
            if isinstance(each.edit, ast.Drop):  # the iteration stays as the identity, so that the others keep their paths
                self.builder.open(path, "body", "", frame.scope, step.span, entry=frame.current)
                return
            if isinstance(each.edit, ast.Insert):
                help_ = f"name a step inside: `{path}.name`"
                raise error("E0405", "nothing can stand between iterations", each.edit.path.span, help=help_)
            if isinstance(each.edit, ast.Replace):
                step, inner = replacement(each.edit).step, foreign(frame, each)
        self.place(step, path, inner)
        frame.current = inner.current


def _statement(step: ast.Step) -> ast.Pipe:
    return ast.Pipe((ast.LabelledStep(None, step, step.span),), None, step.span)


def _required_body(call: ast.Call) -> ast.Body:
    if call.body is None:
        what = call.callee.id
        help_ = f"write `{what} {{ … }}`, with `{{` on the same line"
        raise error("E0501", f"`{what}` needs a body", call.callee.span, help=help_)
    return call.body


def _without_shortcut(call: ast.Call) -> ast.Call:
    kept = tuple(each for each in call.arguments if each.name != "shortcut")
    return call if len(kept) == len(call.arguments) else replace(call, arguments=kept)


def _check_branch(statement: ast.Pipe, call: ast.Call) -> None:
    first = statement.steps[0].step
    beside = isinstance(first, ast.Call) and first.callee.id == "side"
    if beside or isinstance(first, ast.Tap | ast.Output):
        raise error("E0501", f"each statement of `{call.callee.id}` is a branch", statement.span, "this is none")


def _check_number(call: ast.Call, operator: type[Op], branches: int, path: str) -> None:
    """Raises E0502 where no branch is left, E0501 where an operator takes another number of them."""
    if not branches:
        raise error("E0502", f"`{call.callee.id}` has no branches left", call.callee.span, "nothing to merge", path=path)
    fewest, most = operator.inputs
    if branches < fewest or (most is not None and branches > most):
        number = str(fewest) if fewest == most else f"{fewest} or more" if most is None else f"{fewest} to {most}"
        message = f"`{call.callee.id}` takes {number} branches, here it has {branches}"
        raise error("E0501", message, call.callee.span, path=path)
