"""The grid of operators (T15) notices what differs silently, and what is refused for nothing."""

import pytest

from archdsl.ir import OnnxNode, OnnxTarget, Unsupported
from archdsl.ops.norm import LocalResponseNorm
from archdsl.ops.pool import AvgPool
from tests.reliability import operator_grid
from tests.reliability.operator_grid import Case, attempt

pytest.importorskip("torch", reason="runs the modules of the grid")
pytest.importorskip("onnxruntime", reason="runs the models of the grid")

POOL = Case("avg_pool", (8, 11), (3, 3), (2, 2), pad="sym", ceil=True, further={"count_pad": False})


def test_a_right_case_is_equal():
    assert attempt(POOL, 1) == ("equal", None)


def test_a_wrong_divisor_is_noticed(monkeypatch):
    plain = AvgPool.onnx

    def counting(self, *types):
        target = plain(self, *types)
        (node,) = target.nodes
        return OnnxTarget((OnnxNode(node.op_type, node.inputs, node.outputs, {**node.attributes, "count_include_pad": 1}),))

    monkeypatch.setattr(AvgPool, "onnx", counting)
    _, fault = attempt(POOL, 1)
    assert "ONNX Runtime: values differ" in fault
    assert "torch" not in fault


def test_a_window_too_many_is_noticed(monkeypatch):
    monkeypatch.setattr(operator_grid, "axis", lambda case, which: operator_grid.Axis(*wider(case, which)))
    _, fault = attempt(POOL, 1)
    assert "torch: shape" in fault
    assert "ONNX Runtime: shape" in fault


def wider(case, which, whole=operator_grid.axis):
    found = whole(case, which)
    return found.size, found.cells[[0, *range(len(found.cells))]], found.padded


def test_a_refusal_for_nothing_is_noticed(monkeypatch):
    def refuse(self, *types):
        raise Unsupported("an even number")

    monkeypatch.setattr(LocalResponseNorm, "onnx", refuse)
    end, fault = attempt(Case("lrn", (7, 5), further={"size": 4}), 1)
    assert end == "E0701"
    assert "for no reason" in fault


@pytest.mark.parametrize(
    "case, reason",
    [
        (Case("max_pool", (1, 2), (3, 3)), "no window fits"),
        (Case("max_pool", (8, 11), (2, 2), pad=(2, 1, 0, 1)), "padding alone"),
        (Case("conv", (1, 2), (3, 3), further={"channels": 9}), None),
    ],
    ids=str,
)
def test_reasons_are_those_of_the_definitions(case, reason):
    if reason is not None:
        assert reason in str(operator_grid.expected(case, None, {}))
    assert attempt(case, 1) == ("E0302", None)


def test_the_grid_is_as_large_as_it_says():
    known = list(operator_grid.cases())
    assert len({(str(case), case.size) for case in known}) == len(known) > 4_500
    assert all(height != width for height, width in operator_grid.SIZES)
