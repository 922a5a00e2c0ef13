"""Every operator against torch: shapes, weights, parameters and multiply-accumulates; and the contract that all obey."""

import inspect
import typing

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from archdsl.ir import Op, OpError
from archdsl.ops import ALL, BY_KEYWORD, build
from tests.conformance.cases import BATCH, CASES, Case
from tests.conformance.torch_module import live, namespace, ready, tensors

cases = pytest.mark.parametrize("case", CASES, ids=str)


def test_every_operator_has_a_case():
    assert {case.keyword for case in CASES} == {operator.keyword for operator in ALL}


def test_every_attribute_is_varied():
    varied = {(case.keyword, name) for case in CASES for name in case.attributes}
    assert [(op.keyword, name) for op in ALL for name in op.model_fields if (op.keyword, name) not in varied] == []


@cases
def test_shape_is_that_of_torch(case):
    with torch.no_grad():
        assert tuple(ready(case)(*tensors(case)).shape) == (BATCH, *case.op.infer(case.inputs).shape)


@cases
def test_weights_are_those_of_torch(case):
    module = live(case.op, case.inputs)
    ours = case.op.weights(case.inputs)
    assert {weight.name: weight.shape for weight in ours} == {n: tuple(v.shape) for n, v in module.state_dict().items()}
    assert {weight.name for weight in ours if weight.learnable} == {name for name, _ in module.named_parameters()}


@cases
def test_params_and_macs_are_those_of_torch(case):
    module = live(case.op, case.inputs).eval()
    cost = case.op.cost(case.inputs, case.op.infer(case.inputs))
    assert cost.params == sum(parameter.numel() for parameter in module.parameters())
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(*tensors(case))
    assert 2 * cost.mac * BATCH == counter.get_total_flops()
    assert cost.flops == 2 * cost.mac


@cases
def test_bytes_and_pure_methods(case):
    op, inputs = case.op, case.inputs
    output = op.infer(inputs)
    cost = op.cost(inputs, output)
    stored = sum(weight.elements for weight in op.weights(inputs))
    assert cost.bytes_in == 4 * (sum(each.elements for each in inputs) + stored)
    assert cost.bytes_out == 4 * output.elements
    assert (op.infer(inputs), op.cost(inputs, output), op.torch(inputs, output)) == (output, cost, op.torch(inputs, output))
    assert hash(op) == hash(case.op)
    assert op == case.op


@cases
def test_arguments_name_attributes_and_defaults_of_torch(case):
    target = case.op.torch(case.inputs, case.op.infer(case.inputs))
    fields = type(case.op).model_fields
    assert all(arg.attribute is None or arg.attribute in fields for arg in target.args)
    if not hasattr(target, "type"):
        return
    parameters = inspect.signature(eval(target.type, namespace(target.sources))).parameters
    for arg in target.args:
        if arg.value != arg.default or arg.positional or arg.name not in parameters:
            continue
        theirs = parameters[arg.name].default
        if (arg.name, theirs) == ("stride", None):  # torch's pools: the kernel
            theirs = next(each.value for each in target.args if each.name == "kernel_size")
        assert arg.default in (theirs, (theirs, theirs))


@pytest.mark.parametrize("keyword", BY_KEYWORD)
def test_class_facts(keyword):
    operator = BY_KEYWORD[keyword]
    assert operator.keyword == keyword
    assert operator.family in {"conv", "norm", "activation", "pool", "linear", "shape", "merge", "regularisation"}
    assert len(operator.positional) <= 2
    assert set(operator.positional) <= set(operator.model_fields)
    assert operator.counts_as_layer == (operator.family in ("conv", "linear"))
    assert operator.__doc__
    assert operator.__doc__ != Op.__doc__
    assert typing.get_type_hints(operator)


def test_keywords_are_unique():
    assert len(BY_KEYWORD) == len(ALL)


def test_batch_norm_trains_alike_with_the_stated_momentum():
    case = Case("bn", {"momentum": 0.25})
    module = live(case.op, case.inputs).train()
    (sample,) = tensors(case)
    module(sample)
    assert torch.allclose(module.running_mean, 0.25 * sample.mean((0, 2, 3)))


def test_layers_follow_the_size_of_their_input_at_run_time():
    """`same` with a stride is compiled for one size and must be right at another."""
    for keyword, attributes in (
        ("conv", {"channels": 8, "kernel": 3, "stride": 2}),
        ("separable_conv", {"channels": 8, "kernel": 3, "stride": 2}),
        ("max_pool", {"kernel": 3, "stride": 2}),
        ("avg_pool", {"kernel": 3, "stride": 2}),
        ("max_pool", {"kernel": 4, "stride": 3, "pad": (1, 2, 3, 0), "ceil": True}),
        ("avg_pool", {"kernel": 4, "stride": 3, "pad": (1, 2, 3, 0), "ceil": True}),
    ):
        compiled = live(build(BY_KEYWORD[keyword], attributes), Case(keyword).inputs).eval()
        for size in ((10, 13), (9, 9), (7, 16), (12, 5)):
            there = Case(keyword, attributes, ((6, *size),))
            fresh = live(there.op, there.inputs).eval()
            fresh.load_state_dict(compiled.state_dict())
            (sample,) = tensors(there)
            assert torch.equal(compiled(sample), fresh(sample))
            assert tuple(compiled(sample).shape[1:]) == there.op.infer(there.inputs).shape


@pytest.mark.parametrize("case", [case for case in CASES if case.keyword in ("conv", "max_pool", "avg_pool")][::3], ids=str)
def test_exported_program_takes_another_batch(case):
    module = ready(case)
    (sample,) = tensors(case)
    program = torch.export.export(module, (sample,), dynamic_shapes=({0: torch.export.Dim("n", min=1)},))
    (other,) = (torch.cat([each, each, each]) for each in tensors(case, seed=3))
    assert torch.allclose(program.module()(other), module(other), atol=1e-5)


def test_same_padding_exports_for_any_size():
    module = ready(Case("conv", {"channels": 8, "kernel": 3, "stride": 2}))
    height, width = torch.export.Dim("h", min=4, max=64), torch.export.Dim("w", min=4, max=64)
    program = torch.export.export(module, tuple(tensors(Case("conv"))), dynamic_shapes=({2: height, 3: width},))
    for size in ((9, 9), (16, 7)):
        sample = torch.randn(BATCH, 6, *size)
        assert torch.allclose(program.module()(sample), module(sample), atol=1e-5)


def fault_of(operator: type[Op], attributes: dict[str, object]) -> OpError | None:
    try:
        build(operator, attributes)
    except OpError as fault:
        return fault
    return None


@pytest.mark.parametrize("keyword", BY_KEYWORD)
def test_no_value_raises_anything_but_an_error_of_our_own(keyword):
    operator = BY_KEYWORD[keyword]
    complete = next(case.attributes for case in CASES if case.keyword == keyword)
    for value in (None, -1, "x", (), object(), float("nan"), 1 << 70, 10**5000, b"x", [[1]], {"a": 1}):
        for name in (*operator.model_fields, "nonsense"):
            fault = fault_of(operator, {**complete, name: value})
            assert fault is None or fault.code in ("E0401", "E0402", "E0404")
            assert fault is None or fault.attribute in (*operator.model_fields, "nonsense")
            assert fault is None or "\n" not in fault.message
