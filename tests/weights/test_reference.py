"""Weights of timm's and torchvision's models fit by the shipped rules, give the same outputs, and go back unchanged."""

import gc

import numpy as np
import pytest

import archdsl
from archdsl import pipeline, weights
from tests.reference import import_reference

torch = pytest.importorskip("torch")

RULES = [rules for rules in weights.shipped(pipeline.library() / "weights") if rules.layout.name == "torch"]
PAIRS = [
    (source, ours, theirs)
    for rules in RULES
    for source in rules.sources
    for ours, theirs in rules.networks.items()
    if ours in pipeline.bundled()
]
PARAMETERS = {"inception_v3": {"count_pad": True}}
# Two narrow layers in place of 4096 wide ones: the matrices behind the last map would otherwise be most of the network.
NARROW = ("set head.fc6:channels = 24", "set head.fc7:channels = 16")


def reference(source, name):
    library = import_reference(source)
    if source == "timm":
        return library.create_model(name)
    more = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    return getattr(library.models, name)(**more)


@pytest.mark.parametrize("source, ours, theirs", PAIRS)
def test_every_name_and_shape_of_a_reference_is_accounted_for(source, ours, theirs):
    with torch.device("meta"):
        state = reference(source, theirs).state_dict()
    network = archdsl.load(ours, **PARAMETERS.get(ours, {}))
    report, _ = network.match_weights(state, source)
    assert report.fits
    assert {each.recipe.ours for each in report} == set(keys(network))
    assert {each.recipe.theirs for each in report} | set(report.ignored) == set(state)
    assert all("aux" in name.lower() for name in report.ignored)


def keys(network):
    return [f"{node.path.replace('[', '.').replace(']', '')}.{weight.name}" for node in network.graph for weight in node.weights]


def test_the_layouts_that_the_references_cover():
    assert {source for source, _, _ in PAIRS} == {"timm", "torchvision"}
    assert {"inception_v4", "inception_resnet_v2_slim", "inception_v3", "googlenet_bn", "alexnet_owt"} <= {
        name for _, name, _ in PAIRS
    }


def narrow(model, classifier):
    """The model with the widths of ``NARROW``."""
    first, second, last = classifier
    kernel = first.weight.shape[1:]
    if len(kernel) == 3:
        layers = [torch.nn.Conv2d(512, 24, 7), torch.nn.Conv2d(24, 16, 1), torch.nn.Linear(16, 1000)]
    else:
        layers = [torch.nn.Linear(*kernel, 24), torch.nn.Linear(24, 16), torch.nn.Linear(16, 1000)]
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            for old, new in zip((first, second, last), layers, strict=True):
                if child is old:
                    setattr(module, name, new)
    return model


def timm_vgg():
    model = reference("timm", "vgg11")
    return narrow(model, (model.pre_logits.fc1, model.pre_logits.fc2, model.head.fc))


def torchvision_vgg():
    model = reference("torchvision", "vgg11")
    return narrow(model, (model.classifier[0], model.classifier[3], model.classifier[6]))


# Source, our network with its variant, edits and parameters, their model, and a legal input that takes little time.
COMPARED = {
    "timm inception_v4": ("timm", "inception_v4", {}, None, 96),
    "timm inception_resnet_v2": ("timm", "inception_resnet_v2_slim", {}, "inception_resnet_v2", 96),
    "torchvision inception_v3": ("torchvision", "inception_v3", {"count_pad": True, "aux": True}, None, 299),
    "torchvision googlenet": ("torchvision", "googlenet_bn", {"aux": True}, "googlenet", 224),
    "torchvision resnet18": ("torchvision", "resnet18", {}, None, 64),
    "timm resnet50": ("timm", "resnet50_v1_5", {}, "resnet50", 64),
    "torchvision alexnet": ("torchvision", "alexnet_owt", {}, "alexnet", 224),
    "torchvision squeezenet1_1": ("torchvision", "squeezenet1_1", {"variant": "caffe"}, "squeezenet1_1", 99),
    "torchvision vgg11": ("torchvision", "vgg11", {"edits": NARROW}, torchvision_vgg, 224),
    "timm vgg11": ("timm", "vgg11", {"edits": NARROW}, timm_vgg, 224),
}
# Outside of training a reference leaves its auxiliary heads out: each of ours, theirs, and the module whose output enters it.
HEADS = {
    "torchvision inception_v3": [("aux", "AuxLogits", "Mixed_6e")],
    "torchvision googlenet": [("aux1", "aux1", "inception4a"), ("aux2", "aux2", "inception4d")],
}


