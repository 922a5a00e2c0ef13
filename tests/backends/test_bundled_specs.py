"""Every bundled network, at a small size and, where it takes one, at another: the live module is the interpreter's equal."""

import pytest

import archdsl
from archdsl.pipeline import bundled

pytest.importorskip("torch")
interpreter = pytest.importorskip("tests.backends.interpreter")

SIDES = (75, 96, 128, 160)
NAMES = bundled()


def small(name):
    """The network at the smallest square size of ``SIDES`` that it takes, else as declared."""
    declared = archdsl.load(name)
    for side in SIDES:
        try:
            return archdsl.load(name, input={key: (shape[0], side, side) for key, shape in declared.inputs.items()})
        except archdsl.ArchError:
            continue
    return declared


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_live_module_equals_the_interpreter(name):
    network = small(name)
    model = interpreter.randomised(network.to_torch())
    assert {key: tuple(value.shape) for key, value in model.state_dict().items()} == interpreter.expected_state(network.graph)
    fixed = any(node.op.keyword == "flatten" for node in network.graph)
    assert interpreter.difference(model, network.graph, add=0 if fixed else 9) < 1e-10
