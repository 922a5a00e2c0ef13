"""What a graph costs and how deep it is: pure functions from a graph to plain data."""

from archdsl.analysis.cost import report
from archdsl.analysis.depth import depth
from archdsl.analysis.provenance import absent, paths, why

__all__ = ["absent", "depth", "paths", "report", "why"]
