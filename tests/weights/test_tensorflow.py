"""Layouts of Keras and TF-slim: names and shapes by an independent generator, values by a forward pass with channels last."""

import math

import numpy as np
import pytest

import archdsl
from archdsl import weights
from archdsl.source import Source
from tests.weights import foreign

SMALL = ("set head.fc6:channels = 24", "set head.fc7:channels = 24")

CASES = {
    "keras inception_v3": ("inception_v3", {}, foreign.keras_inception_v3()),
    "keras inception_resnet_v2": ("inception_resnet_v2_slim", {}, foreign.keras_inception_resnet_v2()),
    "keras resnet50": ("resnet50", {}, foreign.keras_resnet((3, 4, 6, 3))),
    "keras resnet101": ("resnet101", {}, foreign.keras_resnet((3, 4, 23, 3))),
    "keras resnet152": ("resnet152", {}, foreign.keras_resnet((3, 8, 36, 3))),
    "keras vgg16": ("vgg16", {"edits": SMALL}, foreign.keras_vgg((2, 2, 3, 3, 3), 24)),
    "keras vgg19": ("vgg19", {"edits": SMALL}, foreign.keras_vgg((2, 2, 4, 4, 4), 24)),
    "tf-slim inception_v4": ("inception_v4", {}, foreign.slim_inception_v4(1001, aux=True)),
    "tf-slim inception_v4 with aux": ("inception_v4", {"aux": True}, foreign.slim_inception_v4(1001, aux=True)),
    "tf-slim inception_v4 of own classes": ("inception_v4", {"classes": 7}, foreign.slim_inception_v4(7, aux=False)),
    "tf-slim inception_resnet_v2": ("inception_resnet_v2_slim", {"aux": True}, foreign.slim_inception_resnet_v2(1001, aux=True)),
    "tf-slim inception_v3": ("inception_v3", {}, foreign.slim_inception_v3(1001, aux=True)),
    "tf-slim inception_v3 with aux": ("inception_v3", {"aux": True}, foreign.slim_inception_v3(1001, aux=True)),
    "tf-slim vgg_a": ("vgg11", {"edits": SMALL}, foreign.slim_vgg("vgg_a", (1, 1, 2, 2, 2), 24)),
    "tf-slim vgg_16": ("vgg16", {"edits": SMALL}, foreign.slim_vgg("vgg_16", (2, 2, 3, 3, 3), 24)),
    "tf-slim vgg_19": ("vgg19", {"edits": SMALL}, foreign.slim_vgg("vgg_19", (2, 2, 4, 4, 4), 24)),
}


