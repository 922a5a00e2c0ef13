"""The page on weights does what it shows."""

import subprocess
import sys

import numpy as np
import pytest

from archdsl import load, pipeline, weights
from tests.docs.markdown import ROOT, alike, blocks, commands

PAGE = ROOT / "docs" / "howto" / "weights.md"


def test_the_page_does_what_it_shows(archdsl, tmp_path):
    network = load("squeezenet1_1")
    (map_,) = network.weight_maps("torchvision")
    arrays = {recipe.theirs: np.full(recipe.form, 0.5, np.float32) for recipe in map_.recipes}
    (tmp_path / "weights.safetensors").write_bytes(weights.safetensors_bytes(arrays))
    ran = 0
    for block in blocks(PAGE):
        if "file" in block.facts:
            (tmp_path / block.facts["file"]).write_text(block.text, encoding="utf-8")
        elif block.language == "console":
            for line, shown in commands(block.text):
                got = archdsl(*line.split()[1:])
                assert alike(shown, got.out + got.err), f"{block}: {got.out}{got.err}"
                ran += 1
    assert ran >= 8


def test_the_programs_of_the_page_run(tmp_path):
    pytest.importorskip("torch")
    network = load("squeezenet1_1")
    arrays = {recipe.theirs: np.full(recipe.form, 0.5, np.float32) for recipe in network.weight_maps("torchvision")[0].recipes}
    (tmp_path / "weights.safetensors").write_bytes(weights.safetensors_bytes(arrays))
    programs = [block for block in blocks(PAGE) if block.language == "python" and "part" not in block.facts]
    assert programs
    for block in programs:
        code = f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{block.text}"
        run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        assert run.returncode == 0, run.stderr


def test_the_table_of_known_maps_is_complete():
    text = PAGE.read_text(encoding="utf-8").partition("## What is known")[2].partition("`archdsl weights map")[0]
    spelled = {"timm": "timm", "torchvision": "torchvision", "keras": "Keras", "tf-slim": "TF-slim"}
    for rules in weights.shipped(pipeline.library() / "weights"):
        for network in rules.networks.keys() - {"caffe"}:
            (row,) = [line for line in text.splitlines() if f"`{network}`" in line]
            assert all(spelled[source] in row for source in rules.sources), (network, rules.sources)
