"""From the tree of a program to the typed graph of one of its networks.

Before: ``ast.Program``, names and expressions as written.  After: ``ir.Graph``, every node typed, every name resolved, every
repeat unrolled, and the spec's structure kept as scopes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

from archdsl.diagnostics import Diagnostic, did_you_mean, error
from archdsl.elaborate.definitions import Definitions
from archdsl.elaborate.environment import Frame, NetworkDefinition, Value
from archdsl.elaborate.evaluate import evaluate
from archdsl.elaborate.flow import Flow
from archdsl.elaborate.arguments import expression
from archdsl.elaborate.signature import Signature, Sizes, parameters
from archdsl.ir import Graph, Node, Op
from archdsl.limits import DEFAULT, Limits
from archdsl.source import Source, Span
from archdsl.syntax import ast

__all__ = ["Elaboration", "elaborate", "networks"]


@dataclass(frozen=True, slots=True)
class Elaboration:
    """A network's graph, and what there is to say of it beside errors."""

    graph: Graph
    notes: tuple[Diagnostic, ...] = ()


def networks(program: ast.Program) -> tuple[str, ...]:
    """Names of the networks that the main file itself defines, in order."""
    return tuple(item.name.id for item in program.main.items if isinstance(item, ast.Arch))


def elaborate(
    program: ast.Program,
    *,
    network: str | None = None,
    arguments: Mapping[str, Value | Source] | None = None,
    inputs: Sizes | Mapping[str, Sizes] | None = None,
    operators: Mapping[str, type[Op]],
    limits: Limits = DEFAULT,
) -> Elaboration:
    """The typed graph of one network of ``program``.

    ``network`` names it; None takes the one named as the file, else the only one.  ``arguments`` are values, or texts of
    expressions, for its parameters; ``inputs`` sizes per sample for its only input, or by name.  Raises ``ArchError``.
    """
    definitions = Definitions(program, operators, limits)
    chosen = _choose(definitions, network, program.main.source)
    arch = chosen.network
    given = arguments or {}
    values = parameters(arch, chosen.file, given, limits)
    changed = any(values[name].kind == "command line" for name in given)
    flow = Flow(definitions, Signature(inputs, as_declared=not changed, limits=limits), limits)
    used = {name: bound.value for name, bound in values.items()}
    flow.network(arch, chosen.file, values, used)
    sources = tuple(file.source for file in program.files)
    about, doc = _about(chosen), arch.body.doc or chosen.file.file.doc
    graph = flow.builder.graph(arch.name.id, sources, used, about, doc)
    flow.check_inputs(graph.inputs, arch.name.span)
    _check_complete(graph, arch)
    return Elaboration(graph, tuple(flow.notes))


def _choose(definitions: Definitions, name: str | None, source: Source) -> NetworkDefinition:
    found = definitions.main.networks
    start = Span(source, 0, 0)
    if name is not None:
        if name not in found:
            raise error("E0201", f"{source.path} defines no network `{name}`", start, help=did_you_mean(name, found))
        return found[name]
    own = [each for each in found.values() if each.file is definitions.main and isinstance(each.network, ast.Arch)]
    if not own:
        raise error("E0503", "no network is defined here", start, help="write `arch name() { input …; output … }`")
    stem = PurePath(source.path).stem
    named = [each for each in own if each.network.name.id == stem]
    if len(own) > 1 and not named:
        listed = ", ".join(f"`{each.network.name.id}`" for each in own)
        raise error("E0503", "several networks are defined here", start, notes=[f"networks: {listed}"], help="name one")
    return (named or own)[0]


def _about(chosen: NetworkDefinition) -> dict[str, Value]:
    """The facts of the file and of the network itself, which win."""
    frame = Frame(chosen.file, DEFAULT, dict(chosen.file.top.values), {})
    items = [*chosen.file.file.items, *chosen.network.body.statements]
    return {
        str(entry.name): evaluate(expression(entry, "`about`"), frame)
        for item in items
        if isinstance(item, ast.About)
        for entry in item.entries
    }


def _check_complete(graph: Graph, arch: ast.Arch) -> None:
    """Raises E0503 where the network has no input or output, E0501 where something in it is used by no output."""
    if not graph.inputs:
        raise error("E0503", f"`{arch.name.id}` has no input", arch.name.span, help="write `input image: [N, 3, 224, 224]`")
    if not any(not output.auxiliary for output in graph.outputs):
        raise error("E0503", f"`{arch.name.id}` has no output", arch.name.span, help="end it with `output logits`")
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
        raise error("E0501", f"nothing uses the value of `{last.path}`", last.span, "computed in vain", help=help_, path=last.path)
