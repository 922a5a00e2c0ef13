"""LeNet-5 to SqueezeNet against the published table: parameters, multiply-accumulates, layers, depth, operators and shapes."""

import functools
import json
import re

import pytest

import archdsl
from archdsl import ArchError, syntax
from archdsl.pipeline import library
from archdsl.syntax import ast
from tests.networks.history_maps_a import NAMES, ROW_OF, VGG, stage_path
from tests.networks.published import FILE

_TABLE = {row["name"]: row for row in json.loads(FILE.read_text(encoding="utf-8"))["networks"]}
ROWS = {name: _TABLE[row] for name, row in ROW_OF.items()}
WITH_AUX = tuple(name for name, row in ROWS.items() if "with_aux" in row)
WITH_CENSUS = tuple(name for name, row in ROWS.items() if "op_census" in row)

# The register of discrepancies has an entry for each of these; VGG and SqueezeNet have none.
CITED = {
    "lenet5": {"D31", "D39"},
    "alexnet": {"D27", "D28", "D29", "D30", "D39"},
    "alexnet_grouped": {"D27", "D28", "D29", "D30"},
    "alexnet_owt": {"D27", "D38"},
    "zfnet": {"D30"},
    "googlenet": {"D19", "D20", "D21", "D22", "D23", "D30"},
    "googlenet_bn": {"D17", "D22", "D39"},
}

# What the papers print as right, per cent; the table has errors.
RIGHT = {
    "lenet5": (99.05, None),
    "alexnet": (59.3, 81.8),
    "alexnet_grouped": (59.3, 81.8),
    "vgg16": (74.4, 91.9),
    "vgg19": (74.5, 92.0),
    "alexnet_owt": (56.522, 79.066),
    "googlenet": (None, 89.93),
    "googlenet_bn": (69.778, 89.53),
}


@functools.cache
def network(name, **parameters):
    return archdsl.load(name, **parameters)


@functools.cache
def outputs(name, **parameters):
    """Shape by path, of nodes and of scopes; where a merge has the same path as its scope, that of the scope."""
    report = network(name, **parameters).report
    return {row.path: row.out for row in (*report.nodes, *report.scopes)}


def layers(report, kind):
    return [row for row in report.nodes if row.kind == kind]


def without_gamma(graph):
    return sum(weight.elements for node in graph for weight in node.weights if weight.learnable and weight.role != "scale")


def without_ones(shape):
    """A vector for a map of one cell: the table has some of them as 1x1."""
    return tuple(shape[:1]) if tuple(shape[1:]) == (1, 1) else tuple(shape)


@pytest.mark.parametrize("name", ROWS)
def test_totals_are_the_published_ones(name):
    row, report = ROWS[name], network(name).report
    assert report.inputs == {"image": tuple(row["input"])}
    assert report.outputs == {"logits": (10 if name == "lenet5" else 1000,)}
    assert report.total.params == row["params"]
    assert report.total.macs == row["macs"]
    assert report.total.flops == 2 * row["macs"]
    assert report.depth == row["depth_longest_path"]
    assert report.with_aux is None
    convolutions, connected = layers(report, "conv"), layers(report, "linear")
    assert (len(convolutions), len(connected)) == (row["n_conv"], row["n_fc"])
    assert sum(each.cost.macs for each in convolutions) == row["macs_conv"]
    assert sum(each.cost.macs for each in connected) == row["macs_fc"]
    assert without_gamma(network(name).graph) == row.get("params_no_bn_gamma", row["params"])


def test_totals_of_squeezenet():
    report = network("squeezenet1_1").report
    assert report.total.params == 1_235_496  # a fiftieth of AlexNet's, as the title says
    assert (len(layers(report, "conv")), len(layers(report, "linear")), report.depth) == (26, 0, 18)


@pytest.mark.parametrize("name", WITH_AUX)
def test_auxiliary_heads_come_on_top(name):
    row, with_aux = ROWS[name]["with_aux"], network(name, aux=True)
    report = with_aux.report
    assert report.total == network(name).report.total
    assert report.depth == ROWS[name]["depth_longest_path"]
    assert report.with_aux.params == row["params"]
    assert report.with_aux.params - report.total.params == row["aux_params"]
    assert report.with_aux.macs == row["macs"]
    assert report.with_aux.macs - report.total.macs == row["aux_macs"]
    assert without_gamma(with_aux.graph) == row["params_no_bn_gamma"]
    assert (len(layers(report, "conv")), len(layers(report, "linear"))) == (row["n_conv"], row["n_fc"])
    assert report.outputs == {"aux1": (1000,), "aux2": (1000,), "logits": (1000,)}
    auxiliary = [(output.name, output.weight) for output in with_aux.graph.outputs if output.auxiliary]
    assert auxiliary == [("aux1", 0.3), ("aux2", 0.3)]


