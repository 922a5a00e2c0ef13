"""The graph as deterministic text, one node a line."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from archdsl.ir.graph import Graph, Node

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}


def dump(graph: Graph) -> str:
    """The text that ``archdsl compile --to ir`` prints; equal graphs give equal text."""
    return "\n".join(_lines(graph)) + "\n"


def fingerprint(graph: Graph) -> str:
    """SHA-256 over the dump and every source text: equal for equal networks, on every machine."""
    digest = sha256(dump(graph).encode())
    for source in graph.sources:
        digest.update(b"\0" + source.text.encode())
    return digest.hexdigest()


def _lines(graph: Graph) -> Iterator[str]:
    arguments = ", ".join(f"{name}={show(value)}" for name, value in graph.arguments.items())
    yield f"network {graph.name}({arguments})"
    opened: set[int] = set()
    for node in graph.nodes:
        yield from _headings(graph, node.scope, opened)
        yield "  " + _node(node)
    for output in graph.outputs:
        weight = "" if output.weight is None else f" weight={show(output.weight)}"
        yield f"output {output.name} = {output.node}{' auxiliary' if output.auxiliary else ''}{weight}"


def _headings(graph: Graph, scope: int, opened: set[int]) -> Iterator[str]:
    """A line for each scope that begins here."""
    chain = []
    index: int | None = scope
    while index is not None and index not in opened:
        chain.append(index)
        opened.add(index)
        index = graph.scopes[index].parent
    for index in reversed(chain):
        scope_ = graph.scopes[index]
        if scope_.path:
            arguments = ", ".join(f"{name}={show(value)}" for name, value in scope_.arguments.items())
            yield f"{scope_.path}: {scope_.callee or scope_.kind}{f'({arguments})' if arguments else ''}"


def _node(node: Node) -> str:
    fields = type(node.op).model_fields
    attributes = ", ".join(f"{name}={show(getattr(node.op, name))}" for name in fields)
    return " ".join([f"{node.path} = {node.op.keyword}({attributes})", *node.inputs, ":", str(node.type)])


def show(value: Any) -> str:
    """A value as it is written in a spec: ``3x3`` for a pair of whole numbers, ``true`` for ``True``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value if value.isidentifier() else f'"{"".join(map(_escaped, value))}"'
    if isinstance(value, tuple):
        if len(value) == 2 and all(isinstance(each, int) and each >= 0 for each in value):
            return f"{value[0]}x{value[1]}"
        return f"({', '.join(show(each) for each in value)})"
    if isinstance(value, float):
        return repr(value)
    return "none" if value is None else str(value)


def _escaped(character: str) -> str:
    """The character as it stands in quotes: a dump has one node a line, and does not act on the terminal that shows it."""
    if character in _ESCAPES:
        return _ESCAPES[character]
    return character if character.isprintable() else f"\\u{ord(character):04x}"
