"""ONNX model of a network, straight from its graph: a function for each distinct block, called once for each instance.

Nodes and values are named by their paths, initializers by the keys of a ``state_dict``.  A value that the network gives bears
the name of that output; what an operator of several nodes has inside is named below it, ``path/local``.
"""

from collections import Counter
from collections.abc import Container, Mapping, Sequence

from onnx import GraphProto, ModelProto

from archdsl.backends.onnx.functions import Body, Writer
from archdsl.backends.onnx.model import (
    Array,
    clean,
    opsets,
    sign,
    write_node,
    write_type,
    write_weight,
)
from archdsl.backends.onnx.targets import free_sizes, targets
from archdsl.backends.onnx.units import Unit, cut, needed
from archdsl.diagnostics import error
from archdsl.ir import Graph, Input, Node, OnnxForm, Output

Dims = tuple[int | str | None, ...]
_DEFAULT = OnnxForm()


def emit(
    graph: Graph,
    weights: Mapping[str, Array] | None,
    form: OnnxForm = _DEFAULT,
    *,
    flat: bool = False,
    auxiliary: bool = False,
    metadata: Mapping[str, str] | None = None,
) -> ModelProto:
    """The network as a model with ``weights``: arrays of float32 by the keys of a ``state_dict``; without any, they are inputs.

    ``flat`` makes one graph without functions; ``auxiliary`` keeps auxiliary outputs, and what only they need.  Raises
    ``ArchError``: E0701 where an operator cannot be what ``form`` asks for, E0708 where a weight is missing or does not fit.
    """
    return filled(*structured(graph, weights, form, flat=flat, auxiliary=auxiliary, metadata=metadata))


def filled(model: ModelProto, arrays: Mapping[str, Array]) -> ModelProto:
    """``model`` itself with ``arrays`` as data of the initializers of these names."""
    for made in model.graph.initializer:
        if made.name in arrays:
            made.raw_data = arrays[made.name].tobytes()
    return model


def structured(
    graph: Graph,
    weights: Mapping[str, Array] | None,
    form: OnnxForm = _DEFAULT,
    *,
    flat: bool = False,
    auxiliary: bool = False,
    metadata: Mapping[str, str] | None = None,
) -> tuple[ModelProto, dict[str, Array]]:
    """The model of :func:`emit` with weights that hold no data yet, and that data by name: little-endian and contiguous.

    :func:`~archdsl.backends.onnx.splice.spliced` makes bytes of both, in a fraction of the time that serialising takes.
    """
    check_opset(form.opset)
    outputs = tuple(output for output in graph.outputs if auxiliary or not output.auxiliary) or graph.outputs
    wanted = [output.node for output in outputs]
    kept = needed(graph, wanted)
    free = free_sizes(graph, kept, form)
    writer = Writer(targets(graph, kept, free, form.opset), form.opset)
    model = ModelProto()
    proto = model.graph
    proto.name, proto.doc_string = graph.name, clean(graph.doc)
    body = Body(proto.node, cut(graph, wanted, kept, flat=flat), _value_names(graph, outputs))
    writer.write(body)
    shapes = _Shapes(graph, free)
    for node in graph.inputs:
        write_type(proto.input.add(), node.path, shapes.of_input(node))
    for output in outputs:
        write_type(proto.output.add(), _output_name(graph, output), shapes.of(output.node))
    _name_again(proto, body, outputs)
    arrays = _write_weights(proto, body, weights)
    _write_types(proto, body, shapes)
    model.functions.extend(writer.functions)
    sign(model, form.opset, metadata or {})
    return model, arrays


def check_opset(opset: int) -> None:
    """Holds for an opset that can be written; raises E0701 for any other."""
    known = opsets()
    if opset not in known:
        raise error("E0701", f"ONNX opset {opset} cannot be written", help=f"opsets {known[0]} to {known[-1]} can")


class _Shapes:
    """Shapes of values with their batch; height and width of a map of ``free`` size are known of inputs only, by name."""

    def __init__(self, graph: Graph, free: Container[str]) -> None:
        self._graph = graph
        self._free = free
        self._batch = next((each.op.batch for each in graph.inputs if isinstance(each.op, Input)), "N")
        entering = [each.op for each in graph.inputs if isinstance(each.op, Input)]
        self._named = Counter([self._batch, *(name for op in entering for name in (*op.dims, None, None, None)[1:3] if name)])
        self._maps = sum(each.type.is_map for each in graph.inputs)

    def of(self, path: str) -> Dims:
        type_ = self._graph[path].type
        return (self._batch, type_.channels, None, None) if path in self._free else (self._batch, *type_.shape)

    def of_input(self, node: Node) -> Dims:
        """As :meth:`of`; free sizes are called as in the spec, else ``H`` and ``W``, after the input where there are several.

        A name that the spec gives to more than one size, or to the batch too, has the input and the axis in front: a runtime
        takes sizes of one name for equal.
        """
        if node.path not in self._free or not isinstance(node.op, Input):
            return self.of(node.path)
        mark = f"{node.path}." if self._maps > 1 else ""
        named = (*node.op.dims, None, None, None)[1:3]
        height, width = (
            f"{mark}{axis}" if name is None else name if self._named[name] == 1 else f"{node.path}.{axis}.{name}"
            for name, axis in zip(named, "HW", strict=True)
        )
        return self._batch, node.type.channels, height, width


def _output_name(graph: Graph, output: Output) -> str:
    """The name of an output, which an input may have as well."""
    return f"{output.name}:output" if any(node.path == output.name for node in graph.inputs) else output.name


def _value_names(graph: Graph, outputs: Sequence[Output]) -> dict[str, str]:
    """The values of the network, by path, that are not called by their path: outputs, and whose path is the name of one."""
    inputs = {node.path for node in graph.inputs}
    names: dict[str, str] = {}
    for output in outputs:
        if output.node not in inputs:
            names.setdefault(output.node, _output_name(graph, output))
    for output in outputs:
        if output.name in graph and output.name not in inputs:
            names.setdefault(output.name, f"{output.name}:value")
    return names


def _name_again(proto: GraphProto, body: Body, outputs: Sequence[Output]) -> None:
    """Gives outputs that are inputs, or another output too, a value of their own."""
    for output, info in zip(outputs, proto.output, strict=True):
        if body.name(output.node) != info.name:
            write_node(proto.node, "Identity", f"{output.name}:output", [body.name(output.node)], [info.name])


def _write_weights(proto: GraphProto, body: Body, weights: Mapping[str, Array] | None) -> dict[str, Array]:
    """Adds initializers for weights and constants; the former are given as arrays, or become inputs where there are none."""
    arrays = {}
    for key, weight in body.weights.items():
        if weights is None:
            write_type(proto.input.add(), key, weight.shape)
        else:
            arrays[key] = write_weight(proto.initializer.add(), key, weight.shape, weights.get(key))
    for name, tensor in body.constants.items():
        made = proto.initializer.add()
        made.CopyFrom(tensor)
        made.name = name
    return arrays


def _write_types(proto: GraphProto, body: Body, shapes: _Shapes) -> None:
    """Adds the types of the values that the graph shows, but for those of its outputs."""
    outputs = {each.name for each in proto.output}
    for part in body.unit.parts:
        for path in part.outputs if isinstance(part, Unit) else (part.path,):
            if body.name(path) not in outputs:
                write_type(proto.value_info.add(), body.name(path), shapes.of(path))
