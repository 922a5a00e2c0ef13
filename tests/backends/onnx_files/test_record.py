"""What a file says of its spec is believed only as far as it can be checked; anything else is refused in a sentence."""

import copy
import json
import random

import numpy as np
import pytest

import archdsl
from archdsl import ArchError
from archdsl.backends.onnx import record
from archdsl.ir.record import Expression, Record, Text
from archdsl.limits import Limits
from archdsl.source import Source
from archdsl.version import __version__
from tests.backends.onnx_files.models import network, record_of, same, with_record, written


@pytest.fixture
def whole(tmp_path):
    return written(tmp_path / "net.onnx")


def refusal(action):
    with pytest.raises(ArchError) as raised:
        action()
    (diagnostic,) = raised.value.diagnostics
    assert "\n" not in diagnostic.message and diagnostic.message.isprintable()
    return diagnostic


def test_every_kind_of_choice_is_read_back_as_it_was_written():
    texts = (Text("a.arch", 'é\n\t\\"\u2028', {"b.arch": 1}), Text("sub/b.arch", "", {}))
    parameters = {
        "a": 1,
        "b": 1.0,
        "c": True,
        "d": "x\ny",
        "e": (1, 2.5, "z", False),
        "f": Expression("2*3"),
        "g": 1 << 62,
        "h": 1e-320,
    }
    for input in (None, (3, 4, 5), {"left": (1, 2, 3), "right": (4,)}):
        made = Record(texts, "net", input, parameters, ("drop a", "drop b\ndrop c"), ("gem",))
        metadata = record.written(made, "name", "0" * 64)
        found = record.read(metadata, "x.onnx")
        assert found == record.Recorded(made, "name", "0" * 64, __version__)
        kinds = [type(value) for value in found.record.parameters.values()]
        assert kinds == [type(value) for value in parameters.values()]
        assert record.written(found.record, "name", "0" * 64) == metadata


def test_more_text_than_can_be_read_back_is_not_written():
    made = Record((Text("a.arch", "x" * record.MOST_BYTES),), "net")
    assert refusal(lambda: record.written(made, "net", "0")).code == "E0701"


def altered(path, **changes):
    return with_record(path, record_of(path) | changes)


def test_another_fingerprint_is_refused_with_the_release_that_wrote_it(whole):
    text = record_of(whole)["texts"][0]["text"].replace("width = 8", "width = 9")
    altered(whole, texts=[{"path": "small.arch", "text": text, "imports": {}}])
    found = refusal(lambda: archdsl.load(whole))
    assert found.code == "E0604" and "does not give the network" in found.message and "changed after" in found.notes[0]
    altered(whole, archdsl="9.8.7")
    found = refusal(lambda: archdsl.load(whole))
    assert found.notes == (f"it was written by archdsl 9.8.7, this is {__version__}",) and "9.8.7" in found.help


def test_a_changed_comment_is_a_changed_text(whole):
    text = record_of(whole)["texts"][0]["text"] + "# more\n"
    altered(whole, texts=[{"path": "small.arch", "text": text, "imports": {}}])
    assert refusal(lambda: archdsl.load(whole)).code == "E0604"


def test_a_newer_format_is_not_guessed_at(whole):
    altered(whole, format=2)
    found = refusal(lambda: archdsl.load(whole))
    assert "written by a newer archdsl" in found.message and "format is 2" in found.message


def test_the_limits_of_the_caller_hold_for_recorded_texts(whole):
    with pytest.raises(ArchError) as raised:
        archdsl.load(whole, limits=Limits(nodes=3))
    assert {each.code for each in raised.value.diagnostics} == {"E0505"}
    assert "takes more than 50 bytes" in refusal(lambda: archdsl.load(whole, limits=Limits(file_bytes=50))).message


MAIN = {"path": "a.arch", "text": "let w = 1\n", "imports": {}}


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"format": 0}, "no `format`"),
        ({"format": True}, "no `format`"),
        ({"format": "1"}, "no `format`"),
        ({"texts": None}, "`texts` is no list"),
        ({"texts": []}, "no texts"),
        ({"texts": [MAIN] * 2}, "two of its texts have one path"),
        ({"texts": [MAIN] * 65}, "more than 64 entries"),
        ({"texts": [MAIN | {"path": "sub/a.arch"}]}, "topmost folder"),
        ({"texts": [MAIN | {"path": "../a.arch"}]}, "no relative path"),
        ({"texts": [MAIN | {"path": "/etc/passwd"}]}, "no relative path"),
        ({"texts": [MAIN | {"path": "a\u202eb"}]}, "no relative path"),
        ({"texts": [MAIN | {"path": "x" * 2000}]}, "more than 1,000 bytes"),
        ({"texts": [MAIN | {"text": 3}]}, "is no text"),
        ({"texts": [MAIN | {"text": "\ud800"}]}, "half a character"),
        ({"texts": [MAIN | {"imports": {"b.arch": 1}}]}, "means a text that it does not hold"),
        ({"texts": [MAIN | {"imports": {"b.arch": -1}}]}, "an import means no text"),
        ({"texts": [MAIN | {"imports": {"b.arch": True}}]}, "an import means no text"),
        ({"texts": [MAIN | {"imports": []}]}, "are no table"),
        ({"input": [3.5, 4]}, "no whole number"),
        ({"input": [True]}, "no whole number"),
        ({"input": {"image": 3}}, "is no list"),
        ({"parameters": []}, "are no table"),
        ({"parameters": {"width": 8}}, "is no table"),
        ({"parameters": {"width": {}}}, "a parameter has no value"),
        ({"parameters": {"width": {"value": None}}}, "no number"),
        ({"parameters": {"width": {"value": [[1]]}}}, "no number"),
        ({"parameters": {"width": {"expression": 3}}}, "an expression is no text"),
        ({"edits": "drop c"}, "`edits` is no list"),
        ({"edits": [""] * 10_001}, "more than 10,000 entries"),
        ({"operators": [3]}, "an operator is no text"),
        ({"fingerprint": None}, "fingerprint is no text"),
        ({"network": 3}, "network is no text"),
        ({"archdsl": None}, "archdsl is no text"),
    ],
)
def test_each_way_to_be_damaged_is_named(whole, changes, words):
    found = refusal(lambda: archdsl.load(altered(whole, **changes)))
    assert found.code == "E0604" and words in found.message


