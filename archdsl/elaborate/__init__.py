"""From the tree of a program to the typed graph of one of its networks.

Before: ``ast.Program``, names and expressions as written.  After: ``ir.Graph``, every node typed, every name resolved, every
repeat unrolled, and the spec's structure kept as scopes.

Where to look, in the order in which things happen::

    definitions                what each file defines; ``environment`` has what names mean at one place: Frame, Bound, Names
    scan, scan_text, _scopes   names that mean nothing, in all texts, reached or not; ``unknown`` words the reports of both
    signature                  parameters and inputs as the caller wants them, and captions
    edits, paths               what variants and the command line change, and what a path or pattern means
    calls ◁ forms ◁ flow       one elaboration, a class in three layers: calls; merges, residuals and repeats; statements
    evaluate, arguments        expressions, and what a call is given, with where each value comes from
    builder, names, size       nodes and scopes as they are added, the paths they get, and how many there may be
    recovery                   what goes on after a fault; ``blame`` and ``repair`` find the place to show
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from archdsl.diagnostics import ArchError, Diagnostic, Label, did_you_mean, error
from archdsl.elaborate.arguments import expression, set_to
from archdsl.elaborate.definitions import Definitions
from archdsl.elaborate.edits import Edit, Edits, kind_of
from archdsl.elaborate.environment import Defaults, FileScope, NetworkDefinition, Value
from archdsl.elaborate.evaluate import evaluate
from archdsl.elaborate.flow import Flow
from archdsl.elaborate.recovery import Enough
from archdsl.elaborate.scan import beside, name_faults, name_lints, scan
from archdsl.elaborate.signature import FromOutside, Shape, Signature, from_caller, parameters
from archdsl.elaborate.unknown import unknown_base
from archdsl.ir import Graph, Node, Op
from archdsl.limits import DEFAULT, Limits
from archdsl.source import Source, Span
from archdsl.syntax import ast

__all__ = ["Elaboration", "elaborate", "name_faults", "name_lints", "networks"]


@dataclass(frozen=True, slots=True)
class Elaboration:
    """A network's graph, what there is to say of it beside errors, and how many places each edit hit."""

    graph: Graph
    notes: tuple[Diagnostic, ...] = ()
    hits: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class _Chosen:
    """An ``arch``, the variants that lead to it (outermost first), and the file that it is in."""

    arch: ast.Arch
    file: FileScope
    defaults: Defaults
    variants: tuple[tuple[ast.Variant, FileScope], ...] = ()

    @property
    def declared(self) -> bool:
        """Whether captions hold: for an ``arch``, and for a spec of its own that sets the parameters of an imported family."""
        return all(file is not self.file for _, file in self.variants)

    @property
    def name(self) -> str:
        return self.variants[0][0].name.id if self.variants else self.arch.name.id

    @property
    def parts(self) -> tuple[tuple[str, FileScope, tuple[ast.About, ...]], ...]:
        """Docstring, file and facts of the arch and each variant, the one that wins last."""
        own = tuple(each for each in self.arch.body.statements if isinstance(each, ast.About))
        variants = ((each.doc, file, () if each.about is None else (each.about,)) for each, file in reversed(self.variants))
        return ((self.arch.body.doc, self.file, own), *variants)


def networks(program: ast.Program) -> tuple[str, ...]:
    """Names of the networks and variants that the main file itself defines, in order."""
    return tuple(item.name.id for item in program.main.items if isinstance(item, ast.Arch | ast.Variant))


def elaborate(
    program: ast.Program,
    *,
    network: str | None = None,
    arguments: Mapping[str, Value | Source] | None = None,
    inputs: Shape | Mapping[str, Shape] | None = None,
    edits: Sequence[ast.Edit] = (),
    operators: Mapping[str, type[Op]],
    limits: Limits = DEFAULT,
) -> Elaboration:
    """The typed graph of one network of ``program``.

    ``network`` names it or a variant; None takes the one named as the file, else the only one.  ``arguments`` are values, or
    texts of expressions, for its parameters; ``inputs`` sizes per sample for its only input, or by name; ``edits`` act after
    those of a variant.  Raises ``ArchError``.
    """
    definitions = Definitions(program, operators, limits)
    names = scan(definitions, edits)
    try:
        found = _elaborated(definitions, program, network, arguments or {}, inputs, edits, limits)
    except ArchError as fault:
        raise ArchError(*beside(names, fault.diagnostics)) from None
    if names:
        raise ArchError(*names)
    return found


def _elaborated(
    definitions: Definitions,
    program: ast.Program,
    network: str | None,
    arguments: Mapping[str, Value | Source],
    inputs: Shape | Mapping[str, Shape] | None,
    edits: Sequence[ast.Edit],
    limits: Limits,
) -> Elaboration:
    """The graph, once all names are looked through."""
    chosen = _resolve(_choose(definitions, network, program.main.source))
    own = [Edit(each, file) for variant, file in reversed(chosen.variants) for each in variant.edits]
    outside = [Edit(each, definitions.main) for each in edits]
    given = _given([*own, *outside])
    given.update(from_caller(arguments, definitions.main, limits))
    values = parameters(chosen.arch, chosen.file, given, limits)
    by_path = Edits([*own, *outside])
    as_declared = not by_path and not arguments and not outside and chosen.declared
    flow = Flow(definitions, Signature(inputs, as_declared, limits), by_path, limits)
    used = {name: bound.value for name, bound in values.items()}
    try:
        flow.network(chosen.arch, chosen.file, chosen.defaults, values)
    except Enough:
        pass
    except RecursionError:  # limits above the default ones, or little of the stack left by the caller
        message = "the network is nested too deeply for Python's stack"
        raise error("E0105", message, chosen.arch.name.span, f"the limit is {limits.nesting} levels") from None
    if flow.faults:
        raise ArchError(*flow.faults.once(definitions.block_at))
    by_path.check()
    sources = tuple(file.source for file in program.files)
    graph = flow.builder.graph(chosen.name, sources, used, _about(chosen), _doc(chosen))
    flow.check_inputs(graph.inputs, chosen.arch.name.span)
    _check_complete(graph, chosen.arch)
    _check_renames(graph, chosen.arch)
    return Elaboration(graph, tuple(flow.notes), tuple((each.text, each.hits) for each in by_path.all))


