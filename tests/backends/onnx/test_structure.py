"""What a model is made of: its top graph, functions, names, texts, types, and what it says of itself."""

from itertools import pairwise
from typing import ClassVar

import numpy as np
import pytest

import archdsl
from archdsl import ArchError
from archdsl.ir import Cost, OnnxForm, OnnxNode, OnnxTarget, Op
from archdsl.pipeline import opsets
from archdsl.source import Source

onnx = pytest.importorskip("onnx")
inliner = pytest.importorskip("onnx.inliner")
pytest.importorskip("onnxruntime")
pytest.importorskip("torch")
runtime = pytest.importorskip("tests.backends.onnx.runtime")

TOP = """\
stem mixed5 a[0] a[1] a[2] a[3] a[4] a[5] a[6] a[7] a[8] a[9] red_a
b[0] b[1] b[2] b[3] b[4] b[5] b[6] b[7] b[8] b[9] b[10] b[11] b[12] b[13] b[14] b[15] b[16] b[17] b[18] b[19] red_b
c[0] c[1] c[2] c[3] c[4] c[5] c[6] c[7] c[8] last conv pool/pooled pool drop fc"""
FUNCTIONS = """\
cbr cbr_2 cbr_3 cbr_4 StemV3 cbr_5 Mixed5 ResnetA ReductionA cbr_6 cbr_7 ResnetB ReductionB cbr_8 cbr_9 ResnetC ResnetC_2"""


def network(text, **more):
    return archdsl.load(Source("net.arch", text), **more)


def structure(text, **options):
    return network(text).to_onnx(structure=True, **options)


def nodes(holder):
    return [f"{node.name} = {node.op_type}({', '.join(node.input)}) -> {', '.join(node.output)}" for node in holder.node]


def function(model, name):
    return next(each for each in model.functions if each.name == name)


def runs(text, batch=2, **options):
    """The model, flat and by functions, gives what the torch module gives; the latter model itself."""
    net = network(text)
    module, arrays = runtime.weights(net)
    feeds = runtime.images(net, batch)
    wanted = runtime.by_torch(module, feeds)
    model = net.to_onnx(arrays, **options)
    onnx.checker.check_model(model, full_check=True)
    assert runtime.error(runtime.run(model, feeds), wanted) < 1e-5
    assert runtime.error(runtime.run(net.to_onnx(arrays, flat=True, **options), feeds), wanted) < 1e-5
    return model


# --- hierarchy ------------------------------------------------------------------------------------------------------------


def test_top_graph_of_inception_resnet_v2_slim():
    model = archdsl.load("inception_resnet_v2_slim").to_onnx(structure=True)
    assert [node.name for node in model.graph.node] == TOP.split()
    assert len(model.graph.node) <= 60
    assert [each.name for each in model.functions] == FUNCTIONS.split()
    calls = {node.name: node.op_type for node in model.graph.node if node.domain == "archdsl"}
    assert {calls[f"b[{index}]"] for index in range(20)} == {"ResnetB"}
    assert (calls["c[8]"], calls["last"]) == ("ResnetC", "ResnetC_2")


def test_inlining_gives_the_flat_graph_back():
    net = archdsl.load("inception_resnet_v2_slim")
    flat = net.to_onnx(structure=True, flat=True)
    inlined = inliner.inline_local_functions(net.to_onnx(structure=True))
    onnx.checker.check_model(inlined)
    assert not inlined.functions
    kinds = [[node.op_type for node in model.graph.node if node.op_type != "Constant"] for model in (inlined, flat)]
    assert kinds[0] == kinds[1]
    assert [each.name for each in inlined.graph.input] == [each.name for each in flat.graph.input]
    weights = {each.name for each in flat.graph.input}
    for one, other in zip((node for node in inlined.graph.node if node.op_type != "Constant"), flat.graph.node, strict=True):
        assert [name for name in one.input if name in weights] == [name for name in other.input if name in weights]
        assert other.name.endswith(one.name.rpartition("__")[0] or one.name)


