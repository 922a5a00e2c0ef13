"""What the analyses found, as rows that tables, JSON and HTML share."""

from dataclasses import dataclass

from archdsl.ir.cost import Cost


@dataclass(frozen=True, slots=True)
class Row:
    """A node or a scope: its path, what it is, its output shape per sample, its cost, and how many nodes it holds."""

    path: str
    kind: str
    out: tuple[int, ...]
    cost: Cost
    level: int  # how many scopes enclose it
    nodes: int = 1


@dataclass(frozen=True, slots=True)
class Report:
    """Costs and shapes of a network at batch 1.

    ``total`` and ``depth`` (longest path in convolutions and fully connected layers) are those of the network as used for
    inference: what no main output needs is left out.  ``with_aux`` adds the auxiliary heads; None where there are none.
    """

    network: str
    inputs: dict[str, tuple[int, ...]]
    outputs: dict[str, tuple[int, ...]]
    total: Cost
    depth: int
    with_aux: Cost | None
    scopes: tuple[Row, ...]
    nodes: tuple[Row, ...]
