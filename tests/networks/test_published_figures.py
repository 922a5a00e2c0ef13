"""Parameters, multiply-accumulates, layers, depth and shapes of the bundled networks, exact, against the published table."""

import functools
import re

import pytest

import archdsl
from archdsl.pipeline import library
from tests.networks.published import MODULES, ROWS, STAGES

NAMES = tuple(ROWS)
WITH_AUX = tuple(name for name, row in ROWS.items() if "with_aux" in row)


@functools.cache
def network(name, **parameters):
    return archdsl.load(name, **parameters)


def row_of_stage():
    return [(name, stage, path) for name, stages in STAGES.items() for stage, path in stages.items()]


def module_rows():
    return [(name, path, *figures) for name, modules in MODULES.items() for path, figures in modules.items()]


def rows(report):
    """Every node and scope by path; where a merge has the same path as its scope, the scope, which costs all that is inside."""
    return {row.path: row for row in (*report.nodes, *report.scopes)}


def layers(report, kind):
    return [row for row in report.nodes if row.kind == kind]


def without_gamma(graph):
    return sum(weight.elements for node in graph for weight in node.weights if weight.learnable and weight.role != "scale")


@pytest.mark.parametrize("name", NAMES)
def test_totals_are_the_published_ones(name):
    row, report = ROWS[name], network(name).report
    assert report.inputs == {"image": tuple(row["input"])}
    assert report.outputs == {"logits": (1000,)}
    assert report.total.params == row["params"]
    assert report.total.macs == row["macs"]
    assert report.total.flops == 2 * row["macs"]
    assert report.depth == row["depth_longest_path"]
    assert report.with_aux is None


@pytest.mark.parametrize("name", NAMES)
def test_convolutions_and_fully_connected_layers_apart(name):
    row, report = ROWS[name], network(name).report
    convolutions, connected = layers(report, "conv"), layers(report, "linear")
    assert (len(convolutions), len(connected)) == (row["n_conv"], row["n_fc"])
    assert sum(each.cost.macs for each in convolutions) == row["macs_conv"]
    assert sum(each.cost.macs for each in connected) == row["macs_fc"]


@pytest.mark.parametrize("name", NAMES)
def test_parameters_without_gamma(name):
    assert without_gamma(network(name).graph) == ROWS[name]["params_no_bn_gamma"]


@pytest.mark.parametrize("name", WITH_AUX)
def test_auxiliary_head_comes_on_top(name):
    row, with_aux = ROWS[name]["with_aux"], network(name, aux=True)
    report = with_aux.report
    assert report.total == network(name).report.total
    assert report.depth == ROWS[name]["depth_longest_path"]
    assert report.with_aux.params == row["params"]
    assert report.with_aux.params - report.total.params == row["aux_params"]
    assert report.with_aux.macs == row["macs"]
    assert report.with_aux.macs - report.total.macs == row["aux_macs"]
    assert without_gamma(with_aux.graph) == row["params_no_bn_gamma"]
    assert len(layers(report, "conv")) == row["n_conv"]
    assert len(layers(report, "linear")) == row["n_fc"]
    assert report.outputs == {"logits": (1000,), "aux": (1000,)}
    auxiliary = [(output.name, output.weight) for output in with_aux.graph.outputs if output.auxiliary]
    assert auxiliary == [("aux", 0.4)]


@pytest.mark.parametrize("name", WITH_AUX)
def test_shapes_in_the_auxiliary_head(name):
    found = rows(network(name, aux=True).report)
    channels = found["b[0]"].out[0]
    shapes = [found[f"aux.{step}"].out for step in ("pool", "r", "c", "fc")]
    assert shapes == [(channels, 5, 5), (128, 5, 5), (768, 1, 1), (1000,)]


@pytest.mark.parametrize("name", NAMES)
def test_every_stage_of_the_table_has_a_path(name):
    assert list(STAGES[name]) == list(ROWS[name]["stages"])


@pytest.mark.parametrize("name, stage, path", row_of_stage())
def test_stage_has_the_published_shape(name, stage, path):
    assert rows(network(name).report)[path].out == tuple(ROWS[name]["stages"][stage])


@pytest.mark.parametrize("name, path, params, macs", module_rows())
def test_module_costs_what_was_measured(name, path, params, macs):
    cost = rows(network(name).report)[path].cost
    assert (cost.params, cost.macs) == (params, macs)


@pytest.mark.parametrize("name", [name for name in NAMES if "op_census" in ROWS[name]])
def test_census_of_operators(name):
    census = dict(ROWS[name]["op_census"])
    assert sum(node.op.keyword == "add" and node.op.scale != 1 for node in network(name).graph) == census.pop("scale")
    ours = {"batchnorm": "bn", "maxpool": "max_pool", "avgpool": "avg_pool"}
    for kind, count in census.items():
        assert len(layers(network(name).report, ours.get(kind, kind))) == count, kind


@pytest.mark.parametrize("name", NAMES)
def test_facts_are_kept_with_the_network(name):
    about, published = network(name).graph.about, ROWS[name]["published"]
    if name == "inception_resnet_v2_slim":
        right = published["slim_acc"]
    else:
        right = [round(100 - error, 1) for error in published["single_crop_nonblacklisted"]]
    assert [about["top1"], about["top5"]] == right
    assert about["paper"] == "arXiv:1602.07261"
    assert about["year"] == 2016


@pytest.mark.parametrize("name", NAMES)
def test_cited_discrepancies_are_in_the_register(name):
    register = (library() / "discrepancies.md").read_text(encoding="utf-8")
    entries = set(re.findall(r"^\| (D\d+) \|", register, re.MULTILINE))
    cited = set()
    for source in network(name).graph.sources:
        cited |= set(re.findall(r"\bD\d+\b", source.text))
    assert cited
    assert cited <= entries
