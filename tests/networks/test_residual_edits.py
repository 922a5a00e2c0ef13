"""Ablations by path and by line: any named part, iteration or statement of a spec may go, or one clear error says why not."""

import re
import shutil

import pytest

import archdsl
from archdsl import ArchError
from archdsl.choices import Choices
from archdsl.pipeline import build, library, read
from archdsl.source import Source
from tests.networks.mutation import statement_lines, the_fault, without_expectations

INCEPTION = ("inception_v4", "inception_resnet_v2", "inception_resnet_v2_slim", "inception_v3", "inception_resnet_v1")
RESIDUAL = ("resnet18", "resnet34", "resnet50", "resnet50_v2", "resnet20", "plain18", "plain20")
OPTIONS = {"resnet18": {"option": "A"}, "resnet50": {"option": "C"}, "resnet50_v2": {"stride_on": "3x3"}}


def parts(network):
    """Paths of all that has a name of its own, with ``[*]`` for each index; what is inside a layer (its ``bn``) is no part."""
    layers = {scope.path for scope in network.graph.scopes if scope.callee in ("cbr", "cb")}
    paths = [scope.path for scope in network.graph.scopes[1:] if not scope.path.endswith("]")]
    paths += [node.path for node in network.graph if node.path.rpartition(".")[0] not in layers]
    return dict.fromkeys(re.sub(r"\[\d+\]", "[*]", path) for path in paths if path not in network.inputs)


def iterations(network):
    return [scope.path for scope in network.graph.scopes if scope.path.endswith("]")]


class Edited:
    """A bundled network under edits, its spec read once."""

    def __init__(self, name):
        self._program = read(name)
        self.whole = self.network()

    def network(self, edit=""):
        return build(self._program, Choices(edits=(Source("<edits>", edit),)))


def fault_of(network, *arguments, **choices):
    """The one fault that ``network`` raises, worded as all are; None where it raises none."""
    try:
        network(*arguments, **choices)
    except ArchError as caught:
        return the_fault(caught)
    return None


@pytest.mark.parametrize("name", [name for name in INCEPTION + RESIDUAL if name != "inception_resnet_v2_slim"])
def test_every_named_part_can_be_dropped(name):
    """What fails is a sum whose sides no longer fit, or a classifier whose input is still a map; all other widths follow."""
    edited = Edited(name)
    faults = {path: fault_of(edited.network, f"drop {path}") for path in parts(edited.whole)}
    refused = {path: fault for path, fault in faults.items() if fault is not None}
    assert {fault.code for fault in refused.values()} <= {"E0301", "E0302", "E0303", "E0501", "E0502"}
    assert len(refused) <= len(faults) * 0.4, {path: fault.message for path, fault in refused.items()}


@pytest.mark.parametrize("name", INCEPTION + RESIDUAL)
def test_every_iteration_can_be_dropped(name):
    edited = Edited(name)
    whole = edited.whole
    assert iterations(whole)
    for path in iterations(whole):
        network = edited.network(f"drop {path}")
        assert network.outputs == whole.outputs
        assert network.params < whole.params
        assert not any(node.path.startswith(f"{path}.") for node in network.graph)


@pytest.mark.parametrize("name", ["resnet152", "resnet152_v2", "resnet110"])
def test_an_iteration_of_a_deep_network_can_be_dropped(name):
    stage = "stage3" if name == "resnet110" else "conv4_x"
    whole = archdsl.load(name)
    kept = {node.path for node in archdsl.load(name, edits=f"drop {stage}[17]").graph}
    assert {node.path for node in whole.graph} - kept == {
        node.path for node in whole.graph if node.path.startswith(f"{stage}[17].")
    }


@pytest.mark.parametrize("edit, params", [("drop b[*].res.mix.b7", 25_153_928), ("drop b[3].res.mix.b7", 31_705_928)])
def test_inception_resnet_v2_without_its_1x7_and_7x1(edit, params):
    assert archdsl.load("inception_resnet_v2", edits=edit).params == params


@pytest.mark.parametrize(
    "name, edit",
    [
        ("resnet34", "drop conv3_x[0]"),
        ("resnet50", "drop conv4_x[*].b"),
        ("resnet50_v2", "drop conv3_x[0]"),
        ("inception_v3", "drop b[1..2].deep"),
        ("inception_resnet_v1", "drop c[*].res.mix.b3"),
    ],
)
def test_what_is_left_runs(name, edit):
    torch = pytest.importorskip("torch")
    network = archdsl.load(name, edits=edit)
    with torch.device("meta"):
        model = network.to_torch()
        assert model(torch.zeros(2, 3, 96, 96)).shape == (2, 1000)
    assert sum(parameter.numel() for parameter in model.parameters()) == network.params


def specs():
    return sorted(
        path.stem for path in library().glob("*.arch") if re.match(r"resnet|plain|inception_v3|inception_resnet_v1", path.stem)
    )


@pytest.mark.parametrize("name", specs())
def test_a_spec_without_one_line(name):
    path, text = library() / f"{name}.arch", (library() / f"{name}.arch").read_text(encoding="utf-8")
    mutants = dict(statement_lines(text))
    assert mutants
    faults = {line: fault_of(archdsl.load, Source(str(path), mutant)) for line, mutant in mutants.items()}
    refused = {fault.code for fault in faults.values() if fault is not None}
    # A missing import, a caption that no longer holds, a value that nothing made.
    assert refused <= {"E0201", "E0303", "E0304", "E0405", "E0501", "E0503"}
    if not name.startswith("inception"):
        assert len(faults) == 3  # import, facts, parameters
        assert [fault is None for fault in faults.values()][1:] == [True, True]


@pytest.mark.parametrize(
    "file, names",
    [
        ("lib/resnet.arch", ("resnet18", "resnet50", "plain18")),
        ("lib/resnet_cifar.arch", ("resnet20",)),
        ("lib/resnet_v2.arch", ("resnet50_v2",)),
    ],
)
def test_a_library_file_without_one_line(tmp_path, file, names):
    copy = tmp_path / "specs"
    shutil.copytree(library(), copy)
    text = (copy / file).read_text(encoding="utf-8")
    faults = {}
    for line, mutant in statement_lines(text):
        (copy / file).write_text(mutant, encoding="utf-8")
        faults |= {(line, name): fault_of(archdsl.load, copy / f"{name}.arch") for name in names}
        (copy / file).write_text(without_expectations(mutant), encoding="utf-8")
        for name in names:
            faults[line, name, "other options"] = fault_of(archdsl.load, copy / f"{name}.arch", **OPTIONS.get(name, {}))
    compiling = sum(fault is None for fault in faults.values())
    assert compiling > len(faults) * 0.5
