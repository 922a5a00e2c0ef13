"""Small models and ways to change them, for the tests of ONNX files."""

import json

import numpy as np
import onnx

import archdsl
from archdsl.backends.onnx.record import KEY
from archdsl.source import Source

SPEC = """\
arch small(width = 8, classes = 5) {
  input image: [N, 3, 16, 12]
  c: conv(width, 3x3, bias=false)
  n: bn
  relu
  b: repeat 2 {
    c: conv(width, 3x3)
    relu
  }
  pool: global_avg_pool
  fc: linear(classes)
  output logits
}
"""


def network(text=SPEC, **more):
    return archdsl.load(Source("small.arch", text), **more)


def written(path, **more):
    """``path``, once it holds the small network."""
    network().save_onnx(path, **more)
    return path


def changed(path, change, target=None):
    """``target``, or ``path`` itself, once ``change`` was made to the model at ``path``; data outside are left where they are."""
    model = onnx.load(path, load_external_data=False)
    change(model)
    target = target or path
    target.write_bytes(model.SerializeToString())
    return target


def record_of(path):
    """What the file says of its spec, as JSON."""
    return json.loads({each.key: each.value for each in onnx.load(path, load_external_data=False).metadata_props}[KEY])


def with_record(path, document, target=None):
    """A copy of the file that says ``document``, or a text, of its spec instead."""
    text = document if isinstance(document, str) else json.dumps(document)

    def change(model):
        for each in model.metadata_props:
            if each.key == KEY:
                each.value = text

    return changed(path, change, target)


def same(one, other):
    return list(one) == list(other) and all(
        np.array_equal(one[name], other[name]) and one[name].dtype == other[name].dtype for name in one
    )
