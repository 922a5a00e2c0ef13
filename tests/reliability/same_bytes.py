"""T13: what the compiler writes depends on the spec and on nothing else.

Each run is a process with another hash seed, current folder, locale, time zone and umask, which compiles through the command
line into files.  Equal networks must give equal files, byte for byte.

Texts with other line ends, or with a byte order mark, must give the same network.  A mark changes nothing at all.  With CRLF the
text that is carried along is the one that was written: the fingerprint, the spec in an ONNX file, and places in the text are
others, and nothing else is: in an ONNX file the recorded text, and the fingerprint that is a digest of it.

A locale that a machine lacks stands for none: Python goes on with C.  Each process says which it has really set.
"""

import hashlib
import json
import locale
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archdsl import pipeline
from archdsl.cli import main
from archdsl.ir import dump
from archdsl.ir.exchange import to_json
from archdsl.render import table
from tests.reliability.outcome import Outcome, Test

ROOT = Path(__file__).resolve().parents[2]
RUNS = {True: 20, False: 3}
NAMES = {True: None, False: ("lenet5", "resnet20", "squeezenet1_1", "googlenet", "inception_v4", "inception_resnet_v2_slim")}
LOCALES = ("C", "C.UTF-8", "POSIX", "tr_TR.UTF-8", "de_DE.ISO-8859-1")
ZONES = ("UTC", "Asia/Kathmandu", "America/St_Johns", "Pacific/Chatham")
UMASKS = (0o022, 0o077, 0o002, 0o027)
BACKENDS = {
    "torch": ("compile", "--to", "torch"),
    "onnx": ("compile", "--to", "onnx", "--structure"),
    "onnx --flat": ("compile", "--to", "onnx", "--structure", "--flat"),
    "json": ("compile", "--to", "json"),
    "ir": ("compile", "--to", "ir"),
}
WITH_WEIGHTS = ("onnx, weights", ("compile", "--to", "onnx"))
MOST_PARAMS = 2_000_000
"""Networks up to this size are also written with their weights."""
_ENDINGS = (
    "A byte order mark changes no byte. CRLF changes the text that is carried along and what is counted in it: the fingerprint, "
    "the texts inside an ONNX file, and places in the JSON of the graph. With the fingerprint and the line ends of these texts "
    "put aside, the ONNX file, written without weights, is the same to the byte, its other metadata included. So are the "
    "PyTorch source, the dump and the summary."
)
_SPEC, _FINGERPRINT = "archdsl.spec", "archdsl.fingerprint"
_PLACES = frozenset({"span", "origins", "definition", "defaults", "sources"})


def digests(names: list[str], folder: str) -> dict[str, str]:
    """SHA-256 of everything that is written for these specs, by spec and backend."""
    found = {}
    for name in names:
        network = pipeline.load(name)
        backends = dict(BACKENDS)
        if network.params <= MOST_PARAMS:
            backends[WITH_WEIGHTS[0]] = WITH_WEIGHTS[1]
        for backend, arguments in backends.items():
            target = os.path.join(folder, "written")
            code = main([arguments[0], name, *arguments[1:], "-q", "-o", target])
            assert code == 0, f"{name}: {backend} ends with {code}"
            found[f"{name}, {backend}"] = hashlib.sha256(Path(target).read_bytes()).hexdigest()
        summary = json.dumps(table.as_json(network.report)).encode()
        found[f"{name}, summary"] = hashlib.sha256(summary).hexdigest()
    return found


@dataclass(frozen=True)
class Ran:
    """What a process has found, the locale that it was asked to have, and whether it had that."""

    digests: dict[str, str]
    locale: str
    available: bool = False


