"""What holds between residual networks: plain and option A, options A, B and C, places of the stride, depths."""

import pytest

import archdsl
from archdsl import ArchError


def size(name, **parameters):
    found = archdsl.load(name, **parameters)
    return found.params, found.macs


def projections(network):
    return [node.path for node in network.graph if ".proj" in node.path and node.op.keyword == "conv"]


def strided(network):
    """Last names of the layers that halve the map, behind the first convolution."""
    convolutions = [node for node in network.graph if node.op.keyword == "conv" and "_x" in node.path]
    return {node.path.partition("].")[2] for node in convolutions if node.op.stride == (2, 2)}


@pytest.mark.parametrize(
    "plain, residual, parameters",
    [
        ("plain18", "resnet18", {"option": "A"}),
        ("plain34", "resnet34", {"option": "A"}),
        ("plain20", "resnet20", {}),
        ("plain56", "resnet56", {}),
    ],
)
def test_a_plain_network_costs_what_option_a_costs(plain, residual, parameters):
    without, with_shortcuts = archdsl.load(plain), archdsl.load(residual, **parameters)
    assert (without.params, without.macs, without.depth) == (with_shortcuts.params, with_shortcuts.macs, with_shortcuts.depth)
    weights = [{node.path: node.weights for node in network.graph if node.weights} for network in (without, with_shortcuts)]
    assert weights[0] == weights[1]
    assert not any(node.op.keyword == "add" for node in without.graph)


@pytest.mark.parametrize(
    "name, params, macs",
    [
        ("resnet18", 173_824, 19_267_584),
        ("resnet34", 173_824, 19_267_584),
        ("resnet20", 2_752, 262_144),
        ("resnet56", 2_752, 262_144),
    ],
)
def test_option_b_over_option_a(name, params, macs):
    one, other = size(name, option="A"), size(name, option="B")
    assert (other[0] - one[0], other[1] - one[1]) == (params, macs)


@pytest.mark.parametrize("name, blocks", [("resnet34", 16), ("resnet50", 16), ("resnet20", 9)])
def test_option_c_projects_in_every_block(name, blocks):
    assert len(projections(archdsl.load(name, option="C"))) == blocks


def test_option_b_projects_where_width_or_size_changes():
    assert projections(archdsl.load("resnet34")) == [f"conv{stage}_x[0].proj.conv" for stage in (3, 4, 5)]
    assert projections(archdsl.load("resnet50")) == [f"conv{stage}_x[0].proj.conv" for stage in (2, 3, 4, 5)]
    assert projections(archdsl.load("resnet50", option="A")) == []


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_an_unknown_option_is_refused(name):
    with pytest.raises(ArchError) as caught:
        archdsl.load(name, option="D")
    assert len(caught.value.diagnostics) == 1


@pytest.mark.parametrize("name", ["resnet50", "resnet50_v2"])
def test_place_of_the_stride(name):
    first, second = archdsl.load(name), archdsl.load(name, stride_on="3x3")
    last = "" if name.endswith("v2") else ".conv"
    assert strided(first) == {"a.conv", f"proj{last}"}
    assert strided(second) == {"b.conv", f"proj{last}"}
    assert first.params == second.params
    assert second.macs - first.macs == 4_089_184_256 - 3_857_973_248


def test_the_suffix_is_the_place_of_the_stride_and_nothing_else():
    for depth in (50, 101, 152):
        assert size(f"resnet{depth}_v1_5") == size(f"resnet{depth}", stride_on="3x3")


def test_depth_is_in_the_name():
    for depth in (20, 32, 44, 56, 110, 18, 34, 50, 101, 152):
        assert archdsl.load(f"resnet{depth}").depth == depth
    for depth in (20, 56, 18, 34):
        assert archdsl.load(f"plain{depth}").depth == depth
    for depth in (50, 101, 152):
        assert archdsl.load(f"resnet{depth}_v2").depth == archdsl.load(f"resnet{depth}_v1_5").depth == depth


def test_networks_without_a_spec_of_their_own():
    """ResNet-1202 and -164 of the papers and TF-slim's 200 layers are parameters of the same specs."""
    assert archdsl.load("resnet20", n=200).depth == 1202
    biases = 64 + 3_840 + 4 * (64 * 3 + 128 * 24 + 256 * 36 + 512 * 3)
    deep = archdsl.load("resnet50_v2", n2=3, n3=24, n4=36, n5=3)
    assert (deep.depth, deep.params + biases) == (200, 64_726_120)
    assert size("resnet50", n2=3, n3=24, n4=36, n5=3)[0] == 64_673_832


def test_a_shortcut_of_option_a_keeps_every_second_cell_and_adds_zeros():
    torch = pytest.importorskip("torch")
    model = archdsl.load("resnet20").to_torch().eval()
    block = model.stage2[0]
    with torch.no_grad():
        block.b.bn.weight.zero_()
        block.b.bn.bias.zero_()
        images = torch.rand(2, 16, 32, 32)
        wanted = torch.cat([images[:, :, ::2, ::2], torch.zeros(2, 16, 16, 16)], 1)
        assert torch.equal(block(images), wanted)


def test_a_unit_with_pre_activation_passes_values_on_unchanged():
    torch = pytest.importorskip("torch")
    model = archdsl.load("resnet50_v2").to_torch().eval()
    changing, keeping = model.conv2_x[0], model.conv2_x[1]
    with torch.no_grad():
        changing.c.weight.zero_()
        keeping.c.weight.zero_()
        images = torch.randn(2, 64, 8, 8)
        assert torch.allclose(changing(images), changing.proj(changing.pre(images)))
        values = torch.randn(2, 256, 8, 8)
        assert torch.equal(keeping(values), values)


def test_the_light_and_the_full_inception_resnet_differ_in_width_only():
    one, two = archdsl.load("inception_resnet_v1"), archdsl.load("inception_resnet_v2")
    paths = [{node.path for node in network.graph if not node.path.startswith("stem")} for network in (one, two)]
    assert paths[0] == paths[1]


def test_torchvision_counts_the_padding_of_means():
    counted = archdsl.load("inception_v3", count_pad=True)
    means = [node.op.count_pad for node in counted.graph if node.op.keyword == "avg_pool"]
    assert means == [True] * 9
    assert (counted.params, counted.macs) == size("inception_v3")
    assert not any(node.op.count_pad for node in archdsl.load("inception_v3").graph if node.op.keyword == "avg_pool")
