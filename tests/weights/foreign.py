"""Names and shapes of the arrays of models in Keras and TF-slim, as these libraries make them, with neither at hand.

A model is run as a program over channel counts: a layer takes the number of channels that enter and gives the number that leave,
and notes its arrays.  Sources: keras/src/applications (inception_v3, inception_resnet_v2, resnet, vgg16, vgg19) of Keras 3, and
research/slim/nets (inception_v3, inception_v4, inception_resnet_v2, vgg) of the TensorFlow models.
"""

from itertools import count


class Keras:
    """Layers with names of their own or, where they have none, with the class's name and a number."""

    def __init__(self, first=0):
        self.arrays = {}
        self.numbers = count(first)

    def conv_bn(self, entering, leaving, kernel, name=None):
        """A convolution without bias, and batch normalisation without gamma."""
        number = None if name else next(self.numbers)
        suffix = f"_{number}" if number else ""
        self.arrays[f"{name or 'conv2d' + suffix}/kernel"] = (*kernel, entering, leaving)
        for variable in ("beta", "moving_mean", "moving_variance"):
            self.arrays[f"{name + '_bn' if name else 'batch_normalization' + suffix}/{variable}"] = (leaving,)
        return leaving

    def conv(self, entering, leaving, kernel, name):
        self.arrays[f"{name}/kernel"] = (*kernel, entering, leaving)
        self.arrays[f"{name}/bias"] = (leaving,)
        return leaving

    def norm(self, channels, name):
        for variable in ("gamma", "beta", "moving_mean", "moving_variance"):
            self.arrays[f"{name}/{variable}"] = (channels,)

    def dense(self, entering, leaving, name):
        self.arrays[f"{name}/kernel"] = (entering, leaving)
        self.arrays[f"{name}/bias"] = (leaving,)
        return leaving

    def chain(self, entering, *layers):
        for leaving, kernel in layers:
            entering = self.conv_bn(entering, leaving, kernel)
        return entering


SQUARE = {size: (size, size) for size in (1, 3, 5, 7)}
ONE, THREE, FIVE = SQUARE[1], SQUARE[3], SQUARE[5]
WIDE, TALL, WIDE3, TALL3 = (1, 7), (7, 1), (1, 3), (3, 1)


def keras_stem(model):
    return model.chain(3, (32, THREE), (32, THREE), (64, THREE), (80, ONE), (192, THREE))


def keras_inception_v3(first=0):
    model = Keras(first)
    x = keras_stem(model)
    for pool in (32, 64, 64):
        branches = [[(64, ONE)], [(48, ONE), (64, FIVE)], [(64, ONE), (96, THREE), (96, THREE)], [(pool, ONE)]]
        x = sum(model.chain(x, *branch) for branch in branches)
    x += sum(model.chain(x, *branch) for branch in [[(384, THREE)], [(64, ONE), (96, THREE), (96, THREE)]])
    for c in (128, 160, 160, 192):
        deep = [(c, ONE), (c, TALL), (c, WIDE), (c, TALL), (192, WIDE)]
        x = sum(model.chain(x, *branch) for branch in [[(192, ONE)], [(c, ONE), (c, WIDE), (192, TALL)], deep, [(192, ONE)]])
    seven = [(192, ONE), (192, WIDE), (192, TALL), (192, THREE)]
    x += sum(model.chain(x, *branch) for branch in [[(192, ONE), (320, THREE)], seven])
    for _ in range(2):
        out = model.chain(x, (320, ONE))
        split = model.chain(x, (384, ONE))
        out += model.chain(split, (384, WIDE3)) + model.chain(split, (384, TALL3))
        split = model.chain(x, (448, ONE), (384, THREE))
        out += model.chain(split, (384, WIDE3)) + model.chain(split, (384, TALL3))
        x = out + model.chain(x, (192, ONE))
    model.dense(x, 1000, "predictions")
    return model.arrays


