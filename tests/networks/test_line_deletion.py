"""A body is a pipe: a bundled spec without any one of its lines compiles, or one clear error says why it cannot."""

import shutil

import pytest

import archdsl
from archdsl import ArchError
from archdsl.pipeline import library
from archdsl.source import Source
from tests.networks.mutation import statement_lines, the_fault, without_expectations

# How many networks compile at least, of those that lack one line; fewer would mean that the language has become more rigid.
LEAST_THAT_COMPILE = {"inception_v4": 33, "inception_resnet_v2": 11, "inception_resnet_v2_slim": 15}
LEAST_WITHOUT_LINES_OF = {
    ("lib/inception.arch", "inception_v4"): 31,
    ("lib/inception_resnet.arch", "inception_resnet_v2"): 15,
}


def fault_of(spec):
    """None where the spec compiles, else what is wrong.

    Anything but an :class:`ArchError` about one fault fails the test, or about the names that one import brought.
    """
    try:
        archdsl.load(spec)
    except ArchError as caught:
        return the_fault(caught)
    return None


def census(what, faults):
    """How many of the mutants compile; the faults of the others are worded as all are."""
    for number, fault in faults.items():
        if fault is not None:
            assert fault.primary is not None, number
            assert fault.message[:1] == fault.message[:1].lower(), number
            assert not fault.message.endswith("."), number
    compiling = sum(fault is None for fault in faults.values())
    print(f"{what}: {compiling} of {len(faults)} one-line deletions compile, the others give {', '.join(codes(faults))}")  # noqa: T201
    return compiling


def codes(faults):
    return sorted({fault.code for fault in faults.values() if fault is not None})


def deletions(name, text):
    path = str(library() / f"{name}.arch")
    return {number: fault_of(Source(path, mutant)) for number, mutant in statement_lines(text)}


@pytest.mark.parametrize("name", LEAST_THAT_COMPILE)
def test_without_one_line(name):
    faults = deletions(name, (library() / f"{name}.arch").read_text(encoding="utf-8"))
    census(name, faults)
    # What a changed width breaks is a caption of the figure; the shapes themselves always fit.
    assert "E0301" not in codes(faults)


@pytest.mark.parametrize("name", LEAST_THAT_COMPILE)
def test_without_one_line_and_without_captions(name):
    faults = deletions(name, without_expectations((library() / f"{name}.arch").read_text(encoding="utf-8")))
    assert census(f"{name} without captions", faults) >= LEAST_THAT_COMPILE[name]
    assert "E0304" not in codes(faults)


@pytest.mark.parametrize("file, name", LEAST_WITHOUT_LINES_OF)
def test_without_one_line_of_the_library(tmp_path, file, name):
    copy = tmp_path / "specs"
    shutil.copytree(library(), copy)
    spec = copy / f"{name}.arch"
    spec.write_text(without_expectations(spec.read_text(encoding="utf-8")), encoding="utf-8")
    text = (copy / file).read_text(encoding="utf-8")
    faults = {}
    for number, mutant in statement_lines(text):
        (copy / file).write_text(mutant, encoding="utf-8")
        faults[number] = fault_of(spec)
    assert census(f"{name} without a line of {file}", faults) >= LEAST_WITHOUT_LINES_OF[file, name]
