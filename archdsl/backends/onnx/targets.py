"""What every operator of a graph is in ONNX, its attributes and constants ready to be copied into nodes."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from onnx import AttributeProto, TensorProto
from onnx.defs import SchemaError, get_schema

from archdsl.backends.onnx.model import attributes, tensor
from archdsl.diagnostics import ArchError, error
from archdsl.ir import Graph, Node, OnnxForm, OnnxNode, OnnxTarget, TensorType, Unsupported


@dataclass(frozen=True, slots=True)
class Target:
    """The nodes of an operator, each with its attributes, and its constants by name."""

    nodes: tuple[tuple[OnnxNode, Sequence[AttributeProto]], ...]
    constants: Mapping[str, TensorProto]


def free_sizes(graph: Graph, kept: Container[str], form: OnnxForm) -> set[str]:
    """Paths of the values whose height and width are free: maps that enter, and of the ``kept`` nodes those that follow them.

    Raises E0701, with the path, where an operator cannot be had on a free size.
    """
    found: set[str] = set()
    for node in graph:
        if node.op.family == "input":
            free = form.dynamic and node.type.is_map
        elif node.path not in kept:
            free = False
        else:
            entering = [path in found for path in node.inputs]
            try:
                free = any(entering) and node.op.free_size(graph.types(node.inputs), entering)
            except Unsupported as fault:
                raise _refusal(fault, node) from None
        if free:
            found.add(node.path)
    return found


def targets(graph: Graph, kept: Container[str], free: Container[str], opset: int) -> dict[str, Target]:
    """The target of every operation among the ``kept`` nodes by its path; equal operators on equal inputs share one.

    Raises E0701, with the path, where an operator cannot be expressed in this opset, or with the sizes of these values ``free``.
    """
    known: dict[tuple[int, tuple[TensorType, ...], bool], Target] = {}
    found = {}
    for node in graph:
        if node.path in kept and node.op.family != "input":
            types = graph.types(node.inputs)
            form = OnnxForm(opset, any(path in free for path in node.inputs))
            key = (id(node.op), types, form.dynamic)
            if key not in known:
                known[key] = _target(node, types, form)
            found[node.path] = known[key]
    return found


def _target(node: Node, types: tuple[TensorType, ...], form: OnnxForm) -> Target:
    try:
        target = node.op.onnx(types, node.type, form)
    except Unsupported as fault:
        raise _refusal(fault, node) from None
    for each in target.nodes:
        _check(each, node, form.opset)
    wrong = _misfit(target, node, len(types))
    if wrong is not None:
        raise error("E0506", f"the ONNX form of `{node.op.keyword}` {wrong}", node.span, path=node.path)
    try:
        return Target(
            tuple((each, attributes(each.attributes)) for each in target.nodes),
            {name: tensor(each) for name, each in target.constants.items()},
        )
    except (TypeError, ValueError, OverflowError, KeyError) as fault:
        reason = f"{type(fault).__name__}: {fault}"
        raise error(
            "E0506", f"the ONNX form of `{node.op.keyword}` is no ONNX", node.span, path=node.path, notes=[reason]
        ) from None


def _misfit(target: OnnxTarget, node: Node, inputs: int) -> str | None:
    """What keeps the nodes of a target from making its output out of the inputs; None where they do."""
    known = {"", *(f"in{index}" for index in range(inputs)), *(weight.name for weight in node.weights), *target.constants}
    for each in target.nodes:
        unknown = [name for name in each.inputs if name not in known]
        if unknown:
            return f"uses `{unknown[0]}`, which is neither an input, a weight or a constant nor made before"
        again = [name for index, name in enumerate(each.outputs) if name and (name in known or name in each.outputs[:index])]
        if again:
            return f"makes `{again[0]}`, which is there already"
        known.update(each.outputs)
    if "out" not in known:
        return "does not make `out`"
    short = [name for name, each in target.constants.items() if len(each.values) != prod(each.shape)]
    return f"has a constant `{short[0]}` with more or fewer values than its shape takes" if short else None


def _check(each: OnnxNode, node: Node, opset: int) -> None:
    """Holds where ONNX has the node's operator, with these attributes, in this opset; raises E0701 elsewhere."""
    try:
        known = get_schema(each.op_type, opset, "")
    except SchemaError:
        known = None
    what = f"`{each.op_type}`"
    if known is not None and not known.deprecated:
        unknown = [name for name in each.attributes if name not in known.attributes]
        if not unknown:
            return
        what = f"`{each.op_type}` with `{unknown[0]}`"
    raise error(
        "E0701", f"`{node.op.keyword}` wants {what}, which opset {opset} of ONNX does not have", node.span, path=node.path
    )


def _refusal(fault: Unsupported, node: Node) -> ArchError:
    return error("E0701", str(fault), node.span, path=node.path)
