"""What a graph costs, how deep it is, and where each part of it comes from: pure functions from a graph to plain data.

``lints`` beside them finds what is valid and probably not meant; it is imported by those who want it.
"""

from archdsl.analysis.cost import report
from archdsl.analysis.depth import depth
from archdsl.analysis.provenance import absent, paths, why

__all__ = ["absent", "depth", "paths", "report", "why"]
