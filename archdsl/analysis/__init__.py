"""What a graph costs and how deep it is: pure functions from a graph to plain data."""

from archdsl.analysis.cost import report
from archdsl.analysis.depth import depth

__all__ = ["depth", "report"]
