"""Random specs: the live module is the interpreter's equal, and its source is a clean file."""

import ast
import copy
import os
import pickle
import subprocess
import sys

import pytest

import archdsl
from archdsl import ArchError
from archdsl.source import Source
from tests.backends import random_specs

torch = pytest.importorskip("torch")
interpreter = pytest.importorskip("tests.backends.interpreter")

QUICK = 300
GROUP = 50
TOLERANCE = 1e-10
REFUSED = {"E0202", "E0203", "E0501", "E0502"}
"""What a random spec may run into: a name twice, a name barred, a value of no use, a merge whose guards leave nothing."""

TOOLS = range(0, 60, 6)


def load(seed):
    """The network of a seed; None where its spec is refused, as a few are."""
    try:
        return archdsl.load(Source(f"{seed}.arch", random_specs.spec(seed)))
    except ArchError as fault:
        if {each.code for each in fault.diagnostics} <= REFUSED:
            return None
        raise


def networks(seeds):
    return [(seed, network) for seed in seeds if (network := load(seed)) is not None]


@pytest.fixture(params=TOOLS)
def network(request):
    found = load(request.param)
    return found if found is not None else load(request.param + 1)


@pytest.mark.parametrize("first", range(0, QUICK, GROUP))
def test_live_module_equals_the_interpreter(first):
    found = networks(range(first, first + GROUP))
    assert len(found) > 0.85 * GROUP
    for seed, each in found:
        model = interpreter.randomised(each.to_torch())
        keys = {key: tuple(value.shape) for key, value in model.state_dict().items()}
        assert keys == interpreter.expected_state(each.graph), f"seed {seed}"
        learnable = sum(weight.elements for node in each.graph for weight in node.weights if weight.learnable)
        assert sum(parameter.numel() for parameter in model.parameters()) == learnable, f"seed {seed}"
        assert interpreter.difference(model, each.graph) < TOLERANCE, f"seed {seed}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the source of every quick seed."""
    path = tmp_path_factory.mktemp("emitted")
    for seed, each in networks(range(QUICK)):
        (path / f"seed{seed}.py").write_text(each.to_torch_source())
    return path


def ruff(*arguments):
    command = [sys.executable, "-m", "ruff", *map(str, arguments), "--isolated", "--line-length", "100"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_source_is_laid_out(folder):
    done = ruff("format", "--diff", folder)
    assert done.returncode == 0, done.stdout[-3000:]


def test_source_is_clean(folder):
    done = ruff("check", folder)
    assert done.returncode == 0, done.stdout[-3000:]


NODES = set(
    """
    Module Expr Constant ImportFrom Import alias ClassDef FunctionDef arguments arg Assign Attribute Name Load Store Call keyword
    Return Tuple List BinOp Add Sub Mult Div FloorDiv Mod IfExp If For Compare Is IsNot Eq NotEq Lt LtE Gt GtE UnaryOp Not USub
    BoolOp And Or GeneratorExp comprehension Starred AnnAssign BitOr Subscript AugAssign Slice JoinedStr FormattedValue
    """.split()
)


def test_source_holds_nothing_but_plain_statements(folder):
    for path in sorted((folder).iterdir()):
        kinds = {type(node).__name__ for node in ast.walk(ast.parse(path.read_text()))}
        assert kinds <= NODES, f"{path.name}: {kinds - NODES}"


def test_same_bytes_in_every_process():
    program = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
from tests.backends.test_random_specs import networks
print([(seed, hashlib.sha256(each.to_torch_source().encode()).hexdigest()) for seed, each in networks(range(0, 120, 3))])
"""
    printed = set()
    for seed in ("1", "2"):
        command = [sys.executable, "-c", program, os.getcwd()]
        environment = os.environ | {"PYTHONHASHSEED": seed}
        printed.add(subprocess.run(command, env=environment, capture_output=True, check=True, timeout=120).stdout)
    assert len(printed) == 1


def values(made):
    return [made] if isinstance(made, torch.Tensor) else list(made)


def same(ours, theirs):
    return all(torch.allclose(one, other, equal_nan=True) for one, other in zip(values(ours), values(theirs), strict=True))


@pytest.fixture
def live(network):
    """Module, inputs, and what it makes of them."""
    model = interpreter.randomised(network.to_torch()).eval()
    inputs = tuple(interpreter.images(network.graph))
    with torch.no_grad():
        return model, inputs, model(*inputs)


def test_a_deep_copy_shares_nothing(live):
    model, inputs, wanted = live
    copied = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        assert same(copied(*inputs), wanted)


def test_compiles(live):
    model, inputs, wanted = live
    torch.compiler.reset()
    with torch.no_grad():
        assert same(torch.compile(model, backend="eager", fullgraph=True)(*inputs), wanted)
    torch.compiler.reset()


def test_exports(live):
    model, inputs, wanted = live
    with torch.no_grad():
        assert same(torch.export.export(model, inputs).module()(*inputs), wanted)


def test_pickles_open_in_a_fresh_process(tmp_path):
    stored = []
    for _, each in networks(TOOLS):
        model = interpreter.randomised(each.to_torch()).eval()
        inputs = interpreter.images(each.graph)
        with torch.no_grad():
            stored.append((model, inputs, model(*inputs)))
    (tmp_path / "models.pickle").write_bytes(pickle.dumps(stored))
    program = """
import pickle, sys
import torch
with open(sys.argv[1], "rb") as file:
    stored = pickle.load(file)
for model, inputs, wanted in stored:
    with torch.no_grad():
        made = model(*inputs)
    assert type(made) is type(wanted)
    for one, other in zip([made] if torch.is_tensor(made) else made, [wanted] if torch.is_tensor(wanted) else wanted):
        assert torch.allclose(one, other, equal_nan=True)
"""
    subprocess.run([sys.executable, "-c", program, tmp_path / "models.pickle"], check=True, timeout=120)
