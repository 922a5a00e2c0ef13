"""A graph as JSON: the same graph comes back, and nothing else than such a text is taken for one."""

import json
import random
from contextlib import suppress
from copy import deepcopy

import pytest

import archdsl
from archdsl import ArchError
from archdsl.analysis.provenance import paths
from archdsl.backends.torch.emit import emit
from archdsl.ir import dump, fingerprint
from archdsl.ir.exchange import from_json, to_json
from archdsl.ops import BY_KEYWORD
from archdsl.pipeline import Network, bundled
from archdsl.render import provenance, table
from archdsl.source import Source


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


VALUES = [None, -1, 0, 1, 7, 10**9, 2**70, 1.5, "x", "", "a[0].b", "conv", "a b", "class", "\ud800", [], {}, True, False]
VALUES += [[0, 0, 0], [0, 1], [[0, 0, 5]], ["x"], {"x": 1}, {"count": 2}, "repeat", "block", "literal"]


def found_at(document, place):
    """What is at a place of a document; None where an earlier change has removed it."""
    for key in place:
        there = isinstance(document, dict) and key in document
        if not there and not (isinstance(document, list) and isinstance(key, int) and key < len(document)):
            return None
        document = document[key]
    return document


def damage(r, document, places):
    """Removes the value at one place, changes it a little, or puts another there, perhaps from elsewhere in the document."""
    *way, last = r.choice(places)
    target = found_at(document, way)
    old = found_at(document, (*way, last))
    if old is None or not isinstance(target, dict | list):
        return
    kind = r.random()
    if kind < 0.15:
        del target[last]
    elif kind < 0.4:
        target[last] = deepcopy(found_at(document, r.choice(places)))
    elif kind < 0.6 and isinstance(old, int | float):
        target[last] = old + r.choice([-1, 1, 0.0, 0.5])
    elif kind < 0.6 and isinstance(old, str):
        target[last] = old + r.choice(["x", "[0]", ".x", " ", "\n"])
    elif kind < 0.6 and isinstance(old, list) and old:
        r.choice([r.shuffle, list.pop, lambda each: each.append(each[-1])])(old)
    else:
        target[last] = deepcopy(r.choice(VALUES))


def used_throughout(graph):
    """All that is made of a graph; anything but an ``ArchError`` fails the test."""
    network = Network(graph)
    to_json(graph)
    fingerprint(graph)
    table.text(network.report)
    table.csv(network.report)
    for path in (*paths(graph)[:3], *paths(graph)[-3:]):
        json.dumps(provenance.as_json(network.why(path)))
        provenance.text(network.why(path))
    for made in (network.to_torch_source, lambda: network.lints):
        with suppress(ArchError):
            made()


@pytest.mark.parametrize("name, count", [("lenet5", 350), ("squeezenet1_1", 150), ("resnet18", 100)])
def test_damaged_documents_are_refused_or_sound(name, count):
    text = to_json(archdsl.load(name).graph)
    fields = {}
    for place in values(json.loads(text)):  # each kind of field as often as any other, however many nodes have it
        if place:
            fields.setdefault((place[0], *[key for key in place[1:] if isinstance(key, str)][:2]), []).append(place)
    r = random.Random(1)
    refused = 0
    for _ in range(count):
        document = json.loads(text)
        for _ in range(r.choice([1, 1, 2])):
            damage(r, document, r.choice(list(fields.values())))
        try:
            graph = from_json(json.dumps(document), BY_KEYWORD)
        except ArchError as fault:
            refused += {each.code for each in fault.diagnostics} == {"E0604"}
            continue
        used_throughout(graph)
    assert count / 2 < refused < count


