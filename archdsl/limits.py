"""Bounds on what a spec may ask for, in one place.

A spec is data from anywhere: opening one must end soon and in little memory, whatever it says.  Every bound that a stage
enforces is a field here, so that it can be read, raised by a caller, and tested in one go.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest input each stage accepts; beyond it, the stage reports an ``E…`` diagnostic instead of working on."""

    file_bytes: int = 1 << 20  # one source text
    files: int = 64  # the spec and all that it imports
    import_depth: int = 16
    nesting: int = 64  # braces, brackets, operators inside one expression, and calls of blocks inside blocks
    tokens: int = 1_000_000  # of one source text
    nodes: int = 100_000  # operations of the elaborated graph
    steps: int = 1_000_000  # statements elaborated, whether or not they make a node
    name_length: int = 64
    dimension: int = (1 << 31) - 1  # any one size, width or count in a shape
    integer: int = 1 << 63  # any intermediate value of an integer expression


DEFAULT = Limits()
