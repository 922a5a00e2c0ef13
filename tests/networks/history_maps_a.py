"""The networks from LeNet-5 to SqueezeNet in other people's words: published rows, their stages, and names of weights.

A map of weights is a rule from the reference's name of a layer to ours; what comes behind the layer's name (``.weight``,
``.bn.running_mean``) is the same on both sides.
"""

import re

# Our names for the rows of the published table.
ROW_OF = {
    "lenet5": "lenet5_modern",
    "alexnet": "alexnet_slides",
    "alexnet_grouped": "alexnet_2012_grouped",
    "alexnet_owt": "alexnet_owt_torchvision",
    "zfnet": "zfnet_paper",
    "vgg11": "vgg11",
    "vgg13": "vgg13",
    "vgg16": "vgg16",
    "vgg19": "vgg19",
    "googlenet": "googlenet_paper",
    "googlenet_bn": "googlenet_torchvision",
}

# Without a row in the table.
UNLISTED = ("squeezenet1_1",)
NAMES = (*ROW_OF, *UNLISTED)

# How many convolutions the five stages of a VGG have: columns A, B, D and E of Table 1.
VGG = {
    "vgg11": (1, 1, 2, 2, 2),
    "vgg13": (2, 2, 2, 2, 2),
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}


def stage_path(name, stage):
    """Our path of a stage of the published table."""
    if name in VGG:
        stage = re.sub(r"^conv(\d)_(\d)$", lambda found: f"conv{found[1]}[{int(found[2]) - 1}]", stage)
    if name == "googlenet_bn":
        stage = {"conv2": "conv2_reduce", "conv3": "conv2"}.get(stage, stage)
        stage = re.sub(r"^maxpool", "pool", re.sub(r"^inception", "inc", stage))
    if stage.startswith("fc") and name not in ("alexnet_owt", "googlenet", "googlenet_bn"):
        return f"head.{stage}"
    return stage


# --- PyTorch models ------------------------------------------------------------------------------------------------------

# Where the layers of an ``nn.Sequential`` stand, for those that have weights.
ALEXNET_OWT = {
    **{f"features.{place}": f"conv{number}" for number, place in enumerate((0, 3, 6, 8, 10), 1)},
    **{f"classifier.{place}": f"fc{number}" for number, place in enumerate((1, 4, 6), 6)},
}
SQUEEZENET = {
    "features.0": "conv1",
    **{f"features.{place}": f"fire{number}" for number, place in enumerate((3, 4, 6, 7, 9, 10, 11, 12), 2)},
    "classifier.1": "conv10",
}
VGG_HEADS = {
    "torchvision": {"classifier.0": "head.fc6", "classifier.3": "head.fc7", "classifier.6": "head.fc8"},
    "timm": {"pre_logits.fc1": "head.fc6", "pre_logits.fc2": "head.fc7", "head.fc": "head.fc8"},
}
GOOGLENET_STEM = {"conv1": "conv1", "conv2": "conv2_reduce", "conv3": "conv2"}
GOOGLENET_BRANCHES = {
    "branch1": "b1",
    "branch2.0": "b3.r",
    "branch2.1": "b3.c",
    "branch3.0": "b5.r",
    "branch3.1": "b5.c",
    "branch4.1": "pool.p",
}


def vgg_layers(name, package):
    """The reference's path of each layer with weights, and ours; a ReLU follows each convolution, a pool each stage."""
    layers, place = dict(VGG_HEADS[package]), 0
    for stage, count in enumerate(VGG[name], 1):
        for index in range(count):
            layers[f"features.{place}"] = f"conv{stage}.{index}.conv"
            place += 2
        place += 1
    return layers


def from_layers(layers):
    """The rule that replaces the longest of the ``layers`` with which a name begins."""
    known = sorted(layers, key=len, reverse=True)

    def rule(name):
        layer = next(layer for layer in known if name.startswith(f"{layer}."))
        rest = re.sub(r"^\.squeeze\.", ".squeeze1x1.", name[len(layer) :])
        return layers[layer] + rest

    return rule


def googlenet_from_torchvision(name):
    """Our name for one of torchvision's GoogLeNet."""
    block, _, rest = name.partition(".")
    if block in GOOGLENET_STEM:
        return f"{GOOGLENET_STEM[block]}.{rest}"
    if block.startswith("aux"):
        return f"{block}.{re.sub('^conv[.]', 'r.', rest)}"
    if block == "fc":
        return name
    branch, leaf = re.fullmatch(r"(branch\d(?:\.\d(?=\.))?)\.(.+)", rest).groups()
    return f"{block.replace('inception', 'inc')}.{GOOGLENET_BRANCHES[branch]}.{leaf}"


# --- ONNX models ---------------------------------------------------------------------------------------------------------

LEAF = {"w": "weight", "b": "bias"}
INCEPTION_LEAVES = {
    "1x1": "b1",
    "3x3_reduce": "b3.r",
    "3x3": "b3.c",
    "5x5_reduce": "b5.r",
    "5x5": "b5.c",
    "pool_proj": "pool.p",
}


def from_caffe(layer_path):
    """The rule for names such as ``conv1_w_0``, from one for the layers."""

    def rule(name):
        layer, leaf = re.fullmatch(r"(.+)_([wb])_0", name).groups()
        return f"{layer_path(layer)}.{LEAF[leaf]}"

    return rule


def _alexnet(layer):
    return f"head.{layer}" if layer.startswith("fc") else layer


def _vgg(layer):
    return f"head.{layer}" if layer.startswith("fc") else re.sub(r"_(\d)$", lambda found: f".{int(found[1]) - 1}.conv", layer)


def _googlenet(layer):
    block, leaf = layer.split("/")
    if block == "loss3":
        return "fc"
    if block.startswith("inception_"):
        return f"inc{block.removeprefix('inception_')}.{INCEPTION_LEAVES[leaf]}.conv"
    return f"{block}_reduce.conv" if leaf.endswith("_reduce") else f"{block}.conv"


def _squeezenet(layer):
    return layer.replace("/", ".")


FROM_CAFFE = {
    "alexnet_grouped": from_caffe(_alexnet),
    "vgg19": from_caffe(_vgg),
    "googlenet": from_caffe(_googlenet),
    "squeezenet1_1": from_caffe(_squeezenet),
}
