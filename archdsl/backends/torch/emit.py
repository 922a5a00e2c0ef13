"""PyTorch source of a network: one class per block of the spec, readable, stand-alone, the same bytes every time."""

import ast
import re
from collections.abc import Iterator

from archdsl.backends.torch.arguments import resolve
from archdsl.backends.torch.chains import Chain, fold
from archdsl.backends.torch.constructor import Face, constructor
from archdsl.backends.torch.forward import arguments_of, forward
from archdsl.backends.torch.instances import Cutter
from archdsl.backends.torch.plan import Planner
from archdsl.backends.torch.templates import Expression, Module, Template
from archdsl.backends.torch.text import INDENT, camel_case, docstring, free_name
from archdsl.diagnostics import error
from archdsl.ir import Graph, Unsupported

_OUTPUTS = "Outputs"


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
        cutter = Cutter(graph)
        network = cutter.network()
        self._refs = network.refs()
        self._sources = [source.text.strip("\n") for source in cutter.sources.values()]
        self._used: set[str] = set()
        self._taken = {*cutter.sources, *([_OUTPUTS] if len(graph.outputs) > 1 else [])}
        own = self._class_name(graph.name)
        self._templates: list[Template] = []
        for template in Planner().plan(network):
            template.name = own if network in template.instances else self._class_name(_title(template))
            resolve(template, self._taken)
            self._templates.append(template)

    def _class_name(self, wanted: str) -> str:
        name = free_name(camel_case(wanted), self._taken)
        self._taken.add(name)
        return name

    def text(self) -> str:
        """The whole file."""
        parts = list(self._sources)
        self._used = {name for source in parts for name in _used_by(source)}
        if len(self._graph.outputs) > 1:
            parts.append(self._outputs())
            self._used.add("NamedTuple")
        parts += ["\n".join(self._class(template)) for template in self._templates]
        body = "\n\n\n".join(parts) + "\n"
        return "\n".join([*self._header(), *_imports(self._used), "", "", body])

    def _header(self) -> list[str]:
        about = f"Written by archdsl from the spec of {self._graph.name}.\n\nThe keys of `state_dict` are the paths of the spec."
        doc = self._graph.doc.strip()
        return [*docstring(f"{doc}\n\n{about.replace(chr(10) * 2, chr(10))}" if doc else about, ""), ""]

    def _outputs(self) -> str:
        fields = [f"{INDENT}{output.name}: Tensor" for output in self._graph.outputs]
        doc = f'{INDENT}"""What the network gives, in order of declaration."""'
        return "\n".join([f"class {_OUTPUTS}(NamedTuple):", doc, "", *fields])

    def _class(self, template: Template) -> Iterator[str]:
        network = template is self._templates[-1]
        results = [(output.name, self._refs[output.node]) for output in self._graph.outputs] if network else []
        steps = fold(template, [ref for _, ref in results] if network else [template.output])
        self._used.update(name for step in steps for name in _used_in(step.part))
        face = Face(template, steps)
        yield f"class {template.name}(nn.Module):"
        doc = docstring(self._shapes() if network else template.first.scope.doc, INDENT)
        yield from [*doc, ""] if doc else []
        if face.stored or template.arguments or any(not isinstance(step.part, Expression) for step in steps):
            yield from constructor(face)
            yield ""
        if not network:
            yield from forward(face, arguments_of(template), [("", template.output)], "Tensor", self._taken)
            return
        inputs: list[str] = []
        for node in self._graph.inputs:
            inputs.append(free_name(node.path, {*self._taken, *inputs}))
        yield from forward(face, inputs, results, "Tensor" if len(results) == 1 else _OUTPUTS, self._taken)

    def _shapes(self) -> str:
        shapes = ", ".join(f"{node.path} {node.type}" for node in self._graph.inputs)
        results = ", ".join(f"{output.name} {self._graph[output.node].type}" for output in self._graph.outputs)
        return f"{shapes} -> {results}"


def _title(template: Template) -> str:
    """What a class is called after: its block, or the label of the repeat whose iterations it is."""
    scope = template.first.scope
    return scope.callee if scope.kind == "block" else re.sub(r"\[\d+\]", "", scope.path).rpartition(".")[2]


def _used_in(part: "Module | Chain | Expression") -> Iterator[str]:
    """The modules and names that a part of a class uses, beside those that every file does."""
    if isinstance(part, Chain):
        yield "OrderedDict"
    elif isinstance(part, Expression):
        yield from re.findall(r"\b(torch|F)\.", part.target.template)


def _used_by(source: str) -> Iterator[str]:
    yield from (node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name))


def _imports(used: set[str]) -> Iterator[str]:
    """The lines that import the names used, in a formatter's order."""
    standard = {"OrderedDict": "from collections import OrderedDict", "NamedTuple": "from typing import NamedTuple"}
    lines = [line for name, line in standard.items() if name in used]
    yield from [*lines, ""] if lines else []
    if "torch" in used:
        yield "import torch"
    if "F" in used:
        yield "import torch.nn.functional as F"
    yield "from torch import Tensor, nn"
