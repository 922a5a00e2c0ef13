"""Calls of operators and blocks turned into nodes and scopes.

A call is made *at a path*: the one that its label gives it, the one that an iteration has (``a[3]``), or none, in which case it
names itself after what it calls.  ``address`` is where edits find it, if that is not its path.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence

from archdsl.diagnostics import ArchError, Diagnostic, error
from archdsl.elaborate.arguments import bind, evaluate_all, set_to
from archdsl.elaborate.blame import instance_seen_from, operator_fault, seen_from
from archdsl.elaborate.builder import Builder
from archdsl.elaborate.definitions import Definitions, parameter_names
from archdsl.elaborate.edits import Edit, Edits, kind_of
from archdsl.elaborate.environment import BlockDefinition, Bound, FileScope, Frame, Names
from archdsl.elaborate.names import Paths, labels_in
from archdsl.elaborate.recovery import Faults
from archdsl.elaborate.signature import Signature
from archdsl.elaborate.size import Sizes
from archdsl.elaborate.unknown import missing_argument
from archdsl.ir import Node, Op, OpError, Origin
from archdsl.limits import Limits
from archdsl.source import Span
from archdsl.syntax import ast


class Calls(ABC):
    """One elaboration: what it knows of the definitions, the graph it has built so far, and how a call adds to it."""

    def __init__(self, definitions: Definitions, signature: Signature, edits: Edits, limits: Limits) -> None:
        self.builder = Builder(limits)
        self.notes: list[Diagnostic] = []
        self._definitions = definitions
        self._signature = signature
        self._edits = edits
        self._limits = limits
        self._sizes = Sizes(definitions, limits)
        self._paths = Paths()
        self._parameters: Mapping[str, Bound] = {}
        self._active: list[BlockDefinition] = []
        self._labels: dict[int, frozenset[str]] = {}
        self._depth = 0
        self.faults = Faults()

    @abstractmethod
    def body(self, body: ast.Body, frame: Frame) -> Node | None:
        """The value that leaves ``body``, whose statements are elaborated in ``frame``."""

    # --- operators -------------------------------------------------------------------------------------------------------

    def _operator(self, call: ast.Call, operator: type[Op], path: str | None, frame: Frame, address: str | None) -> Node:
        if call.body is not None:
            raise error("E0501", f"`{call.callee.id}` takes no body", call.body.span)
        current = self._current(frame, call.span)
        where = path or frame.path(call.callee.id)
        op, origins = self._built(call, operator, where, frame, address)
        try:
            facts = self.builder.facts(op, (current,), call.span)
        except OpError as fault:
            raise operator_fault(fault, op.keyword, call, origins, where) from None
        if path is None and facts.weights:
            path = self._paths.weighted(where, call.callee.span, call.callee.id)
            self._edits.move(path, address or path)
        elif path is None:
            path = self._automatic(call, frame, address)
        return self.builder.add(op, (current,), path, frame.scope, call.span, origins, facts)

    def _built(
        self, call: ast.Call, operator: type[Op], path: str, frame: Frame, address: str | None
    ) -> tuple[Op, dict[str, Origin]]:
        """The operator that ``call`` describes, and where each of its attributes comes from."""
        bound = self._arguments(call, parameter_names(operator), operator.positional, path, frame, address)
        origins = {name: value.origin for name, value in bound.items()}
        try:
            return self.builder.built(operator, {name: value.value for name, value in bound.items()}), origins
        except OpError as fault:
            raise operator_fault(fault, operator.keyword, call, origins, path) from None

    def _automatic(self, call: ast.Call, frame: Frame, address: str | None) -> str:
        """The path, now taken, of a call without a label and without weights."""
        path = self._paths.automatic(frame.path(call.callee.id), call.callee.span, frame.labels)
        self._edits.move(path, address or path)
        return path

    def _arguments(
        self,
        call: ast.Call,
        names: Collection[str],
        positional: Sequence[str],
        path: str,
        frame: Frame,
        address: str | None = None,
    ) -> dict[str, Bound]:
        """The arguments of ``call`` as written, from defaults, and as edits set them."""
        bound: dict[str, Bound] = {}
        if call.arguments or call.callee.id in frame.defaults:
            bound = evaluate_all(bind(call.arguments, call.callee, names, positional), call.callee, frame)
        if self._edits:
            for each, edit in self._edits.sets(address or self._edits.address(path)):
                if edit.name.id in names:
                    bound[edit.name.id] = self._set_value(each, edit)
                else:
                    each.lacking.setdefault(call.callee.id, (call.callee, tuple(names)))
        return bound

    def _set_value(self, each: Edit, edit: ast.Set) -> Bound:
        each.hits += 1
        where = Frame(each.file, self._limits, Names(dict(self._parameters)), {})
        return set_to(edit.value, where, kind_of(edit))

    # --- blocks ----------------------------------------------------------------------------------------------------------

    def _block(
        self, call: ast.Call, definition: BlockDefinition, path: str | None, frame: Frame, address: str | None
    ) -> Node | None:
        block = definition.block
        if call.body is not None:
            raise error("E0501", f"block `{block.name.id}` takes no body", call.body.span)
        self._check_depth(call, definition)
        current = self._current(frame, call.span)
        first, unlabelled = len(self.builder.nodes), path is None
        segment = frame.path(call.callee.id)
        if path is None:
            path = self._automatic(call, frame, address)
        values, origins, defaults = self._block_values(call, definition, current, path, frame)
        scope = self.builder.open(
            path,
            "block",
            block.name.id,
            frame.scope,
            call.span,
            entry=current,
            definition=block.span,
            arguments={name: bound.value for name, bound in values.items()},
            origins=origins,
            doc=block.body.doc,
            defaults=defaults,
        )
        inner = Frame(definition.file, self._limits, Names(dict(values)), definition.defaults, current, current)
        inner.own = {name: bound.defined for name, bound in values.items() if bound.defined is not None}
        inner.scope, inner.prefix, inner.labels = scope, path, self._labels_of(block)
        inner.in_side, inner.since = frame.in_side, frame.since
        self._active.append(definition)
        told = len(self.faults)
        try:
            result = self.body(block.body, inner)
        except ArchError as fault:
            raise seen_from(fault, call, path, self._definitions.library) from None
        finally:
            if len(self.faults) > told:
                self.faults.change(told, lambda each: instance_seen_from(each, call, path, self._definitions.library))
        self._active.pop()
        self.builder.close(scope, result)
        if unlabelled and path != segment and any(node.weights for node in self.builder.nodes[first:]):
            raise self._paths.unlabelled(call.callee.span, call.callee.id, segment)
        return result

    def _block_values(
        self, call: ast.Call, definition: BlockDefinition, current: Node, path: str, frame: Frame
    ) -> tuple[dict[str, Bound], dict[str, Origin], dict[str, Origin]]:
        """The block's parameters as bound by ``call``, where the caller has them from, and where defaults do."""
        block = definition.block
        names = parameter_names(definition)
        given = self._arguments(call, names, names, path, frame)
        values: dict[str, Bound] = {}
        defaults: dict[str, Origin] = {}
        inside = Frame(definition.file, self._limits, Names(values), {}, current, current)
        for parameter in block.parameters:
            name = parameter.name
            if name.id in given:
                values[name.id] = given[name.id].as_parameter(name, block.name.id, "parameter")
            elif parameter.default is not None:
                value = set_to(parameter.default, inside, "default")
                defaults[name.id] = value.origin
                values[name.id] = value.as_parameter(name, block.name.id, "default")
            else:
                raise missing_argument(block.name.id, name, call)
        return values, {name: value.origin for name, value in given.items()}, defaults

    def _check_depth(self, call: ast.Call, definition: BlockDefinition) -> None:
        """Raises E0504 where a block uses itself, E0105 or E0505 where it is deeper or larger than a network may be."""
        if definition in self._active:
            chain = [each.block.name.id for each in self._active[self._active.index(definition) :]]
            circle = " uses ".join(f"`{name}`" for name in [*chain, definition.block.name.id])
            raise error("E0504", f"`{definition.block.name.id}` uses itself", call.callee.span, circle, help="use `repeat`")
        if self._depth >= self._limits.nesting:
            raise self._too_deep(call.callee.span)
        self._sizes.check_call(call, definition, len(self.builder.nodes))

    def _descend(self, span: Span) -> None:
        """Counts one more level of nesting, begun at ``span``; raises E0105 beyond the limit."""
        self._depth += 1
        if self._depth > self._limits.nesting:
            raise self._too_deep(Span(span.source, span.start, span.start + 1))

    def _too_deep(self, span: Span) -> ArchError:
        label = f"more than {self._limits.nesting} levels of blocks, bodies and repeats"
        return error("E0105", "the network is nested too deeply", span, label, notes=self._chain())

    def _chain(self) -> list[str]:
        """How the block at hand came to be called: the outermost calls and the innermost."""
        names = [f"`{each.block.name.id}`" for each in self._active]
        shown = names if len(names) <= 6 else [*names[:3], "…", *names[-2:]]
        return [f"{' calls '.join(shown)}"] if names else []

    # --- what every call needs -------------------------------------------------------------------------------------------

    def _current(self, frame: Frame, span: Span) -> Node:
        if frame.current is None:
            if self.faults:
                raise ArchError  # a consequence of what is told already
            help_ = "begin with `input image: [N, 3, 224, 224]`"
            raise error("E0503", "no value flows here yet", span, "needs an input", help=help_)
        return frame.current

    def _labels_of(self, definition: ast.Block | ast.Arch) -> frozenset[str]:
        found = self._labels.get(id(definition))
        if found is None:
            found = self._labels[id(definition)] = labels_in(definition.body)
        return found


def foreign(frame: Frame, edit: Edit) -> Frame:
    """``frame`` for the text of an edit, which sees the values of its place, and the names and defaults of its own file too."""
    place, own = frame.file, edit.file
    names = FileScope(own.file, {**place.blocks, **own.blocks}, {**place.networks, **own.networks}, own.top)
    inner = frame.inner(frame.entry)
    inner.file, inner.values, inner.defaults = names, Names(outer=_behind(frame.values, place)), own.top.defaults
    inner.current, inner.since, inner.trail = frame.current, edit.next, frame.trail
    return inner


def _behind(values: Names[Bound], file: FileScope) -> Names[Bound]:
    """``values`` with those of ``file`` behind them."""
    return Names({**file.top.values.all(), **values.all()})
