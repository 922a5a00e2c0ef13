"""``archdsl list``: the bundled networks, with the figures that tell them apart.

The figures follow from elaborating every spec, which takes a while, so they are kept in the user's cache folder for as long as
neither a spec nor the compiler changes.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import click

from archdsl.cli.options import verbosity
from archdsl.cli.streams import result, result_json
from archdsl.files import atomic_write, cache_folder
from archdsl.version import __version__

_HEADINGS = ("network", "input", "params", "GMACs", "top-1 error", "top-5 error", "year", "paper")
_NUMERIC = ("params", "GMACs", "top-1 error", "top-5 error", "year")


@click.command("list", short_help="The bundled networks.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, schema 1, with all that the specs say about themselves.")
@verbosity
def command(as_json: bool) -> None:
    """List the bundled networks with their input, size and cost, and published error (per cent)."""
    networks = _networks()
    if as_json:
        result_json({"schema": 1, "networks": networks})
    else:
        result(_table(networks))


def _networks() -> list[dict[str, Any]]:
    """One entry a network, sorted by name; from the cache where that is of these very files."""
    folder = cache_folder()
    kept = None if folder is None else folder / f"list-{_state()}.json"
    if kept is not None:
        with suppress(OSError, ValueError, KeyError, TypeError):
            found: list[dict[str, Any]] = json.loads(kept.read_bytes())["networks"]
            return found
    found = _elaborated()
    if kept is not None:
        with suppress(OSError):
            kept.parent.mkdir(parents=True, exist_ok=True)
            for old in kept.parent.glob("list-*.json"):
                old.unlink(missing_ok=True)
            atomic_write(kept, json.dumps({"networks": found}).encode())
    return found


def _state() -> str:
    """A digest of the release and of when each spec and each file of the compiler last changed."""
    package = Path(__file__).parents[1]
    library = package / "specs"
    library = library if library.is_dir() else package.parent / "specs"
    digest = sha256(__version__.encode())
    for path in sorted([*package.rglob("*.py"), *package.rglob("*.lark"), *library.rglob("*.arch")]):
        state = path.stat()
        digest.update(f"\0{path}\0{state.st_mtime_ns}\0{state.st_size}".encode())
    return digest.hexdigest()[:20]


def _elaborated() -> list[dict[str, Any]]:
    from archdsl.pipeline import bundled, load

    entries = []
    for name in bundled():
        network = load(name)
        entries.append(
            {
                "name": name,
                "input": list(next(iter(network.inputs.values()))),
                "outputs": {output: list(size) for output, size in network.outputs.items()},
                "params": network.params,
                "macs": network.macs,
                "depth": network.depth,
                "about": dict(network.graph.about),
                "doc": network.graph.doc,
            }
        )
    return entries


def _table(networks: list[dict[str, Any]]) -> str:
    rows = [_HEADINGS, *(_cells(network) for network in networks)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(_padded(row, widths)).rstrip() for row in rows)
    return "".join(f"{line}\n" for line in lines)


def _padded(row: tuple[str, ...], widths: list[int]) -> Iterator[str]:
    for heading, cell, width in zip(_HEADINGS, row, widths, strict=True):
        yield cell.rjust(width) if heading in _NUMERIC else cell.ljust(width)


def _cells(network: dict[str, Any]) -> tuple[str, ...]:
    about = network["about"]
    errors = ("" if about.get(fact) is None else f"{100 - about[fact]:.2f}" for fact in ("top1", "top5"))
    facts = (str(about.get(fact, "")) for fact in ("year", "paper"))
    size = "x".join(map(str, network["input"]))
    gmacs = network["macs"] / 1e9
    return (network["name"], size, f"{network['params']:,}", f"{gmacs:.2f}" if gmacs >= 0.1 else f"{gmacs:.4f}", *errors, *facts)