def test_a_function_is_the_figure_of_its_block():
    model = archdsl.load("inception_v4").to_onnx(structure=True)
    block = function(model, "InceptionA")
    assert [node.name for node in block.node] == "b1 b3.r b3.c deep.r deep.c1 deep.c2 pool.avg pool.p concat".split()
    assert block.doc_string == "Fig. 4: Inception-A, 35x35"
    assert block.input[:3] == ["in", "b1.conv.weight", "b1.bn.weight"]
    assert list(block.output) == ["concat"]
    call = next(node for node in model.graph.node if node.name == "a[1]")
    assert call.input[:2] == ["a[0].concat", "a.1.b1.conv.weight"]
    assert list(call.output) == ["a[1].concat"]
    assert call.doc_string == block.doc_string


SHARED = """
block U(c, k = 3) { conv: conv(c, k); relu }
arch net() {
  input x: [N, 2, 9, 12]
  a: U(4)
  b: U(4)
  c: U(6)
  pool: max_pool(3x3, stride=2)
  d: U(4)
  e: U(4, k=1)
  output y
}
"""


def test_instances_share_a_function_whatever_their_weights_and_sizes():
    model = runs(SHARED)
    assert [node.op_type for node in model.graph.node] == ["U", "U", "U", "MaxPool", "U", "U_2"]
    assert [each.name for each in model.functions] == ["U", "U_2"]


def test_constants_that_follow_from_sizes_make_functions_distinct():
    text = """
block G() { norm: group_norm(2) }
arch net() { input x: [N, 4, 8, 6]; a: G(); b: G(); pool: max_pool(2x2, stride=2); c: G(); output y }
"""
    model = runs(text)
    calls = [node.op_type for node in model.graph.node if node.domain]
    assert calls == ["G", "G", "G_2"]


def test_a_wide_sum_makes_another_function_than_a_narrow_one():
    text = """
block R(s) { residual(scale=s) { c: conv(in.c, 3x3) } }
arch net() { input x: [N, 3, 7, 8]; a: R(0.5); b: R(0.25); c: R(0.5); output y }
"""
    assert [node.op_type for node in runs(text).graph.node] == ["R", "R_2", "R"]


def test_names_of_functions_are_distinct():
    text = """
block U_2() { relu }
block U(f) { sigmoid if f; tanh }
arch net() { input x: [N, 3, 5, 6]; a: U_2(); b: U(true); c: U(false); d: U(true); output y }
"""
    assert [node.op_type for node in runs(text).graph.node] == ["U_2", "U", "U_3", "U"]


def test_iterations_and_bodies_of_the_network_are_functions():
    text = """
arch net() {
  input x: [N, 3, 8, 9]
  a: repeat 2 { c: conv(3, 3x3); relu }
  head: { c: conv(5, 1x1); tanh }
  m: concat { b1: { c: conv(2, 1x1); relu }; {} }
  r: repeat 2 concat { {}; d: conv(1, 1x1) }
  p: repeat 2 conv(4, 3x3)
  output y
}
"""
    model = runs(text)
    named = [(node.name, node.op_type) for node in model.graph.node]
    assert named[:3] == [("a[0]", "a"), ("a[1]", "a"), ("head", "head")]
    assert named[3:6] == [("m.b1.c", "Conv"), ("m.b1.relu", "Relu"), ("m", "Concat")]
    assert named[6:] == [("r[0]", "r"), ("r[1]", "r"), ("p[0]", "Conv"), ("p[1]", "Conv")]
    assert nodes(function(model, "r")) == [
        "d = Conv(in, d.weight, d.bias) -> d",
        "concat/out = Concat(in, d) -> concat/out",
    ]


def test_values_from_outside_and_inside_pass_the_border():
    text = """
arch net() {
  input x: [N, 3, 8, 9]
  c0: conv(4, 3x3) -> tap first
  c1: conv(4, 3x3)
  s: repeat 2 { c: conv(2, 3x3); concat { {}; from first }; d: conv(4, 1x1) }
  e: concat { {}; from first }
  output y
}
"""
    model = runs(text)
    call = next(node for node in model.graph.node if node.name == "s[1]")
    assert list(call.input) == ["s[0].d", "c0", "s.1.c.weight", "s.1.c.bias", "s.1.d.weight", "s.1.d.bias"]
    assert len(model.functions) == 1
    assert list(function(model, "s").input)[:2] == ["in", "in.2"]


