"""Our names for the weights of other people's residual networks and Inception-v3.

Each map is a dictionary from the path of their layer to ours, made by rule; below a layer both sides agree
(``weight``, ``running_mean``).
"""

STAGES = ("conv2_x", "conv3_x", "conv4_x", "conv5_x")
DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


def resnet(depth):
    """Layers of torchvision's ``resnet18`` to ``resnet152``, which timm names alike."""
    layers = {"conv1": "conv1.conv", "bn1": "conv1.bn", "fc": "fc"}
    wide = depth >= 50
    for number, (stage, count) in enumerate(zip(STAGES, DEPTHS[depth], strict=True), 1):
        for block in range(count):
            for step, name in enumerate("abc" if wide else "ab", 1):
                layers[f"layer{number}.{block}.conv{step}"] = f"{stage}.{block}.{name}.conv"
                layers[f"layer{number}.{block}.bn{step}"] = f"{stage}.{block}.{name}.bn"
        if wide or number > 1:
            layers[f"layer{number}.0.downsample.0"] = f"{stage}.0.proj.conv"
            layers[f"layer{number}.0.downsample.1"] = f"{stage}.0.proj.bn"
    return layers


def resnet_v2(depth):
    """Layers of timm's ``resnetv2_50`` and its like."""
    layers = {"stem.conv": "conv1", "norm": "post.bn", "head.fc": "fc"}
    steps = {"norm1": "pre.bn", "conv1": "a.conv", "norm2": "a.bn", "conv2": "b.conv", "norm3": "b.bn", "conv3": "c"}
    for number, (stage, count) in enumerate(zip(STAGES, DEPTHS[depth], strict=True)):
        for block in range(count):
            for theirs, ours in steps.items():
                layers[f"stages.{number}.blocks.{block}.{theirs}"] = f"{stage}.{block}.{ours}"
        layers[f"stages.{number}.blocks.0.downsample.conv"] = f"{stage}.0.proj"
    return layers


LIGHT_CONV = {"w": "weight"}
LIGHT_LINEAR = {"w": "weight", "b": "bias"}
LIGHT_NORM = {"s": "weight", "b": "bias", "rm": "running_mean", "riv": "running_var"}


def light_resnet50():
    """Weights of the model in ONNX's own test data, each by its full name."""
    layers = {"conv1": "conv1.conv", "res_conv1_bn": "conv1.bn", "pred": "fc"}
    for number, (stage, count) in enumerate(zip(STAGES, DEPTHS[50], strict=True), 2):
        branches = {f"{block}_branch2{name}": f"{block}.{name}" for block in range(count) for name in "abc"}
        for theirs, ours in {**branches, "0_branch1": "0.proj"}.items():
            layers[f"res{number}_{theirs}"] = f"{stage}.{ours}.conv"
            layers[f"res{number}_{theirs}_bn"] = f"{stage}.{ours}.bn"
    names = {}
    for theirs, ours in layers.items():
        leaves = LIGHT_NORM if ours.endswith(".bn") else LIGHT_LINEAR if ours == "fc" else LIGHT_CONV
        names |= {f"gpu_0/{theirs}_{leaf}_0": f"{ours}.{weight}" for leaf, weight in leaves.items()}
    return names


MIXED5 = {
    "branch1x1": "b1",
    "branch5x5_1": "b5.r",
    "branch5x5_2": "b5.c",
    "branch3x3dbl_1": "deep.r",
    "branch3x3dbl_2": "deep.c1",
    "branch3x3dbl_3": "deep.c2",
    "branch_pool": "pool.p",
}
REDUCTION_A = {"branch3x3": "conv", "branch3x3dbl_1": "deep.r", "branch3x3dbl_2": "deep.c1", "branch3x3dbl_3": "deep.c2"}
MIXED6 = {
    "branch1x1": "b1",
    "branch7x7_1": "b7.r",
    "branch7x7_2": "b7.h",
    "branch7x7_3": "b7.v",
    "branch7x7dbl_1": "deep.r",
    "branch7x7dbl_2": "deep.v1",
    "branch7x7dbl_3": "deep.h1",
    "branch7x7dbl_4": "deep.v2",
    "branch7x7dbl_5": "deep.h2",
    "branch_pool": "pool.p",
}
REDUCTION_B = {
    "branch3x3_1": "b3.r",
    "branch3x3_2": "b3.c",
    "branch7x7x3_1": "b7.r",
    "branch7x7x3_2": "b7.h",
    "branch7x7x3_3": "b7.v",
    "branch7x7x3_4": "b7.c",
}
MIXED7 = {
    "branch1x1": "b1",
    "branch3x3_1": "b3.r",
    "branch3x3_2a": "b3.split.h",
    "branch3x3_2b": "b3.split.v",
    "branch3x3dbl_1": "deep.r",
    "branch3x3dbl_2": "deep.c",
    "branch3x3dbl_3a": "deep.split.h",
    "branch3x3dbl_3b": "deep.split.v",
    "branch_pool": "pool.p",
}


def inception_v3(*, aux):
    """Layers of torchvision's ``inception_v3``, which timm names alike."""
    plain = {
        "Conv2d_1a_3x3": "stem.c1",
        "Conv2d_2a_3x3": "stem.c2",
        "Conv2d_2b_3x3": "stem.c3",
        "Conv2d_3b_1x1": "stem.c4",
        "Conv2d_4a_3x3": "stem.c5",
    }
    if aux:
        plain |= {"AuxLogits.conv0": "aux.r", "AuxLogits.conv1": "aux.c"}
    modules = {
        **{f"Mixed_5{letter}": (f"a.{i}", MIXED5) for i, letter in enumerate("bcd")},
        "Mixed_6a": ("red_a", REDUCTION_A),
        **{f"Mixed_6{letter}": (f"b.{i}", MIXED6) for i, letter in enumerate("bcde")},
        "Mixed_7a": ("red_b", REDUCTION_B),
        **{f"Mixed_7{letter}": (f"c.{i}", MIXED7) for i, letter in enumerate("bc")},
    }
    for theirs, (ours, branches) in modules.items():
        plain |= {f"{theirs}.{branch}": f"{ours}.{layer}" for branch, layer in branches.items()}
    layers = {f"{theirs}.{part}": f"{ours}.{part}" for theirs, ours in plain.items() for part in ("conv", "bn")}
    return layers | {"fc": "fc"} | ({"AuxLogits.fc": "aux.fc"} if aux else {})


def renamed(state, layers):
    """The values of ``state`` under our names; raises ``KeyError`` for a layer that no rule covers."""
    found = {}
    for name, value in state.items():
        layer, _, leaf = name.rpartition(".")
        found[f"{layers[layer]}.{leaf}"] = value
    return found