def _choose(definitions: Definitions, name: str | None, source: Source) -> NetworkDefinition:
    found = definitions.main.networks
    start = Span(source, 0, 0)
    if name is not None:
        if name not in found:
            listed = ", ".join(f"`{each}`" for each in found) or "none"
            notes = [f"defined here: {listed}"]
            raise error("E0201", f"no network or variant `{name}`", start, notes=notes, help=did_you_mean(name, found))
        return found[name]
    own = [each for each in found.values() if each.file is definitions.main]
    stem = PurePath(source.path).stem
    named = [each for each in own if each.network.name.id == stem]
    whole = [each for each in own if isinstance(each.network, ast.Arch)]
    candidates = named or whole or own
    if not candidates:
        raise error("E0503", "no network is defined here", start, help="write `arch name() { input …; output … }`")
    if len(candidates) > 1:
        first, second, *_ = (each.network.name for each in candidates)
        listed = ", ".join(f"`{each.network.name.id}`" for each in candidates)
        raise error(
            "E0503",
            "several networks are defined here",
            second.span,
            "a second one",
            secondary=[Label(first.span, "the first")],
            notes=[f"networks: {listed}"],
            help=f"pick one: `--variant {first.id}`",
        )
    return candidates[0]


def _resolve(definition: NetworkDefinition) -> _Chosen:
    """The ``arch`` that a definition comes down to; raises E0201 for an unknown base, E0504 for variants of one another."""
    passed: list[tuple[ast.Variant, FileScope]] = []
    seen: set[int] = set()
    while isinstance(definition.network, ast.Variant):
        variant, file = definition.network, definition.file
        if id(variant) in seen:
            raise error("E0504", f"variant `{variant.name.id}` is a variant of itself", variant.base.span, "comes back to it")
        seen.add(id(variant))
        passed.append((variant, file))
        base = variant.base
        if base.id not in file.networks:
            raise unknown_base(base, file.networks)
        definition = file.networks[base.id]
    return _Chosen(definition.network, definition.file, definition.defaults, tuple(passed))


def _given(edits: Sequence[Edit]) -> dict[str, FromOutside]:
    """The parameters of the network that edits set."""
    found: dict[str, FromOutside] = {}
    for each in edits:
        edit = each.edit
        if isinstance(edit, ast.Set) and edit.path is None:
            bound = set_to(edit.value, each.file.top, kind_of(edit))
            found[edit.name.id] = FromOutside(bound, edit.name.span)
    return found


def _about(chosen: _Chosen) -> dict[str, Value]:
    """The facts of the files, the network and its variants, the last of which win."""
    facts: dict[str, Value] = {}
    of_files: dict[int, dict[str, Value]] = {}
    for _, file, own in chosen.parts:
        if id(file) not in of_files:
            of_files[id(file)] = _facts((each for each in file.file.items if isinstance(each, ast.About)), file)
        facts |= of_files[id(file)] | _facts(own, file)
    return facts


def _facts(items: Iterable[ast.About], file: FileScope) -> dict[str, Value]:
    entries = (entry for item in items for entry in item.entries)
    return {str(entry.name): evaluate(expression(entry, "`about`"), file.top) for entry in entries}


def _doc(chosen: _Chosen) -> str:
    docs = [doc or file.file.doc for doc, file, _ in chosen.parts]
    return next((doc for doc in reversed(docs) if doc), "")


def _check_complete(graph: Graph, arch: ast.Arch) -> None:
    """Raises E0503 where the network has no input or output, E0501 where something in it is used by no output."""
    if not graph.inputs:
        raise error("E0503", f"`{arch.name.id}` has no input", arch.name.span, help="write `input image: [N, 3, 224, 224]`")
    if not any(not output.auxiliary for output in graph.outputs):
        end = Span(arch.span.source, arch.span.end - 1, arch.span.end)
        where = Label(arch.name.span, "this network")
        message = f"`{arch.name.id}` has no output"
        raise error("E0503", message, end, "ends here", secondary=[where], help="end it with `output logits`")
    used: set[str] = {output.node for output in graph.outputs}
    unused: list[Node] = []
    for node in reversed(graph.nodes):
        if node.path in used:
            used.update(node.inputs)
        else:
            unused.append(node)
    if unused:
        last = unused[0]
        help_ = "end it with `output`, take it up with `from`, or delete it"
        message = f"nothing uses the value of `{last.path}`"
        raise error("E0501", message, last.span, "computed in vain", help=help_, path=last.path)


def _check_renames(graph: Graph, arch: ast.Arch) -> None:
    """Raises E0202 where an older name has two heirs: a checkpoint could then mean either."""
    heirs: dict[str, str] = {}
    for path, older in graph.renames.items():
        for old in older:
            if heirs.setdefault(old, path) != path:
                help_ = "keep one of the two `was`"
                message = f"`{path}` was `{old}`, and so was `{heirs[old]}`"
                raise error("E0202", message, arch.name.span, "older weights could mean either", help=help_, path=path)
