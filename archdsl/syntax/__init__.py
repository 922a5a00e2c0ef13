"""From text to its tree: everything that knows how the language is written, and nothing that knows what it means.

The parser itself is loaded by the first text that is parsed, not by this import.
"""

from archdsl.limits import DEFAULT, Limits
from archdsl.source import Source
from archdsl.syntax import ast
from archdsl.syntax.dump import dump
from archdsl.syntax.program import read_program, read_recorded
from archdsl.syntax.reader import read_file, source_from_bytes

__all__ = [
    "dump",
    "parse",
    "parse_edits",
    "parse_expr",
    "parse_fragment",
    "parse_path",
    "read_file",
    "read_program",
    "read_recorded",
    "source_from_bytes",
]


def parse(source: Source, limits: Limits = DEFAULT) -> ast.File:
    """The tree of a whole file; ArchError (E01, E0201, E0501) with every independent fault that was found."""
    from archdsl.syntax import parser

    return parser.parse(source, limits)


def parse_fragment(source: Source, limits: Limits = DEFAULT) -> tuple[ast.Statement, ...]:
    """The statements of a piece of a body, as given to ``--insert`` and ``--replace``; ArchError as :func:`parse`."""
    from archdsl.syntax import parser

    return parser.parse_fragment(source, limits)


def parse_edits(source: Source, limits: Limits = DEFAULT) -> tuple[ast.Edit, ...]:
    """The edits of a variant's body, without its braces; ArchError as :func:`parse`."""
    from archdsl.syntax import parser

    return parser.parse_edits(source, limits)


def parse_expr(source: Source, limits: Limits = DEFAULT) -> ast.Expr:
    """The tree of one expression; ArchError as :func:`parse`."""
    from archdsl.syntax import parser

    return parser.parse_expr(source, limits)


def parse_path(source: Source, limits: Limits = DEFAULT) -> ast.Path:
    """The tree of one path, patterns included; ArchError as :func:`parse`."""
    from archdsl.syntax import parser

    return parser.parse_path(source, limits)
