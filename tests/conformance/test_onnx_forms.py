"""Every operator in ONNX, at every opset at which something changes, of fixed and of free height and width.

What ONNX's checker and strict inference say of the shape, and ONNX Runtime of the values, against ours and torch's.
"""

import dataclasses

import numpy as np
import pytest
import torch

from archdsl.ir import OnnxForm, OpError, Unsupported
from tests.conformance.cases import BATCH, CASES, Case
from tests.conformance.onnx_model import NEWEST, OPSETS, free_inputs, inferred_shape, model, run, session
from tests.conformance.torch_module import live, ready, tensors

TOLERANCE = 1e-5
SIZES = ((11, 14), (10, 9), (7, 17), (23, 5))
"""The size for which a case is written, and others at which the same model must be right too."""

REWRITTEN = (13, 22)
"""Opsets at which ONNX Runtime may rewrite the model, as it does for a user: it moves paddings into convolutions and pools."""

REFUSED_FREE = {
    "flatten()": "`global_avg_pool` or `adaptive_avg_pool` before it",
    "layer_norm(over=all,eps=0.01)": "weights of its height and width",
}
"""The cases that have no form with free sizes at any opset, and what is said of them."""
NEEDS_OPSET_22_TO_BE_FREE = {
    "avg_pool(kernel=5,stride=4,pad=sym,ceil=True,count_pad=True)",
    "avg_pool(kernel=4,stride=3,pad=(1,3,0,2),ceil=True,count_pad=True)",
    "avg_pool(kernel=4,stride=3,pad=(1,3,0,2),ceil=True)",
    "avg_pool(kernel=(3,2),stride=3,pad=(1,0,1,1),ceil=True)",
}
FREE = [case for case in CASES if any(free_inputs(case.inputs, OnnxForm(dynamic=True)))]

cases = pytest.mark.parametrize("case", CASES, ids=str)


def relative_error(ours: np.ndarray, theirs: np.ndarray) -> float:
    assert ours.shape == theirs.shape
    assert np.isfinite(theirs).all()
    return float(np.abs(ours - theirs).max() / max(np.abs(theirs).max(), 1e-6))


def values(case: Case, module: torch.nn.Module, seed: int = 0) -> tuple[list[np.ndarray], np.ndarray]:
    """Inputs, and torch's output for them."""
    samples = tensors(case, seed)
    with torch.no_grad():
        return [sample.numpy() for sample in samples], module(*samples).numpy()


def agrees(found: tuple[object, ...], shape: tuple[object, ...]) -> bool:
    """Whether an inferred shape says nothing wrong: its numbers are ours, and the rest is not known to it."""
    unknown = [isinstance(each, str) or each == 0 for each in found]
    return len(found) == len(shape) and all(
        none or each == wanted for none, each, wanted in zip(unknown, found, shape, strict=True)
    )


@cases
def test_fixed_sizes_at_every_opset(case):
    module = ready(case)
    weights = {name: value.numpy() for name, value in module.state_dict().items()}
    samples, wanted = values(case, module)
    # Inference loses the name of the batch behind a Resize.
    batch = "unk__0" if case.keyword == "upsample" else "N"
    for opset in OPSETS:
        proto = model(case.op, case.inputs, weights, OnnxForm(opset))
        assert inferred_shape(proto) == (batch, *case.op.infer(case.inputs).shape)
        assert relative_error(run(proto, samples), wanted) < TOLERANCE, opset
        if opset in REWRITTEN:
            assert relative_error(run(session(proto, rewritten=True), samples), wanted) < TOLERANCE, opset


def at(case: Case, size: tuple[int, int]) -> Case:
    """The case with its maps of another size, but for those of a single cell."""
    shapes = tuple(shape if len(shape) == 1 or shape[1:] == (1, 1) else (shape[0], *size) for shape in case.shapes)
    return dataclasses.replace(case, shapes=shapes)