def elsewhere(number: int, names: tuple[str, ...]) -> Ran:
    """What a process finds in circumstances of this number."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder, f"run {number}" if number % 2 else "ü") if number else Path(folder)
        here.mkdir(exist_ok=True)
        asked = LOCALES[number % len(LOCALES)]
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG", "PYTHON"))}
        environment |= {
            "LC_ALL": asked,
            "TZ": ZONES[number % len(ZONES)],
            "PYTHONHASHSEED": str(number),
            "PYTHONPATH": str(ROOT),
        }
        if number % 3 == 1:  # the locale is what it says, and no UTF-8 in its place
            environment |= {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        mask = UMASKS[number % len(UMASKS)]
        done = subprocess.run(
            [sys.executable, "-m", "tests.reliability.same_bytes", *names],
            cwd=here,
            env=environment,
            umask=mask,
            capture_output=True,
            check=False,
            timeout=1800,
        )
        if done.returncode != 0:
            return Ran({"ended": f"{number}: {done.stderr.decode(errors='replace')[-200:]}"}, asked)
        found = json.loads(done.stdout)
        return Ran(found["digests"], asked, found["available"])


def has_locale() -> bool:
    """Whether the machine has the locale that the environment asks for; from here on it is that of this process."""
    try:
        locale.setlocale(locale.LC_ALL, "")
    except locale.Error:
        return False
    return True


def other_endings(names: tuple[str, ...]) -> list[str]:
    """What the line ends of the texts, or a byte order mark, change that they must not."""
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("plain", "CRLF", "mark", "both"):
            shutil.copytree(pipeline.library(), Path(folder, kind))
            for path in Path(folder, kind).rglob("*.arch"):
                data = path.read_bytes().replace(b"\r\n", b"\n")
                data = data.replace(b"\n", b"\r\n") if kind in ("CRLF", "both") else data
                path.write_bytes((b"\xef\xbb\xbf" if kind in ("mark", "both") else b"") + data)
        for name in names:
            written = {
                kind: _written(os.path.join(folder, kind, f"{name}.arch"), kind) for kind in ("plain", "CRLF", "mark", "both")
            }
            wanted = written.pop("plain")
            for kind, found in written.items():
                for backend in wanted:
                    exact = kind == "mark"
                    if found[backend][not exact] != wanted[backend][not exact]:
                        faults.append(f"{name}, {backend}: {kind} makes another one")
    return faults


def _written(path: str, kind: str) -> dict[str, tuple[object, object]]:
    """By backend, what is written: exactly, and without the text that is carried along and places in it."""
    network = pipeline.load(path)
    graph = json.loads(to_json(network.graph))
    for source in graph["sources"]:  # where it was read is its own, and is not in question
        source["path"] = source["path"].replace(f"{os.sep}{kind}{os.sep}", f"{os.sep}…{os.sep}")
    found: dict[str, tuple[object, object]] = {"json": (graph, _without_places(graph))}
    for backend, text in {
        "torch": network.to_torch_source(),
        "ir": dump(network.graph),
        "summary": json.dumps(table.as_json(network.report)),
    }.items():
        found[backend] = (text, text)
    for flat in (False, True):
        model = network.to_onnx(structure=True, flat=flat)
        exact = model.SerializeToString(deterministic=True)
        kept = [(each.key, _without_text(each.key, each.value)) for each in model.metadata_props]
        del model.metadata_props[:]
        found[f"onnx{' --flat' * flat}"] = (exact, (kept, model.SerializeToString(deterministic=True)))
    return found


def _without_text(key: str, value: str) -> object:
    """The metadata of this key without the fingerprint, and with the line ends of the texts put aside."""
    if key == _FINGERPRINT:
        return None
    if key != _SPEC:
        return value
    spec = json.loads(value)
    texts = [{**each, "text": each["text"].replace("\r\n", "\n")} for each in spec["texts"]]
    return {**spec, "fingerprint": None, "texts": texts}


def _without_places(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_places(each) for key, each in value.items() if key not in _PLACES}
    return [_without_places(each) for each in value] if isinstance(value, list) else value


def told(runs: list[dict[str, str]]) -> tuple[int, list[str]]:
    """How many specs and backends there are, and those that differ between runs."""
    faults = [run["ended"] for run in runs if "ended" in run]
    runs = [run for run in runs if "ended" not in run]
    whats = dict.fromkeys(what for run in runs for what in run)
    for what in whats:
        count = len({run.get(what) for run in runs})
        if count != 1:
            faults.append(f"{what}: {count} digests in {len(runs)} runs")
    return len(whats), faults


def run(full: bool) -> Outcome:
    names = NAMES[full] or pipeline.bundled()
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda number: elsewhere(number, names), range(RUNS[full])))
    count, faults = told([each.digests for each in runs])
    faults += other_endings(names)
    there, missing = locales(runs)
    figure = f"{len(faults)} of {count} pairs of spec and backend have several digests"
    if not faults:
        figure = (
            f"1 distinct digest for each of {count} pairs of spec and backend in {RUNS[full]} processes of other hash seed, "
            f"folder, time zone and umask, and {len(there)} locales of {len(there) + len(missing)} asked for; "
            f"with CRLF or a byte order mark the same results for {len(names)} specs"
        )
    return Outcome(figure, tuple(faults), (_ENDINGS, _of_locales(there, missing), _of_weights(runs, len(names))))


def locales(runs: list[Ran]) -> tuple[list[str], list[str]]:
    """The locales that processes had, and those that they were asked to have in vain."""
    there = dict.fromkeys(each.locale for each in runs if each.available)
    return list(there), list(dict.fromkeys(each.locale for each in runs if each.locale not in there))


def _of_locales(there: list[str], missing: list[str]) -> str:
    lacking = f"; the machine lacks {', '.join(missing)}, and processes asked for these ran in C" if missing else ""
    return f"Locales: {', '.join(there) or 'none'}{lacking}."


def _of_weights(runs: list[Ran], specs: int) -> str:
    ending = f", {WITH_WEIGHTS[0]}"
    count = len({what for each in runs for what in each.digests if what.endswith(ending)})
    return (
        f"ONNX files with weights are compared for the {count} of {specs} specs that have up to {MOST_PARAMS:,} parameters; "
        "those of larger ones without weights."
    )


TEST = Test("T13", "The same bytes everywhere", run)

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        found = {"available": has_locale(), "digests": digests(sys.argv[1:], scratch)}
        sys.stdout.write(json.dumps(found))
