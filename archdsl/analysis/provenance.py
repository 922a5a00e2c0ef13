"""Where one place of a network comes from: what the graph has kept of the spec, gathered for one path."""

from archdsl.ir import Graph, Guard, Node, Provenance, Scope
from archdsl.ir.provenance import Enclosing, Setting


def paths(graph: Graph) -> list[str]:
    """Every path that :func:`why` can tell of, each once: of nodes and of scopes."""
    named = (scope.path for scope in graph.scopes if scope.path)
    return list(dict.fromkeys((*named, *(node.path for node in graph.nodes))))


def why(graph: Graph, path: str) -> Provenance | None:
    """What is at ``path`` and where it comes from; None where there is nothing.

    A merge or residual is both: the node that joins, and the scope of what it joins; it is told of as the node.
    """
    scope = next((index for index, each in enumerate(graph.scopes) if each.path == path and path), None)
    if path in graph:
        return _of_node(graph, graph[path], scope)
    return None if scope is None else _of_scope(graph, scope)


def absent(graph: Graph, path: str) -> Guard | None:
    """The statement that would be at ``path``, or around it, if its guard held; None where there is none."""
    found: dict[str, Guard] = {}
    for guard in graph.guards:
        label = _path(graph.scopes[guard.scope], guard)
        if not guard.present and guard.label and (path == label or path.startswith((f"{label}.", f"{label}["))):
            found[label] = guard
    innermost = max(found, key=len, default=None)
    there = set(paths(graph))  # of two statements with one label, one may be there
    return None if innermost is None or innermost in there else found[innermost]


def _of_node(graph: Graph, node: Node, index: int | None) -> Provenance:
    scope = None if index is None else graph.scopes[index]
    inside = [node] if index is None else list(graph.within(index))
    names = ("shape",) if node.op.family == "input" else tuple(type(node.op).model_fields)
    called = f"`{node.op.keyword}`" if scope is None or scope.callee == node.op.keyword else f"`{scope.callee}`"
    return Provenance(
        graph.name,
        node.path,
        "node",
        node.op.keyword,
        called,
        node.span,
        None,
        "" if scope is None else scope.doc,
        _enclosing(graph, node.scope if scope is None else scope.parent, graph.nodes.index(node)),
        tuple((path, graph[path].type) for path in node.inputs),
        node.type,
        len(inside),
        sum(each.cost.params for each in inside),
        sum(each.cost.macs for each in inside),
        tuple(Setting(name, getattr(node.op, name), node.origins.get(name)) for name in names),
    )


def _of_scope(graph: Graph, index: int) -> Provenance:
    scope = graph.scopes[index]
    inside = list(graph.within(index))
    origins = {**scope.defaults, **scope.origins}
    return Provenance(
        graph.name,
        scope.path,
        scope.kind,
        scope.callee,
        _title(graph, scope),
        scope.span,
        scope.definition,
        scope.doc,
        _enclosing(graph, scope.parent, graph.nodes.index(inside[0]) if inside else None),
        ((scope.entry, graph[scope.entry].type),) if scope.entry else (),
        graph[scope.exit].type if scope.exit else None,
        len(inside),
        sum(each.cost.params for each in inside),
        sum(each.cost.macs for each in inside),
        tuple(Setting(name, value, origins.get(name)) for name, value in scope.arguments.items()),
    )


def _enclosing(graph: Graph, index: int | None, node: int | None) -> tuple[Enclosing, ...]:
    """What is around a place, outermost first: the scopes up to the one at ``index``, and the statements under an `if`.

    ``node`` is the index of a node at or in that place.
    """
    made = [] if node is None else [each for each in graph.guards if each.nodes[0] <= node < each.nodes[1]]
    found: list[Enclosing] = []
    while index is not None:
        scope = graph.scopes[index]
        here = sorted((each for each in made if each.scope == index), key=lambda each: each.nodes[1] - each.nodes[0])
        found += [Enclosing(_path(scope, each), "there, since its `if` holds", each.span) for each in here]
        if scope.parent is not None:
            found.append(Enclosing(scope.path, _title(graph, scope), scope.span))
        index = scope.parent
    return tuple(reversed(found))


def _path(scope: Scope, guard: Guard) -> str:
    return f"{scope.path}.{guard.label}" if scope.path and guard.label else guard.label or scope.path


def _title(graph: Graph, scope: Scope) -> str:
    """A scope in a reader's words: ``repeat, 4 times``, ``block `Stem` ``, ``block `Unit`, iteration [2], the 3rd of 4``."""
    if scope.kind == "repeat":
        return f"repeat, {scope.arguments['count']} times"
    name = f"block `{scope.callee}`" if scope.kind == "block" else f"`{scope.callee}`" if scope.callee else scope.kind
    around = None if scope.parent is None else graph.scopes[scope.parent]
    if around is None or around.kind != "repeat" or not scope.path.endswith("]"):
        return name
    index = int(scope.path[scope.path.rindex("[") + 1 : -1])
    return f"{name}, iteration [{index}], the {_ordinal(index + 1)} of {around.arguments['count']}"


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