def test_an_output_inside_a_function_leaves_it():
    net = network("arch net() { input x: [N, 3, 8, 9]; s: { c: conv(4, 3x3); output middle; d: conv(2, 1x1) }; output y }")
    model = net.to_onnx()
    assert list(model.graph.node[0].output) == ["y", "middle"]
    assert list(function(model, "s").output) == ["d", "c"]
    feeds = runtime.images(net, 2)
    assert runtime.same(runtime.run(model, feeds), runtime.run(net.to_onnx(flat=True), feeds))


# --- names and texts --------------------------------------------------------------------------------------------------------


def test_nodes_values_and_weights_bear_the_paths_of_the_spec():
    model = archdsl.load("inception_v4").to_onnx(flat=True)
    paths = {node.path for node in archdsl.load("inception_v4").graph if node.op.family != "input"}
    assert paths <= {node.name for node in model.graph.node}
    assert paths - {"fc"} == {each.name for each in model.graph.value_info}
    weights = {each.name for each in model.graph.initializer}
    assert "a.3.b3.c.conv.weight" in weights
    assert [each.name for each in model.graph.output] == ["logits"]


@pytest.mark.parametrize(
    "body, outputs",
    [
        ("c: conv(2, 1x1); output a; output b", ["a", "b"]),
        ("output x; c: conv(2, 1x1); output y", ["x:output", "y"]),
        ("y: conv(2, 1x1); relu; output y", ["y"]),
        ("output same", ["same"]),
        ("y: conv(2, 1x1); output z; relu; output y", ["z", "y"]),
        ("x2: conv(2, 1x1); output x; tanh; output x2", ["x:output", "x2"]),
    ],
)
def test_names_of_outputs(body, outputs):
    model = runs(f"arch net() {{ input x: [N, 3, 5, 6]; {body} }}")
    assert [each.name for each in model.graph.output] == outputs


def test_texts_of_the_spec_are_doc_strings():
    text = '''
"""A file."""
block U() { """Figure 3."""; c: conv(2, 1x1) }
arch net() {
  """What it is for."""
  input x: [N, 3, 5, 6]
  u: U()
  m: concat { """Where they meet."""; a: conv(1, 1x1); {} }
  output y
}
'''
    for flat in (True, False):
        model = structure(text.replace('"""; ', '"""\n'), flat=flat)
        assert model.graph.doc_string == "What it is for."
        assert [node.doc_string for node in model.graph.node] == ["Figure 3.", "", "Where they meet."]
    assert [each.doc_string for each in structure(text.replace('"""; ', '"""\n')).functions] == ["Figure 3."]