def at_each_size(case: Case, state: dict[str, torch.Tensor]) -> list[tuple[Case, list[np.ndarray], np.ndarray]]:
    """The case at the sizes that it may have, with inputs and torch's output."""
    found = []
    for number, size in enumerate(SIZES):
        there = at(case, size)
        try:
            there.op.infer(there.inputs)
        except OpError:
            continue
        module = live(there.op, there.inputs).eval()
        module.load_state_dict(state)
        found.append((there, *values(there, module, number)))
    assert len(found) > 1
    return found


@pytest.mark.parametrize("case", [case for case in FREE if str(case) not in REFUSED_FREE], ids=str)
def test_free_sizes_at_every_opset(case):
    state = ready(case).state_dict()
    weights = {name: value.numpy() for name, value in state.items()}
    everywhere = at_each_size(case, state)
    fixed = len({there.op.infer(there.inputs) for there, *_ in everywhere}) == 1
    assert case.op.free_size(case.inputs, free_inputs(case.inputs, OnnxForm(dynamic=True))) is not fixed
    for opset in OPSETS:
        form = OnnxForm(opset, dynamic=True)
        if opset < 22 and str(case) in NEEDS_OPSET_22_TO_BE_FREE:
            with pytest.raises(Unsupported, match=r"`avg_pool` with `ceil` .* needs opset 22 of ONNX"):
                model(case.op, case.inputs, weights, form)
            continue
        proto = model(case.op, case.inputs, weights, form)
        output = case.op.infer(case.inputs)
        assert agrees(
            inferred_shape(proto), ("N", *output.shape) if fixed or not output.is_map else ("N", output.channels, "", "")
        )
        ready_made = session(proto, rewritten=opset in REWRITTEN)
        for there, samples, wanted in everywhere:
            height, width = max(each.spatial for each in there.inputs)
            pinned = model(case.op, case.inputs, weights, form, {"H": height, "W": width})
            assert agrees(inferred_shape(pinned), ("N", *there.op.infer(there.inputs).shape))
            assert relative_error(run(ready_made, samples), wanted) < TOLERANCE, (opset, height, width)


@pytest.mark.parametrize("case", [case for case in FREE if str(case) in REFUSED_FREE], ids=str)
def test_what_cannot_be_free_is_refused(case):
    for opset in OPSETS:
        with pytest.raises(Unsupported, match=REFUSED_FREE[str(case)]):
            model(case.op, case.inputs, {}, OnnxForm(opset, dynamic=True))


def test_refusals_are_of_cases():
    names = {str(case) for case in FREE}
    assert REFUSED_FREE.keys() <= names
    assert names >= NEEDS_OPSET_22_TO_BE_FREE


@pytest.mark.parametrize("keyword", ["add", "concat", "mul"])
def test_a_free_map_beside_a_fixed_one_is_refused(keyword):
    case = Case(keyword, {}, ((6, 11, 14), (6, 11, 14)))
    assert case.op.free_size(case.inputs, (True, True))
    assert not case.op.free_size(case.inputs, (False, False))
    for free in ((True, False), (False, True)):
        with pytest.raises(Unsupported, match=f"`{keyword}` takes a map .* beside one that is always 11x14"):
            case.op.free_size(case.inputs, free)


def test_a_fixed_gate_weighs_a_map_of_any_size():
    case = Case("mul", {}, ((6, 11, 14), (6, 1, 1)))
    assert case.op.free_size(case.inputs, (True, False))
    assert not case.op.free_size(case.inputs, (False, False))
    with pytest.raises(Unsupported, match="beside one that is always 11x14"):
        case.op.free_size(case.inputs, (False, True))


def test_every_opset_between_is_like_the_one_before():
    """The opsets that are not run bring no form of their own."""
    for dynamic in (False, True):
        for case in CASES:
            if str(case) in REFUSED_FREE or str(case) in NEEDS_OPSET_22_TO_BE_FREE:
                continue
            forms = {
                opset: case.op.onnx(case.inputs, case.op.infer(case.inputs), OnnxForm(opset, dynamic))
                for opset in range(13, NEWEST + 1)
            }
            assert all(forms[opset] == forms[max(each for each in OPSETS if each <= opset)] for opset in forms)


def test_batch_differs_from_every_number_of_channels():
    assert BATCH not in {shape[0] for case in CASES for shape in case.shapes}
