"""How long it takes from Inception-v4 and its weights, both in memory, to the bytes of an ONNX model; what memory that takes, and
how fast the model then is: archdsl beside both exporters of PyTorch.

The exporters get the module that archdsl emits, in evaluation mode and with the same weights.  Nothing is written to disk while
a clock runs.  The dynamo exporter needs onnxscript, which `make bench` installs and nothing else here does; it is left out where
that is missing.  What is printed is the page docs/benchmarks/onnx.md:

    python benchmarks/onnx_emission.py > docs/benchmarks/onnx.md
"""

import io
import logging
import os
import random
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from timing import arguments, interleaved, machine, milliseconds, publish, seconds, show

import archdsl

NETWORK = "inception_v4"
SIZE = (1, 3, 299, 299)
OURS, FLAT = "archdsl", "archdsl, flat"
TORCHSCRIPT, DYNAMO = "torch.onnx.export, TorchScript", "torch.onnx.export, dynamo"
AGAIN = "archdsl, flat, once more"
STARTS = 3  # processes of which each contender has one to itself
RUNS = 3  # processes that compare latencies, each with sessions of its own
TURNS = 20  # timed inferences of each session in each of these
PAUSE = 0.02  # seconds until the threads of one session have stopped looking for work, and leave the cores to the next
FASTER = {TORCHSCRIPT: 10.0, DYNAMO: 20.0}  # how many times as long the emission of each exporter is to take
NO_SLOWER = 0.97  # the least that the latency of an exporter's file may be of ours
AGREE = 1e-4  # of the greatest output: farther apart, the files would not be of one network

T = TypeVar("T")
Emit = Callable[[], bytes]


class Alone(NamedTuple):
    """The first emission in a process: its seconds, and megabytes held before it and at most until its end."""

    seconds: float
    before: float
    peak: float


# --- emission ------------------------------------------------------------------------------------------------------------


def emission(name: str) -> Emit:
    """What makes the bytes of a model as ``name`` does, with network and weights in memory already."""
    network = archdsl.load(NETWORK)
    weights = network.weights(seed=0)
    if name in (OURS, FLAT):
        # A copy has counted nothing and hashed nothing yet, as a network that is emitted once.
        return lambda: replace(network).to_onnx_bytes(weights, flat=name == FLAT)
    import torch

    model = network.to_torch().eval()
    model.load_state_dict({key: torch.from_numpy(array) for key, array in weights.items()})
    return partial(by_dynamo if name == DYNAMO else by_torchscript, model, torch.zeros(SIZE))


def by_torchscript(model: object, image: object) -> bytes:
    import torch

    made = io.BytesIO()
    with warnings.catch_warnings():  # that it is deprecated
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (image,), made, dynamo=False)
    return made.getvalue()


def by_dynamo(model: object, image: object) -> bytes:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(model, (image,), dynamo=True, verbose=False)
    return program.model_proto.SerializeToString()


def alone(name: str) -> Alone:
    emit = emission(name)
    before = megabytes("VmRSS")
    return Alone(seconds(emit), before, megabytes("VmHWM"))