@pytest.mark.parametrize(
    "text", ["", "x", "[]", "null", "3", "[" * 100_000, '{"format": ' + "9" * 5000 + "}", '{"format": NaN}', "\x00"]
)
def test_what_is_no_record_at_all(whole, text):
    assert refusal(lambda: archdsl.load(with_record(whole, text))).code == "E0604"


@pytest.mark.parametrize(
    "main, imports, code",
    [
        ('from "b.arch" import x\n', {}, "E0601"),
        ('from "a.arch" import x\n', {"a.arch": 0}, "E0603"),
        ('from "../b.arch" import x\n', {"../b.arch": 0}, "E0602"),
        ('from "/etc/passwd" import x\n', {"/etc/passwd": 0}, "E0602"),
    ],
)
def test_imports_in_a_record_follow_the_rules_of_imports(whole, main, imports, code):
    text = main + network().graph.sources[0].text
    altered(whole, texts=[{"path": "a.arch", "text": text, "imports": imports}])
    assert refusal(lambda: archdsl.load(whole)).code == code


def test_operators_that_nobody_has(whole):
    found = refusal(lambda: archdsl.load(altered(whole, operators=["gem\x1b[31m", "b", "c", "d"])))
    assert found.code == "E0201" and "needs custom operators: `gem<U+001B>[31m`, `b`, `c`" in found.message


def mutated(document, rng):
    """The document with something in it changed, whatever it is."""
    document = copy.deepcopy(document)
    places = []

    def collect(value):
        for key in value if isinstance(value, dict) else range(len(value)):
            places.append((value, key))
            if isinstance(value[key], dict | list):
                collect(value[key])

    collect(document)
    for _ in range(rng.choice([1, 1, 1, 3])):
        holder, key = rng.choice(places)
        if isinstance(holder, list) and key >= len(holder):
            continue
        old = holder[key] if isinstance(holder, list) or key in holder else None
        holder[key] = rng.choice(
            [
                None,
                True,
                -1,
                0,
                1,
                10**30,
                1.5,
                1e308,
                "",
                "x",
                "\x00",
                "\ud800",
                "é" * 300,
                [],
                {},
                [[]],
                {"value": 1e999},
                old,
                [old],
                {"value": old},
            ]
        )
        if isinstance(old, str) and old and rng.random() < 0.6:
            at = rng.randrange(len(old))
            holder[key] = (
                old[:at] + rng.choice(["", "{", "}", "\n", "(", "9" * 40, "a", "\x00", "é", '"']) + old[at + rng.randrange(3) :]
            )
    return document


@pytest.mark.parametrize("seed", range(4))
def test_any_other_record_is_refused_or_means_the_same(tmp_path, seed):
    rng = random.Random(seed)
    net = network(width=4, edits="drop n", input=(3, 12, 14), classes=Source("<edits>", "2+1"))
    path, bad = tmp_path / "net.onnx", tmp_path / "bad.onnx"
    net.save_onnx(path)
    document, told = record_of(path), []
    for _ in range(150):
        changed = mutated(document, rng)
        with_record(path, json.dumps(changed), bad)
        try:
            back = archdsl.load(bad)
            weights = back.weights()
        except ArchError as fault:
            told.append(str(fault).replace("\n", ""))
        else:
            assert back.fingerprint == net.fingerprint and same(weights, net.weights())
    assert len(told) > 75 and all(each.isprintable() for each in told)


def test_counts_that_make_no_sense_are_none(tmp_path):
    assert record.counts({}) == {}
    for text in ("x", "[]", '{"n": -1}', '{"n": true}', '{"n": 1.5}', '{"n": 1e99}', '{"n": 9223372036854775808}', '{"n": null}'):
        assert record.counts({record.COUNTS: text}) == {}
    assert record.counts(record.counts_written({"a": 3, "b": 0})) == {"a": 3}
    weights = network().weights() | {"n.num_batches_tracked": np.array(9), "n.bias": np.ones(8, np.float32)}
    network().save_onnx(tmp_path / "net.onnx", weights)
    assert archdsl.load(tmp_path / "net.onnx").weights()["n.num_batches_tracked"] == 9
    archdsl.load(tmp_path / "net.onnx").write_weights(network().weights())
    assert archdsl.load(tmp_path / "net.onnx").weights()["n.num_batches_tracked"] == 0
