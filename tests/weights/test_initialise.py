"""First values without PyTorch: the distributions of the emitted module, and a stream of its own for each weight."""

import math

import numpy as np
import pytest
import torch

import archdsl
from archdsl import ArchError
from archdsl.ops.initialisation import SCHEMES
from archdsl.source import Source
from archdsl.weights.initialise import initial

NUMBERS = {"standard deviation": "0.07", "bound": "0.3", "value": "0.25"}
BUILT = [f"{name}({NUMBERS[meaning]})" if meaning else name for name, meaning in SCHEMES.items()]
LAYERS = {
    "conv": "conv(160, 3x5, groups=2)",
    "depthwise": "depthwise_conv(9x9, multiplier=24)",
    "separable": "separable_conv(300, 5x5)",
    "linear": "flatten\n  y: linear(300)",
}
FLOAT_STEP = 2.0**-20


def network(layer, init=None):
    text = LAYERS[layer]
    if init is not None:
        text = f'{text[:-1]}, init="{init}")'
    flat = layer == "linear"
    step = text if flat else f"y: {text}"
    return archdsl.load(
        Source("spec.arch", f"arch spec() {{\n  input x: [N, 60, {'3, 3' if flat else '12, 14'}]\n  {step}\n  output z\n}}\n")
    )


def ours_and_theirs(layer, init=None):
    net = network(layer, init)
    torch.manual_seed(17)
    theirs = {name: each.detach().numpy() for name, each in net.to_torch().state_dict().items()}
    ours = initial(net.graph, 3)
    assert list(ours) == list(theirs)
    for name, array in ours.items():
        assert array.dtype == theirs[name].dtype and array.shape == theirs[name].shape
    return [(name, ours[name].ravel(), theirs[name].ravel()) for name in ours]


def distance(one, other):
    """Largest difference of two empirical distribution functions (Kolmogorov and Smirnov)."""
    both = np.concatenate([one, other])
    functions = [np.searchsorted(np.sort(each), both, side="right") / each.size for each in (one, other)]
    return np.abs(functions[0] - functions[1]).max()


def alike(one, other):
    """Whether two samples may be of one distribution: the distance that such samples exceed once in a million times."""
    critical = math.sqrt(-math.log(1e-6 / 2) / 2 * (one.size + other.size) / (one.size * other.size))
    return distance(one, other) <= critical


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("init", [None, *BUILT])
def test_every_scheme_has_the_distribution_that_torch_draws_from(layer, init):
    for name, ours, theirs in ours_and_theirs(layer, init):
        assert alike(ours, theirs), name
        spread = max(np.abs(theirs).max(), 1e-9)
        assert abs(ours.mean() - theirs.mean()) <= 6 * (theirs.std() + FLOAT_STEP) / math.sqrt(ours.size), name
        assert ours.std() == pytest.approx(theirs.std(), rel=6 / math.sqrt(ours.size), abs=FLOAT_STEP), name
        assert np.abs(ours).max() <= 1.5 * spread, name


@pytest.mark.parametrize("layer", LAYERS)
def test_bounds_are_those_of_the_formulas(layer):
    for name, ours, _ in ours_and_theirs(layer, "trunc_normal(0.07)"):
        if not name.endswith("bias"):
            assert 0.139 < np.abs(ours).max() <= 0.14
    for name, ours, _ in ours_and_theirs(layer, "uniform(0.3)"):
        if not name.endswith("bias"):
            assert 0.299 < np.abs(ours).max() <= 0.3


@pytest.mark.parametrize("layer, fan_in", [("conv", 30 * 15), ("depthwise", 81), ("linear", 540)])
def test_without_a_scheme_kernel_and_bias_are_bounded_by_the_fan_in(layer, fan_in):
    bound = 1 / math.sqrt(fan_in)
    for name, ours, _ in ours_and_theirs(layer):
        assert (0.9 if name.endswith("bias") else 0.999) * bound < np.abs(ours).max() <= np.float32(bound)


def test_kurtosis_tells_uniform_normal_and_cut_normal_apart():
    def kurtosis(init):
        values = ours_and_theirs("conv", init)[0][1].astype(float)
        return ((values - values.mean()) ** 4).mean() / values.var() ** 2

    assert kurtosis("uniform(0.3)") == pytest.approx(1.8, abs=0.02)
    assert kurtosis("normal(0.07)") == pytest.approx(3.0, abs=0.1)
    assert kurtosis("trunc_normal(0.07)") == pytest.approx(2.36, abs=0.05)


def test_neighbours_and_layers_are_uncorrelated():
    text = "arch spec() {\n  input x: [N, 128, 8, 8]\n  a: conv(128, 3x3)\n  b: conv(128, 3x3)\n  output z\n}\n"
    found = initial(archdsl.load(Source("spec.arch", text)).graph, 0)
    one, other = found["a.weight"].ravel(), found["b.weight"].ravel()
    limit = 6 / math.sqrt(one.size)
    assert abs(np.corrcoef(one, other)[0, 1]) < limit
    assert abs(np.corrcoef(one[:-1], one[1:])[0, 1]) < limit


def test_norms_begin_as_the_identity():
    text = "arch spec() {\n  input x: [N, 8, 8, 8]\n  n: bn\n  output z\n}\n"
    found = initial(archdsl.load(Source("spec.arch", text)).graph)
    assert found["n.num_batches_tracked"].dtype == np.int64 and found["n.num_batches_tracked"] == 0
    assert {name: float(array.mean()) for name, array in found.items()} == {
        "n.weight": 1,
        "n.bias": 0,
        "n.running_mean": 0,
        "n.running_var": 1,
        "n.num_batches_tracked": 0,
    }


def test_a_seed_gives_the_same_values_again_and_another_gives_others():
    graph = archdsl.load("lenet5").graph
    one, again, other = initial(graph, 5), initial(graph, np.int64(5)), initial(graph, 6)
    assert all((one[name] == again[name]).all() for name in one)
    assert all((one[name] != other[name]).any() for name in one)
    with pytest.raises(TypeError):
        initial(graph, 0.5)


def test_an_edit_elsewhere_leaves_a_weight_as_it_was():
    whole, edited = archdsl.load("squeezenet1_1"), archdsl.load("squeezenet1_1", edits="drop fire5")
    one, other = initial(whole.graph, 1), initial(edited.graph, 1)
    shared = [name for name in other if one[name].shape == other[name].shape]
    assert len(shared) > 40 and all((one[name] == other[name]).all() for name in shared)


@pytest.mark.parametrize("init", ["constant(1e300)", "uniform(1e39)"])
def test_a_number_that_float32_lacks_is_refused(init):
    with pytest.raises(ArchError) as raised:
        initial(network("conv", init).graph)
    assert [each.code for each in raised.value.diagnostics] == ["E0701"]


def test_bundled_networks_start_as_their_torch_modules_do():
    net = archdsl.load("inception_resnet_v2_slim", edits=["drop a[3..8]", "drop b[3..18]", "drop c[3..8]"])
    torch.manual_seed(0)
    theirs = net.to_torch().state_dict()
    for name, ours in initial(net.graph).items():
        assert ours.std() == pytest.approx(
            float(theirs[name].float().std(correction=0)), rel=0.2 + 8 / math.sqrt(ours.size), abs=1e-9
        ), name
