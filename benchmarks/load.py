"""How long it takes from text to a typed graph with costs: for two networks, and per operation as a network grows.

The tables of the parser are cached by the round that is not timed, as they are in any process but a user's very first.
"""

import statistics
import tempfile
from functools import partial
from pathlib import Path

from timing import arguments, interleaved, machine, milliseconds, publish, show

import archdsl

NETWORKS = ("inception_v4", "inception_resnet_v2_slim")
SIZES = (1_000, 10_000, 50_000)
PER_ITERATION = 9

# Nine operations an iteration, in two levels of blocks, with a merge and a residual, as real networks have them.
GROWING = """
block cbr(c, k) {{ conv(c, k, bias=false); bn; relu }}
block Cell() {{
  res: residual(scale=0.1) {{
    concat {{ left: cbr(8, 1x1); right: cbr(8, 3x3) }}
  }}
  act: relu
}}
arch growing() {{
  input image: [N, 16, 16, 16]
  cell: repeat {count} Cell()
  output features
}}
"""


def load(spec: str) -> archdsl.Network:
    """The network of ``spec``, read anew, with the costs of all its nodes and scopes."""
    network = archdsl.load(spec)
    assert network.report.nodes
    return network


def networks(rounds: int) -> dict[str, list[float]]:
    timings = interleaved({name: partial(load, name) for name in NETWORKS}, rounds)
    rows = [[name, str(len(load(name).graph)), *milliseconds(each)] for name, each in timings.items()]
    show(["network", "operations", "median ms", "least", "greatest"], rows)
    return timings


def growth(rounds: int) -> dict[str, list[float]]:
    with tempfile.TemporaryDirectory() as folder:
        specs = {size: Path(folder, f"growing_{size}.arch") for size in SIZES}
        for size, spec in specs.items():
            spec.write_text(GROWING.format(count=size // PER_ITERATION))
        sizes = {str(spec): len(load(str(spec)).graph) for spec in specs.values()}
        timings = interleaved({spec: partial(load, spec) for spec in sizes}, rounds)
    per_operation = {sizes[spec]: statistics.median(each) / sizes[spec] for spec, each in timings.items()}
    least = per_operation[min(per_operation)]
    rows = [[f"{size:,} operations", f"{1e6 * each:.1f}", f"{each / least:.2f}"] for size, each in per_operation.items()]
    print()
    show(["generated network", "µs per operation", "ratio"], rows)
    return {str(sizes[spec]): each for spec, each in timings.items()}


def main() -> None:
    settings = arguments("From text to a typed graph with costs", rounds=7)
    results = {"networks": networks(settings.rounds), "growth": growth(min(settings.rounds, 3))}
    publish(settings, machine(["archdsl", "lark", "pydantic", "networkx"]), results)


if __name__ == "__main__":
    main()
