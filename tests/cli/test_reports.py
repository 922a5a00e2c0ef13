"""What a user reads: each `<case>.arch` below `tests/golden/errors` is reported with the text of `<case>.err`.

The folders are stages of the compiler; `elaborate` has tests of its own.  Files in deeper folders belong to the cases that
import them.
"""

import re
from pathlib import Path

import pytest

from archdsl import pipeline
from archdsl.diagnostics import CODES, format_text
from docs import error_pages

ROOT = Path(__file__).resolve().parents[2]
ERRORS = ROOT / "tests" / "golden" / "errors"
STAGES = sorted(path.name for path in ERRORS.iterdir() if path.is_dir() and path.name != "elaborate")
CASES = [case for stage in STAGES for case in sorted((ERRORS / stage).glob("*.arch"))]


def report(case, monkeypatch):
    """The diagnostics of a case, and their text, read from its own folder."""
    monkeypatch.chdir(case.parent)
    found = pipeline.diagnose(case.name)[1]
    text = "\n\n".join(format_text(each) for each in found) + "\n"
    return found, text.replace(f"{pipeline.library()}/", "").replace(f"{case.parent}/", "")


@pytest.mark.parametrize("case", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_report(case, update_golden, monkeypatch):
    found, text = report(case, monkeypatch)
    expected = case.with_suffix(".err")
    if update_golden:
        expected.write_text(text, encoding="utf-8", newline="\n")
    assert text == expected.read_text(encoding="utf-8")
    assert any(each.severity == "error" for each in found)
    for each in found:
        assert each.primary is not None or each.code == "E0104"
        assert each.message[0] == "`" or not each.message[0].isupper()
        assert not each.message.endswith(".")


def test_there_are_cases_and_each_expected_file_has_one():
    assert {"syntax", "imports"} <= set(STAGES)
    assert len(CASES) > 60
    assert set(CASES) == {path.with_suffix(".arch") for stage in STAGES for path in (ERRORS / stage).glob("*.err")}


def pinned(prefix):
    """Codes that begin so, with an exact report among the golden files of any stage."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "golden").rglob("*.err")]
    return {code for text in texts for code in re.findall(rf"^error\[({prefix}\d\d)\]", text, re.MULTILINE)}


@pytest.mark.parametrize("prefix", ["E01", "E02", "E03", "E04", "E05", "E06"])
def test_every_code_of_a_text_has_a_golden_report(prefix):
    """E0506 is about an operator, which no text can bring along."""
    assert pinned(prefix) == {code for code in CODES if code.startswith(prefix)} - {"E0506"}


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_an_exact_report_on_its_page(code):
    page = (ROOT / "docs" / "errors" / f"{code}.md").read_text(encoding="utf-8")
    shown = re.search(r" prints:\n\n```text\n(.*?)^```$", page, re.MULTILINE | re.DOTALL).group(1)
    printed = error_pages.run(error_pages.failing(code)).printed.rstrip().split("\n")
    assert shown.rstrip().split("\n") == [line.rstrip() for line in printed]
