"""``make evidence``: every bundled spec through both backends, in every form, and a page with what came of it.

For each spec, at two sizes where it takes two, at the lowest and the highest opset: the model, flat and with functions, passes
the checker in full, with its weights, as it is run; strict shape inference finds at every value of the flat one the shape that
the graph says; and ONNX Runtime gives, for batches of 1 and 3, what the PyTorch module gives, to less than 1e-5 of the largest
value of each output, all values being finite numbers.

Each spec is measured in a process of its own, and kept as soon as it is done: a run that was cut off goes on where it ended.
"""

import argparse
import hashlib
import importlib.metadata
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import archdsl
from archdsl import pipeline, verification
from archdsl.pipeline import Network
from archdsl.version import __version__
from tests.reliability.isolated import isolated

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "benchmarks" / "onnx-evidence.md"
WORKERS = 2
SMALLER = (75, 96, 107, 128, 160)
SECONDS = 3600
MEGABYTES = 32_000
_PACKAGES = ("onnx", "onnxruntime", "torch", "numpy")
_HEAD = """\
# Every bundled network through both backends

`make evidence` measures this table. Each network is compiled with random weights (statistics, scales and shifts moved from where
they start) to PyTorch and to ONNX, at the sizes shown, at the lowest and the highest opset, flat and with blocks as functions,
and run with batches of 1 and 3. Each model passes `onnx.checker` with the full check, weights included, as it is run; strict
shape inference finds the graph's shape at every value of the flat one. All outputs are finite numbers. The last column is the
largest difference of any output in any run, relative to the largest absolute value of that output; it must stay below 1e-5.
"""


@dataclass(frozen=True)
class Found:
    """What came of one network."""

    name: str
    sizes: tuple[str, ...] = ()
    models: int = 0
    runs: int = 0
    values: int = 0
    worst: float = 0.0
    seconds: float = 0.0
    faults: tuple[str, ...] = ()


def measured(name: str) -> Found:
    """The whole matrix for one network."""
    import torch

    torch.set_num_threads(1)  # as many processes as cores run side by side
    start = time.monotonic()
    tally: dict[str, Any] = {"models": 0, "runs": 0, "values": 0, "worst": 0.0}
    faults: list[str] = []
    networks = list(sizes_of(name))
    arrays = verification.weights_for(networks[0], 0)
    opsets = pipeline.opsets()
    for network in networks:
        module = network.to_torch(arrays, "native")
        for opset in (opsets[0], opsets[-1]):
            for flat in (True, False):
                where = f"{verification.describe(network.inputs)}, opset {opset}, {'flat' if flat else 'functions'}"
                try:
                    _model(network, module, arrays, opset, tally, flat=flat)
                except Exception as fault:  # noqa: BLE001
                    faults.append(f"{where}: {type(fault).__name__}: {' '.join(str(fault).split())[:300]}")
    sizes = tuple(verification.describe(network.inputs) for network in networks)
    return Found(name, sizes, seconds=round(time.monotonic() - start, 1), faults=tuple(faults), **tally)


def sizes_of(name: str) -> Iterator[Network]:
    """The network as declared, and at a small size that is not square, where it takes one with the same weights."""
    declared = pipeline.load(name)
    yield declared
    wanted = _weights(declared)
    for side in SMALLER:
        sizes = {key: (shape[0], side, side + 12) for key, shape in declared.inputs.items()}
        try:
            other = pipeline.load(name, input=sizes)
        except archdsl.ArchError:
            continue
        if _weights(other) == wanted and other.inputs != declared.inputs:
            yield other
            return


def _weights(network: Network) -> list[tuple[str, str, tuple[int, ...]]]:
    return [(node.path, weight.name, weight.shape) for node in network.graph for weight in node.weights]