HOSTILE = [
    "nul-like \\u0001 and \\n and \\\\",
    "right to left \u202e and isolate \u2066, \u2028 \u2029",
    "quotes \\\" ' and <script>alert(1)</script> and ${x} %s {}",
    "emoji \U0001f9ea and combining e\u0301",
    "half \\ud800 a character",
    "x" * 20_000,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_change_nothing_but_texts(text):
    body = '"""{doc}"""\narch net() {{\n  """{doc}"""\n  input x: [N, 3, 5, 6]\n  c: conv(2, 1x1)\n  output y\n}}\n'
    try:
        net = network(body.format(doc=text))
    except ArchError as fault:  # a text that the language itself does not take
        if fault.diagnostics[0].code.startswith("E01"):
            return
        raise
    data = net.to_onnx_bytes(seed=1)
    model = onnx.load_from_string(data)
    onnx.checker.check_model(model, full_check=True)
    plain = network(body.format(doc="plain")).to_onnx(seed=1)
    for each in (model, plain):
        each.graph.doc_string = ""
        del each.metadata_props[:]
    assert model == plain
    runtime.session(data)


def test_hostile_labels_are_names_of_their_own():
    names = ["in0", "out", "weight", "bias", "archdsl", "conv", "Conv", "true_", "output", "value", "Constant", "scale"]
    layers = "; ".join(f"{name}: conv(3, 1x1)" for name in names)
    inner = "; ".join(f"{name}: {{ {other}: group_norm(1) }}" for name, other in pairwise(names))
    block = f"block scaled() {{ residual(scale=0.5) {{ {layers} }} }}"
    runs(f"{block}\narch net() {{ input x: [N, 3, 5, 6]; scale: scaled(); {inner}; output out0 }}")


# --- what a model says of itself ------------------------------------------------------------------------------------------


def test_version_producer_and_imports():
    net = network(SHARED)
    model = net.to_onnx()
    assert (model.producer_name, model.producer_version) == ("archdsl", archdsl.__version__)
    assert [(each.domain, each.version) for each in model.opset_import] == [("", 22), ("archdsl", 1)]
    assert [(each.domain, each.version) for each in net.to_onnx(flat=True).opset_import] == [("", 22)]
    said = {each.key: each.value for each in model.metadata_props}
    assert said["archdsl.fingerprint"] == net.fingerprint
    assert (said["archdsl.params"], said["archdsl.macs"]) == (str(net.params), str(net.macs))


@pytest.mark.parametrize("opset, nested, flat", [(13, 8, 7), (14, 8, 7), (15, 8, 8), (19, 9, 9), (21, 10, 10), (22, 10, 10)])
def test_the_format_is_as_old_as_the_opset_allows(opset, nested, flat):
    net = network(SHARED)
    assert net.to_onnx(structure=True, opset=opset).ir_version == nested
    assert net.to_onnx(structure=True, opset=opset, flat=True).ir_version == flat


@pytest.mark.parametrize("opset", [opsets()[0], opsets()[-1]])
@pytest.mark.parametrize("name", ["inception_v4", "squeezenet1_1", "resnet18", "googlenet"])
def test_lowest_and_newest_opset_run(name, opset):
    net = archdsl.load(name, input=(3, 75, 90))
    module, arrays = runtime.weights(net)
    feeds = runtime.images(net, 2)
    wanted = runtime.by_torch(module, feeds)
    for flat in (True, False):
        model = net.to_onnx(arrays, opset=opset, flat=flat)
        onnx.checker.check_model(model, full_check=True)
        assert runtime.error(runtime.run(model, feeds), wanted) < 1e-5


@pytest.mark.parametrize("opset", [12, opsets()[-1] + 1, 0, -1])
def test_other_opsets_are_refused(opset):
    with pytest.raises(ArchError) as caught:
        network(SHARED).to_onnx(opset=opset)
    assert caught.value.diagnostics[0].code == "E0701"
    assert f"13 to {opsets()[-1]}" in caught.value.diagnostics[0].help


# --- outputs, weights, sizes ------------------------------------------------------------------------------------------------

AUX = """
arch net() {
  input x: [N, 3, 8, 9]
  c: conv(4, 3x3)
  side { pool: global_avg_pool; head: linear(5); output aux(weight = 0.3) }
  d: conv(2, 1x1)
  output y
}
"""


def test_auxiliary_outputs_and_what_only_they_need_are_left_out():
    model = structure(AUX)
    assert [each.name for each in model.graph.output] == ["y"]
    assert [node.name for node in model.graph.node] == ["c", "d"]
    assert not any(each.name.startswith("head") for each in model.graph.input)
    whole = runs(AUX, auxiliary=True)
    assert [each.name for each in whole.graph.output] == ["aux", "y"]
    with_weights = network(AUX).to_onnx()
    assert [each.name for each in with_weights.graph.initializer] == ["c.weight", "c.bias", "d.weight", "d.bias"]


def test_structure_takes_weights_as_inputs():
    net = network(SHARED)
    module, arrays = runtime.weights(net)
    feeds = runtime.images(net, 2)
    model = net.to_onnx(structure=True)
    assert not model.graph.initializer
    assert [each.name for each in model.graph.input][:3] == ["x", "a.conv.weight", "a.conv.bias"]
    wanted = runtime.by_torch(module, feeds)
    assert runtime.error(runtime.run(model, feeds | {name: arrays[name] for name in arrays}), wanted) < 1e-5
    with pytest.raises(TypeError):
        net.to_onnx(arrays, structure=True)


def test_free_sizes_are_named_and_run():
    text = SHARED.replace("[N, 2, 9, 12]", "[M, 2, h, w]")
    net = network(text, input=(2, 9, 12))
    module, arrays = runtime.weights(net)
    for flat in (True, False):
        model = net.to_onnx(arrays, dynamic=True, flat=flat)
        onnx.checker.check_model(model, full_check=True)
        dims = [each.dim_param or each.dim_value for each in model.graph.input[0].type.tensor_type.shape.dim]
        assert dims == ["M", 2, "h", "w"]
        session = runtime.session(model)
        for height, width in ((9, 12), (10, 7), (16, 23)):
            feeds = {"x": np.random.default_rng(0).standard_normal((3, 2, height, width), "float32")}
            assert runtime.error(session.run(None, feeds), runtime.by_torch(module, feeds)) < 1e-5


def test_free_sizes_have_names_where_the_spec_has_none():
    inputs = "input x: [N, 3, 8, 9]; c: conv(2, 1x1)"
    one = structure(f"arch net() {{ {inputs}; output y }}", dynamic=True)
    assert [each.dim_param for each in one.graph.input[0].type.tensor_type.shape.dim] == ["N", "", "H", "W"]
    two = structure(f"arch net() {{ input z: [N, 3, 8, 9]; {inputs}; concat {{ {{}}; from z }}; output y }}", dynamic=True)
    assert [each.dim_param for each in two.graph.input[1].type.tensor_type.shape.dim] == ["N", "", "x.H", "x.W"]


@pytest.mark.parametrize("name, path", [("lenet5", "flatten"), ("vgg16", "head.flatten")])
def test_what_depends_on_the_size_is_refused_by_path(name, path):
    with pytest.raises(ArchError) as caught:
        archdsl.load(name).to_onnx(dynamic=True)
    found = caught.value.diagnostics[0]
    assert (found.code, found.path) == ("E0701", path)


class Odd(Op):
    """An operator that says nothing about ONNX."""

    keyword: ClassVar[str] = "odd"
    family: ClassVar[str] = "activation"

    def infer(self, inputs):
        return inputs[0]

    def cost(self, inputs, output):
        return Cost()


class Late(Odd):
    """An operator that ONNX has since opset 20."""

    keyword: ClassVar[str] = "late"

    def onnx(self, inputs, output, form=OnnxForm()):
        return OnnxTarget((OnnxNode("Gelu", ("in0",)),))


class Later(Odd):
    """An operator with an attribute that ONNX has since opset 19."""

    keyword: ClassVar[str] = "later"

    def onnx(self, inputs, output, form=OnnxForm()):
        return OnnxTarget((OnnxNode("AveragePool", ("in0",), attributes={"kernel_shape": (1, 1), "dilations": (1, 1)}),))


@pytest.mark.parametrize("step, opset", [("odd", 22), ("late", 19), ("later", 18)])
def test_what_has_no_onnx_form_is_refused_before_anything_is_written(step, opset, tmp_path):
    text = f"arch net() {{ input x: [N, 4, 8, 9]; n: repeat 2 {{ l: {step} }}; output y }}"
    net = network(text, ops=[Odd, Late, Later])
    with pytest.raises(ArchError) as caught:
        net.save_onnx(tmp_path / "net.onnx", opset=opset)
    found = caught.value.diagnostics[0]
    assert (found.code, found.path) == ("E0701", "n[0].l")
    assert found.primary.span.text == step
    assert list(tmp_path.iterdir()) == []
    if step != "odd":
        onnx.checker.check_model(net.to_onnx(opset=opset + 1), full_check=True)


# --- bytes ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("name", ["lenet5", "squeezenet1_1", "resnet20"])
def test_bytes_are_those_of_the_model(name, flat):
    net = archdsl.load(name)
    assert net.to_onnx_bytes(flat=flat) == net.to_onnx(flat=flat).SerializeToString(deterministic=True)
    assert net.to_onnx_bytes(flat=flat, structure=True) == net.to_onnx(flat=flat, structure=True).SerializeToString()


def test_a_file_is_the_bytes(tmp_path):
    net = archdsl.load("lenet5")
    net.save_onnx(tmp_path / "net.onnx", seed=7)
    assert (tmp_path / "net.onnx").read_bytes() == net.to_onnx_bytes(seed=7)
    assert net.to_onnx_bytes(seed=7) != net.to_onnx_bytes(seed=8)


def test_arrays_of_any_layout_are_stored_alike():
    net = archdsl.load("lenet5")
    arrays = net.weights(seed=3)
    turned = {name: np.asfortranarray(array) for name, array in arrays.items()}
    assert net.to_onnx_bytes(turned) == net.to_onnx_bytes(arrays)
