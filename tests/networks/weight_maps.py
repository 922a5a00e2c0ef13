"""Our names for the weights of timm's ``inception_v4`` and ``inception_resnet_v2``.

A network is a list of places ``(timm's prefix, our prefix, module)``, with ``#`` where an index runs; a module says how its
branches are called, a branch of several layers by a tuple in the order of its layers.  Below a layer both sides agree:
``conv.weight``, ``bn.running_mean``.
"""

import re

# A pooling takes a place among timm's layers but has no weights.
NO_WEIGHTS = None

CBR = {}

MIXED4 = {
    "branch0": ("short.r", "short.c"),
    "branch1": ("long.r", "long.h", "long.v", "long.c"),
}
INCEPTION_A = {
    "branch0": "b1",
    "branch1": ("b3.r", "b3.c"),
    "branch2": ("deep.r", "deep.c1", "deep.c2"),
    "branch3": (NO_WEIGHTS, "pool.p"),
}
INCEPTION_B = {
    "branch0": "b1",
    "branch1": ("b7.r", "b7.h", "b7.v"),
    "branch2": ("deep.r", "deep.v1", "deep.h1", "deep.v2", "deep.h2"),
    "branch3": (NO_WEIGHTS, "pool.p"),
}
INCEPTION_C = {
    "branch0": "b1",
    "branch1_0": "b3.r",
    "branch1_1a": "b3.split.h",
    "branch1_1b": "b3.split.v",
    "branch2_0": "deep.r",
    "branch2_1": "deep.v",
    "branch2_2": "deep.h",
    "branch2_3a": "deep.split.h",
    "branch2_3b": "deep.split.v",
    "branch3": (NO_WEIGHTS, "pool.p"),
}
REDUCTION_A = {
    "branch0": "conv",
    "branch1": ("deep.r", "deep.c1", "deep.c2"),
}
REDUCTION_B_V4 = {
    "branch0": ("b3.r", "b3.c"),
    "branch1": ("b7.r", "b7.h", "b7.v", "b7.c"),
}
MIXED5 = INCEPTION_A | {"branch1": ("b5.r", "b5.c")}
RESNET_A = {
    "branch0": "res.mix.b1",
    "branch1": ("res.mix.b3.r", "res.mix.b3.c"),
    "branch2": ("res.mix.deep.r", "res.mix.deep.c1", "res.mix.deep.c2"),
    "conv2d": "res.up",
}
RESNET_B = {
    "branch0": "res.mix.b1",
    "branch1": ("res.mix.b7.r", "res.mix.b7.h", "res.mix.b7.v"),
    "conv2d": "res.up",
}
RESNET_C = {
    "branch0": "res.mix.b1",
    "branch1": ("res.mix.b3.r", "res.mix.b3.h", "res.mix.b3.v"),
    "conv2d": "res.up",
}
REDUCTION_B = {
    "branch0": ("first.r", "first.c"),
    "branch1": ("second.r", "second.c"),
    "branch2": ("deep.r", "deep.c1", "deep.c2"),
}

INCEPTION_V4 = [
    ("features.0", "stem.c1", CBR),
    ("features.1", "stem.c2", CBR),
    ("features.2", "stem.c3", CBR),
    ("features.3.conv", "stem.mixed3.conv", CBR),
    ("features.4", "stem.mixed4", MIXED4),
    ("features.5.conv", "stem.mixed5.conv", CBR),
    *((f"features.{6 + i}", f"a.{i}", INCEPTION_A) for i in range(4)),
    ("features.10", "red_a", REDUCTION_A),
    *((f"features.{11 + i}", f"b.{i}", INCEPTION_B) for i in range(7)),
    ("features.18", "red_b", REDUCTION_B_V4),
    *((f"features.{19 + i}", f"c.{i}", INCEPTION_C) for i in range(3)),
    ("last_linear", "fc", CBR),
]

INCEPTION_RESNET_V2 = [
    ("conv2d_1a", "stem.c1", CBR),
    ("conv2d_2a", "stem.c2", CBR),
    ("conv2d_2b", "stem.c3", CBR),
    ("conv2d_3b", "stem.c4", CBR),
    ("conv2d_4a", "stem.c5", CBR),
    ("mixed_5b", "mixed5", MIXED5),
    *((f"repeat.{i}", f"a.{i}", RESNET_A) for i in range(10)),
    ("mixed_6a", "red_a", REDUCTION_A),
    *((f"repeat_1.{i}", f"b.{i}", RESNET_B) for i in range(20)),
    ("mixed_7a", "red_b", REDUCTION_B),
    *((f"repeat_2.{i}", f"c.{i}", RESNET_C) for i in range(9)),
    ("block8", "last", RESNET_C),
    ("conv2d_7b", "conv", CBR),
    ("classif", "fc", CBR),
]

# Which of ours has the weights of which of timm's, and how to get there.
PLACES = {
    "inception_v4": ("inception_v4", INCEPTION_V4),
    "inception_resnet_v2_slim": ("inception_resnet_v2", INCEPTION_RESNET_V2),
}


def prefixes(places):
    """Timm's path of every layer with weights, and ours."""
    pairs = {}
    for theirs, ours, module in places:
        if not module:
            pairs[theirs] = ours
        for branch, layers in module.items():
            if isinstance(layers, str):
                pairs[f"{theirs}.{branch}"] = f"{ours}.{layers}"
                continue
            for position, layer in enumerate(layers):
                if layer is not NO_WEIGHTS:
                    pairs[f"{theirs}.{branch}.{position}"] = f"{ours}.{layer}"
    return pairs


def rename(names, layers):
    """Each of ``names`` with the path of its layer replaced by ``layers[path]``; raises ``KeyError`` where no rule covers it."""
    renamed = {}
    for name in names:
        layer, leaf = _LAYER_AND_LEAF.fullmatch(name).groups()
        renamed[name] = layers[layer] + leaf
    return renamed


_LAYER_AND_LEAF = re.compile(r"(.+?)((?:\.conv|\.bn)?\.\w+)")


def to_ours(theirs, places):
    """Our name for each of timm's ``theirs``."""
    return rename(theirs, prefixes(places))


def to_theirs(ours, places):
    """Timm's name for each of ``ours``."""
    return rename(ours, {ours: theirs for theirs, ours in prefixes(places).items()})
