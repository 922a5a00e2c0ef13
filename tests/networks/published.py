"""The figures that the bundled networks must have, read from the table of published and measured ones beside the repository."""

import json
from pathlib import Path

import pytest

FILE = Path(__file__).parents[3] / "shared" / "reference" / "networks.json"
if not FILE.is_file():
    pytest.skip(f"needs the table of published figures, {FILE}", allow_module_level=True)

_TABLE = json.loads(FILE.read_text(encoding="utf-8"))
_ROWS = {row["name"]: row for row in _TABLE["networks"]}

# Our names for the rows of the table.
ROWS = {
    "inception_v4": _ROWS["inception_v4"],
    "inception_resnet_v2": _ROWS["inception_resnet_v2_paper"],
    "inception_resnet_v2_slim": _ROWS["inception_resnet_v2_slim"],
}
GRIDS = {name: _TABLE["input_grids"][row["name"]] for name, row in ROWS.items()}

# Our paths of the stages of the table, in its order.
STAGES = {
    "inception_v4": {
        "Conv2d_1a_3x3": "stem.c1",
        "Conv2d_2a_3x3": "stem.c2",
        "Conv2d_2b_3x3": "stem.c3",
        "Mixed_3a": "stem.mixed3",
        "Mixed_4a": "stem.mixed4",
        "Mixed_5a": "stem",
        **{f"Mixed_5{letter}": f"a[{i}]" for i, letter in enumerate("bcde")},
        "Mixed_6a": "red_a",
        **{f"Mixed_6{letter}": f"b[{i}]" for i, letter in enumerate("bcdefgh")},
        "Mixed_7a": "red_b",
        **{f"Mixed_7{letter}": f"c[{i}]" for i, letter in enumerate("bcd")},
        "avgpool": "pool",
        "fc": "fc",
    },
    "inception_resnet_v2": {
        "conv1": "stem.c1",
        "conv2": "stem.c2",
        "conv3": "stem.c3",
        "cat1": "stem.mixed3",
        "cat2": "stem.mixed4",
        "cat3": "stem.mixed5",
        **{f"resA{i + 1}": f"a[{i}]" for i in range(5)},
        "redA": "red_a",
        **{f"resB{i + 1}": f"b[{i}]" for i in range(10)},
        "redB": "red_b",
        **{f"resC{i + 1}": f"c[{i}]" for i in range(5)},
        "avgpool": "pool",
        "fc": "fc",
    },
    "inception_resnet_v2_slim": {
        "Conv2d_1a_3x3": "stem.c1",
        "Conv2d_2a_3x3": "stem.c2",
        "Conv2d_2b_3x3": "stem.c3",
        "MaxPool_3a_3x3": "stem.pool3",
        "Conv2d_3b_1x1": "stem.c4",
        "Conv2d_4a_3x3": "stem.c5",
        "MaxPool_5a_3x3": "stem.pool5",
        "Mixed_5b": "mixed5",
        "Block35_x10": "a[9]",
        "Mixed_6a": "red_a",
        "Block17_x20": "b[19]",
        "Mixed_7a": "red_b",
        "Block8_x9": "c[8]",
        "Block8_linear": "last",
        "Conv2d_7b_1x1": "conv",
        "avgpool": "pool",
        "fc": "fc",
    },
}

# Parameters and MACs at 299x299 of single modules, from the notes beside the table.
MODULES = {
    "inception_v4": {
        "stem.c1": (928, 19_181_664),
        "stem.c2": (9_280, 199_148_544),
        "stem.c3": (18_560, 398_297_088),
        "stem.mixed3": (55_488, 294_672_384),
        "stem.mixed4": (189_312, 972_218_368),
        "stem.mixed5": (332_160, 406_425_600),
        "stem": (605_728, 2_289_943_648),
        "a[0]": (317_632, 387_609_600),
        "red_a": (2_306_112, 1_097_164_800),
        "b[0]": (2_936_256, 847_264_768),
        "red_b": (2_747_392, 511_098_880),
        "c[0]": (4_553_088, 290_979_840),
        "fc": (1_537_000, 1_536_000),
    },
    "inception_resnet_v2": {
        "stem": (605_728, 2_289_943_648),
        "a[0]": (137_568, 167_462_400),
        "red_a": (2_902_528, 1_482_178_560),
        "b[0]": (1_171_904, 337_958_912),
        "red_b": (3_930_112, 599_629_824),
        "c[0]": (2_088_736, 133_431_296),
        "fc": (2_145_000, 2_144_000),
    },
    "inception_resnet_v2_slim": {
        "mixed5": (268_320, 327_398_400),
        "a": (1_231_680, 1_499_008_000),
        "red_a": (2_664_960, 1_398_185_984),
        "b": (22_535_680, 6_498_754_560),
        "red_b": (3_880_960, 585_424_896),
        "c": (18_318_816, 1_170_210_816),
        "last": (2_035_424, 130_023_424),
        "conv": (3_197_952, 204_472_320),
        "fc": (1_537_000, 1_536_000),
    },
}
