"""Diagnostics for other programs, down to their escapes."""

import json

import pytest

from archdsl.diagnostics import Diagnostic, Fix, Label
from archdsl.render.diagnostics import as_github, as_json, as_sarif
from archdsl.source import Source, Span

SOURCE = Source("a b/ñ%.arch", "first\nsecond 大 third\nlast\n")
ONE_LINE = Span(SOURCE, 6, 14)  # `second 大`
TWO_LINES = Span(SOURCE, 6, 25)


def fault(**more):
    fields = {
        "code": "E0301",
        "message": "100 % wrong:\r\nx, y",
        "primary": Label(ONE_LINE, "here"),
        "secondary": (Label(TWO_LINES, "there"),),
        "notes": ("a note",),
        "help": "mend it",
        "fixes": (Fix(ONE_LINE, "mended"),),
        "path": "a[3].b",
    }
    return Diagnostic(**{**fields, **more})


def test_json_has_every_part():
    assert as_json([fault()]) == {
        "schema": 1,
        "diagnostics": [
            {
                "code": "E0301",
                "severity": "error",
                "message": "100 % wrong:\r\nx, y",
                "file": "a b/ñ%.arch",
                "line": 2,
                "column": 1,
                "end_line": 2,
                "end_column": 9,
                "label": "here",
                "path": "a[3].b",
                "related": [
                    {"file": "a b/ñ%.arch", "line": 2, "column": 1, "end_line": 3, "end_column": 5, "message": "there"},
                ],
                "notes": ["a note"],
                "help": "mend it",
                "fixes": [
                    {
                        "file": "a b/ñ%.arch",
                        "line": 2,
                        "column": 1,
                        "end_line": 2,
                        "end_column": 9,
                        "replacement": "mended",
                        "certain": False,
                    },
                ],
            }
        ],
    }


def test_json_of_a_fault_without_a_place():
    (entry,) = as_json([fault(primary=None, secondary=(), fixes=(), path=None)])["diagnostics"]
    assert [entry[name] for name in ("file", "line", "column", "end_line", "end_column", "path")] == [None] * 6


def test_a_workflow_command_stays_on_its_line():
    assert as_github([fault()]) == (
        "::error file=a b/ñ%25.arch,line=2,endLine=2,col=1,endColumn=9,title=E0301"
        "::100 %25 wrong:%0D%0Ax, y%0Aat `a[3].b`%0Anote: a note%0Ahelp: mend it\n"
    )


def test_a_workflow_command_escapes_what_ends_a_property():
    odd = Source("C:a,b\nc.arch", "text")
    (line,) = as_github([fault(primary=Label(Span(odd, 0, 4)))]).splitlines()
    assert line.startswith("::error file=C%3Aa%2Cb%0Ac.arch,line=1,")


def test_a_workflow_command_holds_nothing_that_acts_on_a_terminal():
    odd = Source("a\x1b[31m\u202e\udcff.arch", "text")
    made = as_github([fault(primary=Label(Span(odd, 0, 4)), message="`\x1b]8;;\u2028\x85` is\todd", help="\u202e")])
    assert made.startswith("::error file=a<U+001B>[31m<U+202E><U+DCFF>.arch,line=1,")
    assert "::`<U+001B>]8;;<U+2028><U+0085>` is odd%0Aat" in made
    assert made.endswith("help: <U+202E>\n")
    assert made[:-1].isprintable()


def test_a_workflow_command_has_no_columns_over_two_lines():
    assert as_github([fault(primary=Label(TWO_LINES))]).startswith("::error file=a b/ñ%25.arch,line=2,endLine=3,title=")


@pytest.mark.parametrize("severity, command", [("error", "error"), ("warning", "warning"), ("note", "notice")])
def test_severities_of_workflow_commands(severity, command):
    assert as_github([fault(severity=severity, primary=None)]).startswith(f"::{command} title=E0301::")


def test_sarif_places_results_by_rule_and_region():
    log = as_sarif([fault(), fault(code="E0101", primary=None, secondary=(), fixes=(), severity="warning")], "1.2.3")
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert run["columnKind"] == "unicodeCodePoints"
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("archdsl", "1.2.3")
    assert [rule["id"] for rule in driver["rules"]] == ["E0101", "E0301"]
    first, second = run["results"]
    assert [(each["ruleId"], each["ruleIndex"], each["level"]) for each in run["results"]] == [
        ("E0301", 1, "error"),
        ("E0101", 0, "warning"),
    ]
    assert "locations" not in second
    place = {"startLine": 2, "startColumn": 1, "endLine": 2, "endColumn": 9}
    physical = first["locations"][0]["physicalLocation"]
    assert physical == {"artifactLocation": {"uri": "a%20b/%C3%B1%25.arch"}, "region": place}
    assert first["locations"][0]["logicalLocations"] == [{"fullyQualifiedName": "a[3].b"}]
    assert first["relatedLocations"][0]["message"] == {"text": "there"}
    (replacement,) = first["fixes"][0]["artifactChanges"][0]["replacements"]
    assert replacement == {"deletedRegion": place, "insertedContent": {"text": "mended"}}
    assert json.loads(json.dumps(log)) == log


@pytest.mark.parametrize("path, uri", [("x\udcff.arch", "x%FF.arch"), ("/a b/x\udcff.arch", "file:///a%20b/x%FF.arch")])
def test_sarif_quotes_the_bytes_of_a_file_name_that_is_no_text(path, uri):
    log = as_sarif([fault(primary=Label(Span(Source(path, "text"), 0, 4)))], "1")
    assert log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_sarif_gives_absolute_paths_as_file_addresses(tmp_path):
    source = Source(str(tmp_path / "a b.arch"), "text")
    log = as_sarif([fault(primary=Label(Span(source, 0, 4)))], "1")
    uri = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == (tmp_path / "a b.arch").as_uri()
