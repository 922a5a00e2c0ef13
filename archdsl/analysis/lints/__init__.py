"""Warnings about networks that are valid and probably not what is meant.

A rule is a function that looks at one node, at one residual or at the whole graph, and gives a warning where something is
suspicious.  Its docstring says why, with paper and section, and when it keeps silent.  To add one: the function, its place in
one of the three tuples below, a line in ``diagnostics.CODES``, and two specs in ``tests/golden/lints``.

One place in the text is reported once for each rule, however often it is used.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final

from archdsl.analysis.lints.allowed import without_allowed
from archdsl.analysis.lints.labels import unlabelled_weights
from archdsl.analysis.lints.layers import cancelled_bias, repeated_strip, unwritten_padding
from archdsl.analysis.lints.residuals import Residual, residuals
from archdsl.analysis.lints.sums import activation_before_sum, norm_after_sum, unscaled_sum
from archdsl.analysis.lints.uses import Uses
from archdsl.diagnostics import Diagnostic
from archdsl.ir import Graph, Node
from archdsl.source import Span

__all__ = ["lints", "without_allowed"]

OF_RESIDUALS: Final[tuple[Callable[[Uses, Residual], Diagnostic | None], ...]] = (
    unscaled_sum,
    activation_before_sum,
    norm_after_sum,
)
OF_NODES: Final[tuple[Callable[[Uses, Node], Diagnostic | None], ...]] = (cancelled_bias, repeated_strip, unwritten_padding)
OF_GRAPHS: Final[tuple[Callable[[Uses], Iterator[Diagnostic]], ...]] = (unlabelled_weights,)


def lints(graph: Graph) -> tuple[Diagnostic, ...]:
    """What every rule has to say about ``graph``, in the order of the text; what comments allow is still among it."""
    uses = Uses(graph)
    found: list[Diagnostic | None] = []
    for residual in residuals(uses):
        found += [of_residual(uses, residual) for of_residual in OF_RESIDUALS]
    for node in graph.nodes:
        found += [of_node(uses, node) for of_node in OF_NODES]
    for of_graph in OF_GRAPHS:
        found += of_graph(uses)
    order = {source.path: index for index, source in enumerate(graph.sources)}
    collapsed = _once_for_each_place(each for each in found if each is not None)
    return tuple(sorted(collapsed, key=lambda each: _rank(each, order)))


def _once_for_each_place(found: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """One warning for each rule and place: the first, with a note on how many more instances there are."""
    groups: dict[tuple[str, Span | None], list[Diagnostic]] = {}
    for each in found:
        groups.setdefault((each.code, _place(each)), []).append(each)
    for first, *others in groups.values():
        count = len({each.path for each in others} - {first.path})
        note = f"{count} more instance{'' if count == 1 else 's'}, the last at `{others[-1].path}`" if count else ""
        yield replace(first, notes=(*first.notes, note)) if note else first


def _place(diagnostic: Diagnostic) -> Span | None:
    return None if diagnostic.primary is None else diagnostic.primary.span


def _rank(diagnostic: Diagnostic, order: dict[str, int]) -> tuple[int, int, str]:
    place = _place(diagnostic)
    if place is None:
        return len(order), 0, diagnostic.code
    return order.get(place.source.path, len(order)), place.start, diagnostic.code
