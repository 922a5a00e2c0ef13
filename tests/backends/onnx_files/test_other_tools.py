"""Files of ours that another tool has changed: what is lost in them is told, never filled with something else in silence."""

import numpy as np
import onnx
import onnxruntime
import pytest

import archdsl
from archdsl import ArchError, verification
from archdsl.choices import Choices
from archdsl.source import Source
from tests.backends.onnx_files.models import changed, network, same, written


def refusal(call):
    with pytest.raises(ArchError) as raised:
        call()
    return raised.value.diagnostics[0]


def rename(model):
    names = {tensor.name: f"other/{tensor.name}" for tensor in model.graph.initializer}
    for tensor in model.graph.initializer:
        tensor.name = names[tensor.name]
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]


def test_a_file_that_has_lost_its_weights_is_no_structure(tmp_path):
    path = written(tmp_path / "net.onnx")
    changed(path, rename)
    assert refusal(lambda: archdsl.load(path)).code == "E0708"
    bare = written(tmp_path / "bare.onnx", structure=True)
    assert archdsl.load(bare).weights(3).keys() == network().weights().keys()


def test_a_file_that_a_runtime_has_optimised_is_refused(tmp_path):
    path = written(tmp_path / "net.onnx", flat=True)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "folded.onnx")
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    assert refusal(lambda: archdsl.load(tmp_path / "folded.onnx")).code == "E0708"


def test_arrays_of_another_shape_are_found_when_the_file_is_opened(tmp_path):
    path = written(tmp_path / "net.onnx")

    def transpose(model):
        tensor = next(each for each in model.graph.initializer if len(each.dims) == 2)
        tensor.dims.reverse()

    changed(path, transpose)
    assert refusal(lambda: archdsl.load(path)).code == "E0708"


def test_weights_go_nowhere_where_one_has_no_place(tmp_path):
    path = written(tmp_path / "bare.onnx", structure=True)
    gone = []

    def drop(model):
        gone.append(model.graph.input[-1].name)
        del model.graph.input[-1]

    changed(path, drop)
    before = path.read_bytes()
    fault = refusal(lambda: archdsl.load(path).write_weights(network().weights()))
    assert fault.code == "E0708" and f"`{gone[0]}`" in fault.message
    assert path.read_bytes() == before


def test_initializers_that_are_inputs_too_stay_what_they_are(tmp_path):
    path = written(tmp_path / "net.onnx")

    def list_them(model):
        for tensor in model.graph.initializer:
            model.graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))

    changed(path, list_them)
    inputs = len(onnx.load(path).graph.input)
    weights = network().weights(7)
    archdsl.load(path).write_weights(weights)
    assert same(archdsl.load(path).weights(), weights)
    assert len(onnx.load(path).graph.input) == inputs


def test_inputs_of_named_sizes_take_weights(tmp_path):
    path = written(tmp_path / "bare.onnx", structure=True)

    def name(model):
        for each in model.graph.input[1:]:
            each.type.tensor_type.shape.dim[0].dim_param = "K"

    changed(path, name)
    weights = network().weights(7)
    archdsl.load(path).write_weights(weights)
    assert same(archdsl.load(path).weights(), weights)


@pytest.mark.parametrize("kind", [0, 33])
def test_weights_of_no_known_type_are_refused(tmp_path, kind):
    path = written(tmp_path / "bare.onnx", structure=True)

    def retype(model):
        model.graph.input[-1].type.tensor_type.elem_type = kind

    changed(path, retype)
    assert refusal(lambda: archdsl.load(path).write_weights(network().weights())).code == "E0708"


def test_a_network_takes_weights_into_its_file_again_and_again(tmp_path):
    path = written(tmp_path / "net.onnx")
    net = archdsl.load(path)
    for seed in (3, 4):
        net.write_weights(network().weights(seed))
        assert same(net.weights(), network().weights(seed))
    net.write_weights(network().weights(5), output=tmp_path / "other.onnx")
    assert same(net.weights(), network().weights(4))


def test_a_model_is_known_by_how_it_begins(tmp_path):
    path = written(tmp_path / "net.onnx").rename(tmp_path / "net.bin")
    assert same(archdsl.load(path).weights(), network().weights())
    assert archdsl.pipeline.open_weights(path).entries


