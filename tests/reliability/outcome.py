"""What a reliability test reports: one figure, whether it holds, and all that does not."""

from collections.abc import Callable
from dataclasses import dataclass

SEED = 20_161
"""Seed of everything random here; each case adds its own number to it, so that one case can be run alone."""


@dataclass(frozen=True)
class Outcome:
    """The result of one test: its ``figure`` in one line, the ``faults`` that were found, and a longer account as Markdown."""

    figure: str
    faults: tuple[str, ...] = ()
    account: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.faults


@dataclass(frozen=True)
class Test:
    """One row of the scorecard; ``run(full)`` measures it at the full or the quick size."""

    __test__ = False  # not one for pytest to collect

    number: str
    title: str
    run: Callable[[bool], Outcome]


def table(header: list[str], rows: list[list[str]]) -> tuple[str, ...]:
    """The rows as lines of a Markdown table."""
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in [header, ["---"] * len(header), *rows]]
    return tuple(f"| {' | '.join(row)} |" for row in cells)
