"""A model beyond the 2 GB that a protobuf holds, from the spec to ONNX Runtime and back."""

import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest

import archdsl
from archdsl import ArchError
from archdsl.source import Source

WIDTH = 16_384
SPEC = """arch wide(width = 16384) {
  input x: [N, width]
  a: linear(width)
  relu
  b: linear(width)
  relu
  head: linear(7)
  output y
}
"""
WRITE = """
import resource, sys
import archdsl
from archdsl.source import Source
net = archdsl.load(Source("wide.arch", sys.argv[2]))
saved = net.save_onnx(sys.argv[1], seed=3)
print(saved.size, saved.data_size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""
HELD = 4 * (2 * (WIDTH + 1) * WIDTH + 7 * (WIDTH + 1))


@pytest.mark.evidence
def test_more_than_two_gigabytes_work_in_onnx_runtime_and_come_back(tmp_path):
    path = tmp_path / "wide.onnx"
    ran = subprocess.run([sys.executable, "-c", WRITE, str(path), SPEC], capture_output=True, text=True, check=True)
    size, data, peak = map(int, ran.stdout.split())
    assert data > HELD - 1024 > 1 << 31 and size < 1 << 20
    assert peak < HELD + (600 << 20)  # the weights once, and the program
    onnx.checker.check_model(str(path), full_check=True)

    back = archdsl.load(path)
    weights = back.weights()
    first = archdsl.load(Source("wide.arch", SPEC)).weights(3)
    assert all((weights.pop(name) == each).all() for name, each in first.items()) and not weights
    image = np.random.default_rng(1).standard_normal((2, WIDTH), np.float32)
    hidden = np.maximum(image @ first["a.weight"].T + first["a.bias"], 0)
    hidden = np.maximum(hidden @ first["b.weight"].T + first["b.bias"], 0)
    expected = hidden @ first["head.weight"].T + first["head.bias"]
    del first
    found = onnxruntime.InferenceSession(str(path)).run(None, {"x": image})[0]
    assert np.abs(found - expected).max() / np.abs(expected).max() < 1e-5

    with pytest.raises(ArchError) as raised:
        back.to_onnx_bytes()
    assert [each.code for each in raised.value.diagnostics] == ["E0701"]