@pytest.mark.parametrize("name, pool", [("googlenet", "pool"), ("googlenet_bn", "bins")])
def test_shapes_in_the_auxiliary_heads(name, pool):
    found = outputs(name, aux=True)
    for head, channels in (("aux1", 512), ("aux2", 528)):
        shapes = [found[f"{head}.{step}"] for step in (pool, "r", "flatten", "fc1", "fc2")]
        assert shapes == [(channels, 4, 4), (128, 4, 4), (2048,), (1024,), (1000,)]


@pytest.mark.parametrize("name", ROWS)
def test_stages_have_the_published_shapes_in_the_published_order(name):
    found = outputs(name)
    stages = {stage: stage_path(name, stage) for stage in ROWS[name]["stages"]}
    shapes = {stage: without_ones(found[path]) for stage, path in stages.items()}
    assert shapes == {stage: without_ones(shape) for stage, shape in ROWS[name]["stages"].items()}
    order = [node.path for node in network(name).graph]
    last = [max(index for index, path in enumerate(order) if is_part(path, stage)) for stage in stages.values()]
    assert last == sorted(set(last))


def is_part(path, stage):
    return path == stage or path.startswith((f"{stage}.", f"{stage}["))


@pytest.mark.parametrize("name", WITH_CENSUS)
def test_census_of_operators(name):
    ours = {"batchnorm": "bn", "maxpool": "max_pool", "avgpool": "avg_pool"}
    census = {kind: count for kind, count in ROWS[name]["op_census"].items() if kind != "scale"}
    found = {kind: len(layers(network(name).report, ours.get(kind, kind))) for kind in census}
    assert found == census


@pytest.mark.parametrize("name", VGG)
def test_convolutions_in_each_stage(name):
    paths = [row.path for row in layers(network(name).report, "conv")]
    assert [sum(path.startswith(f"conv{stage}[") for path in paths) for stage in range(1, 6)] == list(VGG[name])


@pytest.mark.parametrize("name", NAMES)
def test_facts_are_kept_with_the_network(name):
    about = network(name).graph.about
    assert {"paper", "year"} <= set(about)
    assert re.search(r"arXiv:\d{4}\.\d{5}|arXiv:\d{4}\.\d{4}|\d{4}", about["paper"])
    assert any(key in about for key in ("top1", "top5"))
    assert network(name).graph.doc
    if name in RIGHT:
        assert (about.get("top1"), about.get("top5")) == RIGHT[name]


def test_errors_of_the_table_are_those_of_the_facts():
    errors = {
        "alexnet": ROWS["alexnet"]["published"]["val_1cnn"],
        "alexnet_grouped": ROWS["alexnet"]["published"]["val_1cnn"],
        "vgg16": ROWS["vgg16"]["published"]["single_scale_best"],
        "vgg19": ROWS["vgg19"]["published"]["single_scale_best"],
    }
    for name, (top1, top5) in errors.items():
        assert RIGHT[name] == (round(100 - top1, 1), round(100 - top5, 1))
    assert list(RIGHT["alexnet_owt"]) == ROWS["alexnet_owt"]["published"]["tv_acc"]
    assert list(RIGHT["googlenet_bn"]) == ROWS["googlenet_bn"]["published"]["tv_acc"]
    assert RIGHT["googlenet"][1] == round(100 - ROWS["googlenet"]["published"]["top5_1crop"], 2)


@pytest.mark.parametrize("name, entries", CITED.items())
def test_cited_discrepancies_are_in_the_register(name, entries):
    register = (library() / "discrepancies.md").read_text(encoding="utf-8")
    known = set(re.findall(r"^\| (D\d+) \|", register, re.MULTILINE))
    cited = {entry for source in network(name).graph.sources for entry in re.findall(r"\bD\d+\b", source.text)}
    assert entries <= cited
    assert cited <= known


@pytest.mark.parametrize("name", ROWS)
def test_captions_state_shapes_of_the_table(name):
    """Every shape that a spec expects is one of the published stages, and there are captions for nearly all sizes."""
    shapes = {tuple(shape) for shape in ROWS[name]["stages"].values()} | {(1024,)}
    stated = captions(name)
    assert stated <= shapes
    assert {shape for shape in shapes if len(shape) == 3 and shape[1:] != (1, 1)} <= stated


