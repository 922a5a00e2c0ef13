"""PyTorch source of a network: one class per block of the spec, readable, stand-alone, the same bytes every time."""

import re
from collections.abc import Iterator

from archdsl.backends.torch.arguments import resolve
from archdsl.backends.torch.chains import Chain, fold
from archdsl.backends.torch.constructor import Face, constructor
from archdsl.backends.torch.forward import arguments_of, forward
from archdsl.backends.torch.instances import Cutter, Ref
from archdsl.backends.torch.templates import Construct, Expression, Listed, Module, Planner, Repeated, Template
from archdsl.backends.torch.text import INDENT, camel_case, docstring, free_name
from archdsl.diagnostics import error
from archdsl.ir import Graph, TorchSource, Unsupported


def emit(graph: Graph) -> str:
    """The source of a module that imports torch alone; its last class is the network.

    ``state_dict`` keys are the spec's paths, with ``.3.`` for ``[3]``.  One output is returned as a tensor, several as a
    ``NamedTuple`` in order of declaration.  Raises ``ArchError`` (E0701) for an operator without a PyTorch form.
    """
    try:
        return _Module(graph).text()
    except Unsupported as fault:
        raise error("E0701", str(fault)) from None


class _Module:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        network = Cutter(graph).network()
        self._templates: list[Template] = []
        for template in Planner().plan(network):
            resolve(template)
            self._templates.append(template)
        self._network = self._templates[-1]
        self._refs = network.refs()
        self._sources = list(self._collect_sources())
        self._names = self._class_names()

    def text(self) -> str:
        parts = [source.text.strip("\n") for source in self._sources]
        if len(self._graph.outputs) > 1:
            parts.append(self._outputs())
        parts += ["\n".join(self._class(template)) for template in self._templates]
        body = "\n\n\n".join(parts) + "\n"
        return "\n".join([*self._header(), *_imports(body), "", "", body])

    def _header(self) -> list[str]:
        graph = self._graph
        made = f"Written by archdsl from the spec of {graph.name}; the keys of `state_dict` are the spec's paths."
        return [*docstring(f"{graph.doc.strip()}\n\n{made}" if graph.doc.strip() else made, ""), ""]

    def _outputs(self) -> str:
        fields = [f"{INDENT}{output.name}: Tensor" for output in self._graph.outputs]
        return "\n".join(
            ["class Outputs(NamedTuple):", f'{INDENT}"""What the network gives, in order of declaration."""', "", *fields]
        )

    def _class_names(self) -> dict[int, str]:
        taken = {"Outputs", *(source.name for source in self._sources)}
        names: dict[int, str] = {}
        own = free_name(camel_case(self._graph.name), taken)
        taken.add(own)
        for template in self._templates[:-1]:
            scope = template.first.scope
            wanted = scope.callee if scope.kind == "block" else re.sub(r"\[\d+\]", "", scope.path).rpartition(".")[2]
            names[id(template)] = free_name(camel_case(wanted), taken)
            taken.add(names[id(template)])
        names[id(self._network)] = own
        return names

    def _class(self, template: Template) -> Iterator[str]:
        steps = fold(template)
        face = Face(template, steps, self._names)
        network = template is self._network
        yield f"class {self._names[id(template)]}(nn.Module):"
        doc = self._title() if network else template.first.scope.doc
        if doc:
            yield from docstring(doc, INDENT)
            yield ""
        if face.stored or template.arguments or any(not isinstance(step.part, Expression) for step in steps):
            yield from constructor(face)
            yield ""
        if not network:
            yield from forward(face, arguments_of(template), [("", template.output)], "Tensor")
            return
        inputs = [free_name(node.path, ()) for node in self._graph.inputs]
        returns: list[tuple[str, Ref]] = [(output.name, self._refs[output.node]) for output in self._graph.outputs]
        yield from forward(face, inputs, returns, "Tensor" if len(returns) == 1 else "Outputs")

    def _title(self) -> str:
        shapes = ", ".join(f"{node.path} {node.type}" for node in self._graph.inputs)
        results = ", ".join(f"{output.name} {self._graph[output.node].type}" for output in self._graph.outputs)
        return f"{shapes} -> {results}"

    def _collect_sources(self) -> Iterator[TorchSource]:
        """Every helper that an operator brings, each once, after those that it needs."""
        seen: dict[str, TorchSource] = {}
        for template in self._templates:
            for piece in template.pieces:
                for source in _sources(piece.part):
                    yield from _with_needs(source, seen)


def _sources(part: "Module | Chain | Expression") -> Iterator[TorchSource]:
    if isinstance(part, Expression):
        yield from part.target.sources
    elif isinstance(part, Construct):
        yield from part.sources
    elif isinstance(part, Repeated):
        yield from part.rest.sources
    elif isinstance(part, Listed):
        for each in part.parts:
            yield from _sources(each)


def _with_needs(source: TorchSource, seen: dict[str, TorchSource]) -> Iterator[TorchSource]:
    if source.name in seen:
        if seen[source.name].text != source.text:
            raise Unsupported(f"two operators bring different sources named `{source.name}`")
        return
    seen[source.name] = source
    for need in source.needs:
        yield from _with_needs(need, seen)
    yield source


def _imports(body: str) -> Iterator[str]:
    """The imports that ``body`` needs, in a formatter's order."""
    if "OrderedDict(" in body:
        yield "from collections import OrderedDict"
    if "NamedTuple" in body:
        yield "from typing import NamedTuple"
    if "OrderedDict(" in body or "NamedTuple" in body:
        yield ""
    if re.search(r"\btorch\.", body):
        yield "import torch"
    if re.search(r"\bF\.", body):
        yield "import torch.nn.functional as F"
    yield "from torch import Tensor, nn"