def keras_inception_resnet_v2(first=0):
    model = Keras(first)
    x = keras_stem(model)
    branches = [[(96, ONE)], [(48, ONE), (64, FIVE)], [(64, ONE), (96, THREE), (96, THREE)], [(64, ONE)]]
    x = sum(model.chain(x, *branch) for branch in branches)
    kinds = {
        "block35": [[(32, ONE)], [(32, ONE), (32, THREE)], [(32, ONE), (48, THREE), (64, THREE)]],
        "block17": [[(192, ONE)], [(128, ONE), (160, WIDE), (192, TALL)]],
        "block8": [[(192, ONE)], [(192, ONE), (224, WIDE3), (256, TALL3)]],
    }

    def residual(x, kind, number):
        mixed = sum(model.chain(x, *branch) for branch in kinds[kind])
        model.conv(mixed, x, ONE, f"{kind}_{number}_conv")

    for number in range(1, 11):
        residual(x, "block35", number)
    x += sum(model.chain(x, *branch) for branch in [[(384, THREE)], [(256, ONE), (256, THREE), (384, THREE)]])
    for number in range(1, 21):
        residual(x, "block17", number)
    branches = [[(256, ONE), (384, THREE)], [(256, ONE), (288, THREE)], [(256, ONE), (288, THREE), (320, THREE)]]
    x += sum(model.chain(x, *branch) for branch in branches)
    for number in range(1, 11):
        residual(x, "block8", number)
    model.conv_bn(x, 1536, ONE, "conv_7b")
    model.dense(1536, 1000, "predictions")
    return model.arrays


def keras_resnet(blocks):
    model = Keras()

    def unit(entering, leaving, kernel, name):
        model.conv(entering, leaving, kernel, f"{name}_conv")
        model.norm(leaving, f"{name}_bn")
        return leaving

    x = unit(3, 64, SQUARE[7], "conv1")
    for stage, (width, repeats) in enumerate(zip((64, 128, 256, 512), blocks, strict=True), 2):
        for number in range(1, repeats + 1):
            name = f"conv{stage}_block{number}"
            if number == 1:
                unit(x, 4 * width, ONE, f"{name}_0")
            inner = unit(unit(x, width, ONE, f"{name}_1"), width, THREE, f"{name}_2")
            x = unit(inner, 4 * width, ONE, f"{name}_3")
    model.dense(x, 1000, "predictions")
    return model.arrays


def keras_vgg(stages, units):
    model = Keras()
    x = 3
    for stage, (width, repeats) in enumerate(zip((64, 128, 256, 512, 512), stages, strict=True), 1):
        for number in range(1, repeats + 1):
            x = model.conv(x, width, THREE, f"block{stage}_conv{number}")
    x = model.dense(model.dense(7 * 7 * x, units, "fc1"), units, "fc2")
    model.dense(x, 1000, "predictions")
    return model.arrays


class Slim:
    """Variables in nested scopes."""

    def __init__(self, scope):
        self.scope, self.arrays = scope, {}

    def conv(self, entering, leaving, kernel, scope, *, plain=False):
        """A convolution with batch normalisation without gamma; with a bias instead, if ``plain``."""
        name = f"{self.scope}/{scope}"
        self.arrays[f"{name}/weights"] = (*kernel, entering, leaving)
        variables = ["biases"] if plain else [f"BatchNorm/{each}" for each in ("beta", "moving_mean", "moving_variance")]
        for variable in variables:
            self.arrays[f"{name}/{variable}"] = (leaving,)
        return leaving

    def full(self, entering, leaving, scope):
        self.arrays[f"{self.scope}/{scope}/weights"] = (entering, leaving)
        self.arrays[f"{self.scope}/{scope}/biases"] = (leaving,)

    def chain(self, entering, scope, text):
        """Layers as ``64 0a_1x1, 96 0b_3x3``; a name that begins with a capital is the whole name."""
        for layer in text.split(","):
            leaving, name = layer.split()
            kernel = tuple(map(int, name.rpartition("_")[2].split("x")))
            entering = self.conv(
                entering, int(leaving), kernel, f"{scope}/{name if name[0] == 'C' else f'Conv2d_{name}'}".lstrip("/")
            )
        return entering

    def branches(self, entering, scope, *texts):
        return sum(self.chain(entering, f"{scope}/Branch_{number}", text) for number, text in enumerate(texts) if text)


