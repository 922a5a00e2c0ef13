"""A graph as JSON: the same graph comes back, and nothing else than such a text is taken for one."""

import json
import random

import pytest

import archdsl
from archdsl import ArchError
from archdsl.backends.torch.emit import emit
from archdsl.ir import dump, fingerprint
from archdsl.ir.exchange import from_json, to_json
from archdsl.ops import BY_KEYWORD
from archdsl.pipeline import bundled


@pytest.mark.parametrize("name", bundled())
def test_every_network_comes_back(name):
    graph = archdsl.load(name).graph
    text = to_json(graph)
    back = from_json(text, BY_KEYWORD)
    assert to_json(back) == text
    assert fingerprint(back) == fingerprint(graph)
    assert dump(back) == dump(graph)
    assert emit(back) == emit(graph)
    assert back.scopes[1].span.text == graph.scopes[1].span.text if len(graph.scopes) > 1 else True


def test_other_tools_find_shapes_and_costs():
    document = json.loads(to_json(archdsl.load("inception_v4").graph))
    conv = next(each for each in document["nodes"] if each["path"] == "stem.c1.conv")
    assert conv["op"] == "conv"
    assert conv["attributes"]["stride"] == [2, 2]
    assert conv["out"] == [32, 149, 149]
    assert conv["weights"] == {"weight": [32, 3, 3, 3]}
    assert conv["macs"] == 19181664


def values(document, place=()):
    """Every value in a document with its place."""
    yield place
    items = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    for key, value in items:
        yield from values(value, (*place, key))


def codes_of(text):
    """The codes under which ``text`` is refused, none where it is a graph; any other exception fails the test."""
    try:
        from_json(text, BY_KEYWORD)
    except ArchError as fault:
        return {each.code for each in fault.diagnostics}
    return set()


def test_damaged_documents_are_refused_or_sound():
    text = to_json(archdsl.load("lenet5").graph)
    places = [place for place in values(json.loads(text)) if place]
    r = random.Random(1)
    refused = 0
    for _ in range(600):
        document = json.loads(text)
        *way, last = r.choice(places)
        target = document
        for key in way:
            target = target[key]
        if r.random() < 0.3:
            del target[last]
        else:
            target[last] = r.choice([None, -1, 10**9, 1.5, "x", [], {}, True, [0, 0, 0], "conv"])
        refused += codes_of(json.dumps(document)) == {"E0604"}
    assert refused > 200


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "[" * 100_000, '{"schema": 2}', '{"schema": 1}', "\ud800"])
def test_what_is_no_graph_is_refused(text):
    with pytest.raises(ArchError, match="E0604"):
        from_json(text, BY_KEYWORD)
