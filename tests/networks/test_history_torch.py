"""LeNet-5 to SqueezeNet as PyTorch modules: operations as counted, and the outputs of torchvision's and timm's models."""

import pytest

import archdsl
from tests.networks import history_maps_a as maps
from tests.reference import import_reference

torch = pytest.importorskip("torch")


def reference(package, model, **options):
    """A model of torchvision or timm without storage."""
    library = import_reference("torchvision.models" if package == "torchvision" else package)
    with torch.device("meta"):
        return getattr(library, model)(**options) if package == "torchvision" else library.create_model(model, **options)


def torchvision_googlenet():
    return reference("torchvision", "googlenet", aux_logits=True, init_weights=False, dropout=0.0, dropout_aux=0.0)


def ours_of(name, **parameters):
    with torch.device("meta"):
        return archdsl.load(name, **parameters).to_torch()


# What is compared: the reference, ours, the rule for names.
PAIRS = {
    "alexnet_owt torchvision": (
        lambda: reference("torchvision", "alexnet"),
        lambda: ours_of("alexnet_owt"),
        maps.from_layers(maps.ALEXNET_OWT),
    ),
    **{
        f"{name} torchvision": (
            lambda name=name: reference("torchvision", name),
            lambda name=name: ours_of(name),
            maps.from_layers(maps.vgg_layers(name, "torchvision")),
        )
        for name in maps.VGG
    },
    **{
        f"{name} timm": (
            lambda name=name: reference("timm", name),
            lambda name=name: ours_of(name),
            maps.from_layers(maps.vgg_layers(name, "timm")),
        )
        for name in maps.VGG
    },
    "googlenet_bn torchvision": (
        torchvision_googlenet,
        lambda: ours_of("googlenet_bn", aux=True, drop=0.0, aux_drop=0.0),
        maps.googlenet_from_torchvision,
    ),
    "squeezenet1_1 torchvision": (
        lambda: reference("torchvision", "squeezenet1_1"),
        lambda: ours_of("squeezenet1_1", variant="caffe"),
        maps.from_layers(maps.SQUEEZENET),
    ),
}


def randomise(model):
    """Storage for the model, with weights that keep values near 1 through many layers, and statistics as after training."""
    generator = torch.Generator().manual_seed(1)

    def uniform(tensor, low, high):
        tensor.uniform_(low, high, generator=generator)

    model.to_empty(device="cpu")
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                uniform(module.weight, 0.5, 1.5)
                uniform(module.bias, -0.5, 0.5)
                uniform(module.running_mean, -0.5, 0.5)
                uniform(module.running_var, 0.5, 1.5)
                module.num_batches_tracked.fill_(7)
            elif isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
                bound = (6 / module.weight[0].numel()) ** 0.5
                uniform(module.weight, -bound, bound)
                if module.bias is not None:
                    uniform(module.bias, -0.1, 0.1)


def pair(key):
    """Our model and the reference, both in eval mode, with the same random values."""
    make_theirs, make_ours, rule = PAIRS[key]
    theirs, ours = make_theirs().eval(), make_ours().eval()
    randomise(theirs)
    shapes = {name: value.shape for name, value in ours.state_dict().items()}
    state = {rule(name): value for name, value in theirs.state_dict().items()}
    # timm has fully connected layers as convolutions of the whole map.
    ours.load_state_dict({name: value.reshape(shapes[name]) for name, value in state.items()}, assign=True)
    return ours, theirs


def relative_error(ours, theirs):
    assert theirs.abs().max() > 0
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def logits(output):
    """The main output; ours has all of them in either mode, the references the main one alone in eval mode."""
    return output if torch.is_tensor(output) else output.logits


def image(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(2)) * 2 - 1


@pytest.mark.parametrize("name", maps.NAMES)
def test_operations_are_twice_the_multiply_accumulates(name):
    from torch.utils.flop_counter import FlopCounterMode

    network = archdsl.load(name)
    model = ours_of(name).eval()
    images = torch.zeros(1, *network.inputs["image"], device="meta")
    with FlopCounterMode(display=False) as counter:
        output = model(images)
    assert output.shape == (1, *network.outputs["logits"])
    assert counter.get_total_flops() == 2 * network.macs
    assert sum(parameter.numel() for parameter in model.parameters()) == network.params


@pytest.mark.parametrize("name", ["googlenet", "googlenet_bn"])
def test_operations_with_auxiliary_heads(name):
    from torch.utils.flop_counter import FlopCounterMode

    network = archdsl.load(name, aux=True)
    model = ours_of(name, aux=True)
    with FlopCounterMode(display=False) as counter:
        outputs = model.train()(torch.zeros(2, 3, 224, 224, device="meta"))
    assert outputs._fields == ("aux1", "aux2", "logits")
    assert counter.get_total_flops() == 2 * 2 * network.report.with_aux.macs
    assert sum(parameter.numel() for parameter in model.parameters()) == network.report.with_aux.params


@pytest.mark.parametrize("key", PAIRS)
def test_names_map_one_to_one(key):
    make_theirs, make_ours, rule = PAIRS[key]
    theirs, ours = make_theirs().state_dict(), make_ours().state_dict()
    forward = {name: rule(name) for name in theirs}
    assert len(set(forward.values())) == len(theirs)
    assert set(forward.values()) == set(ours)
    assert all(theirs[name].numel() == ours[forward[name]].numel() for name in theirs)


@pytest.mark.parametrize("key", PAIRS)
def test_outputs_agree(key):
    size = archdsl.load(key.partition(" ")[0]).inputs["image"]
    ours, theirs = pair(key)
    images = image(1, *size)
    with torch.inference_mode():
        got, wanted = ours(images), theirs(images)
    assert wanted.shape == (1, 1000)
    assert relative_error(logits(got), wanted) < 1e-5


@pytest.mark.parametrize(
    "key, size",
    [
        ("alexnet_owt torchvision", (96, 130)),
        ("squeezenet1_1 torchvision", (101, 64)),
        ("googlenet_bn torchvision", (100, 150)),
    ],
)
def test_outputs_agree_at_other_sizes(key, size):
    ours, theirs = pair(key)
    images = image(2, 3, *size)
    with torch.inference_mode():
        got, wanted = ours(images), theirs(images)
    assert relative_error(logits(got), wanted) < 1e-5


def test_auxiliary_outputs_and_running_statistics_agree():
    ours, theirs = pair("googlenet_bn torchvision")
    heard = {}
    for head in ("aux1", "aux2"):  # from the heads themselves: releases differ in the order of the outputs (D23)
        getattr(theirs, head).register_forward_hook(lambda module, inputs, output, head=head: heard.__setitem__(head, output))
    images = image(2, 3, 224, 224)
    # Until here both have one storage, but a training step moves the statistics of each.
    ours.load_state_dict({name: value.clone() for name, value in ours.state_dict().items()}, assign=True)
    outputs, heard["logits"] = ours.train()(images), theirs.train()(images).logits
    for name in ("aux1", "aux2", "logits"):
        assert relative_error(getattr(outputs, name), heard[name]) < 1e-5, name
    moved = theirs.state_dict()
    for name, value in moved.items():
        if "running" in name:
            assert relative_error(ours.state_dict()[maps.googlenet_from_torchvision(name)], value) < 1e-5, name


@pytest.mark.parametrize("name", ["lenet5", "alexnet_grouped", "zfnet", "googlenet"])
def test_a_training_step_reaches_every_weight(name):
    torch.manual_seed(0)
    model = archdsl.load(name).to_torch().train()
    size = archdsl.load(name).inputs["image"]
    model(torch.rand(2, *size)).square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in model.parameters())