def slim_inception_v4(classes, *, aux):
    model = Slim("InceptionV4")
    x = model.chain(3, "", "32 1a_3x3, 32 2a_3x3, 64 2b_3x3")
    x += model.branches(x, "Mixed_3a", "", "96 0a_3x3")
    x = model.branches(x, "Mixed_4a", "64 0a_1x1, 96 1a_3x3", "64 0a_1x1, 64 0b_1x7, 64 0c_7x1, 96 1a_3x3")
    x += model.branches(x, "Mixed_5a", "192 1a_3x3")
    for letter in "bcde":
        deep = "64 0a_1x1, 96 0b_3x3, 96 0c_3x3"
        x = model.branches(x, f"Mixed_5{letter}", "96 0a_1x1", "64 0a_1x1, 96 0b_3x3", deep, "96 0b_1x1")
    x += model.branches(x, "Mixed_6a", "384 1a_3x3", "192 0a_1x1, 224 0b_3x3, 256 1a_3x3")
    for letter in "bcdefgh":
        seven = "192 0a_1x1, 224 0b_1x7, 256 0c_7x1"
        deep = "192 0a_1x1, 192 0b_7x1, 224 0c_1x7, 224 0d_7x1, 256 0e_1x7"
        x = model.branches(x, f"Mixed_6{letter}", "384 0a_1x1", seven, deep, "128 0b_1x1")
    if aux:
        inner = model.conv(model.chain(x, "AuxLogits", "128 1b_1x1"), 768, FIVE, "AuxLogits/Conv2d_2a")
        model.full(inner, classes, "AuxLogits/Aux_logits")
    x += model.branches(x, "Mixed_7a", "192 0a_1x1, 192 1a_3x3", "256 0a_1x1, 256 0b_1x7, 320 0c_7x1, 320 1a_3x3")
    for letter in "bcd":
        scope = f"Mixed_7{letter}"
        out = model.branches(x, scope, "256 0a_1x1", "", "", "256 0b_1x1")
        split = model.chain(x, f"{scope}/Branch_1", "384 0a_1x1")
        out += sum(model.chain(split, f"{scope}/Branch_1", layer) for layer in ("256 0b_1x3", "256 0c_3x1"))
        split = model.chain(x, f"{scope}/Branch_2", "384 0a_1x1, 448 0b_3x1, 512 0c_1x3")
        x = out + sum(model.chain(split, f"{scope}/Branch_2", layer) for layer in ("256 0d_1x3", "256 0e_3x1"))
    model.full(x, classes, "Logits/Logits")
    return model.arrays


def slim_inception_resnet_v2(classes, *, aux):
    model = Slim("InceptionResnetV2")
    x = model.chain(3, "", "32 1a_3x3, 32 2a_3x3, 64 2b_3x3, 80 3b_1x1, 192 4a_3x3")
    deep = "64 0a_1x1, 96 0b_3x3, 96 0c_3x3"
    x = model.branches(x, "Mixed_5b", "96 Conv2d_1x1", "48 0a_1x1, 64 0b_5x5", deep, "64 0b_1x1")

    def residual(x, scope, *texts):
        model.conv(model.branches(x, scope, *texts), x, ONE, f"{scope}/Conv2d_1x1", plain=True)

    block35 = "32 Conv2d_1x1", "32 0a_1x1, 32 0b_3x3", "32 0a_1x1, 48 0b_3x3, 64 0c_3x3"
    block17 = "192 Conv2d_1x1", "128 0a_1x1, 160 0b_1x7, 192 0c_7x1"
    block8 = "192 Conv2d_1x1", "192 0a_1x1, 224 0b_1x3, 256 0c_3x1"
    for number in range(1, 11):
        residual(x, f"Repeat/block35_{number}", *block35)
    x += model.branches(x, "Mixed_6a", "384 1a_3x3", "256 0a_1x1, 256 0b_3x3, 384 1a_3x3")
    for number in range(1, 21):
        residual(x, f"Repeat_1/block17_{number}", *block17)
    if aux:
        model.full(model.chain(x, "AuxLogits", "128 1b_1x1, 768 2a_5x5"), classes, "AuxLogits/Logits")
    first, second, third = "256 0a_1x1, 384 1a_3x3", "256 0a_1x1, 288 1a_3x3", "256 0a_1x1, 288 0b_3x3, 320 1a_3x3"
    x += model.branches(x, "Mixed_7a", first, second, third)
    for number in range(1, 10):
        residual(x, f"Repeat_2/block8_{number}", *block8)
    residual(x, "Block8", *block8)
    model.full(model.chain(x, "", "1536 7b_1x1"), classes, "Logits/Logits")
    return model.arrays


