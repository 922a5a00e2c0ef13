"""Models run and looked at: by ONNX Runtime without rewriting, by ONNX's own inference, and beside the torch module."""

import numpy as np
import onnx
import onnxruntime
import torch

from tests.backends import interpreter


def session(model):
    """A session on one thread; ``model`` is a proto or its bytes."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    data = model if isinstance(model, bytes) else model.SerializeToString()
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def run(model, feeds):
    return session(model).run(None, feeds)


def weights(network):
    """A torch module in evaluation mode with weights away from where they start, and these as arrays."""
    module = interpreter.randomised(network.to_torch()).float().eval()
    return module, {name: value.numpy() for name, value in module.state_dict().items()}


def images(network, batch, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(batch, *shape, generator=generator).numpy() for name, shape in network.inputs.items()}


def by_torch(module, feeds):
    with torch.no_grad():
        made = module(*map(torch.from_numpy, feeds.values()))
    return [each.numpy() for each in ([made] if isinstance(made, torch.Tensor) else made)]


def error(ours, theirs):
    """The largest difference of any output, relative to the largest value of that output."""
    assert [each.shape for each in ours] == [each.shape for each in theirs]
    assert all(np.isfinite(each).all() for each in (*ours, *theirs))
    pairs = zip(ours, theirs, strict=True)
    return max(float(np.abs(one - other).max() / max(np.abs(other).max(), 1e-6)) for one, other in pairs)


def same(ours, theirs):
    """Whether all outputs are equal to the last bit."""
    return all(np.array_equal(one, other, equal_nan=True) for one, other in zip(ours, theirs, strict=True))


def stated(model):
    """The shape that the model says each value has: numbers, and names of what is free."""
    return {each.name: _shape(each) for each in [*model.graph.value_info, *model.graph.output]}


def inferred(model):
    """The shape of each value by strict inference, from the inputs alone."""
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    del bare.graph.value_info[:]
    for each in bare.graph.output:
        for dim in each.type.tensor_type.shape.dim:
            dim.Clear()
    return stated(onnx.shape_inference.infer_shapes(bare, check_type=True, strict_mode=True, data_prop=True))


def _shape(info):
    return tuple(dim.dim_param or dim.dim_value for dim in info.type.tensor_type.shape.dim)