def hollow(shapes):
    """Arrays of these shapes that take no memory."""
    return {name: np.broadcast_to(np.float32(0.5), shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("case", CASES)
def test_every_variable_is_found_and_accounted_for(case):
    name, choices, shapes = CASES[case]
    report, _ = archdsl.load(name, **choices).match_weights(hollow(shapes))
    assert report.map.source == case.split()[0]
    used = {source for each in report for source in each.recipe.sources}
    assert used | set(report.ignored) == shapes.keys()
    assert all("AuxLogits" in each for each in report.ignored)
    assert bool(report.ignored) == (case in ("tf-slim inception_v4", "tf-slim inception_v3"))
    wide = {each.recipe.ours for each in report if each.wide}
    heads = {"fc"} | ({"aux.fc"} if choices.get("aux") else set())
    expected = {f"{head}.{name}" for head in heads for name in ("weight", "bias")}
    assert wide == (expected if any(1001 in shape for shape in shapes.values()) else set())


@pytest.mark.parametrize("case", [case for case in CASES if "with aux" not in case and "101" not in case and "152" not in case])
def test_weights_go_there_and_back(case):
    """What we write is named and shaped as over there (apart from a background class), and comes back bit for bit."""
    name, choices, shapes = CASES[case]
    network = archdsl.load(name, **choices)
    (map_,) = network.weight_maps(case.split()[0])
    generator = np.random.default_rng(0)
    arrays = {recipe.ours: drawn(recipe, generator) for recipe in map_.recipes}
    there = weights.written(map_, arrays)
    ignored = set(network.match_weights(hollow(shapes))[0].ignored)
    assert there.keys() == shapes.keys() - ignored
    narrowed = {key: tuple(1000 if size == 1001 else size for size in shapes[key]) for key in there}
    assert {key: value.shape for key, value in there.items()} == narrowed
    back = network.load_weights(there, case.split()[0])
    assert back.keys() == arrays.keys()
    assert all(np.array_equal(back[key], value) for key, value in arrays.items())


def drawn(recipe, generator):
    if recipe.role == "count":
        return np.zeros(recipe.shape, np.int64)
    if recipe.role == "scale" and recipe.fill == 1:
        return np.ones(recipe.shape, np.float32)
    return generator.standard_normal(recipe.shape, np.float32)


def test_the_generator_agrees_with_published_counts():
    """TF's profiler, as a README of TF-slim prints it, 1000 classes with auxiliary heads; 1001 classes of inception_v4."""

    def params(shapes):
        return sum(math.prod(shape) for name, shape in shapes.items() if "moving_" not in name)

    assert params(foreign.slim_inception_v4(1000, aux=True)) == 46_006_800
    assert params(foreign.slim_inception_v4(1001, aux=True)) == 46_009_106
    assert params(foreign.slim_inception_resnet_v2(1000, aux=True)) == 59_179_952
    assert params(foreign.slim_inception_v3(1000, aux=True)) == 27_143_152
    assert params(foreign.slim_vgg("vgg_16", (2, 2, 3, 3, 3), 4096)) == 138_357_544
    assert params(foreign.keras_inception_v3()) == 23_817_352
    assert params(foreign.keras_inception_resnet_v2()) == 55_813_192


@pytest.mark.parametrize("first", [1, 94])
def test_keras_numbers_may_begin_anywhere(first):
    """A model that was not the first of its session."""
    shapes = foreign.keras_inception_v3(first)
    assert f"conv2d_{first}/kernel" in shapes
    assert archdsl.load("inception_v3").match_weights(hollow(shapes))[0].fits


def test_keras_numbers_with_a_gap_are_refused():
    shapes = foreign.keras_inception_v3()
    shapes = {name.replace("conv2d_93/", "conv2d_94/"): shape for name, shape in shapes.items()}
    with pytest.raises(archdsl.ArchError, match=r"missing: `\S+`, `conv2d_93/kernel`"):
        archdsl.load("inception_v3").match_weights(hollow(shapes), "keras")


def test_suffixes_and_nested_names_of_older_files():
    shapes = foreign.keras_vgg((2, 2, 3, 3, 3), 24)
    nested = {f"{name.split('/')[0]}/{name}:0": shape for name, shape in shapes.items()}
    report, _ = archdsl.load("vgg16", edits=SMALL).match_weights(hollow(nested))
    assert report.matches[0].recipe.theirs == "block1_conv1/block1_conv1/kernel:0"


def test_the_background_class_is_the_first():
    shapes = foreign.slim_inception_v4(1001, aux=False)
    arrays = hollow(shapes)
    arrays["InceptionV4/Logits/Logits/biases"] = np.arange(1001, dtype=np.float32)
    arrays["InceptionV4/Logits/Logits/weights"] = np.arange(1536 * 1001, dtype=np.float32).reshape(1536, 1001)
    ours = archdsl.load("inception_v4").load_weights(arrays)
    assert ours["fc.bias"][[0, -1]].tolist() == [1, 1000]
    assert ours["fc.weight"][0, :2].tolist() == [1, 1002]
    kept = archdsl.load("inception_v4", classes=1001).load_weights(arrays)
    assert kept["fc.bias"][0] == 0


def test_either_all_heads_have_a_background_class_or_none():
    shapes = foreign.slim_inception_v4(1001, aux=True)
    shapes["InceptionV4/AuxLogits/Aux_logits/biases"] = (1000,)
    with pytest.raises(archdsl.ArchError, match=r"`aux.fc.bias` needs \[1001\]"):
        archdsl.load("inception_v4", aux=True).match_weights(hollow(shapes))


def test_gamma_is_taken_where_it_is_and_one_where_it_is_not():
    shapes = foreign.keras_vgg((2, 2, 3, 3, 3), 24)
    assert shapes  # VGG has none at all
    shapes = foreign.keras_inception_v3()
    ones = archdsl.load("inception_v3").load_weights(hollow(shapes))
    assert (ones["stem.c1.bn.weight"] == 1).all()
    gammas = {name.replace("/beta", "/gamma"): shape for name, shape in shapes.items() if name.endswith("/beta")}
    taken = archdsl.load("inception_v3").load_weights(hollow(shapes | gammas))
    assert (taken["stem.c1.bn.weight"] == 0.5).all()
    gammas.popitem()
    with pytest.raises(archdsl.ArchError, match="1 missing"):
        archdsl.load("inception_v3").match_weights(hollow(shapes | gammas), "keras")


def test_a_scale_has_no_place_in_a_layout_without_gamma():
    network = archdsl.load("inception_v3")
    arrays = network.load_weights(hollow(foreign.keras_inception_v3()))
    arrays["a.0.b1.bn.weight"][3] = 1.5
    with pytest.raises(archdsl.ArchError, match=r"`a.0.b1.bn.weight` is not 1 everywhere"):
        weights.written(network.weight_maps("keras")[0], arrays)


# --- values --------------------------------------------------------------------------------------------------------------

TINY = """
arch tiny() {
  input image: [N, 3, 6, 5]
  c1: conv(8, 3x3, bias=false)
  b1: bn(eps=1e-3)
  act: relu
  dw: depthwise_conv(3x3)
  sep: separable_conv(6, 3x3, bias=false)
  pool: max_pool(2x2, stride=2, pad=valid)
  flatten
  drop: dropout(0.5)
  fc1: linear(7)
  act2: relu
  fc2: linear(4)
  output y
}
"""
TINY_RULES = """
source = "keras"
layout = "keras"
conv_bias = true
[networks]
tiny = "Tiny"
[layers]
"{c1,b1,dw,sep,fc1,fc2}" = "{first,first_bn,dw,sep,hidden,out}"
"""


def channels_last(arrays, image):
    """The network ``TINY`` as Keras computes it: every map [H, W, C], every kernel as Keras stores it."""

    def windows(x):
        padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
        return np.stack([np.stack([padded[h : h + x.shape[0], w : w + x.shape[1]] for w in range(3)]) for h in range(3)])

    def conv(x, kernel):
        return np.einsum("hwyxi,hwio->yxo", windows(x), kernel)

    def depthwise(x, kernel):
        out = np.einsum("hwyxc,hwcm->yxcm", windows(x), kernel)
        return out.reshape(*out.shape[:2], -1)

    x = conv(image, arrays["first/kernel"]) + arrays["first/bias"]
    deviation = np.sqrt(arrays["first_bn/moving_variance"] + 1e-3)
    x = (x - arrays["first_bn/moving_mean"]) / deviation * arrays["first_bn/gamma"] + arrays["first_bn/beta"]
    x = depthwise(np.maximum(x, 0), arrays["dw/kernel"]) + arrays["dw/bias"]
    x = np.einsum("yxi,io->yxo", depthwise(x, arrays["sep/depthwise_kernel"]), arrays["sep/pointwise_kernel"][0, 0])
    x = x[:6, :4].reshape(3, 2, 2, 2, -1).max((1, 3))
    x = np.maximum(x.reshape(-1) @ arrays["hidden/kernel"] + arrays["hidden/bias"], 0)
    return x @ arrays["out/kernel"] + arrays["out/bias"]


def tiny_arrays(multiplier=1):
    generator = np.random.default_rng(3)
    shapes = {
        "first/kernel": (3, 3, 3, 8),
        "first/bias": (8,),
        **{f"first_bn/{name}": (8,) for name in ("gamma", "beta", "moving_mean", "moving_variance")},
        "dw/kernel": (3, 3, 8, multiplier),
        "dw/bias": (8 * multiplier,),
        "sep/depthwise_kernel": (3, 3, 8 * multiplier, 1),
        "sep/pointwise_kernel": (1, 1, 8 * multiplier, 6),
        "hidden/kernel": (3 * 2 * 6, 7),
        "hidden/bias": (7,),
        "out/kernel": (7, 4),
        "out/bias": (4,),
    }
    return {name: generator.uniform(0.1, 1, shape).astype(np.float32) * (-1) ** len(name) for name, shape in shapes.items()}


@pytest.mark.parametrize("multiplier", [1, 2])
def test_transposed_arrays_compute_what_they_computed_before(multiplier, tmp_path):
    torch = pytest.importorskip("torch")
    rules = tmp_path / "tiny.toml"
    rules.write_text(TINY_RULES, encoding="utf-8")
    arrays = tiny_arrays(multiplier)
    arrays["first_bn/moving_variance"] = np.abs(arrays["first_bn/moving_variance"])
    text = TINY.replace("depthwise_conv(3x3)", f"depthwise_conv(3x3, multiplier={multiplier})")
    network = archdsl.load(Source("tiny.arch", text))
    image = np.random.default_rng(4).uniform(-1, 1, (6, 5, 3)).astype(np.float32)
    model = network.to_torch(arrays, str(rules)).eval()
    with torch.inference_mode():
        got = model(torch.from_numpy(image.transpose(2, 0, 1)[None].copy()))[0].numpy()
    wanted = channels_last(arrays, image)
    assert np.abs(wanted).max() > 0.1
    assert np.abs(got - wanted).max() / np.abs(wanted).max() < 1e-5


def test_the_order_of_flattened_values_must_be_known(tmp_path):
    rules = tmp_path / "tiny.toml"
    rules.write_text(TINY_RULES, encoding="utf-8")
    text = TINY.replace("  drop: dropout(0.5)\n", "  twice: add { {}; {} }\n")
    with pytest.raises(archdsl.ArchError, match="the order of the values that enter `fc1` cannot be told"):
        archdsl.load(Source("tiny.arch", text)).weight_maps(str(rules))
