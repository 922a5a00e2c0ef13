"""Every story in ``examples/`` runs from anywhere and says what it promises."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

# For each program: what must be among the lines that it prints.
STORIES = {
    "first_network/run.py": [
        "weights: c1.weight, c1.bias, c2.weight, c2.bias, fc1.weight, fc1.bias, fc2.weight, fc2.bias, fc3.weight, fc3.bias",
        "logits: (4, 10)",
        "logits for letters: (4, 26)",
    ],
    "own_operator/run.py": [
        "descriptors: (2, 32)",
        "exponent: 2.5, with a gradient: True",
        "emitted with the operator's class: True",
        "emitted without archdsl: True",
    ],
}


def run(*command, folder):
    return subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True, timeout=180, check=False)


@pytest.mark.parametrize("story", sorted(path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.glob("*/run.py")))
def test_the_story_runs(story, tmp_path):
    pytest.importorskip("torch", reason="needs torch")
    ended = run("-W", "error", EXAMPLES / story, folder=tmp_path)
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert [line for line in STORIES[story] if line not in lines] == []


def test_own_operator_on_the_command_line(tmp_path):
    folder = EXAMPLES / "own_operator"
    known = run("-m", "archdsl", "summary", folder / "retrieval.arch", "--ops", folder / "gem.py", "--json", folder=tmp_path)
    assert known.returncode == 0, known.stderr
    assert '"gem"' in known.stdout
    unknown = run("-m", "archdsl", "check", folder / "retrieval.arch", folder=tmp_path)
    assert unknown.returncode == 1
    assert "E0201" in unknown.stderr


def test_an_emitted_file_runs_by_itself(tmp_path):
    pytest.importorskip("torch", reason="needs torch")
    spec, emitted = EXAMPLES / "first_network" / "digits.arch", tmp_path / "digits.py"
    written = run("-m", "archdsl", "compile", spec, "--to", "torch", "-o", emitted, folder=tmp_path)
    assert written.returncode == 0, written.stderr
    ended = run(EXAMPLES / "run_emitted.py", emitted, "1x28x28", folder=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "61,706 parameters, (1, 1, 28, 28) -> (1, 10)" in ended.stdout
