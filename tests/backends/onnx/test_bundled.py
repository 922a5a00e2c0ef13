"""Every bundled network at a small size: checked, its shapes inferred, and run beside the torch module, flat and by functions."""

import pytest

from archdsl.pipeline import bundled
from tests.backends.test_bundled_specs import small

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("torch")
runtime = pytest.importorskip("tests.backends.onnx.runtime")

TOLERANCE = 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("name", bundled())
def test_model_is_the_torch_module(name):
    network = small(name)
    module, arrays = runtime.weights(network)
    flat = network.to_onnx_bytes(arrays, flat=True, auxiliary=True)
    nested = network.to_onnx_bytes(arrays, auxiliary=True)
    sessions = [runtime.session(flat), runtime.session(nested)]
    for batch in (1, 3):
        feeds = runtime.images(network, batch)
        wanted = runtime.by_torch(module, feeds)
        one, other = (each.run(None, feeds) for each in sessions)
        assert runtime.error(one, wanted) < TOLERANCE
        assert runtime.same(other, one)


@pytest.mark.parametrize("name", bundled())
def test_model_is_valid_and_its_shapes_are_those_of_strict_inference(name):
    network = small(name)
    flat = network.to_onnx(structure=True, flat=True, auxiliary=True)
    nested = network.to_onnx(structure=True, auxiliary=True)
    for model in (flat, nested):
        onnx.checker.check_model(model, full_check=True)
    shapes = runtime.stated(flat)
    inferred = runtime.inferred(flat)
    assert shapes == {name: inferred[name] for name in shapes}
    assert set(runtime.stated(nested).items()) <= set(shapes.items())
    assert len(shapes) == sum(node.op.family != "input" for node in network.graph)
