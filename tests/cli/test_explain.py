"""`archdsl explain`, and the explanations themselves: every code has one, and what it shows is so."""

import json
import os
import re
import subprocess

import pytest

from archdsl.cli import explain
from archdsl.cli.streams import Settings
from archdsl.diagnostics import CODES, Diagnostic
from docs import error_pages

FOLDER = explain._FOLDER


def test_every_code_has_a_page_and_every_page_a_code():
    assert {path.stem for path in FOLDER.glob("*.md")} == set(CODES)
    assert {path.suffix for path in FOLDER.iterdir()} == {".md"}


@pytest.mark.parametrize("code", CODES)
def test_a_page_has_its_parts(code):
    text = explain.explanation(code)
    assert text.startswith(f"# {code}: {CODES[code]}\n\n")
    parts = error_pages.sections(code)
    assert tuple(parts) == ("", *error_pages.SECTIONS)
    assert len(parts[""].split()) > 25  # why the rule exists
    assert parts[error_pages.HELPS].lstrip().startswith("- ")
    assert max(map(len, text.splitlines())) <= 120
    assert text.count("```") % 2 == 0


@pytest.mark.parametrize("code", CODES)
def test_the_failing_example_fails_with_its_code_alone(code):
    ran = error_pages.run(error_pages.failing(code))
    assert ran.codes == {code}, ran.printed
    assert ran.status == (1 if code.startswith("E") else 0)


@pytest.mark.parametrize("code", CODES)
def test_the_mended_example_is_clean(code):
    example = error_pages.mended(code)
    ran = error_pages.run(example)
    assert (ran.status, ran.codes) == (0, set()), ran.printed
    assert example != error_pages.failing(code)
    if error_pages.SPEC in example.files and "--ops" not in example.commands[-1]:
        checked = error_pages.run(error_pages.Example(example.files, (error_pages.CHECK,)))
        assert (checked.status, checked.codes) == (0, set()), checked.printed


# --- the command ---------------------------------------------------------------------------------------------------------


def test_a_page_is_plain_text(archdsl):
    ran = archdsl("explain", "E0301")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("E0301: shapes that must agree differ\n\n")
    assert "\n    arch digits() {\n      input image: [N, 1, 28, 28]\n" in ran.out
    assert not re.search(r"```|^#|\]\(", ran.out, re.MULTILINE)
    assert "\x1b" not in ran.out


def test_lower_case_and_several_codes(archdsl):
    ran = archdsl("explain", "e0101", "E0102", "e0101")
    assert ran.code == 0
    assert re.findall(r"^E\d+(?=:)", ran.out, re.MULTILINE) == ["E0101", "E0102"]


def test_a_file_of_an_example_is_named(archdsl):
    assert '\ntheirs.toml:\n    source = "theirs"\n' in archdsl("explain", "E0710").out


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_paragraphs_are_filled(archdsl, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    out = archdsl("explain", *CODES).out
    prose = [line for line in out.splitlines() if not line.startswith("    ") and " " in line and not re.match(r"[EW]\d+:", line)]
    assert max(map(len, prose)) <= max(min(columns, 100), 60)  # a piece of code in a line may be longer than a narrow window


@pytest.mark.parametrize("code, hint", [("E0310", "did you mean `E0"), ("nonsense", "`archdsl explain` lists all codes")])
def test_an_unknown_code_is_a_usage_error(archdsl, code, hint):
    ran = archdsl("explain", "E0101", code)
    assert (ran.code, ran.out) == (2, "")
    assert f"`{code}`" in ran.err and hint in ran.err


def test_without_a_code_all_are_listed_by_family(archdsl):
    out = archdsl("explain").out
    assert re.findall(r"^  ([EW]\d+)  (.+)$", out, re.MULTILINE) == list(CODES.items())
    assert out.startswith("Syntax\n  E0101")
    assert all(code.startswith(tuple(explain.FAMILIES)) for code in CODES)


def test_json_has_code_title_and_text(archdsl):
    found = json.loads(archdsl("explain", "e0101", "--json").out)
    assert found == {"schema": 1, "codes": [{"code": "E0101", "title": CODES["E0101"], "text": explain.explanation("E0101")}]}
    assert [each["code"] for each in json.loads(archdsl("explain", "--json").out)["codes"]] == list(CODES)


# --- where diagnostics point to it ---------------------------------------------------------------------------------------

POINTER = "`archdsl explain E0201` says more"


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
@pytest.mark.parametrize(
    "arguments, told",
    [
        (["check", "faulty.arch"], True),
        (["summary", "faulty.arch"], True),
        (["check", "faulty.arch", "faulty.arch"], True),
        (["check", "-q", "faulty.arch"], False),
        (["check", "good.arch"], False),
        (["check", "faulty.arch", "--format", "json"], False),
        (["check", "faulty.arch", "--format", "github"], False),
    ],
)
def test_a_terminal_is_pointed_to_it_once(command, arguments, told):
    ours, theirs = os.openpty()
    with subprocess.Popen([*command(), *arguments], stdout=subprocess.DEVNULL, stderr=theirs) as child:
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 1 << 16)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            shown += piece
        child.wait(timeout=60)
    os.close(ours)
    assert shown.decode().count(POINTER) == told


def test_elsewhere_nothing_points_to_it(archdsl):
    assert "archdsl explain" not in archdsl("check", "faulty.arch").err


def test_only_a_few_codes_are_named(monkeypatch, capsys):
    settings = Settings()
    settings.show([Diagnostic(code, "wrong") for code in list(CODES)[:6]])
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    settings.point()
    assert capsys.readouterr().err.endswith("`archdsl explain E0101 E0102 E0103 E0104` says more\n")
