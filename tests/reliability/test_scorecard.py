"""Every test of the scorecard holds at its quick size, and would notice what it is there to notice."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from archdsl import pipeline
from tests.reliability import (
    bombs,
    corrupted_graphs,
    injection,
    judged,
    nesting,
    run,
    same_bytes,
    spec_mutants,
    text_mutants,
    whole_pipeline,
    write_faults,
)
from tests.reliability.isolated import Ended, isolated
from tests.reliability.outcome import Outcome
from tests.reliability.scorecard import TESTS


@pytest.mark.slow
@pytest.mark.parametrize("test", TESTS, ids=lambda test: test.number)
def test_the_quick_size_holds(test):
    found = test.run(False)
    assert found.figure
    assert found.faults == ()


def test_the_page_shows_every_figure_and_every_fault():
    measured = {
        test.number: run.Measured(
            "full", f"figure of {test.number}", ("a fault",) if test.number == "T03" else (), ("account",), 1.0, "here", "1"
        )
        for test in TESTS[:-1]
    }
    page = run.page(measured)
    assert all(f"figure of {test.number} |" in page for test in TESTS[:-1])
    assert "not yet measured" in page
    assert "- a fault" in page
    assert "no: 1" in page


# --- the tests notice ----------------------------------------------------------------------------------------------------


def crash():
    raise KeyError("inside")


def sleep():
    while True:
        pass


def swell():
    return len([0] * (1 << 30))


def test_an_isolated_call_tells_its_end():
    assert isolated(len, [1, 2]).value == 2
    assert "KeyError" in isolated(crash).fault
    assert "beyond 1 s" in isolated(sleep, seconds=1).fault
    assert "MemoryError" in isolated(swell, megabytes=500).fault


def test_a_foreign_exception_is_told_with_its_input(monkeypatch):
    monkeypatch.setattr(text_mutants, "judge", lambda content: content != text_mutants.seeds()[0].encode() and crash())
    tally = text_mutants.attack(0, 30)
    assert len(tally.foreign) == 1
    assert "KeyError" in next(iter(tally.foreign.values()))


def test_mutants_are_the_same_every_time_and_differ():
    made = [text_mutants.mutant(number) for number in range(200)]
    assert made == [text_mutants.mutant(number) for number in range(200)]
    assert len(set(made)) > 190


def test_a_report_outside_of_its_text_is_noticed():
    (found,) = pipeline.diagnose(pipeline.Source("x", "arch a() { input x: [N, 3, 8, 8]; relux; output y }"))[1]
    span = found.primary.span
    assert judged.is_inside(span)
    assert not judged.is_inside(type(span)(span.source, 5, 5_000))
    assert not judged.is_inside(type(span)(span.source, 9, 5))


def test_a_bomb_that_goes_off_is_noticed():
    bomb = bombs.Bomb("one", "text", ("E0505",))
    assert bombs.judged(bomb, isolated(str, "E0505")) == []
    assert bombs.judged(bomb, isolated(str, "")) == ["one: accepted"]
    assert "KeyError" in bombs.judged(bomb, isolated(crash))[0]


@pytest.mark.parametrize(
    "text, fault",
    [
        ("import os\n", "import of os"),
        ("from os import system\n", "import from os"),
        ("print(1)\n", "call of print"),
        ("class A:\n    x = ().__class__\n", "attribute __class__"),
        ("x = 1\n", "a statement outside of classes"),
        ("x = lambda: 1\n", "a Lambda"),
        ("def f(:\n", "no Python"),
    ],
)
def test_python_of_another_kind_is_noticed(text, fault):
    assert fault in injection.python_fault(text)


def test_code_that_runs_is_noticed():
    pytest.importorskip("torch", reason="runs emitted modules")
    found = injection.run_all({"one": injection.CODE})
    assert any("CODE RAN" in fault for fault in found)


def test_markup_and_columns_that_act_are_noticed():
    assert injection.markup_fault("<p>&lt;script&gt;</p>") is None
    assert injection.markup_fault("<script>alert(1)</script>") == "raw markup"
    assert injection.markup_fault("<a href='javascript:x'>") is not None
    assert injection._columns("a,b\nc,=d\n") is not None
    assert injection._columns("a,b\nc,d\n") is None


def test_listings_reports_and_json_that_act_are_noticed():
    assert injection.listing_fault(f'about: "say \\"{injection.CODE}\\""\nc = conv(8)\n') is None
    assert injection.listing_fault(f'about: "say "{injection.CODE}\n') == "code outside of quotes"
    assert injection.listing_fault("\x1b[2J") == "a raw U+001B"
    assert injection.json_fault('["\\u202e"]\n') is None
    assert injection.json_fault('["\u202e"]\n') == "a raw U+202E"
    assert injection.json_fault("[") is not None
    assert injection.commands_fault("::error title=E0101::no%0Ayes\n", 1) is None
    assert injection.commands_fault("::error title=E0101::no\n::add-mask::x\n", 2) is not None
    assert injection.commands_fault("::error title=E0101::no\n", 2) == "1 lines"
    assert injection.commands_fault("::error title=E0101::\x85\n", 1) == "a raw U+0085"


def test_a_misspelt_name_is_known_by_what_its_file_defines_and_by_nothing_else():
    def known(name, file="lib/resnet.arch"):
        return spec_mutants._is_known(spec_mutants.Mutant("misspelt name", file, 1, "", "", name))

    assert known("conv")
    assert known("cbr")
    assert known("cbr", "lib/resnet_v2.arch")  # imported there
    assert not known("cbr", "vgg16.arch")
    assert not known("paper")  # a word of comments and `about`


def test_reports_that_stand_elsewhere_and_kinds_with_few_mutants_are_noticed(monkeypatch):
    def verdict(kind, end, now="x"):
        return spec_mutants.Verdict(spec_mutants.Mutant(kind, "vgg16.arch", 9, "", "conv", now), end, "E0401", "wrong")

    found = [
        *[verdict("wrong type", "on")] * 4,
        verdict("wrong type", "elsewhere"),
        verdict("missing bracket", "elsewhere"),
        verdict("misspelt name", "accepted"),
        verdict("misspelt name", "accepted", now="bn"),
    ]
    monkeypatch.setattr(spec_mutants, "side_by_side", lambda *_, **__: [Ended(found, None, 0, 0)])
    outcome = spec_mutants.run(False)
    assert "the report is on the mutated line for 66.7 % of all refused mutants" in outcome.faults
    assert "missing bracket vgg16.arch:9: E0401 stands elsewhere unargued: wrong" in outcome.faults
    assert "wrong type: 5 mutants in place of 8" in outcome.faults
    assert [fault for fault in outcome.faults if "accepted" in fault] == ["vgg16.arch:9: `conv` as `x` is accepted"]
    assert f"- wrong type: {spec_mutants.ARGUED['wrong type']}" in outcome.account


def test_a_damaged_file_is_noticed(tmp_path):
    output = tmp_path / "result"
    output.write_bytes(b"half")
    (tmp_path / "left.tmp").touch()
    found = list(write_faults._damage(tmp_path, output, b"old", b"new", 1, "Traceback"))
    assert len(found) == 5


def test_a_corruption_that_says_nothing_is_noticed():
    graph = pipeline.load("lenet5").graph
    original = (corrupted_graphs.dump(graph), corrupted_graphs.fingerprint(graph))
    assert corrupted_graphs.outcome(lambda _, graph: graph, None, graph, original) == "not noticed"


def test_every_kind_of_mistake_can_be_made_at_its_line():
    for kind in spec_mutants.KINDS:
        for mutant in spec_mutants.mutants(kind, 5):
            before = spec_mutants.files()[mutant.file].splitlines()
            after = mutant.text.splitlines()
            first = next(
                (at for at, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), len(before) - 1
            )
            assert abs(first + 1 - mutant.line) <= (20 if kind in ("duplicated line", "deleted line") else 0)


def test_the_deepest_network_is_really_deep():
    assert max(depth for *_, depth in nesting.DEEPEST.values()) >= 60


def test_a_second_digest_and_a_process_that_ends_are_noticed():
    one = {"a, torch": "1", "a, onnx": "2"}
    assert same_bytes.told([one, dict(one)]) == (2, [])
    assert same_bytes.told([one, one | {"a, onnx": "3"}]) == (2, ["a, onnx: 2 digests in 2 runs"])
    assert same_bytes.told([one, {"a, torch": "1"}])[1] == ["a, onnx: 2 digests in 2 runs"]
    assert same_bytes.told([one, {"ended": "1: killed"}])[1] == ["1: killed"]


def test_locales_are_counted_where_a_process_has_them(monkeypatch):
    monkeypatch.setenv("LC_ALL", "xx_XX.UTF-8")
    assert not same_bytes.has_locale()
    monkeypatch.setenv("LC_ALL", "C")
    assert same_bytes.has_locale()
    runs = [same_bytes.Ran({}, "C", True), same_bytes.Ran({}, "tr_TR.UTF-8"), same_bytes.Ran({}, "C", True)]
    assert same_bytes.locales(runs) == (["C"], ["tr_TR.UTF-8"])


def test_what_a_model_says_beside_its_texts_is_compared():
    def compared(key="archdsl.spec", text="a\n", **other):
        texts = [{"path": "a.arch", "text": text}]
        return same_bytes._without_text(key, json.dumps({"fingerprint": text, "texts": texts, **other}))

    assert compared() == compared(text="a\r\n")
    assert compared() != compared(text="b\n")
    assert compared() != compared(name="other")
    assert compared("archdsl.macs") != compared("archdsl.macs", "a\r\n")


@pytest.fixture
def whole(monkeypatch):
    """What T14 finds in one random spec, with every network in it replaced by what ``change`` makes of it."""
    pytest.importorskip("torch")
    pytest.importorskip("onnxruntime")
    number = next(each for each in range(20) if whole_pipeline.networks(each) is not None)
    found = whole_pipeline.networks(number)

    def run(change=lambda network: network):
        monkeypatch.setattr(whole_pipeline, "networks", lambda _: tuple(map(change, found)))
        return whole_pipeline.attack(number, number + 1, 1, 60).faults

    return run


def changed(network, **fields):
    """The network with other facts at its last node."""
    nodes = network.graph.nodes
    return replace(network, graph=replace(network.graph, nodes=(*nodes[:-1], replace(nodes[-1], **fields))))


def test_wrong_shapes_counts_and_files_are_noticed(whole, monkeypatch):
    assert whole() == []
    (fault,) = whole(lambda each: changed(each, cost=replace(each.graph.nodes[-1].cost, mac=7)))
    assert "MACs, torch counts" in fault
    (fault,) = whole(lambda each: changed(each, cost=replace(each.graph.nodes[-1].cost, params=7)))
    assert "params, the module has" in fault
    other = pipeline.load("lenet5").graph["image"].type
    sizes = []
    (fault,) = whole(lambda each: sizes.append(each) or (each if len(sizes) == 1 else changed(each, type=other)))
    assert "nfer" in fault  # strict inference, or ONNX's own words for it
    monkeypatch.setattr(pipeline.Network, "save_onnx", lambda *_, **__: None)
    (fault,) = whole()
    assert "there is no file" in fault


def test_values_beyond_the_bound_are_noticed(whole, monkeypatch):
    monkeypatch.setattr(whole_pipeline, "CLOSE", 0.0)
    monkeypatch.setattr(whole_pipeline, "ROUNDING", 0.0)
    (fault,) = whole()
    assert "ONNX Runtime is" in fault


def test_values_that_roundings_do_not_explain_are_noticed(whole, monkeypatch):
    """A thousandth is far beyond what roundings do to a network that is well conditioned."""
    from tests.backends.onnx import runtime

    session = runtime.session

    class Wrong:
        def __init__(self, model):
            self.session = session(model)

        def run(self, names, feeds):
            return [each * np.float32(1.001) for each in self.session.run(names, feeds)]

    monkeypatch.setattr(runtime, "session", Wrong)
    (fault,) = whole()
    assert "ONNX Runtime is 1.0e-03 from the interpreter" in fault


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_values_that_are_not_finite_are_noticed(whole, monkeypatch, value):
    sound, broken = np.ones((3, 4), np.float32), np.ones((3, 4), np.float32)
    broken[1, 2] = float(value)
    assert whole_pipeline._error([sound, sound], [sound, sound]) == 0.0
    for ours, theirs in ((broken, sound), (sound, broken), (broken, broken)):
        assert whole_pipeline._error([sound, ours], [sound, theirs]) == math.inf
    made = whole_pipeline._listed
    monkeypatch.setattr(whole_pipeline, "_listed", lambda found: [each * float(value) for each in made(found)])
    (fault,) = whole()
    assert "the module is inf from the interpreter" in fault


def test_a_stored_file_of_other_values_is_noticed(whole, monkeypatch):
    """What is expected of the file alone is moved, by twice what is tolerated."""
    expected = whole_pipeline._expected

    def moved(*arguments):
        found, bound = expected(*arguments)
        return [each + 2 * bound * abs(each).max() for each in found], bound

    monkeypatch.setattr(whole_pipeline, "_expected", moved)
    (fault,) = whole()
    assert "the stored file is" in fault


def test_a_figure_without_faults_holds():
    assert Outcome("figure").passed
    assert not Outcome("figure", ("fault",)).passed
