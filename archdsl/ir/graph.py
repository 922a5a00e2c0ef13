"""The typed graph of a network.

A :class:`Graph` is a frozen ``networkx`` multigraph whose nodes are operations that already carry their type, beside the tree of
:class:`Scope` that keeps the spec's structure (blocks, repeats, merges) for whoever writes source, tables or pictures.
Every node has one output value, so a value is named by its node's path.

Dump of a small one (``archdsl compile --to ir``)::

    image = input() : [N, 3, 299, 299]
    stem.c1.conv = conv(channels=32, kernel=3x3, stride=2x2, pad=valid, bias=false) image : [N, 32, 149, 149]
    …
    output logits = fc
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from archdsl.ir.cost import ZERO, Cost
from archdsl.ir.op import Op, Weight
from archdsl.ir.types import TensorType
from archdsl.source import Source, Span

if TYPE_CHECKING:  # slow to import, so that the first who asks for it does
    import networkx as nx

OriginKind = Literal["literal", "default", "parameter", "let", "defaults", "expression", "import", "variant", "command line"]
Given = Literal["call", "default", "defaults", "variant", "command line"]
"""How a value is given: in the call itself, as the default of a parameter, by `defaults`, or by an edit."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the value of an attribute or argument comes from.

    ``span`` is where the value was first written: the place to change it.  ``place`` is where the call at hand, or what speaks
    for it, has it from, ``given`` says which of these that is, and ``uses`` are the names in the expression there, each with an
    origin of its own; so the whole way of a value can be followed.

    ``formula`` is the value as a Python expression over the parameters of the enclosing block, where it is nothing more than
    that (``w``, ``4 * w``), so that emitted code can be written in the spec's own names; None otherwise.
    """

    kind: OriginKind
    span: Span | None = None
    formula: str | None = None
    place: Span | None = None
    given: Given = "call"
    uses: tuple["Use", ...] = ()


@dataclass(frozen=True, slots=True)
class Use:
    """A name in an expression: what it stands for there, what it is worth, and where that comes from.

    ``owner`` is the block or network whose parameter it is, ``defined`` where the name was made; ``node`` is the path of the
    value whose size ``in.c``, ``in.h`` or ``in.w`` is.
    """

    name: str
    what: Literal["parameter", "let", "import", "index", "size"]
    value: Any
    owner: str = ""
    defined: Span | None = None
    origin: Origin | None = field(default=None, compare=False, repr=False)  # a chain as long as the spec's author likes
    node: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """One operation.  ``inputs`` are paths of the nodes whose values it takes, in order; ``scope`` indexes ``Graph.scopes``."""

    path: str
    op: Op
    inputs: tuple[str, ...]
    type: TensorType
    scope: int
    span: Span
    cost: Cost = ZERO
    weights: tuple[Weight, ...] = ()
    origins: Mapping[str, Origin] = field(default_factory=dict)


ScopeKind = Literal["arch", "block", "repeat", "merge", "body", "side"]


@dataclass(frozen=True, slots=True)
class Scope:
    """A named part of the spec's structure; a child of a ``repeat`` is one iteration.

    ``path`` is its address ("" for the network), ``callee`` what was called (``Stem``, ``concat``; "" for a plain body).
    ``entry`` is the path of the value that flows in, ``exit`` of the one that flows out (both "" for the network).
    ``arguments`` are the values of a block's parameters; ``origins`` tell where those that are given come from, and ``defaults``
    where the others do.
    """

    path: str
    kind: ScopeKind
    callee: str
    parent: int | None
    span: Span
    definition: Span | None = None
    entry: str = ""
    exit: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    origins: Mapping[str, Origin] = field(default_factory=dict)
    doc: str = ""
    defaults: Mapping[str, Origin] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Guard:
    """A statement under an ``if``, in one instance: whether it is there, and the flow around it.

    ``nodes`` is the range of indices into ``Graph.nodes`` that the statement made (empty where it is absent).  ``merged`` tells
    a branch of a merge, which vanishes, from a step of a pipe, which becomes the identity.
    """

    scope: int
    span: Span
    label: str
    present: bool
    entry: str
    exit: str
    nodes: tuple[int, int]
    merged: bool
    formula: str | None


@dataclass(frozen=True, slots=True)
class Output:
    """A result of the network; ``auxiliary`` ones stem from a ``side`` and carry the ``weight`` of their loss, if declared."""

    name: str
    node: str
    span: Span
    auxiliary: bool = False
    weight: float | None = None


@dataclass(frozen=True, eq=False)
class Graph:
    """A network: ``nodes`` in a deterministic topological order, its scopes (parents before children), and what it was made from.

    ``arguments`` are the network's parameters as used, ``sources`` every text it was read from, ``renames`` the older paths of
    what was renamed, ``about`` the spec's machine-readable facts.
    """

    name: str
    nodes: tuple[Node, ...]
    scopes: tuple[Scope, ...]
    outputs: tuple[Output, ...]
    guards: tuple[Guard, ...] = ()
    sources: tuple[Source, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    renames: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    doc: str = ""

    @cached_property
    def nx(self) -> "nx.MultiDiGraph[str]":
        """The graph for ``networkx``: node attribute ``node``, edge attribute ``slot`` (which input); frozen."""
        import networkx as nx

        graph: nx.MultiDiGraph[str] = nx.MultiDiGraph(name=self.name)
        graph.add_nodes_from((node.path, {"node": node}) for node in self.nodes)
        for node in self.nodes:
            graph.add_edges_from((source, node.path, {"slot": slot}) for slot, source in enumerate(node.inputs))
        frozen: nx.MultiDiGraph[str] = nx.freeze(graph)
        return frozen

    @cached_property
    def _by_path(self) -> dict[str, Node]:
        return {node.path: node for node in self.nodes}

    def __getitem__(self, path: str) -> Node:
        """The node at ``path``; raises ``KeyError``."""
        return self._by_path[path]

    def __contains__(self, path: str) -> bool:
        return path in self._by_path

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    @property
    def inputs(self) -> tuple[Node, ...]:
        """The network's inputs in order of declaration."""
        return tuple(node for node in self.nodes if node.op.family == "input")

    def types(self, paths: Iterable[str]) -> tuple[TensorType, ...]:
        """Types of the values at ``paths``."""
        return tuple(self._by_path[path].type for path in paths)

    def within(self, scope: int) -> Iterator[Node]:
        """The nodes in a scope and all that it encloses."""
        enclosed = {scope}
        for index in range(scope + 1, len(self.scopes)):
            if self.scopes[index].parent in enclosed:
                enclosed.add(index)
        return (node for node in self.nodes if node.scope in enclosed)
