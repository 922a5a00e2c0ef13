"""What the rules say: `<case>.arch` has the warnings of `<case>.err`; where the name ends in `_silent`, it has none."""

import re
from pathlib import Path

import pytest

from archdsl.analysis import lints as package
from archdsl.diagnostics import CODES, format_text
from archdsl.pipeline import diagnose
from archdsl.source import Source
from archdsl.syntax.format import format_source

CASES = sorted((Path(__file__).resolve().parents[1] / "golden" / "lints").glob("*.arch"))
RULES = (*package.OF_RESIDUALS, *package.OF_NODES, *package.OF_GRAPHS)
CODES_OF_WARNINGS = [code for code in CODES if code.startswith("W")]
OF_NAMES = ("W106", "W107")
"""Found in the text and not in the graph, so that there is no rule of theirs."""


def code_of(rule):
    return re.match(r"(W\d{3}): ", rule.__doc__).group(1)


def source(case):
    return Source(case.name, case.read_text(encoding="utf-8"))


def warnings(case):
    _, found = diagnose(source(case))
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_report(case, update_golden):
    found = "\n\n".join(map(format_text, warnings(case)))
    found += "\n" if found else ""
    expected = case.with_suffix(".err")
    if update_golden:
        expected.write_text(found, encoding="utf-8")
    assert found == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_warnings_are_in_good_form(case):
    for each in warnings(case):
        assert each.severity == "warning"
        assert each.primary is not None and each.help
        assert each.primary.text or each.code in OF_NAMES  # the mark under the name says all
        assert not each.message[0].isupper() and not each.message.endswith(".")


def test_every_case_has_its_report_and_no_other_report_is_there():
    assert {path.stem for path in CASES} == {path.stem for path in CASES[0].parent.glob("*.err")}


def test_every_code_of_a_warning_has_one_rule_or_is_about_names():
    assert sorted([*map(code_of, RULES), *OF_NAMES]) == sorted(CODES_OF_WARNINGS)


@pytest.mark.parametrize("code", CODES_OF_WARNINGS)
def test_every_code_has_a_spec_where_it_fires_and_one_where_it_does_not(code):
    fires = {case.stem for case in CASES if f"warning[{code}]" in case.with_suffix(".err").read_text(encoding="utf-8")}
    assert any(f"{stem}_silent" in {case.stem for case in CASES} for stem in fires)


@pytest.mark.parametrize("case", [case for case in CASES if case.stem.endswith("_silent")], ids=lambda path: path.stem)
def test_silence_is_not_a_comment_s_doing(case):
    assert "allow" not in case.read_text(encoding="utf-8")
    assert warnings(case) == ()


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_formatting_changes_no_warning(case):
    formatted = format_source(source(case))
    _, found = diagnose(Source(case.name, formatted))
    assert [(each.code, each.path) for each in found] == [(each.code, each.path) for each in warnings(case)]


def test_one_place_is_one_warning_with_the_number_of_its_instances():
    (case,) = (case for case in CASES if case.stem == "norm_after_sum")
    (found,) = warnings(case)
    assert found.path == "x[0].norm"
    assert found.notes[-1] == "2 more instances, the last at `x[2].norm`"


SEVERAL = """\
block Basic(w) {
  residual { a: conv(w, 3x3); r: relu }
}
arch one() { input image: [N, 16, 8, 8]; x: repeat 2 Basic(16); output y }
arch two() { input image: [N, 32, 8, 8]; x: repeat 5 Basic(32); output y }
variant three of two { set x:repeat = 1 }
"""


def test_a_block_that_several_networks_use_is_reported_once():
    names, found = diagnose(Source("several.arch", SEVERAL))
    assert names == ("one", "two", "three")
    assert [each.code for each in found] == ["W102"]


def test_a_network_with_faults_has_no_warnings_and_the_others_keep_theirs():
    _, found = diagnose(
        Source("several.arch", SEVERAL + "arch four() { input image: [N, 3, 8, 8]; c: conv(0, 3x3); output y }\n")
    )
    assert [(each.code, each.severity) for each in found] == [("W102", "warning"), ("E0402", "error")]


def test_names_that_nothing_reads_are_told_and_allowed_like_the_rest():
    text = "arch net(unused = 3) {{\n  input image: [N, 3, 8, 8]\n  c: conv(4, 3x3)\n  tap t{}\n  output y\n}}\n"
    _, found = diagnose(Source("net.arch", text.format("")))
    assert {each.code for each in found} == {"W106", "W107"}
    _, found = diagnose(Source("net.arch", text.format("   # allow W106: for the next commit")))
    assert [each.code for each in found] == ["W107"]
    _, found = diagnose(Source("net.arch", "# allow W106, W107\n" + text.format("")))
    assert found == ()