def _model(network: Network, module: Any, arrays: Any, opset: int, tally: dict[str, Any], *, flat: bool) -> None:
    """Adds one model to the tally; raises where it does not hold."""
    import numpy as np
    import onnx

    from archdsl.backends.onnx.runtime import Session
    from archdsl.backends.torch.run import run
    from tests.backends.onnx import runtime

    if flat:
        bare = network.to_onnx(structure=True, opset=opset, flat=flat, auxiliary=True)
        stated, inferred = runtime.stated(bare), runtime.inferred(bare)
        other = [key for key in stated if stated[key] != inferred[key]]
        if other:
            raise AssertionError(f"{other[0]} is {stated[other[0]]}, strict inference finds {inferred[other[0]]}")
        given = sum(node.op.family != "input" for node in network.graph)
        if len(stated) < given:
            raise AssertionError(f"{given} nodes, {len(stated)} values with a shape")
        tally["values"] += len(stated)
    model = network.to_onnx_bytes(arrays, "native", opset=opset, flat=flat, auxiliary=True)  # under 2 GB, or there are no bytes
    onnx.checker.check_model(model, full_check=True)
    session = Session(model, threads=1)
    tally["models"] += 1
    for batch in verification.BATCHES:
        images = verification.images(network.inputs, batch, 0)
        made = session.run(images)
        for (output, ours), theirs in zip(made.items(), run(module, images), strict=True):
            if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
                raise AssertionError(f"batch {batch}: {output} has values that are not finite")
            apart = verification.difference(ours, theirs).relative
            tally["worst"] = max(tally["worst"], apart)
            if not apart < verification.TOLERANCE:
                raise AssertionError(f"batch {batch}: {output} differs by {apart:.1e}")
        tally["runs"] += 1


def machine() -> str:
    """Cores, system and versions."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)
    return f"{cores} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}, {versions}"


def page(found: list[Found], of: int) -> str:
    """The Markdown page."""
    opsets = pipeline.opsets()
    runs, models = sum(each.runs for each in found), sum(each.models for each in found)
    lines = [
        _HEAD,
        f"archdsl {__version__}, opsets {opsets[0]} and {opsets[-1]}, on {machine()}.\n",
        f"{len(found)} of {of} networks, {models} models, {runs} runs, {sum(len(each.faults) for each in found)} faults.\n",
        "| network | sizes | values inferred | models | runs | largest difference |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for each in found:
        worst = f"{each.worst:.1e}" if not each.faults else f"{len(each.faults)} faults"
        lines.append(f"| {each.name} | {', '.join(each.sizes)} | {each.values:,} | {each.models} | {each.runs} | {worst} |")
    told = [f"- {each.name}: {fault}" for each in found for fault in each.faults]
    return "\n".join([*lines, *(["", "What does not hold:", "", *told] if told else [])]) + "\n"


def _kept(path: Path, key: str) -> dict[str, Found]:
    """What an earlier run of the same code and packages has found without a fault."""
    if not path.exists():
        return {}
    stored = json.loads(path.read_text(encoding="utf-8"))
    if stored["key"] != key:
        return {}
    found = [Found(**{**each, "sizes": tuple(each["sizes"]), "faults": tuple(each["faults"])}) for each in stored["found"]]
    return {each.name: each for each in found if not each.faults}


def _code() -> str:
    """SHA-256 of the compiler and the bundled specs."""
    digest = hashlib.sha256()
    package = Path(archdsl.__file__).parent
    for path in sorted([*package.rglob("*.py"), *pipeline.library().rglob("*.arch"), Path(__file__)]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(description="Run every bundled network through both backends")
    parser.add_argument("--again", action="store_true", help="measure those again that an earlier run has measured")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "onnx-evidence.json", help="where results are kept meanwhile")
    parser.add_argument("names", nargs="*", metavar="SPEC", help="all bundled networks where none is named")
    settings = parser.parse_args()
    names = settings.names or pipeline.bundled()
    key = f"{_code()}, {machine()}"
    found = {} if settings.again else _kept(settings.out, key)
    waiting = sorted((name for name in names if name not in found), key=lambda name: pipeline.load(name).params)

    def one(name: str) -> Found:
        ended = isolated(measured, name, seconds=SECONDS, megabytes=MEGABYTES)
        return ended.value if ended.fault is None else Found(name, faults=(ended.fault,))

    settings.out.parent.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(WORKERS) as pool:
        for done in as_completed([pool.submit(one, name) for name in waiting]):
            each = done.result()
            found[each.name] = each
            sys.stdout.write(f"{each.name}: {each.worst:.1e}, {each.runs} runs, {each.seconds:g} s\n")
            sys.stdout.writelines(f"    {fault}\n" for fault in each.faults)
            sys.stdout.flush()
            rows = [found[name] for name in sorted(found)]
            stored = {"key": key, "found": [asdict(row) for row in rows]}
            settings.out.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
            PAGE.write_text(page(rows, len(pipeline.bundled())), encoding="utf-8")
    return 1 if any(each.faults for each in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
