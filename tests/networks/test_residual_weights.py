"""Weights of torchvision's, timm's and ONNX's residual networks and Inception-v3 fit ours by name, and give the same outputs."""

from pathlib import Path

import pytest

import archdsl
from tests.networks import residual_maps as maps
from tests.networks.test_weights import randomise, relative_error
from tests.reference import import_reference

torch = pytest.importorskip("torch")

# Our network and its parameters, the package and name of theirs with its options, and the layers of theirs under our names.
CASES = {
    **{
        f"torchvision-resnet{depth}": (f"resnet{depth}{suffix}", {}, "torchvision", f"resnet{depth}", {}, maps.resnet(depth))
        for depth, suffix in ((18, ""), (34, ""), (50, "_v1_5"), (101, "_v1_5"), (152, "_v1_5"))
    },
    **{
        f"timm-resnet{depth}": (f"resnet{depth}{suffix}", {}, "timm", f"resnet{depth}", {}, maps.resnet(depth))
        for depth, suffix in ((18, ""), (34, ""), (50, "_v1_5"), (101, "_v1_5"), (152, "_v1_5"))
    },
    "timm-resnetv2_50": ("resnet50_v2", {"stride_on": "3x3"}, "timm", "resnetv2_50", {}, maps.resnet_v2(50)),
    "timm-inception_v3": (
        "inception_v3",
        {"count_pad": True, "drop": 0.0},
        "timm",
        "inception_v3",
        {"aux_logits": False},
        maps.inception_v3(aux=False),
    ),
    "torchvision-inception_v3": (
        "inception_v3",
        {"count_pad": True, "drop": 0.5, "aux": True},
        "torchvision",
        "inception_v3",
        {"init_weights": False},
        maps.inception_v3(aux=True),
    ),
}


def reference(package, name, options):
    """Their model in eval mode with random weights and statistics."""
    import_reference(package)
    if package == "timm":
        from timm import create_model
    else:
        from torchvision.models import get_model as create_model
    with torch.device("meta"):
        model = create_model(name, **options)
    model = model.to_empty(device="cpu").eval()
    torch.manual_seed(0)
    randomise(model)
    for module in model.modules():
        if isinstance(module, torch.nn.Linear):
            module.reset_parameters()
    return model


def ours_with(name, parameters, state):
    """Our model in eval mode with the weights ``state``, whose names and shapes are exactly its own."""
    with torch.device("meta"):
        model = archdsl.load(name, **parameters).to_torch().eval()
    own = model.state_dict()
    assert own.keys() == state.keys()
    # A classifier may be kept as a 1x1 convolution.
    model.load_state_dict({key: value.clone().reshape(own[key].shape) for key, value in state.items()}, assign=True)
    return model


def image(height, width, dtype=None):
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(2), dtype=dtype) * 2 - 1


@pytest.mark.parametrize("case", CASES)
def test_layers_map_one_to_one(case):
    layers = CASES[case][-1]
    assert len(set(layers.values())) == len(layers)


@pytest.mark.parametrize("case", [case for case in CASES if case != "torchvision-inception_v3"])
def test_outputs_agree(case):
    name, parameters, package, their_name, options, layers = CASES[case]
    theirs = reference(package, their_name, options)
    ours = ours_with(name, parameters, maps.renamed(theirs.state_dict(), layers))
    images = image(96, 107) if name == "inception_v3" else image(64, 75)
    with torch.inference_mode():
        got, wanted = ours(images), theirs(images)
    assert got.shape == (2, 1000)
    assert wanted.std() > 0
    assert relative_error(got, wanted) < 1e-5


def test_both_outputs_of_inception_v3_agree():
    """The auxiliary head of both needs its 5x5 map, so the input is the published one."""
    name, parameters, package, their_name, options, layers = CASES["torchvision-inception_v3"]
    theirs = reference(package, their_name, options)
    ours = ours_with(name, parameters, maps.renamed(theirs.state_dict(), layers))
    theirs.training = True  # of the outermost module alone: it then returns both outputs, and its layers stay in eval mode
    images = image(299, 299)[:1]
    with torch.inference_mode():
        got, wanted = ours(images), theirs(images)
    assert relative_error(got.logits, wanted.logits) < 1e-5
    assert relative_error(got.aux, wanted.aux_logits) < 1e-5


