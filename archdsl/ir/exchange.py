"""The graph as JSON and back, for tools in other languages and for whoever keeps a compiled network beside its text.

What the operators say by themselves (types, weights, costs) is written for readers, and computed anew by the one who reads.
Spans are ``[source, start, end]`` in code points.  Of where values come from, the place to change them is kept, the way is not.
"""

import json
from collections.abc import Mapping
from dataclasses import fields as declared
from functools import partial
from typing import Any, get_args

from archdsl.diagnostics import ArchError, InternalError, error
from archdsl.ir import fields
from archdsl.ir.graph import Graph, Guard, Node, Origin, OriginKind, Output, Scope, ScopeKind
from archdsl.ir.op import Input, Op, OpError
from archdsl.ir.verify import verify
from archdsl.limits import DEFAULT
from archdsl.source import Source, Span

SCHEMA = 1
_MOST_BYTES = 1 << 28
_GRAPH = ("schema", "network", "doc", "arguments", "about", "sources", "scopes", "nodes", "guards", "outputs", "renames")
_NODE = ("path", "op", "attributes", "inputs", "out", "weights", "macs", "scope", "span", "origins")
_SCOPE, _GUARD, _OUTPUT = (tuple(field.name for field in declared(each)) for each in (Scope, Guard, Output))


def to_json(graph: Graph) -> str:
    """The graph as JSON text; equal graphs give equal text."""
    places = {id(source): index for index, source in enumerate(graph.sources)}

    def span(each: Span | None) -> list[int] | None:
        return None if each is None or id(each.source) not in places else [places[id(each.source)], each.start, each.end]

    def origins(found: Mapping[str, Origin]) -> dict[str, Any]:
        return {name: [each.kind, span(each.span), each.formula] for name, each in found.items()}

    def node(each: Node) -> dict[str, Any]:
        return {
            "path": each.path,
            "op": each.op.keyword,
            "attributes": {name: getattr(each.op, name) for name in type(each.op).model_fields},
            "inputs": each.inputs,
            "out": each.type.shape,
            "weights": {weight.name: weight.shape for weight in each.weights},
            "macs": each.cost.mac,
            "scope": each.scope,
            "span": span(each.span),
            "origins": origins(each.origins),
        }

    def scope(each: Scope) -> dict[str, Any]:
        plain = {name: getattr(each, name) for name in ("path", "kind", "callee", "parent", "entry", "exit", "arguments", "doc")}
        places = {"span": span(each.span), "definition": span(each.definition)}
        return plain | places | {"origins": origins(each.origins), "defaults": origins(each.defaults)}

    def plain(each: Guard | Output) -> dict[str, Any]:
        return {field.name: getattr(each, field.name) for field in declared(each)} | {"span": span(each.span)}

    document = {
        "schema": SCHEMA,
        "network": graph.name,
        "doc": graph.doc,
        "arguments": graph.arguments,
        "about": graph.about,
        "sources": [{"path": source.path, "text": source.text} for source in graph.sources],
        "scopes": [scope(each) for each in graph.scopes],
        "nodes": [node(each) for each in graph.nodes],
        "guards": [plain(each) for each in graph.guards],
        "outputs": [plain(each) for each in graph.outputs],
        "renames": graph.renames,
    }
    return json.dumps(document, separators=(",", ":"))  # in ASCII: nothing in it acts on a terminal or cannot be encoded


def from_json(text: str, operators: Mapping[str, type[Op]]) -> Graph:
    """The graph that :func:`to_json` wrote, verified anew; raises ``ArchError`` (E0604) for anything else.

    ``operators`` are those that the nodes may be, by keyword.
    """
    try:
        if len(text) > _MOST_BYTES:
            raise ValueError("too long")  # noqa: TRY301
        document = json.loads(text, parse_constant=_no_number)
        if document["schema"] != SCHEMA:
            raise ValueError(f"schema {document['schema']!r}, this release reads {SCHEMA}")  # noqa: TRY301
        return verify(_Reader(document, {**operators, "input": Input}).graph())
    except (KeyError, TypeError, ValueError, IndexError, RecursionError, OpError, InternalError) as fault:
        raise _unreadable(fault) from None


def _no_number(constant: str) -> float:
    raise ValueError(f"{constant} is no number")


def _unreadable(fault: Exception) -> ArchError:
    what = f"no `{fault.args[0]}`" if isinstance(fault, KeyError) else str(fault).partition("\n")[0]
    return error("E0604", "this is no graph that archdsl wrote as JSON", notes=[what[:200]] if what else [])


