"""``make reliability``: runs the scorecard, prints each figure, and writes them with seed, versions and machine to a page.

Every figure on the page was measured by this program; a run of some tests alone keeps the figures of the others.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from archdsl.version import __version__
from tests.reliability.outcome import SEED, Test
from tests.reliability.scorecard import TESTS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reliability.md"
KEPT = ROOT / "tests" / "reliability" / "figures.json"
_PACKAGES = ("click", "lark", "networkx", "onnx", "onnxruntime", "pydantic", "torch")
_HEAD = """\
# Reliability

What archdsl is put through on purpose, and what came of it. `make reliability` runs every test at its quick size, which is also
part of `make test`; `make reliability FULL=1` runs them at full size and writes this page. Each test injects a kind of fault and
states one figure; it fails on any exception but the compiler's own report, on any limit exceeded, and on any damaged file.
[security.md](security.md) says what these tests defend.
"""


@dataclass(frozen=True)
class Measured:
    """One figure with the circumstances in which it was measured."""

    size: str
    figure: str
    faults: tuple[str, ...]
    account: tuple[str, ...]
    seconds: float
    machine: str
    version: str


def machine() -> str:
    """Usable cores, system, Python and the versions of what the compiler stands on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found = [f"{cores} cores", f"{platform.system()} {platform.machine()}", f"Python {platform.python_version()}"]
    for name in _PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"no {name}")
    return ", ".join(found)


def measure(test: Test, *, full: bool) -> Measured:
    """The figure of one test, measured now."""
    start = time.perf_counter()
    outcome = test.run(full)
    seconds = time.perf_counter() - start
    size = "full" if full else "quick"
    return Measured(size, outcome.figure, outcome.faults, outcome.account, round(seconds, 1), machine(), __version__)


def page(figures: dict[str, Measured]) -> str:
    """The Markdown page for these figures."""
    lines = [_HEAD, "| test | what is done | size | figure | holds |", "| --- | --- | --- | --- | --- |"]
    for test in TESTS:
        found = figures.get(test.number)
        if found is None:
            lines.append(f"| {test.number} | {test.title} | – | not yet measured | – |")
        else:
            holds = "yes" if not found.faults else f"no: {len(found.faults)}"
            lines.append(
                f"| {test.number} | {test.title} | {found.size} | {found.figure.replace('|', chr(92) + '|')} | {holds} |"
            )
    conditions = sorted({(each.machine, each.version) for each in figures.values()})
    lines += ["", f"Random inputs follow from the seed {SEED} and the number of the input.", ""]
    lines += [f"- archdsl {version} on {where}" for where, version in conditions]
    for test in TESTS:
        found = figures.get(test.number)
        if found is not None and (found.account or found.faults):
            lines += ["", f"## {test.number}: {test.title}", ""]
            lines += list(found.account)
            if found.faults:
                lines += ["", "What does not hold:", "", *(f"- {' '.join(fault.split())}" for fault in found.faults[:50])]
    return "\n".join(lines) + "\n"


def kept() -> dict[str, Measured]:
    """The figures of earlier runs."""
    if not KEPT.exists():
        return {}
    found = json.loads(KEPT.read_text(encoding="utf-8"))
    return {
        number: Measured(**{**each, "faults": tuple(each["faults"]), "account": tuple(each["account"])})
        for number, each in found.items()
    }


def say(line: str) -> None:
    """``line`` on standard output, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure what the compiler withstands")
    parser.add_argument("--full", action="store_true", help="the full size, whose figures go to docs/reliability.md")
    parser.add_argument("tests", nargs="*", metavar="TEST", help="T01 and so on; all where none is named")
    settings = parser.parse_args()
    wanted = [test for test in TESTS if not settings.tests or test.number in settings.tests]
    failed = []
    for test in wanted:
        found = measure(test, full=settings.full)
        say(f"{test.number} {'holds' if not found.faults else 'FAILS'} ({found.seconds:g} s) {found.figure}")
        for fault in found.faults[:20]:
            say(f"    {fault}")
        failed += [test.number] if found.faults else []
        if settings.full:
            figures = {**kept(), test.number: found}
            KEPT.write_text(json.dumps({key: asdict(figures[key]) for key in sorted(figures)}, indent=1) + "\n", encoding="utf-8")
            PAGE.write_text(page(figures), encoding="utf-8")
    return 1 if failed else 0
