"""The emitted PyTorch of each bundled network is a file that a person could have written, and always the same one."""

import ast
import os
import subprocess
import sys

import pytest

import archdsl

NAMES = ("inception_v4", "inception_resnet_v2", "inception_resnet_v2_slim")
LONGEST = 300


@pytest.fixture(scope="module", params=NAMES)
def emitted(request):
    return request.param, archdsl.load(request.param).to_torch_source()


def ruff(*arguments, text):
    command = [sys.executable, "-m", "ruff", *arguments, "--isolated", "--line-length", "100", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=60)


def test_fits_on_a_few_pages(emitted):
    _, text = emitted
    assert len(text.splitlines()) <= LONGEST


def test_is_clean(emitted):
    _, text = emitted
    checked = ruff("check", "--select", "E,F,W,I,B,UP,N,C4,SIM", text=text)
    assert checked.returncode == 0, checked.stdout
    laid_out = ruff("format", "--check", text=text)
    assert laid_out.returncode == 0, laid_out.stdout


def test_imports_torch_and_the_standard_library_only(emitted):
    _, text = emitted
    roots = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            roots.add(node.module.split(".")[0])
    assert roots - sys.stdlib_module_names == {"torch"}


def test_one_class_for_each_block(emitted):
    name, text = emitted
    classes = [node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)]
    assert len(classes) == len(set(classes))
    blocks = {scope.callee for scope in archdsl.load(name).graph.scopes if scope.kind == "block"}
    for block in blocks:
        assert sum(each.lower() == block.lower() for each in classes) == 1, block


def test_same_bytes_in_every_process(emitted):
    name, text = emitted
    for seed in ("1", "2"):
        command = [sys.executable, "-m", "archdsl", "compile", name, "--to", "torch"]
        environment = os.environ | {"PYTHONHASHSEED": seed}
        printed = subprocess.run(command, env=environment, capture_output=True, check=True, timeout=60).stdout
        assert printed == text.encode()