GUARDED = """\
block B(w, on) {
  c: conv(w, 3x3)
  relu if on
}
arch net(w = 4) {
  input image: [N, 3, 8, 8]
  a was b: repeat 2 B(w, true)
  l: B(2 * w, false)
  side { output early }
  output y
}
"""
WRONG = {
    "network": [3, "a b", ""],
    "doc": [None, 3],
    "arguments": [[], {"w": None}, {"w": {}}, {"a b": 1}],
    "about": [{"a": {}}, {"a": None}, 3],
    "renames": [{"a": "b"}, {"a": ["b; c"]}, {"a b": ["c"]}, []],
    "sources": [[], {}, [{"path": "x"}], [{"path": 3, "text": ""}], [{"path": "x", "text": "\ud800"}]],
    "nodes/1/scope": [True, 0, 1.0, None, 99],
    "nodes/1/path": ["a.c", "a[0].if", "a[0].c d", 3, None],
    "nodes/1/op": ["linear", "nothing", 3, None, []],
    "nodes/1/macs": [1, None],
    "nodes/1/weights": [{}, None],
    "nodes/1/inputs": ["image", [], [3], ["nowhere"], ["a[1].c"]],
    "nodes/1/more": [1],
    "nodes/1/span": [[0, 1.0, 2], [0, True, 2], [-1, 0, 1], [9, 0, 1], [0, 2, 1], [0, 0, 10**9], [0, 0], 3, "x"],
    "nodes/1/origins": [None, [], {"channels": None}, {"channels": ["literal"]}],
    "nodes/1/origins/channels": [["guess", None, None], [{}, None, None], ["literal", [0, 0.5, 1], None], ["literal", None, 3]],
    "nodes/0/attributes": [{}, {"shape": [3, 0, 8]}, {"shape": [3, 8]}, {"shape": [3, 8, 8], "dims": ["C"]}, {"shape": []}],
    "scopes/1/path": [["a"], "b", "", 3],
    "scopes/1/kind": ["loop", [], None],
    "scopes/1/callee": [3, "a b", None],
    "scopes/1/doc": [3, None],
    "scopes/1/entry": ["nowhere", "", [], "a[1].relu"],
    "scopes/1/exit": ["nowhere", "", [], "a[0].c"],
    "scopes/1/parent": [1.0, None, 1, 5],
    "scopes/2/parent": [0, True],
    "scopes/1/arguments": [{}, {"count": "2"}, {"count": True}],
    "scopes/2/arguments": [None, {"w": {}}, {"w": None}],
    "scopes/2/defaults": [{"w": 3}, None],
    "scopes/2/definition": [3, [0, 0]],
    "guards/0/entry": [["a[0].c"], "nowhere", "", None],
    "guards/0/exit": [["a[0].c"], "nowhere", "", "l.c"],
    "guards/0/nodes": [[1], [1, "2"], [0, 1], [3, 2], [0, 99], None],
    "guards/0/present": [1, None, False],
    "guards/0/merged": [1, None],
    "guards/0/formula": [1, []],
    "guards/0/label": [1, "a b"],
    "guards/0/scope": [0.0, True, 99],
    "outputs": [[], {}, None],
    "outputs/0/name": [3, "if x", ""],
    "outputs/0/node": [["y"], "nowhere", None],
    "outputs/0/weight": ["1", float("nan"), True],
    "outputs/0/auxiliary": [1, None],
}


@pytest.mark.parametrize("place", WRONG)
def test_a_field_of_a_wrong_kind_is_refused(place):
    text = to_json(archdsl.load(Source("net.arch", GUARDED)).graph)
    *way, last = [int(key) if key.isdigit() else key for key in place.split("/")]
    for value in WRONG[place]:
        document = json.loads(text)
        target = found_at(document, way)
        assert isinstance(target, dict)
        target[last] = value
        with pytest.raises(ArchError, match="E0604"):
            from_json(json.dumps(document), BY_KEYWORD)


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "[" * 100_000, '{"schema": 2}', '{"schema": 1}', "\ud800"])
def test_what_is_no_graph_is_refused(text):
    with pytest.raises(ArchError, match="E0604"):
        from_json(text, BY_KEYWORD)
