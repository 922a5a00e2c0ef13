"""One operator as an ONNX model, from what it says about ONNX and nothing else."""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from archdsl.ir import OnnxTarget, Op, TensorType

OPSET = 22


def model(op: Op, inputs: tuple[TensorType, ...], weights: dict[str, np.ndarray], opset: int = OPSET) -> onnx.ModelProto:
    """The operator over inputs ``in0``, ``in1`` … with a symbolic batch ``N``; the output's shape is left to inference."""
    target = op.onnx(inputs, op.infer(inputs))
    assert target.since <= opset
    graph = helper.make_graph(
        [helper.make_node(node.op_type, node.inputs, node.outputs, **node.attributes) for node in target.nodes],
        "case",
        [helper.make_tensor_value_info(f"in{index}", TensorProto.FLOAT, ["N", *each.shape]) for index, each in enumerate(inputs)],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [None] * (1 + len(op.infer(inputs).shape)))],
        initializer=_initializers(target, weights),
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def _initializers(target: OnnxTarget, weights: dict[str, np.ndarray]) -> list[onnx.TensorProto]:
    used = {name for node in target.nodes for name in node.inputs}
    arrays = {name: array for name, array in weights.items() if name in used}
    assert not arrays.keys() & target.constants.keys()
    for name, constant in target.constants.items():
        assert name in used, f"constant {name} serves no node"
        arrays[name] = np.array(constant.values, dtype=constant.dtype).reshape(constant.shape)
    return [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in arrays.items()]


def inferred_shape(proto: onnx.ModelProto) -> tuple[object, ...]:
    """Shape of the output by ONNX's own strict inference, the batch by its name."""
    onnx.checker.check_model(proto)
    found = onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True, data_prop=True)
    dims = found.graph.output[0].type.tensor_type.shape.dim
    return tuple(dim.dim_param or dim.dim_value for dim in dims)


def run(proto: onnx.ModelProto, tensors: list[np.ndarray]) -> np.ndarray:
    """The output by ONNX Runtime, on one thread and without rewriting the graph."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    feeds = {f"in{index}": tensor for index, tensor in enumerate(tensors)}
    return session.run(None, feeds)[0]
