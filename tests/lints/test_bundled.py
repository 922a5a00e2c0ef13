"""The bundled networks have no warnings: under any of their parameters, and with one change, exactly those that belong to it."""

from pathlib import Path

import pytest

import archdsl
from archdsl.analysis.lints import lints
from archdsl.elaborate import networks
from archdsl.pipeline import bundled, diagnose, library, read

VARIANTS = [(name, network) for name in bundled() for network in networks(read(name))]
YARDSTICK = sorted((Path(__file__).resolve().parents[1] / "elaborate" / "yardstick").glob("*.arch"))
SWITCHED = [
    ("googlenet", {"aux": True}),
    ("googlenet_bn", {"aux": True}),
    ("inception_v3", {"aux": True}),
    ("inception_v4", {"aux": True}),
    ("inception_resnet_v2_slim", {"aux": True}),
    ("resnet50", {"option": "A"}),
    ("resnet50", {"option": "C"}),
    ("resnet50", {"stride_on": "3x3"}),
    ("resnet50_v2", {"stride_on": "3x3"}),
    ("resnet50_v2", {"n2": 1, "n3": 1, "n4": 1, "n5": 1}),
    ("resnet18", {"option": "C"}),
]
"""Parameters that change what is there."""


@pytest.mark.parametrize("name", bundled())
def test_a_bundled_file_has_no_warnings(name):
    _, found = diagnose(name)
    assert [each for each in found if each.severity == "warning"] == []


@pytest.mark.parametrize("name, variant", VARIANTS, ids=lambda value: value)
def test_no_network_or_variant_has_any(name, variant):
    assert archdsl.load(name, variant=variant).lints == ()


@pytest.mark.parametrize("name, parameters", SWITCHED, ids=str)
def test_nor_with_other_parameters(name, parameters):
    assert archdsl.load(name, **parameters).lints == ()


@pytest.mark.parametrize("size", [97, 128, 160, 224, 256, 320])
@pytest.mark.parametrize("name", ["inception_v4", "resnet50", "resnet50_v2", "googlenet"])
def test_nor_at_other_sizes(name, size):
    assert archdsl.load(name, input=(3, size, size)).lints == ()


@pytest.mark.parametrize("yardstick", YARDSTICK, ids=lambda path: path.stem)
def test_other_families_of_networks_have_none_but_on_padding(yardstick):
    _, found = diagnose(str(yardstick))
    assert {each.code for each in found} <= {"W109"}


def test_comments_silence_two_places_and_no_more():
    silenced = {
        (name, each.code, each.path) for name, variant in VARIANTS for each in lints(archdsl.load(name, variant=variant).graph)
    }
    assert silenced == {
        ("inception_resnet_v2_slim", "W101", "last.res"),  # released with scale 1
        ("inception_v4", "W105", "b[0].b7.h2.conv"),  # the misprint, as printed
    }


@pytest.mark.parametrize(
    "name, choices, code, path",
    [
        ("inception_resnet_v2", {"scale_b": 1.0}, "W101", "b[0].res"),
        ("inception_resnet_v1", {"scale_c": 1.0}, "W101", "c[0].res"),
        ("inception_resnet_v2", {"edits": "insert r: relu after b[*].res.up"}, "W102", "b[0].res.r"),
        ("inception_resnet_v2", {"edits": "insert n: bn after a[*].res"}, "W103", "a[0].n"),
        ("resnet50", {"edits": "insert r: relu after conv3_x[*].c"}, "W102", "conv3_x[0].r"),
        ("resnet50", {"edits": "set conv4_x[2].b.conv:bias = true"}, "W104", "conv4_x[2].b.conv"),
        ("inception_v4", {"edits": "set b[*].b7.v:k = 1x7"}, "W105", "b[0].b7.v.conv"),
        ("inception_v4", {"edits": "replace stem.c1 with conv(32, 3x3, stride=2)", "input": (3, 320, 320)}, "W109", "stem.c1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_one_change_is_noticed(name, choices, code, path):
    found = archdsl.load(name, **choices).lints
    assert (code, path) in {(each.code, each.path) for each in found}


def test_every_shared_block_is_in_a_network_that_is_looked_at():
    used = {source.path for name in bundled() for source in archdsl.load(name).graph.sources}
    assert {str(path) for path in (library() / "lib").glob("*.arch")} <= used
