"""The graph as JSON and back, for tools in other languages and for whoever keeps a compiled network beside its text.

What the operators say by themselves (types, weights, costs) is written for readers, and computed anew by the one who reads.
Spans are ``[source, start, end]`` in code points.  Of where values come from, the place to change them is kept, the way is not.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from archdsl.diagnostics import ArchError, InternalError, error
from archdsl.ir.graph import Graph, Guard, Node, Origin, Output, Scope
from archdsl.ir.op import Input, Op, OpError
from archdsl.ir.verify import verify
from archdsl.source import Source, Span

SCHEMA = 1
_MOST_BYTES = 1 << 28


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
        return {field.name: getattr(each, field.name) for field in fields(each)} | {"span": span(each.span)}

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
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def from_json(text: str, operators: Mapping[str, type[Op]]) -> Graph:
    """The graph that :func:`to_json` wrote, verified anew; raises ``ArchError`` (E0604) for anything else.

    ``operators`` are those that the nodes may be, by keyword.
    """
    try:
        if len(text) > _MOST_BYTES:
            raise ValueError("too long")  # noqa: TRY301
        document = json.loads(text)
        if document["schema"] != SCHEMA:
            raise ValueError(f"schema {document['schema']!r}, this release reads {SCHEMA}")  # noqa: TRY301
        return verify(_Reader(document, {**operators, "input": Input}).graph())
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError, OpError, InternalError) as fault:
        raise _unreadable(fault) from None


def _unreadable(fault: Exception) -> ArchError:
    what = f"no `{fault.args[0]}`" if isinstance(fault, KeyError) else str(fault).partition("\n")[0]
    return error("E0604", "this is no graph that archdsl wrote as JSON", notes=[what[:200]] if what else [])


class _Reader:
    def __init__(self, document: dict[str, Any], operators: Mapping[str, type[Op]]) -> None:
        self.document = document
        self.operators = operators
        self.sources = tuple(Source(_text(each["path"]), _text(each["text"])) for each in document["sources"])

    def graph(self) -> Graph:
        document = self.document
        nodes: dict[str, Node] = {}
        for each in document["nodes"]:
            node = self._node(each, nodes)
            nodes[node.path] = node
        return Graph(
            _text(document["network"]),
            tuple(nodes.values()),
            tuple(self._scope(each) for each in document["scopes"]),
            tuple(Output(**{**each, "span": self._span(each["span"])}) for each in document["outputs"]),
            tuple(
                Guard(**{**each, "span": self._span(each["span"]), "nodes": tuple(each["nodes"])}) for each in document["guards"]
            ),
            self.sources,
            _values(document["arguments"]),
            {path: tuple(older) for path, older in document["renames"].items()},
            _values(document["about"]),
            _text(document["doc"]),
        )

    def _node(self, each: dict[str, Any], known: Mapping[str, Node]) -> Node:
        if each["op"] not in self.operators:
            raise ValueError(f"unknown operator `{each['op']}`")
        op = self.operators[each["op"]](**{name: _value(value) for name, value in each["attributes"].items()})
        inputs = tuple(each["inputs"])
        types = [known[path].type for path in inputs]
        output = op.infer(types)
        if each["path"] in known or list(output.shape) != each["out"]:
            raise ValueError(f"`{each['path']}` is not what its operator says")
        origins = self._origins(each["origins"])
        span = self._span(each["span"])
        return Node(each["path"], op, inputs, output, each["scope"], span, op.cost(types, output), op.weights(types), origins)

    def _scope(self, each: dict[str, Any]) -> Scope:
        definition = None if each["definition"] is None else self._span(each["definition"])
        places = {"span": self._span(each["span"]), "definition": definition, "arguments": _values(each["arguments"])}
        return Scope(**{**each, **places, "origins": self._origins(each["origins"]), "defaults": self._origins(each["defaults"])})

    def _span(self, numbers: Sequence[int] | None) -> Span:
        source, start, end = (0, 0, 0) if numbers is None else numbers
        if source < 0 or not 0 <= start <= end <= len(self.sources[source].text):
            raise ValueError("a place outside the texts")
        return Span(self.sources[source], start, end)

    def _origins(self, found: Mapping[str, Any]) -> dict[str, Origin]:
        return {
            name: Origin(kind, None if span is None else self._span(span), formula)
            for name, (kind, span, formula) in found.items()
        }


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is no text")
    return value


def _values(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(value) for name, value in found.items()}


def _value(value: Any) -> Any:
    """JSON has lists where the graph has tuples."""
    return tuple(_value(each) for each in value) if isinstance(value, list) else value
