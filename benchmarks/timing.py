"""What the benchmarks share: the machine they ran on, fair rounds, and one small table."""

import argparse
import gc
import importlib.metadata
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path


def arguments(description: str, rounds: int) -> argparse.Namespace:
    """The command line of every benchmark: ``--rounds N`` and ``--json FILE``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=rounds, help="timed rounds of each contender (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every timing and the machine to FILE")
    return parser.parse_args()


def machine(packages: Iterable[str]) -> dict[str, str]:
    """Processor, usable cores, system, Python, and the versions of those ``packages`` that are installed."""
    found = {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def seconds(run: Callable[[], object]) -> float:
    """Wall time of one call, begun without the garbage of earlier ones."""
    gc.collect()
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def interleaved(contenders: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of ``rounds`` calls of each contender, taken in turns so that a slow spell of the machine hits them all.

    One round before the timed ones fills the caches of files, bytecode and parser tables.
    """
    for run in contenders.values():
        run()
    timings: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            timings[name].append(seconds(run))
    return timings


def show(header: list[str], rows: list[list[str]]) -> None:
    """The rows as a Markdown table, the first column to the left and figures to the right."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    for row in [header, rule, *rows]:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        print(f"| {' | '.join(cells)} |")


def milliseconds(timings: Iterable[float]) -> list[str]:
    """Median, least and greatest of ``timings`` in milliseconds, as cells of a table."""
    values = [1000 * each for each in timings]
    return [f"{each:.1f}" for each in (statistics.median(values), min(values), max(values))]


def publish(settings: argparse.Namespace, on: Mapping[str, str], results: Mapping[str, object]) -> None:
    """Print the machine, and write it with ``results`` where ``--json`` asks for that."""
    print("\n" + ", ".join(f"{name} {value}" for name, value in on.items()))
    if settings.json:
        settings.json.write_text(json.dumps({"machine": on, "rounds": settings.rounds, "results": results}, indent=2) + "\n")