def test_counting_the_padding_matters():
    theirs = reference("torchvision", "inception_v3", {"init_weights": False, "aux_logits": False})
    ours = ours_with("inception_v3", {}, maps.renamed(theirs.state_dict(), maps.inception_v3(aux=False)))
    with torch.inference_mode():
        assert relative_error(ours(image(96, 96)), theirs(image(96, 96))) > 1e-3


def test_gradients_and_running_statistics_agree():
    theirs = reference("torchvision", "resnet18", {}).double().train()
    layers = maps.resnet(18)
    ours = ours_with("resnet18", {}, maps.renamed(theirs.state_dict(), layers)).train()
    direction = torch.randn(2, 1000, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    for model in (ours, theirs):
        (model(image(64, 75, torch.float64)) * direction).sum().backward()
    wanted = maps.renamed({key: parameter.grad for key, parameter in theirs.named_parameters()}, layers)
    for key, parameter in ours.named_parameters():
        assert relative_error(parameter.grad, wanted[key]) < 1e-8, key
    statistics = maps.renamed(dict(theirs.named_buffers()), layers)
    for key, buffer in ours.named_buffers():
        assert torch.allclose(buffer.double(), statistics[key].double(), rtol=1e-8, atol=1e-12), key
    assert ours.conv1.bn.num_batches_tracked == 8  # randomise() left 7


def move_strides(graph):
    """Puts the strides of the 3x3 of a bottleneck on the 1x1 before it."""
    convolutions = {node.input[1]: node for node in graph.node if node.op_type == "Conv"}
    for stage in (3, 4, 5):
        for branch, stride in (("branch2a", 2), ("branch2b", 1)):
            node = convolutions[f"gpu_0/res{stage}_0_{branch}_w_0"]
            (strides,) = [attribute for attribute in node.attribute if attribute.name == "strides"]
            assert list(strides.ints) == [3 - stride] * 2
            strides.ints[:] = [stride, stride]


@pytest.mark.parametrize("name", ["resnet50_v1_5", "resnet50"])
def test_resnet50_equals_the_light_model_of_onnx(name):
    """The structure is ONNX's own ResNet-50, which strides on the 3x3; its weights are placeholders, and replaced."""
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    proto = onnx.load(Path(onnx.__file__).parent / "backend/test/data/light/light_resnet50.onnx")
    graph, names = proto.graph, maps.light_resnet50()
    torch.manual_seed(0)
    ours = archdsl.load(name).to_torch().eval()
    randomise(ours)
    state = ours.state_dict()
    assert set(names.values()) == {key for key in state if not key.endswith("num_batches_tracked")}
    placeholders = [node for node in graph.node if node.op_type == "ConstantOfShape"]
    constants = [each for each in graph.initializer if each.name in names]
    assert {node.output[0] for node in placeholders} | {each.name for each in constants} == set(names)
    for node in placeholders:
        graph.node.remove(node)
    for each in constants:
        graph.initializer.remove(each)
    graph.initializer.extend(onnx.numpy_helper.from_array(state[own].numpy(), theirs) for theirs, own in names.items())
    if name == "resnet50":
        move_strides(graph)
    softmax = graph.node[-1]
    assert softmax.op_type == "Softmax"
    graph.output[0].name = softmax.input[0]
    graph.node.remove(softmax)
    images = image(224, 224)[:1]
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # its inputs have initial values, which older models do
    session = runtime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    (wanted,) = session.run(None, {"gpu_0/data_0": images.numpy()})
    with torch.inference_mode():
        got = ours(images)
    assert relative_error(got, torch.from_numpy(wanted)) < 1e-5
