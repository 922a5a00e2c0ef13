"""What ONNX's own tools let through: a convolution whose weight takes another number of channels than its input has.

The checker, strict shape inference and the session of ONNX Runtime all accept such a model, and only a run fails.  So weights are
checked against the graph before a model is made, and a graph against its operators by the verifier.
"""

from dataclasses import replace

import numpy as np
import pytest

import archdsl
from archdsl import ArchError
from archdsl.diagnostics import InternalError
from archdsl.ir import OnnxForm, verify
from archdsl.source import Source

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
emit = pytest.importorskip("archdsl.backends.onnx.emit")
runtime = pytest.importorskip("tests.backends.onnx.runtime")

SPEC = "arch net() { input x: [N, 3, 8, 9]; a: conv(4, 3x3); relu; b: conv(5, 3x3); output y }"
WRONG = np.zeros((5, 7, 3, 3), np.float32)  # b takes 4 channels, not 7


@pytest.fixture
def network():
    return archdsl.load(Source("net.arch", SPEC))


@pytest.mark.parametrize("flat", [True, False])
def test_the_tools_accept_a_weight_of_wrong_channels(network, flat):
    model = network.to_onnx(flat=flat)
    weight = next(each for each in model.graph.initializer if each.name == "b.weight")
    weight.CopyFrom(onnx.numpy_helper.from_array(WRONG, "b.weight"))
    onnx.checker.check_model(model, full_check=True)
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    session = runtime.session(model)
    with pytest.raises(Exception, match="channel"):
        session.run(None, runtime.images(network, 2))


@pytest.mark.parametrize("way", ["to_onnx", "to_onnx_bytes", "save_onnx", "emit"])
@pytest.mark.parametrize(
    "wrong",
    [WRONG, WRONG[:, :4, :2], WRONG[:, :4].astype(np.float64), None, WRONG[:, :4].reshape(5, 4, 9), WRONG[:, :4].astype("c8")],
    ids=["channels", "kernel", "float64", "missing", "axes", "complex"],
)
def test_we_do_not(network, way, wrong, tmp_path):
    arrays = network.weights() | {"b.weight": wrong}
    if wrong is None:
        del arrays["b.weight"]
    calls = {
        "to_onnx": lambda: network.to_onnx(arrays),
        "to_onnx_bytes": lambda: network.to_onnx_bytes(arrays),
        "save_onnx": lambda: network.save_onnx(tmp_path / "net.onnx", arrays),
        "emit": lambda: emit.emit(network.graph, arrays, OnnxForm()),
    }
    if way != "emit" and wrong is not None and wrong.dtype == np.float64:
        calls[way]()  # read as any other file of weights: rounded
        return
    with pytest.raises(ArchError) as caught:
        calls[way]()
    assert caught.value.diagnostics[0].code == "E0708"
    assert "b.weight" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_weight_too_many_is_in_doubt(network):
    with pytest.raises(ArchError) as caught:
        network.to_onnx(network.weights() | {"c.weight": WRONG})
    assert caught.value.diagnostics[0].code == "E0708"


def test_the_verifier_knows_the_weights_of_a_graph(network):
    nodes = list(network.graph.nodes)
    kernel, bias = nodes[-1].weights
    nodes[-1] = replace(nodes[-1], weights=(replace(kernel, shape=WRONG.shape), bias))
    with pytest.raises(InternalError, match="weights of its operator"):
        verify(replace(network.graph, nodes=tuple(nodes)))
