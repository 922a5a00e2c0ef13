"""Small specs in a folder of the test's own, and the command run in this process or in one of its own."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from archdsl.cli import main

ROOT = str(Path(sys.modules["archdsl"].__file__).parents[1])

GOOD = """\
about { paper = "a paper"; year = 2001 }
block Unit(c) {
  conv: conv(c, 3x3, bias=false)
  act: relu
}
arch good(classes = 10) {
  input image: [N, 3, 20, 24]
  stem: Unit(8)
  body: repeat 3 Unit(8)
  pool: global_avg_pool
  fc: linear(classes)
  output logits
}
"""

FAULTY = """\
arch faulty() {
  input image: [N, 3, 8, 8]
  a: conv(4, 3x3)
  b: cnov(4, 3x3)
  output y
}
"""

SEVERAL = """\
block Bad() { c: conv(1.5) }
arch one() { input x: [N, 3, 8, 8]; b: Bad(); output y }
arch two() { input x: [N, 3, 8, 8]; b: Bad(); output y }
arch three() { input x: [N, 3, 8, 8]; c: conv(4, 9x9, pad=valid); output y }
"""


@dataclass
class Ran:
    code: int
    out: str
    err: str


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A current folder with the specs above."""
    for name, text in {"good": GOOD, "faulty": FAULTY, "several": SEVERAL}.items():
        (tmp_path / f"{name}.arch").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "ARCHDSL_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def archdsl(folder, capsys):
    """Runs a command line in this process."""

    def run(*arguments):
        capsys.readouterr()
        code = main([str(each) for each in arguments])
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run


@pytest.fixture
def command(folder):
    """The start of a command line that runs archdsl in a process of its own; ``before`` is Python that runs ahead of it there."""

    def start(before=""):
        code = f"import sys\nsys.path.insert(0, {ROOT!r})\n{before}\nfrom archdsl.cli import main\nsys.exit(main())"
        return [sys.executable, "-c", code]

    return start


@pytest.fixture
def process(command):
    """Runs a command line in a process of its own."""

    def run(*arguments, before="", **more):
        line = [*command(before), *map(str, arguments)]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
        ended = subprocess.run(line, text=True, encoding="utf-8", timeout=60, check=False, **streams)
        return Ran(ended.returncode, ended.stdout or "", ended.stderr or "")

    return run
