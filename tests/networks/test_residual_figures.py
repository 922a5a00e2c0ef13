"""Parameters, multiply-accumulates, layers, depth and shapes of the residual and plain networks and Inception-v3, exact."""

import functools
import json
import re

import pytest

import archdsl
from archdsl.pipeline import library
from tests.networks.published import FILE

_TABLE = json.loads(FILE.read_text(encoding="utf-8"))
_ROWS = {row["name"]: row for row in _TABLE["networks"]}

# Our network and its parameters for each row of the table.
NETWORKS = {
    "inception_v3": ("inception_v3", {}),
    "inception_resnet_v1_paper": ("inception_resnet_v1", {}),
    **{f"plain{depth}_cifar": (f"plain{depth}", {}) for depth in (20, 56)},
    **{f"resnet{depth}_cifar_A": (f"resnet{depth}", {}) for depth in (20, 32, 56, 110)},
    **{f"plain{depth}": (f"plain{depth}", {}) for depth in (18, 34)},
    **{f"resnet{depth}_A": (f"resnet{depth}", {"option": "A"}) for depth in (18, 34)},
    **{f"resnet{depth}_B": (f"resnet{depth}", {}) for depth in (18, 34)},
    **{f"resnet{depth}_B_v1": (f"resnet{depth}", {}) for depth in (50, 101, 152)},
    **{f"resnet{depth}_v1.5": (f"resnet{depth}_v1_5", {}) for depth in (50, 101, 152)},
    "resnet50_v2": ("resnet50_v2", {}),
}
ROWS = {name: _ROWS[name] for name in NETWORKS}

# What the table lacks: parameters, MACs, convolutions and depth.  Pre-activation: TF-slim's 44,577,896 and 60,236,904 without
# the biases of conv1 (64), projections (3,840) and last 1x1 (32,512 and 47,872).
OTHERS = {
    "resnet44": (658_586, 97_174_144, 43, 44),
    "resnet101_v2": (44_541_480, 7_570_194_432, 104, 101),
    "resnet152_v2": (60_185_128, 11_282_415_616, 155, 152),
}
SPECS = tuple(dict.fromkeys([*(spec for spec, _ in NETWORKS.values()), *OTHERS]))

IMAGENET = {"pool1": "pool1", "conv2_x": "conv2_x", "conv3_x": "conv3_x", "conv4_x": "conv4_x", "conv5_x": "conv5_x"}
ENDS = {"avgpool": "pool", "fc": "fc"}
INCEPTION_V3 = {
    "Conv2d_1a_3x3": "stem.c1",
    "Conv2d_2a_3x3": "stem.c2",
    "Conv2d_2b_3x3": "stem.c3",
    "maxpool1": "stem.pool3",
    "Conv2d_3b_1x1": "stem.c4",
    "Conv2d_4a_3x3": "stem.c5",
    "maxpool2": "stem.pool5",
    **{f"Mixed_5{letter}": f"a[{i}]" for i, letter in enumerate("bcd")},
    "Mixed_6a": "red_a",
    **{f"Mixed_6{letter}": f"b[{i}]" for i, letter in enumerate("bcde")},
    "Mixed_7a": "red_b",
    **{f"Mixed_7{letter}": f"c[{i}]" for i, letter in enumerate("bc")},
    **ENDS,
}
INCEPTION_RESNET_V1 = {
    "conv1": "stem.c1",
    "conv2": "stem.c2",
    "conv3": "stem.c3",
    "pool": "stem.pool3",
    "conv4": "stem.c4",
    "conv5": "stem.c5",
    "conv6": "stem.c6",
    **{f"resA{i + 1}": f"a[{i}]" for i in range(5)},
    "redA": "red_a",
    **{f"resB{i + 1}": f"b[{i}]" for i in range(10)},
    "redB": "red_b",
    **{f"resC{i + 1}": f"c[{i}]" for i in range(5)},
    **ENDS,
}

