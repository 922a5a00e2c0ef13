"""The variants beside the bundled networks: what they edit is there."""

import archdsl
from archdsl import syntax
from archdsl.pipeline import library
from archdsl.syntax import ast


def variants(name):
    file = syntax.parse(syntax.read_file(str(library() / f"{name}.arch")))
    return {item.name.id: item for item in file.items if isinstance(item, ast.Variant)}


def first_instance(path):
    """The path as text, index 0 for every ``[*]``."""
    segments = (segment.name + "".join(f"[{index or 0}]" for index in segment.indices) for segment in path.segments)
    return ".".join(segments)


def test_the_printed_orders_of_inception_v4():
    figures = variants("inception_v4")["figures"]
    assert figures.base.id == "inception_v4"
    assert all(isinstance(edit, ast.Replace) for edit in figures.edits)
    edited = [first_instance(edit.path) for edit in figures.edits]
    assert edited == ["stem.mixed4.long", "b[0].b7", "b[0].deep", "c[0].deep"]
    scopes = {scope.path for scope in archdsl.load("inception_v4").graph.scopes}
    assert set(edited) <= scopes
