"""The weights of timm's models fit ours by name, and give the same outputs and gradients."""

import copy

import pytest

import archdsl
from tests.networks.weight_maps import PLACES, to_ours, to_theirs
from tests.reference import import_reference

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module", params=PLACES)
def pair(request):
    """Name, our model and timm's in eval mode, ours with the random weights and statistics of timm's."""
    timm = import_reference("timm")
    torch.manual_seed(0)
    name = request.param
    reference_name, places = PLACES[name]
    theirs = timm.create_model(reference_name, drop_rate=0.0).eval()
    randomise(theirs)
    ours = archdsl.load(name, drop=0.0).to_torch().eval()
    state = theirs.state_dict()
    names = to_ours(state, places)
    ours.load_state_dict({names[key]: value for key, value in state.items()})
    return name, ours, theirs


def randomise(model):
    """Weights that keep values near 1 through many layers, and statistics as they might be after training."""
    generator = torch.Generator().manual_seed(1)

    def uniform(tensor, low, high):
        tensor.uniform_(low, high, generator=generator)

    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                uniform(module.weight, 0.5, 1.5)
                uniform(module.bias, -0.5, 0.5)
                uniform(module.running_mean, -0.5, 0.5)
                uniform(module.running_var, 0.5, 1.5)
                module.num_batches_tracked.fill_(7)
            elif isinstance(module, torch.nn.Conv2d):
                deviation = (2 / module.weight[0].numel()) ** 0.5
                module.weight.normal_(0, deviation, generator=generator)
                if module.bias is not None:
                    uniform(module.bias, -0.1, 0.1)


def relative_error(ours, theirs):
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def image(height, width, dtype):
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(2), dtype=dtype) * 2 - 1


@pytest.mark.parametrize("name", PLACES)
def test_names_map_one_to_one_in_both_directions(name):
    timm = import_reference("timm")
    reference_name, places = PLACES[name]
    with torch.device("meta"):
        theirs = set(timm.create_model(reference_name).state_dict())
        ours = set(archdsl.load(name).to_torch().state_dict())
    forward, backward = to_ours(theirs, places), to_theirs(ours, places)
    assert set(forward.values()) == ours
    assert set(backward.values()) == theirs
    assert all(backward[forward[key]] == key for key in theirs)


@pytest.mark.parametrize("height, width", [(299, 299), (150, 170)])
def test_outputs_agree(pair, height, width):
    _, ours, theirs = pair
    images = image(height, width, torch.float32)
    with torch.inference_mode():
        got, wanted = ours(images), theirs(images)
    assert got.shape == (2, 1000)
    assert wanted.abs().max() > 0
    assert relative_error(got, wanted) < 1e-5


def test_gradients_and_running_statistics_agree(pair):
    name, *models = pair
    images = image(96, 96, torch.float64)
    direction = torch.randn(2, 1000, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    ours, theirs = (copy.deepcopy(model).double().train() for model in models)
    for model in (ours, theirs):
        (model(images) * direction).sum().backward()
    names = to_theirs(ours.state_dict(), PLACES[name][1])
    reference = dict(theirs.named_parameters())
    for key, parameter in ours.named_parameters():
        assert relative_error(parameter.grad, reference[names[key]].grad) < 1e-8, key
    statistics = dict(theirs.named_buffers())
    for key, buffer in ours.named_buffers():
        assert torch.allclose(buffer.double(), statistics[names[key]].double(), rtol=1e-8, atol=1e-12), key