# --- verify --------------------------------------------------------------------------------------------------------------


def verdict(path):
    return verification.verify(str(path), Choices())


def test_verify_runs_the_model_in_the_file(tmp_path):
    path = written(tmp_path / "net.onnx")
    found = verdict(path)
    assert found.agrees and {each.form for each in found.runs} == {*verification.FORMS, verification.FILE}

    def replace(model):
        for node in [*model.graph.node, *(node for function in model.functions for node in function.node)]:
            node.op_type = "Sigmoid" if node.op_type == "Relu" else node.op_type

    changed(path, replace)
    found = verdict(path)
    assert {each.form for each in found.runs if each.difference.relative > found.tolerance} == {verification.FILE}
    assert not found.agrees and found.parting is not None


def test_verify_refuses_a_file_that_does_not_run(tmp_path):
    path = written(tmp_path / "net.onnx")

    def break_(model):
        model.graph.node[0].op_type = "NoSuchOperator"
        model.graph.node[0].domain = ""

    changed(path, break_)
    assert refusal(lambda: verdict(path)).code == "E0604"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_never_agrees(value):
    odd = np.array([1, value], np.float32)
    plain = np.ones(2, np.float32)
    assert all(np.isinf(verification.difference(*pair).relative) for pair in ((odd, odd), (odd, plain), (plain, odd)))


@pytest.mark.parametrize("name", ["squeezenet1_1", "resnet20", "inception_resnet_v2_slim"])
def test_another_image_shows_in_every_output_with_the_weights_of_verify(name):
    torch = pytest.importorskip("torch")
    net = archdsl.load(name, input=(3, 96, 107) if name != "resnet20" else None)
    module = net.to_torch(verification.weights_for(net, 0), "native").eval()
    one, other = (torch.from_numpy(verification.images(net.inputs, 1, seed)[0]) for seed in (0, 1))
    with torch.no_grad():
        apart = verification.difference(module(one).numpy(), module(other).numpy())
    assert 1e-2 < apart.relative < np.inf


# --- sizes and auxiliary outputs -----------------------------------------------------------------------------------------

TWO = """\
arch two() {
  input left: [N, 3, H=24, W=16]
  c: conv(2, 3x3)
  global_avg_pool
  output y
  input right: [N, 3, H=8, H=8]
  d: conv(2, 3x3)
  global_avg_pool
  output z
}
"""


def test_sizes_of_one_name_are_told_apart():
    model = archdsl.load(Source("two.arch", TWO)).to_onnx(dynamic=True)
    sizes = [[dim.dim_param or dim.dim_value for dim in each.type.tensor_type.shape.dim] for each in model.graph.input]
    free = [size for each in sizes for size in each[2:]]
    assert len({*free, sizes[0][0]}) == 5, sizes
    assert sizes[0][0] == sizes[1][0]


AUXILIARY = """\
arch net() {
  input x: [N, 3, 8, 10]
  a: conv(4, 3x3)
  side { fc: { global_avg_pool; l: linear(3) }; output early }
  global_avg_pool
  b: linear(2)
  output y
}
"""


def test_weights_of_auxiliary_layers_may_be_absent_where_the_model_has_no_place_for_them(tmp_path):
    net = archdsl.load(Source("net.arch", AUXILIARY))
    weights = net.weights(5)
    main = {name: value for name, value in weights.items() if not name.startswith("fc.")}
    assert main.keys() != weights.keys()
    assert net.to_onnx_bytes(main) == net.to_onnx_bytes(weights)
    assert refusal(lambda: net.to_onnx(main, auxiliary=True)).code == "E0708"
    net.save_onnx(tmp_path / "main.onnx", weights)
    net.save_onnx(tmp_path / "bare.onnx", structure=True)
    archdsl.load(tmp_path / "bare.onnx").write_weights(tmp_path / "main.onnx")
    assert verdict(tmp_path / "bare.onnx").agrees
    assert all(np.array_equal(archdsl.load(tmp_path / "bare.onnx").weights()[name], value) for name, value in main.items())
