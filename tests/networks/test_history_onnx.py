"""Outputs of the models that the `onnx` package carries for its own tests, which came from Caffe, run by ONNX Runtime.

Their weights are constants, so that only their structure says something: the weights become inputs, and both sides get the same
random ones.  What is compared is what enters the last softmax.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import archdsl
from tests.networks.history_maps_a import FROM_CAFFE

torch = pytest.importorskip("torch")
onnxruntime = pytest.importorskip("onnxruntime")

FOLDER = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"


@dataclass(frozen=True)
class Case:
    """A model file, the side of the image, and what our network is told beside its name."""

    file: str
    side: int
    choices: dict


CASES = {
    # The file is for 224, the model itself for 227; its last pooling is padded below and on the right, where no window reaches.
    "alexnet_grouped": Case("light_bvlc_alexnet", 227, {"variant": "bvlc"}),
    "vgg19": Case("light_vgg19", 224, {}),
    # The file has lost the rounding up of the poolings; 222 comes to 111, 55, 27, 13 and 6 either way.
    "googlenet": Case("light_inception_v1", 222, {"input": (3, 222, 222)}),
    "squeezenet1_1": Case("light_squeezenet", 224, {"input": (3, 224, 224)}),
}


def model_with_open_weights(case):
    """The model with its weights as inputs, and without its softmax; the shape of each weight by name, and the image's name."""
    path = FOLDER / f"{case.file}.onnx"
    if not path.is_file():
        pytest.skip(f"needs {path.name} of the onnx package")
    model = onnx.load(path)
    graph = model.graph
    constants = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    filled = [node for node in graph.node if node.op_type == "ConstantOfShape"]
    shapes = {name: value.shape for name, value in constants.items() if is_weight(name)}
    shapes |= {node.output[0]: tuple(map(int, constants[node.input[0]])) for node in filled}
    softmax = graph.node[-1]
    assert softmax.op_type == "Softmax"
    kept = [node for node in graph.node[:-1] if node.op_type != "ConstantOfShape"]
    used = {name for node in kept for name in node.input}
    image = next(each.name for each in graph.input if each.name not in constants)
    inputs = {image: (1, 3, case.side, case.side), **shapes}
    # A shape that two weights share is an initializer of its own; those of no use are left out.
    initializers = [each for each in graph.initializer if each.name in used and each.name not in shapes]
    opened = helper.make_graph(
        kept,
        graph.name,
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(softmax.input[0], TensorProto.FLOAT, None)],
        initializers,
    )
    return helper.make_model(opened, opset_imports=model.opset_import, ir_version=4), shapes, image


def is_weight(name):
    return name.endswith(("_w_0", "_b_0"))


def random_values(shape, generator):
    """Kernels that keep values near 1 through many layers, small biases."""
    values = torch.empty(shape)
    bound = (6 / values[0].numel()) ** 0.5 if len(shape) > 1 else 0.1
    return values.uniform_(-bound, bound, generator=generator)


def run(model, feed):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    (result,) = session.run(None, feed)
    return result.reshape(1, -1)


@pytest.fixture(scope="module", params=CASES)
def case(request):
    return request.param, *model_with_open_weights(CASES[request.param])


def ours_of(name):
    with torch.device("meta"):
        return archdsl.load(name, **CASES[name].choices).to_torch().eval()


def test_names_map_one_to_one(case):
    name, _, shapes, _ = case
    rule = FROM_CAFFE[name]
    ours = ours_of(name).state_dict()
    renamed = {rule(theirs): shape for theirs, shape in shapes.items()}
    assert len(renamed) == len(shapes)
    assert set(renamed) == set(ours)
    assert {key: int(np.prod(shape)) for key, shape in renamed.items()} == {key: value.numel() for key, value in ours.items()}


def test_outputs_agree(case):
    name, model, shapes, image = case
    generator = torch.Generator().manual_seed(3)
    weights = {theirs: random_values(shape, generator) for theirs, shape in shapes.items()}
    ours = ours_of(name)
    keys = {key: value.shape for key, value in ours.state_dict().items()}
    rule = FROM_CAFFE[name]
    state = {rule(theirs): value for theirs, value in weights.items()}
    ours.load_state_dict({key: value.reshape(keys[key]) for key, value in state.items()}, assign=True)
    # Values as large as those of pixels, since local response normalisation is no linear map.
    side = CASES[name].side
    images = torch.rand(1, 3, side, side, generator=generator) * 200 - 100
    wanted = run(model, {image: images.numpy(), **{theirs: value.numpy() for theirs, value in weights.items()}})
    with torch.inference_mode():
        got = ours(images).numpy()
    assert got.shape == (1, 1000)
    assert np.abs(wanted).max() > 0
    assert np.abs(got - wanted).max() / np.abs(wanted).max() < 1e-5
