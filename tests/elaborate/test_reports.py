"""What a user reads: each `<case>.arch` of the folder is refused with the text of `<case>.err`, and every code has a case."""

import ast
import re
from pathlib import Path

import pytest

import archdsl
from archdsl.diagnostics import ArchError
from archdsl.pipeline import library
from archdsl.source import Source

ROOT = Path(__file__).resolve().parents[2]
CASES = sorted((ROOT / "tests" / "golden" / "errors" / "elaborate").glob("*.arch"))


def report(case):
    """The report on a case, with the place of the bundled library left out."""
    with pytest.raises(ArchError) as caught:
        archdsl.load(Source(case.name, case.read_text(encoding="utf-8")))
    return caught.value, str(caught.value).replace(f"{library()}/", "").rstrip() + "\n"


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_report(case, update_golden):
    fault, found = report(case)
    expected = case.with_suffix(".err")
    if update_golden:
        expected.write_text(found, encoding="utf-8")
    assert found == expected.read_text(encoding="utf-8")
    for each in fault.diagnostics:
        assert each.primary is not None and each.primary.span.source.path == case.name  # in the user's own text
        assert each.message[0] == "`" or not each.message[0].isupper()
        assert not each.message.endswith(".")


def codes_raised():
    """The codes that elaboration itself raises."""
    found = set()
    for path in (ROOT / "archdsl" / "elaborate").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        strings = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
        found |= {text for text in strings if re.fullmatch(r"E\d{4}", text)}
    return found


def test_every_code_has_a_case():
    shown = {code for case in CASES for code in re.findall(r"error\[(E\d{4})\]", case.with_suffix(".err").read_text("utf-8"))}
    assert codes_raised() - shown == set()
    assert {path.stem for path in CASES} == {path.stem for path in CASES[0].parent.glob("*.err")}