def megabytes(field: str) -> float:
    """What the system says of this process: ``VmRSS``, held now, or ``VmHWM``, held at most."""
    (kilobytes,) = (line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(kilobytes) / 1024


def in_process(function: Callable[..., T], *values: object) -> T:
    """What ``function`` gives in a process of its own, begun afresh, so that its peak of memory is its own too."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *values).result()


# --- inference -----------------------------------------------------------------------------------------------------------


def sessions(files: Mapping[str, Path]) -> tuple[dict[str, Callable[[], np.ndarray]], dict[str, list[float]]]:
    """For each file what runs its model on one and the same image, and seconds that three sessions took to create."""
    import onnxruntime

    image = np.random.default_rng(0).standard_normal(SIZE).astype(np.float32)
    models = {name: file.read_bytes() for name, file in files.items()}
    create = {name: partial(onnxruntime.InferenceSession, model) for name, model in models.items()}
    created = interleaved(create, rounds=3)
    runs = {}
    for name, make in create.items():
        session = make()
        runs[name] = partial(first_output, session, {session.get_inputs()[0].name: image})
    return runs, created


def first_output(session: object, feed: Mapping[str, np.ndarray]) -> np.ndarray:
    return session.run(None, feed)[0]


def inference(files: Mapping[str, Path], seed: int) -> dict[str, object]:
    """Seconds of creation and inference by name, turn by turn; in each turn the order is another one."""
    runs, created = sessions(files)
    outputs = {name: run() for name, run in runs.items()}
    expected = outputs[OURS]
    apart = {name: float(abs(output - expected).max() / abs(expected).max()) for name, output in outputs.items()}
    order, timings = list(runs), {name: [] for name in runs}
    shuffle = random.Random(seed)
    for turn in range(TURNS + 2):
        shuffle.shuffle(order)
        for name in order:
            time.sleep(PAUSE)
            start = time.perf_counter()
            runs[name]()
            if turn > 1:  # the first two warm it up
                timings[name].append(time.perf_counter() - start)
    return {"created": created, "inference": timings, "apart": apart}


# --- the page ------------------------------------------------------------------------------------------------------------


def ratio(theirs: Iterable[float], ours: Iterable[float]) -> str:
    """Of the two medians."""
    return f"{statistics.median(theirs) / statistics.median(ours):.1f}"


def paired(theirs: Iterable[float], ours: Iterable[float]) -> float:
    """The median of the ratios that the turns give one by one."""
    return statistics.median(their / our for their, our in zip(theirs, ours, strict=True))


def show_emission(contenders: Mapping[str, Emit], rounds: int) -> dict[str, list[float]]:
    print("## From network and weights to bytes\n")
    print(f"{rounds} rounds in one process after one that is not timed, each contender in turn within each; the time of an")
    print("exporter is so many times ours in the last two columns.\n")
    timings = interleaved(contenders, rounds)
    rows = [[name, *milliseconds(each), ratio(each, timings[OURS]), ratio(each, timings[FLAT])] for name, each in timings.items()]
    show(["emission", "median ms", "least", "greatest", "to archdsl", "to flat"], rows)
    return timings


def show_alone(names: Iterable[str]) -> dict[str, list[Alone]]:
    print("\n## The first emission of a process, and its memory\n")
    print(f"Medians of {STARTS} processes, each with one contender alone. *Before* is held when imports are done and network and")
    print("weights are there, *peak* (VmHWM) is the most that the process ever held; the bytes that come out are part of it.\n")
    names = list(names)
    rounds = [[in_process(alone, name) for name in names] for _ in range(STARTS)]
    found = {name: [each[index] for each in rounds] for index, name in enumerate(names)}
    medians = {name: Alone(*map(statistics.median, zip(*each, strict=True))) for name, each in found.items()}
    ours = medians[OURS]
    rows = [
        [
            name,
            f"{1000 * each.seconds:.1f}",
            f"{each.seconds / ours.seconds:.1f}",
            *(f"{mb:.0f}" for mb in (*each[1:], each.peak - each.before)),
        ]
        for name, each in medians.items()
    ]
    show(["emission", "ms", "ratio", "before, MB", "peak, MB", "difference"], rows)
    return found


def show_files(models: Mapping[str, bytes]) -> None:
    import onnx

    print("\n## The files\n")
    rows = []
    for name, data in models.items():
        model = onnx.ModelProto.FromString(data)
        opset = next(each.version for each in model.opset_import if not each.domain)
        rows.append([name, f"{len(data) / 1e6:.2f}", str(opset), str(len(model.graph.node)), str(len(model.functions))])
    show(["file", "MB", "opset", "nodes of the graph", "functions"], rows)
    print("\nThe exporters' opsets are their defaults.")


def show_inference(files: Mapping[str, Path]) -> list[dict[str, object]]:
    names = list(files)
    theirs = [name for name in names if name not in (OURS, FLAT)]
    results = [in_process(inference, files, seed) for seed in range(RUNS)]
    apart = max(max(each["apart"].values()) for each in results)
    if apart > AGREE:
        sys.exit(f"outputs differ by {apart:.1e} of the greatest")
    print("\n## Inference in ONNX Runtime\n")
    print(f"Batch 1, all cores, default options of a session, {RUNS} processes of {TURNS} turns each, after two that are not")
    print(
        "timed; the order changes from turn to turn. The last row is a second session of the flat file: by what it differs from"
    )
    print(f"the first is noise. Outputs differ by {apart:.0e} of the greatest value at most.\n")
    rows = []
    for name in names:
        inferred = [each for result in results for each in result["inference"][name]]
        created = [each for result in results for each in result["created"][name]]
        rows.append([name, *milliseconds(inferred), *milliseconds(created)])
    show(["file", "median ms", "least", "greatest", "creation, ms", "least", "greatest"], rows)
    print("\nTheir latency over ours, turn by turn, the median of each process and of all turns: 0.97 or more says that ours is")
    print("no slower.\n")
    rows = []
    for our in (OURS, FLAT):
        for name in theirs:
            one_by_one = [paired(each["inference"][name], each["inference"][our]) for each in results]
            every = [[t for each in results for t in each["inference"][which]] for which in (name, our)]
            rows.append([f"{name} / {our}", *(f"{each:.3f}" for each in one_by_one), f"{paired(*every):.3f}"])
    show(["latencies", *(f"process {number + 1}" for number in range(RUNS)), "all"], rows)
    return results


class Target(NamedTuple):
    """A ratio of theirs to ours that is not to fall short of ``least``."""

    what: str
    least: float
    measured: float

    def __str__(self) -> str:
        verdict = "held" if self.measured >= self.least else "not held"
        return f"{self.what}: {self.measured:.2f}, at least {self.least:g}: {verdict}"


def targets(emitted: Mapping[str, list[float]], inferred: Iterable[Mapping[str, Any]]) -> list[Target]:
    """What each exporter that was measured is held to, for both forms of our file."""
    theirs = [name for name in FASTER if name in emitted]
    found = [
        Target(f"emission, {name} / {our}", FASTER[name], statistics.median(emitted[name]) / statistics.median(emitted[our]))
        for our in (OURS, FLAT)
        for name in theirs
    ]
    results = [each["inference"] for each in inferred]
    every = {name: [seconds for each in results for seconds in each[name]] for name in (OURS, FLAT, *theirs)}
    return found + [
        Target(f"latency, {name} / {our}", NO_SLOWER, paired(every[name], every[our])) for our in (OURS, FLAT) for name in theirs
    ]


def show_targets(found: Iterable[Target]) -> None:
    print("\n## Targets\n")
    for each in found:
        print(f"- {each}")


def main() -> None:
    # An installed package has its bytecode, so a source tree keeps it too, whatever the environment says.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    logging.disable(logging.WARNING)  # what the exporters remark
    settings = arguments("ONNX emission and inference of Inception-v4", rounds=5)
    load = os.getloadavg()[0]
    names = [OURS, FLAT, TORCHSCRIPT, DYNAMO]
    if find_spec("onnxscript") is None:
        names.remove(DYNAMO)
        print(f"without {DYNAMO}: onnxscript is not installed\n", file=sys.stderr)
    print("# ONNX\n")
    print("<!-- Printed by benchmarks/onnx_emission.py, which says what is compared. -->\n")
    print(f"`benchmarks/onnx_emission.py --rounds {settings.rounds}`: {NETWORK} with weights, input {list(SIZE)}. PyTorch's")
    print("exporters get the module that archdsl emits, in evaluation mode, with the same weights. The load average of the")
    print(f"machine was {load:.1f} at the start. Figures vary from run to run, so ratios are what counts.\n")
    results: dict[str, object] = {}
    contenders = {name: emission(name) for name in names}
    results["emission"] = show_emission(contenders, settings.rounds)
    models = {name: emit() for name, emit in contenders.items()}
    results["alone"] = show_alone(names)
    show_files(models)
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder, f"{number}.onnx") for number, name in enumerate(models)}
        for name, file in files.items():
            file.write_bytes(models[name])
        results["inference"] = show_inference(files | {AGAIN: files[FLAT]})
    show_targets(targets(results["emission"], results["inference"]))
    publish(settings, machine(["archdsl", "onnx", "onnxruntime", "onnxscript", "torch", "numpy"]), results)


if __name__ == "__main__":
    main()