class _Reader:
    """The document as a graph: every field of its own kind; what holds between them is left to the verifier."""

    def __init__(self, document: object, operators: Mapping[str, type[Op]]) -> None:
        self.document = fields.record(_GRAPH, document)
        self.operators = operators
        self.sources = fields.items(_source, self.document["sources"])

    def graph(self) -> Graph:
        document = self.document
        nodes: dict[str, Node] = {}
        for each in fields.items(partial(fields.record, _NODE), document["nodes"]):
            node = self._node(each, nodes)
            nodes[node.path] = node
        return Graph(
            fields.name(document["network"]),
            tuple(nodes.values()),
            fields.items(self._scope, document["scopes"]),
            fields.items(self._output, document["outputs"]),
            fields.items(self._guard, document["guards"]),
            self.sources,
            fields.table(fields.name, fields.constant, document["arguments"]),
            fields.table(fields.path, partial(fields.items, fields.path), document["renames"]),
            fields.table(fields.name, fields.constant, document["about"]),
            fields.text(document["doc"]),
        )

    def _node(self, each: Mapping[str, Any], known: Mapping[str, Node]) -> Node:
        op = self._op(each)
        path = fields.path(each["path"])
        inputs = fields.items(fields.path, each["inputs"])
        types = [known[path].type for path in inputs]
        output = op.infer(types)
        cost, weights = op.cost(types, output), op.weights(types)
        told = (each["out"], each["macs"], each["weights"])
        if path in known or told != (list(output.shape), cost.mac, {weight.name: list(weight.shape) for weight in weights}):
            raise ValueError(f"`{path}` is not what its operator says")
        origins = self._origins(each["origins"])
        return Node(path, op, inputs, output, fields.whole(each["scope"]), self._span(each["span"]), cost, weights, origins)

    def _op(self, each: Mapping[str, Any]) -> Op:
        keyword = fields.text(each["op"])
        if keyword not in self.operators:
            raise ValueError(f"unknown operator `{keyword}`")
        attributes = fields.table(fields.name, partial(fields.optional, _attribute), each["attributes"])
        op = self.operators[keyword](**attributes)
        if isinstance(op, Input):
            fields.items(partial(fields.optional, fields.name), [op.batch, *op.dims])
            if len(op.dims) not in (0, len(op.shape)) or max(op.shape, default=0) > DEFAULT.dimension:
                raise ValueError("an input that no network has")
        return op

    def _scope(self, each: object) -> Scope:
        found = fields.record(_SCOPE, each)
        return Scope(
            fields.empty_or(fields.path, found["path"]),
            fields.choice(found["kind"], get_args(ScopeKind)),
            fields.empty_or(fields.name, found["callee"]),
            fields.optional(fields.whole, found["parent"]),
            self._span(found["span"]),
            fields.optional(self._span, found["definition"]),
            fields.empty_or(fields.path, found["entry"]),
            fields.empty_or(fields.path, found["exit"]),
            fields.table(fields.name, fields.constant, found["arguments"]),
            self._origins(found["origins"]),
            fields.text(found["doc"]),
            self._origins(found["defaults"]),
        )

    def _guard(self, each: object) -> Guard:
        found = fields.record(_GUARD, each)
        first, last = fields.items(fields.whole, found["nodes"])
        return Guard(
            fields.whole(found["scope"]),
            self._span(found["span"]),
            fields.empty_or(fields.name, found["label"]),
            fields.flag(found["present"]),
            fields.empty_or(fields.path, found["entry"]),
            fields.empty_or(fields.path, found["exit"]),
            (first, last),
            fields.flag(found["merged"]),
            fields.optional(fields.text, found["formula"]),
        )

    def _output(self, each: object) -> Output:
        found = fields.record(_OUTPUT, each)
        weight = fields.optional(fields.number, found["weight"])
        node = fields.path(found["node"])
        return Output(fields.name(found["name"]), node, self._span(found["span"]), fields.flag(found["auxiliary"]), weight)

    def _span(self, numbers: object) -> Span:
        source, start, end = (0, 0, 0) if numbers is None else fields.items(fields.whole, numbers)
        if source < 0 or not 0 <= start <= end <= len(self.sources[source].text):
            raise ValueError("a place outside the texts")
        return Span(self.sources[source], start, end)

    def _origins(self, found: object) -> dict[str, Origin]:
        return fields.table(fields.name, self._origin, found)

    def _origin(self, found: object) -> Origin:
        kind, span, formula = fields.items(lambda each: each, found)
        kind = fields.choice(kind, get_args(OriginKind))
        return Origin(kind, fields.optional(self._span, span), fields.optional(fields.text, formula))


def _source(each: object) -> Source:
    found = fields.record(("path", "text"), each)
    return Source(fields.file_name(found["path"]), fields.text(found["text"]))


def _attribute(value: object) -> Any:
    """JSON has lists where operators have tuples; what is in them is theirs to check."""
    return tuple(fields.optional(_attribute, each) for each in value) if isinstance(value, list) else fields.constant(value)
