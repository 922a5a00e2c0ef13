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


def kernels(network, prefix):
    return [node.op.kernel for node in network.graph if node.path.startswith(f"{prefix}.") and node.op.keyword == "conv"]


def test_the_printed_orders_cost_the_same():
    released, printed = archdsl.load("inception_v4"), archdsl.load("inception_v4", variant="figures")
    assert (printed.params, printed.macs, printed.depth) == (released.params, released.macs, released.depth)
    assert kernels(released, "b[6].b7") == [(1, 1), (1, 7), (7, 1)]
    assert kernels(printed, "b[6].b7") == [(1, 1), (1, 7), (1, 7)]
    assert kernels(printed, "b[6].deep") == [(1, 1), (1, 7), (7, 1), (1, 7), (7, 1)]
    assert kernels(printed, "stem.mixed4.long") == [(1, 1), (7, 1), (1, 7), (3, 3)]
    assert kernels(printed, "c[2].deep") == [(1, 1), (1, 3), (3, 1), (3, 1), (1, 3)]


def test_a_branch_of_every_residual_can_be_dropped():
    whole = archdsl.load("inception_resnet_v2")
    without = archdsl.load("inception_resnet_v2", edits="drop b[*].res.mix.b7")
    assert without.outputs == whole.outputs
    dropped = {node.path for node in whole.graph} - {node.path for node in without.graph}
    assert {path.partition("]")[2].split(".")[3] for path in dropped} == {"b7"}
    assert len({path.partition(".")[0] for path in dropped}) == 10
