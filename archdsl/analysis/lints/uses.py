"""A graph seen from its values: who reads each, and which place of the text to show for a node."""

import re
from functools import cached_property

from archdsl.diagnostics import Diagnostic, Fix, Label
from archdsl.ir import Graph, Node, TensorType, Window
from archdsl.source import Span

_WORD = re.compile(r"\w+")


class Uses:
    """What rules ask about a node and its neighbours in ``graph``."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.index = {node.path: index for index, node in enumerate(graph.nodes)}

    @cached_property
    def _readers(self) -> dict[str, list[Node]]:
        found: dict[str, list[Node]] = {}
        for node in self.graph.nodes:
            for each in node.inputs:
                found.setdefault(each, []).append(node)
        return found

    @cached_property
    def _outputs(self) -> frozenset[str]:
        return frozenset(output.node for output in self.graph.outputs)

    def readers(self, node: Node) -> list[Node]:
        """The nodes that take the value of ``node``."""
        return self._readers.get(node.path, [])

    def only_reader(self, node: Node) -> Node | None:
        """The one node that takes the value of ``node``; None where there is another use, an output included."""
        readers = self.readers(node)
        return readers[0] if len(readers) == 1 and node.path not in self._outputs else None

    def entering(self, node: Node) -> list[Node]:
        """The nodes whose values ``node`` takes."""
        return [self.graph[path] for path in node.inputs]

    def types(self, node: Node) -> tuple[TensorType, ...]:
        """Types of the values that ``node`` takes."""
        return self.graph.types(node.inputs)

    def window(self, node: Node) -> Window | None:
        """The sliding window of ``node``, for operators that have one."""
        return node.op.window(self.types(node))

    # --- places in the text ----------------------------------------------------------------------------------------------

    def seen_from(self, node: Node, other: Node) -> Span:
        """Where ``node`` is written, as a reader of ``other`` sees it.

        That is its own call, or the call of the outermost block that holds ``node`` and not ``other``.
        """
        around = set()
        scope: int | None = other.scope
        while scope is not None:
            around.add(scope)
            scope = self.graph.scopes[scope].parent
        place = node.span
        scope = node.scope
        while scope is not None and scope not in around:
            found = self.graph.scopes[scope]
            place = found.span if found.kind == "block" else place
            scope = found.parent
        return place

    def written(self, node: Node, attribute: str) -> Span | None:
        """Where the value of ``attribute`` stands; None where it is the operator's own or one of ``defaults``."""
        origin = node.origins.get(attribute)
        return None if origin is None or origin.kind == "defaults" else origin.span


def is_batch_norm(node: Node) -> bool:
    """Whether ``node`` normalises each channel over the batch: it then owns a running mean."""
    return any(weight.role == "mean" for weight in node.weights)


def callee(span: Span) -> Span:
    """The name that is called, of the span of a call."""
    found = _WORD.match(span.source.text, span.start, span.end)
    return span if found is None else Span(span.source, span.start, found.end())


def warning(
    code: str,
    message: str,
    primary: Label,
    path: str,
    *,
    secondary: tuple[Label, ...] = (),
    notes: tuple[str, ...] = (),
    help: str,
    fixes: tuple[Fix, ...] = (),
) -> Diagnostic:
    """What a rule has to say: every warning has a place, an instance and a proposal."""
    return Diagnostic(code, message, primary, secondary, notes, help, fixes, path, "warning")