def captions(name):
    """The shapes, batch apart, that the arch behind ``name`` expects."""
    found = set()
    for source in network(name).graph.sources:
        for item in syntax.parse(source).items:
            if isinstance(item, ast.Arch):
                expects = [each for each in item.body.statements if isinstance(each, ast.Expect)]
                found |= {tuple(int(number) for number in re.findall(r"\b\d+\b", each.span.text)) for each in expects}
    return found


@pytest.mark.parametrize("name, stated", [("vgg16", "14"), ("googlenet_bn", "28")])
def test_captions_hold_in_the_named_specs(tmp_path, name, stated):
    """A spec that sets parameters of another alone still has its captions checked."""
    base = {"vgg16": "lib/vgg.arch", "googlenet_bn": "googlenet.arch"}[name]
    for file in library().rglob("*.arch"):
        copy = tmp_path / file.relative_to(library())
        copy.parent.mkdir(exist_ok=True)
        text = file.read_text(encoding="utf-8")
        if file == library() / base:
            text = text.replace(f"{stated}, {stated}]", f"{stated}, {int(stated) + 1}]")
        copy.write_text(text, encoding="utf-8")
    with pytest.raises(ArchError) as caught:
        archdsl.load(tmp_path / f"{name}.arch")
    assert caught.value.diagnostics[0].code == "E0304"


def test_normalisation_constants():
    """The paper's alpha is a factor of the sum, ours of the mean: five times as large for the same effect."""

    def constants(name, **more):
        norms = [node.op for node in network(name, **more).graph if node.op.keyword == "lrn"]
        return {(norm.size, norm.alpha, norm.beta, norm.k) for norm in norms}

    table = ROWS["alexnet"]["hyper"]["norm"]
    n, k, alpha, beta = (float(number) for number in re.fullmatch(r"LRN n=(\S+) k=(\S+) alpha=(\S+) beta=(\S+)", table).groups())
    assert constants("alexnet") == constants("alexnet_grouped") == constants("zfnet") == {(n, n * alpha, beta, k)}
    assert constants("alexnet_grouped", variant="bvlc") == constants("googlenet") == {(n, alpha, beta, 1.0)}


def test_pooling_and_normalisation_follow_each_other_as_published():
    def order(name):
        return [node.path for node in network(name).graph if node.op.keyword in ("max_pool", "lrn")]

    for name in ("alexnet", "alexnet_grouped"):
        stages = [stage for stage in ROWS[name]["stages"] if stage.startswith(("pool", "norm"))]
        assert order(name) == stages


def test_grouped_convolutions():
    def groups(name):
        return {node.path: node.op.groups for node in network(name).graph if node.op.keyword == "conv"}

    assert groups("alexnet_grouped") == {"conv1": 1, "conv2": 2, "conv3": 1, "conv4": 2, "conv5": 2}
    assert set(groups("alexnet").values()) == {1}


@pytest.mark.parametrize(
    "name, parameter, probabilities",
    [
        ("alexnet", "drop", [0.5, 0.5]),
        ("vgg16", "drop", [0.5, 0.5]),
        ("googlenet", "drop", [0.7, 0.7, 0.4]),
        ("googlenet_bn", "drop", [0.7, 0.7, 0.2]),
        ("squeezenet1_1", "drop", [0.5]),
    ],
)
def test_dropout(name, parameter, probabilities):
    more = {"aux": True} if name in WITH_AUX else {}
    assert [node.op.p for node in network(name, **more).graph if node.op.keyword == "dropout"] == probabilities
    dry = network(name, **{parameter: 0.0}).graph
    assert {node.op.p for node in dry if node.op.keyword == "dropout"} == {0.0}


@pytest.mark.parametrize(
    "name, schemes",
    [
        ("alexnet", {"normal(0.01)"}),
        ("alexnet_grouped", {"normal(0.01)"}),
        ("zfnet", {"normal(0.01)"}),
        ("vgg16", {"xavier_uniform"}),
    ],
)
def test_initialisation(name, schemes):
    found = {node.op.init for node in network(name).graph if node.op.keyword in ("conv", "linear")}
    assert found == schemes


def test_every_size_of_squeezenet_rounded_up():
    graph = network("squeezenet1_1", variant="caffe").graph
    assert [node.type.shape[1] for node in graph if node.op.keyword == "max_pool"] == [56, 28, 14]
