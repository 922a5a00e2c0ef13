"""The page on papers and releases names every network and entry, and its figures are right; `test_generated` has it current."""

import re

import pytest

from archdsl import pipeline
from archdsl.elaborate import networks
from docs import fidelity


@pytest.fixture(scope="module")
def page():
    return fidelity.fidelity_page()


def test_no_count_is_typed():
    """Counts are written with separators on the page, and with G, M or K behind a decimal; none of these is in the template."""
    words = re.sub(r"\{\{.+?\}\}", "", fidelity.template())
    assert re.findall(r"\d,\d{3}\b|\d\.\d+ [GM]\b|\b\d{5,}\b", re.sub(r"arXiv:\d{4}\.\d{5}", "", words)) == []


def test_every_network_and_variant_has_a_row(page):
    expected = []
    for name in pipeline.bundled():
        own = pipeline.load(name).name
        others = (other for other in networks(pipeline.read(name)) if other != own)
        expected += [name, *(f"{name} --variant {other}" for other in others)]
    assert sorted(re.findall(r"^\| `([^`]+)` \|.*\| \d+ \|$", page, re.MULTILINE)) == sorted(expected)


def test_every_entry_of_the_register_has_a_row(page):
    assert tuple(re.findall(r"^\| (D\d+) \|", page, re.MULTILINE)) == fidelity.ENTRIES


def test_every_entry_is_cited_but_those_that_concern_no_spec(page):
    assert re.findall(r"^\| (D\d+) \|.*\| concerns no spec: .+ \|$", page, re.MULTILINE) == ["D13", "D37", "D41"]


def test_an_entry_without_citation_needs_a_reason(monkeypatch):
    monkeypatch.setattr(fidelity, "citations", lambda: {"D1": ()})
    assert fidelity.filled("{{cited D1 : a reason}}") == "concerns no spec: a reason"
    with pytest.raises(SystemExit, match="no spec cites D1"):
        fidelity.filled("{{cited D1}}")


def test_specs_cite_no_entry_that_is_not_there():
    texts = [path.read_text(encoding="utf-8") for path in pipeline.library().rglob("*.arch")]
    assert {entry for text in texts for entry in re.findall(r"\bD\d+\b", text)} <= set(fidelity.ENTRIES)


def test_lenet5_of_1998_comes_to_the_printed_sums():
    """Section II.B of the paper states both sums."""
    layers = fidelity.lenet5_1998()
    assert sum(layer.parameters for layer in layers) == 60_000
    assert sum(layer.connections for layer in layers) == 340_908


@pytest.mark.parametrize(
    "field, figure",
    [
        ("params lenet_caffe", "431,080"),
        ("params lenet_slim", "3,276,234"),
        ("params alexnet_slim", "50,303,912"),
        ("params googlenet_bn --set *.b5.c:k=5x5", "7,005,832"),
        ("part_weights googlenet_separable : conv1", "2,712"),
        ("part_macs googlenet_separable : conv1", "34,019,328"),
        ("without_gamma googlenet_bn", "6,617,624"),
        ("without_gamma_with_aux inception_v3", "27,143,152"),
        ("without_gamma_with_aux inception_v4", "46,006,800"),
        ("without_gamma_with_aux inception_v4 --set classes=1001", "46,009,106"),
        ("without_gamma_with_aux inception_resnet_v2_slim", "59,179,952"),
        ("with_biases resnet50 : *", "25,583,592"),
        ("with_biases resnet50_v2 : conv1 *.proj *.c", "25,568,360"),
        ("giga macs resnet50_v2_last", "3.48 G"),
        ("difference with_aux inception_v4 less params inception_v4", "3,359,464"),
        ("""difference macs resnet20 --set 'option="B"' less resnet20""", "262,144"),
        ("ratio macs inception_resnet_v2_deep over inception_v4", "1.15"),
    ],
)
def test_figures_are_those_that_others_report(field, figure):
    """TF-slim's, Keras' and Caffe's counts of their own networks, and the arithmetic of the register."""
    assert fidelity.filled("{{" + field + "}}") == figure


@pytest.mark.parametrize("field", ["nothing lenet5", "params lenet", "shape_of lenet5 : c9", "part_macs lenet5 : c9"])
def test_a_field_that_says_nothing_ends_the_program(field):
    with pytest.raises(SystemExit, match=r"fidelity\.md\.in"):
        fidelity.filled("{{" + field + "}}")
