"""Networks of the literature, written as their papers describe them, against the parameters that are published for them."""

from pathlib import Path

import pytest

import archdsl

SPECS = Path(__file__).parent / "yardstick"

# Learnable values, and multiply-accumulates where the literature gives them for the same input size.
PUBLISHED = {
    "densenet121": (7_978_856, 2_834_161_664),
    "squeezenet1_1": (1_235_496, 349_151_936),
    "mobilenet_v2": (3_504_872, 300_774_272),
    "xception": (22_855_952, None),
    "wide_resnet50_2": (68_883_240, 11_398_021_120),
    "se_resnet50": (28_088_024, None),
    "unet": (31_030_658, None),
}


def test_every_spec_is_measured():
    assert {path.stem for path in SPECS.glob("*.arch")} == PUBLISHED.keys()


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_published_figures(name):
    found = archdsl.load(SPECS / f"{name}.arch")
    params, macs = PUBLISHED[name]
    assert found.params == params
    assert macs is None or found.macs == macs
    assert found.notes == ()


def test_a_squeeze_and_excite_network_without_it_is_a_resnet50():
    assert archdsl.load(SPECS / "se_resnet50.arch", variant="resnet50").params == 25_557_032


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_their_stages_can_be_dropped_and_resized(name):
    spec = SPECS / f"{name}.arch"
    size = (1, 96, 64) if name == "unet" else (3, 160, 192)
    assert archdsl.load(spec, input=size).params == PUBLISHED[name][0]
    edits = {
        "densenet121": "set dense3.layer:repeat = 12",
        "squeezenet1_1": "drop fire9",
        "mobilenet_v2": "drop s5",
        "xception": "set m:repeat = 4",
        "wide_resnet50_2": "drop s3.b[5]",
        "se_resnet50": "drop s1.**.se",
        "unet": "set bottom.c2:kernel = 1x1",
    }
    assert archdsl.load(spec, edits=edits[name]).params < PUBLISHED[name][0]
