"""The rules that hold for the code base as a whole."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

from archdsl.diagnostics import CODES

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "archdsl").rglob("*.py"))
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
CODE = re.compile(r"E\d{4}|W\d{3}")

# For each contract, an import that breaks it: the file that gets it, and what it imports.
BREACHES = {
    "layers": ("diagnostics.py", "archdsl.ir"),
    "acyclic": ("ir/types.py", "archdsl.ir.op"),
    "walkers": ("analysis/cost.py", "archdsl.ops"),
    "lark": ("ir/types.py", "lark"),
    "torch": ("pipeline.py", "torch"),
    "onnx": ("render/table.py", "onnxruntime"),
    "networkx": ("pipeline.py", "networkx"),
    "pydantic": ("syntax/ast.py", "pydantic"),
    "graphviz": ("render/table.py", "graphviz"),
    "terminal": ("pipeline.py", "click"),
}


def test_imports_keep_every_contract(monkeypatch, capfd):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", list(sys.path))  # the linter puts the current folder in front
    status = lint_imports(config_filename="pyproject.toml", no_cache=True, no_logo=True)
    assert status == 0, capfd.readouterr().out


def test_every_contract_notices_a_breach(tmp_path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "archdsl", tmp_path / "archdsl", ignore=shutil.ignore_patterns("__pycache__"))
    for file, imported in BREACHES.values():
        with (tmp_path / "archdsl" / file).open("a", encoding="utf-8") as source:
            source.write(f"\nimport {imported}\n")
    command = [
        sys.executable,
        "-c",
        "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))",
    ]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    output = " ".join(run.stdout.split())
    broken = {contract["id"] for contract in CONTRACTS if f"{contract['name']} BROKEN" in output}
    assert broken == {contract["id"] for contract in CONTRACTS}, run.stdout
    assert run.returncode == 1


@pytest.mark.parametrize("name", ["utils", "util", "helpers", "helper", "common", "misc"])
def test_no_file_has_a_name_that_says_nothing(name):
    folders = [ROOT / "archdsl", ROOT / "tests", ROOT / "examples", ROOT / "benchmarks"]
    found = [path for folder in folders for path in folder.rglob("*") if path.stem == name and path.suffix in ("", ".py")]
    assert found == []


def codes_in(path):
    """The codes that stand as whole strings in a file, apart from the register itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    register = [each for each in tree.body if isinstance(each, ast.AnnAssign) and ast.unparse(each.target) == "CODES"]
    registered = {id(node) for each in register for node in ast.walk(each)}
    strings = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return {node.value for node in strings if CODE.fullmatch(node.value) and id(node) not in registered}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_code_in_the_source_is_registered(path):
    assert codes_in(path) <= CODES.keys()


def test_every_registered_code_is_used():
    used = set().union(*(codes_in(path) for path in SOURCES))
    assert CODES.keys() - used == set()
