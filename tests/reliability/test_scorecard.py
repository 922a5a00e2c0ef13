"""Every test of the scorecard holds at its quick size, and would notice what it is there to notice."""

import pytest

from archdsl import pipeline
from tests.reliability import bombs, corrupted_graphs, injection, judged, nesting, run, spec_mutants, text_mutants, write_faults
from tests.reliability.isolated import isolated
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


def test_a_figure_without_faults_holds():
    assert Outcome("figure").passed
    assert not Outcome("figure", ("fault",)).passed
