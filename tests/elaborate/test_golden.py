"""Whole graphs as text: each `<case>.arch` in the folder beside its `<case>.ir`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import archdsl
from archdsl.ir import dump, fingerprint

ROOT = Path(__file__).resolve().parents[2]
CASES = sorted((ROOT / "tests" / "golden" / "elaborate").glob("*.arch"))


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_graph(case, update_golden):
    found = dump(archdsl.load(case).graph)
    expected = case.with_suffix(".ir")
    if update_golden:
        expected.write_text(found, encoding="utf-8")
    assert found == expected.read_text(encoding="utf-8")


def test_every_expected_file_has_a_case():
    assert {path.stem for path in CASES} == {path.stem for path in CASES[0].parent.glob("*.ir")}


PRINT = """
import sys
from pathlib import Path
import archdsl
from archdsl.ir import dump, fingerprint
for path in sorted(Path(sys.argv[1]).glob("*.arch")):
    graph = archdsl.load(path).graph
    print(fingerprint(graph), dump(graph))
"""


def test_graphs_are_the_same_in_every_process():
    outputs = set()
    for seed in ("0", "1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", PRINT, str(CASES[0].parent)]
        run = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
        outputs.add(run.stdout)
    graphs = [archdsl.load(path).graph for path in CASES]
    assert outputs == {"".join(f"{fingerprint(graph)} {dump(graph)}\n" for graph in graphs)}
