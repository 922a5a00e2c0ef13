"""Units written as nodes: into the graph of a model, or into functions that equal units share.

Names inside a function are paths below the unit; the values that enter it are ``in``, ``in.2`` and so on, which no label can be.
Functions hold no initializers: they take weights as inputs, and constants are nodes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from onnx import AttributeProto, FunctionProto, TensorProto

from archdsl.backends.onnx.model import DOMAIN, clean, write_node
from archdsl.backends.onnx.targets import Target
from archdsl.backends.onnx.units import Unit
from archdsl.ir import Node, Weight
from archdsl.ir.weights import state_key

_ENTRY = "in"


@dataclass(slots=True)
class Body:
    """Nodes as they are written, and what they use: weights by key below the unit, and constants by name.

    ``names`` are those of values, by path, that are not called by their path below the unit.
    """

    nodes: Any
    unit: Unit
    names: Mapping[str, str]
    weights: dict[str, Weight] = field(default_factory=dict)
    constants: dict[str, TensorProto] = field(default_factory=dict)

    def name(self, path: str) -> str:
        """What the value at ``path`` is called."""
        return self.names.get(path) or self.unit.below(path)


@dataclass(frozen=True, slots=True)
class _Call:
    """The function of a unit, and the weights that it takes after its values, by key below the unit."""

    function: FunctionProto
    weights: Mapping[str, Weight]


class Writer:
    """Writes units; ``functions`` are those that came of it, each after those that it calls."""

    def __init__(self, targets: Mapping[str, Target], opset: int) -> None:
        self._targets = targets
        self._opset = opset
        self._known: dict[bytes, FunctionProto] = {}
        self._taken = {"Constant"}  # ONNX Runtime takes a node of this name for the standard one, whatever its domain

    @property
    def functions(self) -> list[FunctionProto]:
        return list(self._known.values())

    def write(self, body: Body) -> None:
        """Fills ``body`` with what its unit holds."""
        for part in body.unit.parts:
            if isinstance(part, Unit):
                self._write_call(body, part)
            else:
                self._write_operation(body, part)

    def _write_operation(self, body: Body, node: Node) -> None:
        target = self._targets[node.path]
        name = body.unit.below(node.path)
        known = {f"in{index}": body.name(path) for index, path in enumerate(node.inputs)}
        known["out"] = body.name(node.path)
        known[""] = ""
        weights = {weight.name: weight for weight in node.weights}
        for each, attributes in target.nodes:
            for used in each.inputs:
                if used in weights and used not in known:
                    known[used] = state_key(name, used)
                    body.weights[known[used]] = weights[used]
            inputs = [known.get(used, f"{name}/{used}") for used in each.inputs]
            outputs = [known.get(made, f"{name}/{made}") for made in each.outputs]
            write_node(body.nodes, each.op_type, name if "out" in each.outputs else outputs[0], inputs, outputs, attributes)
        body.nodes[-1].doc_string = _doc(body.unit.docs.get(node.path, []))
        for constant, tensor in target.constants.items():
            body.constants[f"{name}/{constant}"] = tensor

    def _write_call(self, body: Body, unit: Unit) -> None:
        call = self._call(unit)
        name = body.unit.below(unit.scope.path)
        keys = {state_key(name, key): weight for key, weight in call.weights.items()}
        body.weights.update(keys)
        inputs = [*map(body.name, unit.inputs), *keys]
        outputs = [body.name(path) for path in unit.outputs]
        around = [text for path in unit.outputs for text in body.unit.docs.get(path, [])]
        doc = _doc([unit.scope.doc, *around])
        write_node(body.nodes, call.function.name, name, inputs, outputs, domain=DOMAIN, doc=doc)

    def _call(self, unit: Unit) -> _Call:
        """The function of ``unit``: one that is there already, if it is the same in all but its name."""
        made = FunctionProto(domain=DOMAIN, doc_string=_doc([unit.scope.doc]))
        names = {path: f"{_ENTRY}.{index}" if index > 1 else _ENTRY for index, path in enumerate(unit.inputs, 1)}
        body = Body(made.node, unit, names)
        self.write(body)
        made.input.extend([*names.values(), *body.weights])
        made.output.extend(map(body.name, unit.outputs))
        self._close(made, body)
        key = f"{unit.title}\0".encode() + made.SerializeToString(deterministic=True)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = made
            made.name = self._free(unit.title)
        return _Call(known, body.weights)

    def _close(self, made: FunctionProto, body: Body) -> None:
        """Completes a function by its constants, as nodes before all others, and by what it needs of its reader."""
        if body.constants:
            rest = list(made.node)
            del made.node[:]
            for name, tensor in body.constants.items():
                value = AttributeProto(name="value", type=AttributeProto.TENSOR, t=tensor)
                write_node(made.node, "Constant", name, (), (name,), (value,))
            made.node.extend(rest)
        made.opset_import.add(domain="", version=self._opset)
        if any(node.domain == DOMAIN for node in made.node):
            made.opset_import.add(domain=DOMAIN, version=1)

    def _free(self, title: str) -> str:
        """``title``, or ``title_2`` and so on where that is taken."""
        name, number = title, 2
        while name in self._taken:
            name, number = f"{title}_{number}", number + 1
        self._taken.add(name)
        return name


def _doc(texts: list[str]) -> str:
    return clean("\n".join(dict.fromkeys(text.strip() for text in texts if text.strip())))
