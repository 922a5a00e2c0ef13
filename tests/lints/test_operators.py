"""The two questions that operators answer for the rules, against what the operators compute."""

import pytest
import torch

import archdsl
from archdsl.ir import Op, TensorType
from archdsl.ops import ALL, build
from archdsl.source import Source

ACTIVATIONS = [operator for operator in ALL if operator.family == "activation"]
TYPES = (TensorType((4, 3, 3)),) * 3


@pytest.mark.parametrize("operator", ACTIVATIONS, ids=lambda operator: operator.keyword)
def test_nonnegative_operators_are_those_without_negative_values(operator):
    text = f"arch net() {{ input x: [N, 6, 5, 4]; {operator.keyword}; output y }}"
    model = archdsl.load(Source("net.arch", text)).to_torch()
    values = model(torch.linspace(-20, 20, 120).reshape(1, 6, 5, 4))
    assert operator.nonnegative == (values.min().item() >= 0)


def test_terms_are_the_factors_of_a_sum():
    add = next(operator for operator in ALL if operator.keyword == "add")
    assert build(add, {"scale": 0.25}).terms(TYPES) == (1.0, 1.0, 0.25)
    assert {operator.keyword for operator in ALL if operator.terms is not Op.terms} == {"add"}


STRIPS = "arch net() {{ input x: [N, 2, {}, {}]; a: conv(4, {k}); b: conv(4, {k}); output y }}"


@pytest.mark.parametrize(
    "rows, columns, kernel, told",
    [
        *((17, 17, "1x7", True), (17, 17, "7x1", True), (16, 47, "1x5", True), (47, 16, "5x1", True)),
        *((16, 48, "1x5", False), (48, 16, "5x1", False), (16, 48, "5x1", True), (48, 16, "1x5", True), (1, 9, "1x5", False)),
    ],
)
def test_two_strips_in_a_row_are_meant_along_a_course_of_time(rows, columns, kernel, told):
    network = archdsl.load(Source("net.arch", STRIPS.format(rows, columns, k=kernel)))
    assert ("W105" in {each.code for each in network.lints}) == told