# Parameters and MACs at 299x299 of single modules of Inception-ResNet-v1, from the notes beside the table.
MODULES = {
    "stem.c4": (5_280, 27_284_480),
    "stem.c5": (138_624, 696_867_840),
    "stem.c6": (442_880, 541_900_800),
    "stem": (615_552, 1_882_680_416),
    "a[0]": (77_440, 94_080_000),
    "red_a": (1_710_080, 850_169_856),
    "b[0]": (690_048, 198_868_992),
    "red_b": (3_346_176, 501_448_704),
    "c[0]": (1_600_768, 102_236_160),
    "fc": (1_793_000, 1_792_000),
}


def stages(name):
    """Our paths of the stages of a row, in its order."""
    if name == "inception_v3":
        return INCEPTION_V3
    if name == "inception_resnet_v1_paper":
        return INCEPTION_RESNET_V1
    if "cifar" in name:
        return {stage: stage for stage in ("conv1", "stage1", "stage2", "stage3")} | ENDS
    if name.endswith("_v2"):
        return {"conv1": "conv1"} | IMAGENET | {"post": "post"} | ENDS
    # The table has the pooled value as a vector in some rows and as a 1x1 map in others; the specs have both.
    pooled = "flatten" if len(ROWS[name]["stages"]["avgpool"]) == 1 else "pool"
    return {"conv1": "conv1"} | IMAGENET | ENDS | {"avgpool": pooled}


@functools.cache
def network(name, **parameters):
    return archdsl.load(name, **parameters)


def of_row(name):
    spec, parameters = NETWORKS[name]
    return network(spec, **parameters)


def layers(report, kind):
    return [row for row in report.nodes if row.kind == kind]


def by_path(report):
    return {row.path: row for row in (*report.nodes, *report.scopes)}


def without_gamma(graph):
    return sum(weight.elements for node in graph for weight in node.weights if weight.learnable and weight.role != "scale")


def test_every_row_about_these_networks_is_used():
    ours = re.compile(r"resnet\d|plain\d|inception_v3|inception_resnet_v1")
    assert {name for name in _ROWS if ours.match(name)} == set(NETWORKS)


@pytest.mark.parametrize("name", NETWORKS)
def test_totals_are_the_published_ones(name):
    row, report = ROWS[name], of_row(name).report
    classes = (10,) if "cifar" in name else (1000,)
    assert report.inputs == {"image": tuple(row["input"])}
    assert report.outputs == {"logits": classes}
    assert report.total.params == row["params"]
    assert report.total.macs == row["macs"]
    assert report.total.flops == 2 * row["macs"]
    assert report.depth == row["depth_longest_path"]
    assert report.with_aux is None
    convolutions, connected = layers(report, "conv"), layers(report, "linear")
    assert (len(convolutions), len(connected)) == (row["n_conv"], row["n_fc"])
    assert sum(each.cost.macs for each in convolutions) == row["macs_conv"]
    assert sum(each.cost.macs for each in connected) == row["macs_fc"]
    assert without_gamma(of_row(name).graph) == row["params_no_bn_gamma"]


@pytest.mark.parametrize("name", OTHERS)
def test_totals_of_the_networks_that_are_not_in_the_table(name):
    report = network(name).report
    found = report.total.params, report.total.macs, len(layers(report, "conv")), report.depth
    assert found == OTHERS[name]


def test_auxiliary_head_of_inception_v3_comes_on_top():
    row, with_aux = ROWS["inception_v3"]["with_aux"], network("inception_v3", aux=True)
    report = with_aux.report
    assert report.total == network("inception_v3").report.total
    assert report.depth == ROWS["inception_v3"]["depth_longest_path"]
    assert (report.with_aux.params, report.with_aux.macs) == (row["params"], row["macs"])
    assert report.with_aux.params - report.total.params == row["aux_params"]
    assert report.with_aux.macs - report.total.macs == row["aux_macs"]
    assert without_gamma(with_aux.graph) == row["params_no_bn_gamma"]
    assert (len(layers(report, "conv")), len(layers(report, "linear"))) == (row["n_conv"], row["n_fc"])
    assert [(output.name, output.weight) for output in with_aux.graph.outputs if output.auxiliary] == [("aux", 0.4)]
    found = by_path(report)
    shapes = [found[f"aux.{step}"].out for step in ("pool", "r", "c", "fc")]
    assert shapes == [(768, 5, 5), (128, 5, 5), (768, 1, 1), (1000,)]


