"""One operator as an ONNX model, from what it says about ONNX and nothing else."""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from archdsl.ir import OnnxForm, OnnxTarget, Op, TensorType

NEWEST = onnx.defs.onnx_opset_version()
OPSETS = (13, 14, 17, 18, 19, 20, 22, NEWEST)
"""The opsets at which something changes for an operator, and the newest that onnx knows."""

Free = tuple[bool, ...]


def free_inputs(inputs: tuple[TensorType, ...], form: OnnxForm) -> Free:
    """Which inputs are of free height and width: maps of more than a single cell."""
    return tuple(form.dynamic and each.is_map and each.spatial != (1, 1) for each in inputs)


def model(
    op: Op,
    inputs: tuple[TensorType, ...],
    weights: dict[str, np.ndarray],
    form: OnnxForm = OnnxForm(),
    sizes: dict[str, int] | None = None,
) -> onnx.ModelProto:
    """The operator over inputs ``in0``, ``in1`` … with a symbolic batch ``N``; the output's shape is left to inference.

    Free sizes are ``H`` and ``W``, or the numbers that ``sizes`` gives them.
    """
    target = op.onnx(inputs, op.infer(inputs), form)
    spatial = [(sizes or {}).get(name, name) for name in "HW"]
    dims = [
        ["N", each.channels, *spatial] if free else ["N", *each.shape]
        for each, free in zip(inputs, free_inputs(inputs, form), strict=True)
    ]
    graph = helper.make_graph(
        [helper.make_node(node.op_type, node.inputs, node.outputs, **node.attributes) for node in target.nodes],
        "case",
        [helper.make_tensor_value_info(f"in{index}", TensorProto.FLOAT, each) for index, each in enumerate(dims)],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [None] * (1 + len(op.infer(inputs).shape)))],
        initializer=_initializers(target, weights),
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", form.opset)], ir_version=8)


def _initializers(target: OnnxTarget, weights: dict[str, np.ndarray]) -> list[onnx.TensorProto]:
    used = {name for node in target.nodes for name in node.inputs}
    arrays = {name: array for name, array in weights.items() if name in used}
    assert not arrays.keys() & target.constants.keys()
    for name, constant in target.constants.items():
        assert name in used, f"constant {name} serves no node"
        arrays[name] = np.array(constant.values, dtype=constant.dtype).reshape(constant.shape)
    return [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in arrays.items()]


def inferred_shape(proto: onnx.ModelProto) -> tuple[object, ...]:
    """Shape of the output by ONNX's own strict inference: numbers, names, and 0 for what it cannot tell."""
    onnx.checker.check_model(proto, full_check=True)
    found = onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True, data_prop=True)
    dims = found.graph.output[0].type.tensor_type.shape.dim
    return tuple(dim.dim_param or dim.dim_value for dim in dims)


def session(proto: onnx.ModelProto, *, rewritten: bool = False) -> onnxruntime.InferenceSession:
    """The model in ONNX Runtime on one thread, as it stands or as the runtime rewrites it by default."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if not rewritten:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])


def run(proto: onnx.ModelProto | onnxruntime.InferenceSession, tensors: list[np.ndarray]) -> np.ndarray:
    """The output by ONNX Runtime."""
    ready = session(proto) if isinstance(proto, onnx.ModelProto) else proto
    return ready.run(None, {f"in{index}": tensor for index, tensor in enumerate(tensors)})[0]
