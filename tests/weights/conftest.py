"""A small network with its weights, and the command run in this process."""

from dataclasses import dataclass

import numpy as np
import pytest

from archdsl import load
from archdsl.cli import main
from archdsl.source import Source

SMALL = """\
block unit(c) {
  conv(c, 3x3, bias=false)
  bn
  relu
}
arch small(classes = 5, aux = false) {
  input image: [N, 3, 8, 9]
  stem: unit(4)
  a: repeat 2 { r: unit(6); c: unit(4) }
  side { aux: { pool: global_avg_pool; fc: linear(classes) }; output aux } if aux
  pool: global_avg_pool
  fc: linear(classes)
  output logits
}
"""

RULES = """\
source = "other"
layout = "torch"
[networks]
small = "Small"
[layers]
"stem.{conv,bn}" = "first.{0,1}"
"a[i].{r,c}" = "blocks.{2*i+1}.{reduce,convolve}"
"aux.fc" = "side"
"fc" = "head"
[unused]
always = ["epoch"]
aux = ["side.*"]
"""


@dataclass
class Ran:
    code: int
    out: str
    err: str


def small(text=SMALL, **more):
    return load(Source("small.arch", text), **more)


def arrays_of(network, seed=0):
    """Random weights under our own names."""
    generator = np.random.default_rng(seed)
    (map_,) = network.weight_maps("native")
    return {
        recipe.ours: np.array(7) if recipe.role == "count" else generator.uniform(0.5, 1.5, recipe.shape).astype(np.float32)
        for recipe in map_.recipes
    }


@pytest.fixture
def rules(tmp_path):
    """Path of a rule file for the small network."""
    path = tmp_path / "other.toml"
    path.write_text(RULES, encoding="utf-8")
    return str(path)


@pytest.fixture
def archdsl(tmp_path, monkeypatch, capsys):
    """Runs a command line in a folder of its own, in which the spec lies."""
    (tmp_path / "small.arch").write_text(SMALL, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "ARCHDSL_DEBUG"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments):
        capsys.readouterr()
        code = main([str(each) for each in arguments])
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run
