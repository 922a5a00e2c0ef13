"""Every bundled network at a small size: verified as ``archdsl verify`` does, checked as it is run, its shapes inferred."""

import pytest

import archdsl
from archdsl import verification
from archdsl.choices import Choices
from archdsl.pipeline import bundled

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("torch")
runtime = pytest.importorskip("tests.backends.onnx.runtime")
own_runtime = pytest.importorskip("archdsl.backends.onnx.runtime")

SIDES = (75, 96, 128, 160)
WIDER = 12
"""No map that enters is square."""
BATCHES = (1, 5)
BATCHES_OF_ONE_CHANNEL = (2, 5)
"""No batch is as large as the number of channels that enter, or a mix-up of both axes could hide."""
MOST_PARAMS = 10_000_000
"""Networks up to this size are verified at a smaller and a larger size too."""
MOST_PLAIN = 30_000_000
"""Networks up to this size are also run without rewriting, flat beside functions."""
DYNAMIC = ("squeezenet1_1", "resnet20", "googlenet_bn")


def at(name, side):
    """The network at this height, and a width beyond it."""
    declared = archdsl.load(name)
    return archdsl.load(name, input={key: (shape[0], side, side + WIDER) for key, shape in declared.inputs.items()})


def small(name):
    """The network at the smallest of ``SIDES`` that it takes."""
    for side in SIDES:
        try:
            return at(name, side)
        except archdsl.ArchError:
            continue
    raise AssertionError(f"{name} takes none of these sizes")


@pytest.fixture
def sessions(monkeypatch):
    """All sessions that are made; each model goes through the checker as it is run, with its weights."""
    made = []

    class Checked(own_runtime.Session):
        def __init__(self, model, threads=1):
            onnx.checker.check_model(model, full_check=True)
            super().__init__(model, threads)
            self.model, self.runs = model, []
            made.append(self)

        def run(self, inputs):
            found = super().run(inputs)
            self.runs.append((inputs, list(found.values())))
            return found

    monkeypatch.setattr(own_runtime, "Session", Checked)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("name", bundled())
def test_model_is_the_torch_module(name, sessions, monkeypatch):
    network = small(name)
    channels = {shape[0] for shape in network.inputs.values()}
    batches = BATCHES_OF_ONE_CHANNEL if 1 in channels else BATCHES
    assert not channels & set(batches)
    monkeypatch.setattr(verification, "BATCHES", batches)
    spec = name if network.params <= MOST_PARAMS else "-"  # at the size of ``network`` alone, as if from standard input
    verdict = verification.verify(spec, Choices(input=network.inputs), network=network)
    assert verdict.agrees, verdict.parting
    assert len(verdict.runs) == len(verification.FORMS) * len(batches) * len(network.graph.outputs) * sizes(verdict)
    assert len(sessions) == len(verification.FORMS) * sizes(verdict)
    assert finite(sessions)
    if network.params <= MOST_PLAIN:
        assert_same_without_rewriting(*sessions[:2])


def sizes(verdict):
    return len(verification.described(verdict.runs))


def finite(sessions):
    return all(runtime.np.isfinite(array).all() for each in sessions for _, made in each.runs for array in made)


def assert_same_without_rewriting(*sessions):
    """Where the runtime runs the nodes as they stand, flat and functions give the same bits, and what it gave otherwise."""
    plain = []
    for each in sessions:
        inputs, rewritten = each.runs[-1]
        session = runtime.session(each.model)
        names = [one.name for one in session.get_inputs()]
        plain.append(session.run(None, dict(zip(names, inputs, strict=True))))
        assert runtime.error(plain[-1], rewritten) < verification.TOLERANCE
    assert runtime.same(*plain)


@pytest.mark.slow
@pytest.mark.parametrize("name", DYNAMIC)
def test_one_model_of_free_size_is_the_torch_module_at_every_size(name, sessions):
    """The model is made for a size at which it is not run."""
    made_for = at(name, 128)
    arrays = verification.weights_for(made_for, 0)
    for flat in (True, False):
        model = own_runtime.Session(made_for.to_onnx_bytes(arrays, "native", dynamic=True, flat=flat, auxiliary=True))
        for side, batch in ((75, 2), (96, 5)):
            network = at(name, side)
            images = verification.images(network.inputs, batch, side)
            wanted = runtime.by_torch(network.to_torch(arrays, "native").eval(), dict(zip(network.inputs, images, strict=True)))
            assert runtime.error(list(model.run(images).values()), wanted) < verification.TOLERANCE
    assert len(sessions) == 2


@pytest.mark.parametrize("name", bundled())
def test_shapes_are_those_of_strict_inference(name):
    network = small(name)
    flat = network.to_onnx(structure=True, flat=True, auxiliary=True)
    nested = network.to_onnx(structure=True, auxiliary=True)
    for model in (flat, nested):
        onnx.checker.check_model(model, full_check=True)
    shapes = runtime.stated(flat)
    inferred = runtime.inferred(flat)
    assert shapes == {name: inferred[name] for name in shapes}
    assert set(runtime.stated(nested).items()) <= set(shapes.items())
    assert len(shapes) == sum(node.op.family != "input" for node in network.graph)