@pytest.mark.parametrize("name", NETWORKS)
def test_stages_have_the_published_shapes(name):
    found, expected = by_path(of_row(name).report), ROWS[name]["stages"]
    assert list(stages(name)) == list(expected)
    assert {stage: found[path].out for stage, path in stages(name).items()} == {
        stage: tuple(shape) for stage, shape in expected.items()
    }


@pytest.mark.parametrize("path", MODULES)
def test_modules_of_inception_resnet_v1_cost_what_was_measured(path):
    cost = by_path(network("inception_resnet_v1").report)[path].cost
    assert (cost.params, cost.macs) == MODULES[path]


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.get("op_census")])
def test_census_of_operators(name):
    census = dict(ROWS[name]["op_census"])
    assert sum(node.op.keyword == "add" and node.op.scale != 1 for node in of_row(name).graph) == census.pop("scale")
    ours = {"batchnorm": "bn", "maxpool": "max_pool", "avgpool": "avg_pool"}
    report = of_row(name).report
    assert {kind: len(layers(report, ours.get(kind, kind))) for kind in census} == census


@pytest.mark.parametrize("name", ["inception_v3", "inception_resnet_v1_paper"])
def test_grids_and_macs_at_other_sizes(name):
    spec, grids = NETWORKS[name][0], _TABLE["input_grids"][name]
    assert len(grids["grids"]) == 13
    for size, expected in grids["grids"].items():
        report = archdsl.load(spec, input=(3, int(size), int(size))).report
        found = by_path(report)
        shapes = [found[path].out for path in ("a[0]", "b[0]", "c[0]")]
        assert [*(height for _, height, _ in shapes), report.total.macs] == expected, size
        assert all(height == width for _, height, width in shapes)
    smallest = grids["min_input"]
    with pytest.raises(archdsl.ArchError) as caught:
        archdsl.load(spec, input=(3, smallest - 1, smallest - 1))
    (fault,) = caught.value.diagnostics
    assert fault.code == "E0302"
    assert fault.path.startswith("red_b.")


def test_a_residual_network_takes_any_size():
    assert network("resnet50", input=(3, 1, 1)).outputs == {"logits": (1000,)}
    assert by_path(network("resnet50", input=(3, 65, 97)).report)["conv5_x"].out == (2048, 3, 4)


def accuracy(name):
    """What the facts beside a network must say, in per cent right, from the errors or accuracies of the table."""
    published = ROWS[name]["published"]
    if "error" in published:
        return [100 - float(str(published["error"]).split()[0])]
    if "tencrop_top1" in published:
        return [100 - published["tencrop_top1"]]
    if name.endswith("v1.5") or name == "resnet18_B":
        return published["tv_acc"]
    if "slim_299" in published:
        return published["slim_299"]
    for key in ("tencrop", "tencrop_B", "single_crop", "single_crop_nonblacklisted"):
        if key in published:
            return [100 - error for error in published[key]]
    return []


@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in ("resnet18_A", "resnet34_A")])
def test_facts_are_kept_with_the_network(name):
    about, right = of_row(name).graph.about, accuracy(name)
    assert [about.get(key) for key in ("top1", "top5")[: len(right)]] == pytest.approx(right)
    assert bool(right) == ("plain" not in name or "cifar" not in name)
    papers = {"inception_v3": "1512.00567", "inception_resnet_v1_paper": "1602.07261", "resnet50_v2": "1603.05027"}
    assert about["paper"] == f"arXiv:{papers.get(name, '1512.03385')}"
    assert about["year"] in (2015, 2016)
    assert {"figure", "table", "section"} & about.keys()


@pytest.mark.parametrize("name", SPECS)
def test_cited_discrepancies_are_in_the_register(name):
    register = (library() / "discrepancies.md").read_text(encoding="utf-8")
    entries = set(re.findall(r"^\| (D\d+) \|", register, re.MULTILINE))
    cited = {entry for source in network(name).graph.sources for entry in re.findall(r"\bD\d+\b", source.text)}
    assert cited
    assert cited <= entries
