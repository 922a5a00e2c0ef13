"""The PyTorch of small didactic specs, as it is printed: read these files to judge the emitter.

``--update-golden`` writes them anew.
"""

from pathlib import Path

import pytest

import archdsl

FOLDER = Path(__file__).parent.parent / "golden" / "torch"
CASES = sorted(FOLDER.glob("*.arch"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_source_is_as_expected(path, update_golden):
    source = archdsl.load(path).to_torch_source()
    expected = path.with_suffix(".py")
    if update_golden:
        expected.write_text(source, encoding="utf-8")
    assert source == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_live_module_equals_the_interpreter(path):
    pytest.importorskip("torch")
    interpreter = pytest.importorskip("tests.backends.interpreter")
    graph = archdsl.load(path).graph
    model = interpreter.randomised(archdsl.load(path).to_torch())
    assert {key: tuple(value.shape) for key, value in model.state_dict().items()} == interpreter.expected_state(graph)
    assert interpreter.difference(model, graph) < 1e-10


def test_every_case_has_its_source():
    assert [path.with_suffix(".py").name for path in CASES] == sorted(path.name for path in FOLDER.glob("*.py"))
    assert len(CASES) >= 12
