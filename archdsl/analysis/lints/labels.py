"""A rule about names: what has weights should not be called after its operator where others stand beside it."""

from collections import Counter
from collections.abc import Iterator

from archdsl.analysis.lints.uses import Uses, callee, warning
from archdsl.diagnostics import Diagnostic, Fix, Label
from archdsl.ir import MODULE_ATTRIBUTES
from archdsl.source import Span

_STEP_ENDS = ("{", ";", "->")


def unlabelled_weights(uses: Uses) -> Iterator[Diagnostic]:
    """W108: a call with weights and without a label, in an ``arch`` or beside other layers of its block.

    Its address is the name of what it calls.  Put another one beside it, or another operator in its place, and the address
    shifts, and with it the names in checkpoints, diagrams and edits.

    The rule is silent in a block that is one layer with what belongs to it, such as ``cbr``: there the name of the operator
    is the name of the part, and a second layer would make it another block.

    The fix is certain: the label is the name that the path has already, so that no path changes.
    """
    layers = _layers_below(uses)
    for path, span, name, own in _calls(uses):
        around = path.rpartition(".")[0]
        if around and layers[around] < 2:
            continue
        other = "another one beside it" if own else "another call"
        fixable = own and name not in MODULE_ATTRIBUTES and _takes_label(span)
        yield warning(
            "W108",
            f"`{name}` has weights and no label",
            Label(callee(span), f"its address `{path}` shifts with {other}"),
            path,
            help=f"write `{name}: {name}…`, which changes no address; `archdsl fmt --label` does so throughout",
            fixes=(Fix(Span(span.source, span.start, span.start), f"{name}: ", certain=True),) if fixable else (),
        )


def _layers_below(uses: Uses) -> Counter[str]:
    """For each address, how many layers are at it or below."""
    found: Counter[str] = Counter()
    for node in uses.graph.nodes:
        path = node.path if node.op.counts_as_layer else ""
        while path:
            found[path] += 1
            path = path.rpartition(".")[0]
    return found


def _calls(uses: Uses) -> Iterator[tuple[str, Span, str, bool]]:
    """Address, span and name of each call with weights and without a label, and whether it is of an operator, not of a block."""
    for node in uses.graph.nodes:
        if node.weights and _is_unlabelled(node.path, node.op.keyword, node.span):
            yield node.path, node.span, node.op.keyword, True
    weighted = _weighted(uses)
    for index, scope in enumerate(uses.graph.scopes):
        name = callee(scope.span).text
        if scope.kind == "block" and index in weighted and _is_unlabelled(scope.path, name, scope.span):
            yield scope.path, scope.span, name, False


def _weighted(uses: Uses) -> set[int]:
    """The scopes with weights in them."""
    found: set[int] = set()
    for node in uses.graph.nodes:
        scope = node.scope if node.weights else None
        while scope is not None and scope not in found:
            found.add(scope)
            scope = uses.graph.scopes[scope].parent
    return found


def _is_unlabelled(path: str, name: str, span: Span) -> bool:
    """Whether the call at ``path`` got its name from what it calls: a label would stand before it, on the same line."""
    return path.rpartition(".")[2] == name and not _before(span).endswith(":")


def _takes_label(span: Span) -> bool:
    """Whether a label may stand before ``span``: not so in an edit, whose steps keep the label of what they replace."""
    before = _before(span)
    return not before or before.endswith(_STEP_ENDS)


def _before(span: Span) -> str:
    """What stands on the line of ``span`` before it."""
    text = span.source.text
    return text[text.rfind("\n", 0, span.start) + 1 : span.start].rstrip()
