"""Every named place of every bundled network left out by a glob over its repeats: the rest compiles, or one error says why."""

import re
from collections import Counter

import pytest

import archdsl
from archdsl import ArchError
from archdsl.pipeline import bundled

SHAPES_OR_STRUCTURE = ("E03", "E05")


def globs(graph):
    """How many places each path means, every index written `[*]`: scopes of any kind, and the network's own operations."""
    inputs = {node.path for node in graph.inputs}
    paths = {scope.path for scope in graph.scopes if scope.path} | {node.path for node in graph if "." not in node.path}
    return Counter(re.sub(r"\[\d+\]", "[*]", path) for path in paths - inputs)


@pytest.mark.parametrize("name", bundled())
def test_without_one_glob(name):
    whole = archdsl.load(name).graph
    places = globs(whole)
    refused = {}
    for path, count in places.items():
        try:
            left = archdsl.load(name, edits=f"drop {path}")
        except ArchError as fault:
            refused[path] = fault.diagnostics
            continue
        assert left.hits == ((f"drop {path}", count),)
        assert len(left.graph) < len(whole), path
    assert all(len(told) == 1 and told[0].code.startswith(SHAPES_OR_STRUCTURE) for told in refused.values())
    assert len(refused) <= len(places) / 2