@pytest.mark.parametrize("case", COMPARED)
def test_outputs_equal_those_of_the_reference(case):
    source, name, choices, make, size = COMPARED[case]
    torch.manual_seed(0)
    with torch.device("meta"):
        theirs = make() if callable(make) else reference(source, make or name)
    theirs = theirs.to_empty(device="cpu").eval()
    randomise(theirs)
    network = archdsl.load(name, input=(3, size, size), **choices)
    ours = network.to_torch(theirs.state_dict(), source).eval()
    images = torch.rand(1, 3, size, size if size >= 224 else size + 32) * 2 - 1
    taken = {}
    for _, _, before in HEADS.get(case, ()):
        getattr(theirs, before).register_forward_hook(lambda _module, _input, output, at=before: taken.update({at: output}))
    with torch.inference_mode():
        got, wanted = ours(images), {"logits": theirs(images)}
        for head, module, before in HEADS.get(case, ()):
            wanted[head] = getattr(theirs, module)(taken[before])
    results = {"logits": got} if isinstance(got, torch.Tensor) else got._asdict()
    assert results.keys() == wanted.keys()
    for head, value in wanted.items():
        assert value.abs().max() > 1e-3
        assert (results[head] - value).abs().max() / value.abs().max() < 1e-5, head
    goes_back_unchanged(network, source, {key: value.numpy() for key, value in theirs.state_dict().items()})
    gc.collect()  # hundreds of megabytes a case


def goes_back_unchanged(network, source, state):
    there = weights.written(network.weight_maps(source)[0], network.load_weights(state, source))
    assert there.keys() == state.keys()
    assert all(np.array_equal(there[key], value) for key, value in state.items())


def randomise(model):
    """Weights that keep values near 1 through many layers, and statistics as they might be after training."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.5, 0.5)
                module.running_mean.uniform_(-0.5, 0.5)
                module.running_var.uniform_(0.5, 1.5)
                module.num_batches_tracked.fill_(7)
            elif isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
                module.weight.normal_(0, (2 / module.weight[0].numel()) ** 0.5)
                if module.bias is not None:
                    module.bias.uniform_(-0.1, 0.1)


def test_the_function_that_the_weights_belong_to_is_asked_for():
    with torch.device("meta"):
        state = reference("torchvision", "inception_v3").state_dict()
    with pytest.raises(archdsl.ArchError, match=r"count_pad = true`, the network has false[\s\S]*--set count_pad=true"):
        archdsl.load("inception_v3").match_weights(state)
    with torch.device("meta"):
        state = reference("torchvision", "resnet50").state_dict()
    assert archdsl.load("resnet50_v1_5").match_weights(state)[0].map.source == "torchvision"
    with pytest.raises(archdsl.ArchError, match="does not fit `resnet50`"):  # the same shapes, strides elsewhere
        archdsl.load("resnet50").match_weights(state)


# --- trained weights -----------------------------------------------------------------------------------------------------

TRAINED = pipeline.library().parents[1] / "shared" / "data" / "squeezenet1_1.safetensors"


@pytest.mark.skipif(not TRAINED.is_file(), reason="needs ../shared/data/squeezenet1_1.safetensors")
def test_a_file_with_the_layer_names_of_caffe_fits_as_it_is():
    network = archdsl.load("squeezenet1_1")
    report, _ = network.match_weights(TRAINED)
    assert (report.map.source, report.counts()) == ("native", {"copied": 52})
    model = network.to_torch(TRAINED).eval()
    with torch.inference_mode():
        scores = model(torch.zeros(1, 3, 227, 227))
    assert scores.shape == (1, 1000)
    assert 0 < scores.max() < 1000
