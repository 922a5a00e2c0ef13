"""LeNet-5 to SqueezeNet as material for ablations: without any line, branch or iteration they compile, or one error says why."""

import re
import shutil

import pytest

import archdsl
from archdsl import ArchError
from archdsl.pipeline import library
from archdsl.source import Source
from tests.networks.history_maps_a import NAMES, VGG
from tests.networks.mutation import statement_lines, the_fault, without_expectations

# How many networks compile at least of those that lack one line, captions apart; fewer mean that the language is more rigid.
LEAST_THAT_COMPILE = {
    "lenet5": 10,
    "alexnet": 14,
    "alexnet_grouped": 16,
    "alexnet_owt": 17,
    "zfnet": 14,
    "vgg11": 4,
    "vgg13": 4,
    "vgg16": 4,
    "vgg19": 4,
    "googlenet": 27,
    "googlenet_bn": 5,
    "squeezenet1_1": 22,
}
LEAST_WITHOUT_LINES_OF = {
    ("lib/alexnet.arch", "alexnet_grouped"): 6,
    ("lib/vgg.arch", "vgg16"): 14,
    ("lib/googlenet.arch", "googlenet"): 16,
    ("lib/googlenet.arch", "googlenet_bn"): 16,
    ("lib/squeezenet.arch", "squeezenet1_1"): 4,
}
WITH_HEADS = {"googlenet": {"aux": True}, "googlenet_bn": {"aux": True}}
# What may be wrong with a network that lacks a place: shapes that no longer fit, or a part that has to be there.
SHAPES_OR_STRUCTURE = ("E03", "E05")


def fault_of(spec, **choices):
    """None where the spec compiles, else what is wrong; anything but an :class:`ArchError` about one fault fails the test."""
    try:
        archdsl.load(spec, **choices)
    except ArchError as caught:
        return the_fault(caught)
    return None


def census(what, faults):
    """How many compile; the faults of the others point at a place and are worded as all are."""
    for place, fault in faults.items():
        if fault is not None:
            assert fault.primary is not None, place
            assert fault.message[:1] == fault.message[:1].lower(), place
            assert not fault.message.endswith("."), place
    codes = sorted({fault.code for fault in faults.values() if fault is not None})
    compiling = sum(fault is None for fault in faults.values())
    print(f"{what}: {compiling} of {len(faults)} compile, the others give {', '.join(codes) or 'nothing'}")  # noqa: T201
    return compiling


@pytest.mark.parametrize("name", NAMES)
def test_without_one_line(name):
    path = library() / f"{name}.arch"
    text = path.read_text(encoding="utf-8")
    whole = {number: fault_of(Source(str(path), mutant)) for number, mutant in statement_lines(text)}
    census(name, whole)
    bare = statement_lines(without_expectations(text))
    faults = {number: fault_of(Source(str(path), mutant)) for number, mutant in bare}
    assert census(f"{name} without captions", faults) >= LEAST_THAT_COMPILE[name]
    assert all(fault is None or fault.code != "E0304" for fault in faults.values())


@pytest.mark.parametrize("file, name", LEAST_WITHOUT_LINES_OF)
def test_without_one_line_of_the_library(tmp_path, file, name):
    copy = tmp_path / "specs"
    shutil.copytree(library(), copy)
    for spec in copy.rglob("*.arch"):
        spec.write_text(without_expectations(spec.read_text(encoding="utf-8")), encoding="utf-8")
    text = (copy / file).read_text(encoding="utf-8")
    faults = {}
    for number, mutant in statement_lines(text):
        (copy / file).write_text(mutant, encoding="utf-8")
        faults[number] = fault_of(copy / f"{name}.arch", **WITH_HEADS.get(name, {}))
    assert census(f"{name} without a line of {file}", faults) >= LEAST_WITHOUT_LINES_OF[file, name]


def places(graph):
    """Paths of all blocks, branches and iterations, and of the nodes that lie in the network itself or in a block of it."""
    scopes = {scope.path for scope in graph.scopes}
    nodes = {node.path for node in graph if node.op.keyword != "input" and node.path.count(".") < 2}
    return sorted((scopes | nodes) - {""})


@pytest.mark.parametrize("name", NAMES)
def test_without_one_place(name):
    choices = WITH_HEADS.get(name, {})
    whole = archdsl.load(name, **choices).graph
    faults = {}
    for path in places(whole):
        try:
            left = archdsl.load(name, edits=f"drop {path}", **choices).graph
        except ArchError as caught:
            (faults[path],) = caught.diagnostics
            continue
        faults[path] = None
        there = {node.path for node in left}
        assert there < {node.path for node in whole}, path
        if not is_numbered(path, whole):
            assert not any(is_at(node, path) for node in there), path
    assert census(f"{name} without one place", faults) >= 0.7 * len(faults)
    assert all(fault is None or fault.code.startswith(SHAPES_OR_STRUCTURE) for fault in faults.values())


def is_numbered(path, graph):
    """Whether a path is one of several that operators without a label get: once one is dropped, the next takes its name."""
    stem = re.sub(r"_\d+$", "", path)
    return f"{stem}_2" in graph


def is_at(node, path):
    return node == path or node.startswith((f"{path}.", f"{path}["))


@pytest.mark.parametrize("name, count", [(name, count) for name in VGG for count in (0, 1, 5)])
def test_other_counts_of_a_repeat(name, count):
    network = archdsl.load(name, edits=f"set conv4:repeat = {count}")
    assert len([node for node in network.graph if re.match(r"conv4\[\d\]\.conv$", node.path)]) == count


@pytest.mark.parametrize("branch", ["b1", "b3", "b5", "pool"])
def test_a_branch_of_every_inception_module_can_be_dropped(branch):
    for name in ("googlenet", "googlenet_bn"):
        modules = "3a 3b 4a 4b 4c 4d 4e 5a 5b".split()
        without = archdsl.load(name, edits=[f"drop inc{module}.{branch}" for module in modules])
        assert without.outputs == {"logits": (1000,)}
        assert not any(f".{branch}." in node.path for node in without.graph)