def slim_inception_v3(classes, *, aux):
    model = Slim("InceptionV3")
    x = model.chain(3, "", "32 1a_3x3, 32 2a_3x3, 64 2b_3x3, 80 3b_1x1, 192 4a_3x3")
    odd = {"c": "48 0b_1x1, 64 Conv_1_0c_5x5"}
    for letter, pool in zip("bcd", (32, 64, 64), strict=True):
        five = odd.get(letter, "48 0a_1x1, 64 0b_5x5")
        deep = "64 0a_1x1, 96 0b_3x3, 96 0c_3x3"
        x = model.branches(x, f"Mixed_5{letter}", "64 0a_1x1", five, deep, f"{pool} 0b_1x1")
    grow = x
    x = grow + model.conv(grow, 384, THREE, "Mixed_6a/Branch_0/Conv2d_1a_1x1")
    inner = model.chain(grow, "Mixed_6a/Branch_1", "64 0a_1x1, 96 0b_3x3")
    x += model.conv(inner, 96, THREE, "Mixed_6a/Branch_1/Conv2d_1a_1x1")
    for letter, c in zip("bcde", (128, 160, 160, 192), strict=True):
        seven = f"{c} 0a_1x1, {c} 0b_1x7, 192 0c_7x1"
        deep = f"{c} 0a_1x1, {c} 0b_7x1, {c} 0c_1x7, {c} 0d_7x1, 192 0e_1x7"
        x = model.branches(x, f"Mixed_6{letter}", "192 0a_1x1", seven, deep, "192 0b_1x1")
    if aux:
        inner = model.chain(x, "AuxLogits", "128 1b_1x1, 768 2a_5x5")
        model.conv(inner, classes, ONE, "AuxLogits/Conv2d_2b_1x1", plain=True)
    x += model.branches(x, "Mixed_7a", "192 0a_1x1, 320 1a_3x3", "192 0a_1x1, 192 0b_1x7, 192 0c_7x1, 192 1a_3x3")
    for letter, tall in (("b", "384 0b_3x1"), ("c", "384 0c_3x1")):
        scope = f"Mixed_7{letter}"
        out = model.branches(x, scope, "320 0a_1x1", "", "", "192 0b_1x1")
        split = model.chain(x, f"{scope}/Branch_1", "384 0a_1x1")
        out += sum(model.chain(split, f"{scope}/Branch_1", layer) for layer in ("384 0b_1x3", tall))
        split = model.chain(x, f"{scope}/Branch_2", "448 0a_1x1, 384 0b_3x3")
        x = out + sum(model.chain(split, f"{scope}/Branch_2", layer) for layer in ("384 0c_1x3", "384 0d_3x1"))
    model.conv(x, classes, ONE, "Logits/Conv2d_1c_1x1", plain=True)
    return model.arrays


def slim_vgg(name, stages, units):
    model = Slim(name)
    x = 3
    for stage, (width, repeats) in enumerate(zip((64, 128, 256, 512, 512), stages, strict=True), 1):
        for number in range(1, repeats + 1):
            x = model.conv(x, width, THREE, f"conv{stage}/conv{stage}_{number}", plain=True)
    for number, (leaving, kernel) in enumerate([(units, SQUARE[7]), (units, ONE), (1000, ONE)], 6):
        x = model.conv(x, leaving, kernel, f"fc{number}", plain=True)
    return model.arrays
