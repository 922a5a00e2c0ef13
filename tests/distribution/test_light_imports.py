"""The package and its everyday commands start fast: what is heavy is imported where it is needed, and only there."""

import subprocess
import sys

import pytest

import archdsl

HEAVY = {"torch", "onnx", "onnxruntime", "matplotlib", "rich"}
STAGES = {"lark", "networkx", "pydantic", "click", "numpy", "graphviz"}


def loaded_by(code, *arguments):
    """The top-level packages that a fresh interpreter has loaded after ``code``."""
    program = f"import sys\n{code}\nprint(*{{name.partition('.')[0] for name in sys.modules}}, file=sys.stderr)"
    run = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    return set(run.stderr.splitlines()[-1].split())


COMMAND = """
from archdsl.cli import main
try:
    status = main()
except SystemExit as end:
    status = end.code
assert not status, status
"""


def test_import_archdsl_loads_nothing_but_itself():
    assert not loaded_by("import archdsl") & (HEAVY | STAGES)


@pytest.mark.parametrize("command", ["check", "summary"])
def test_everyday_commands_load_no_backend(command):
    loaded = loaded_by(COMMAND, command, "inception_v4")
    assert "archdsl" in loaded
    assert not loaded & HEAVY


def test_source_text_for_torch_needs_no_torch():
    assert "torch" not in loaded_by(COMMAND, "compile", "inception_v4", "--to", "torch")


def test_the_public_names_are_there():
    assert {name: type(getattr(archdsl, name)).__name__ for name in archdsl.__all__} == {
        "ArchError": "type",
        "Diagnostic": "type",
        "Network": "type",
        "__version__": "str",
        "load": "function",
    }
    assert set(archdsl.__all__) <= set(dir(archdsl))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'archdsl' has no attribute 'lode'"):
        archdsl.lode  # noqa: B018
