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
