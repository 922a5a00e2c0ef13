"""The guide to warnings shows what really happens, and knows every code."""

import re

import pytest

from archdsl.cli import main
from archdsl.diagnostics import CODES
from archdsl.pipeline import diagnose
from archdsl.source import Source
from tests.docs.markdown import ROOT, alike, blocks, commands

GUIDE = ROOT / "docs" / "howto" / "lints.md"


def test_commands_print_what_is_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ran = 0
    for block in blocks(GUIDE):
        if "file" in block.facts:
            (tmp_path / block.facts["file"]).write_text(block.text, encoding="utf-8")
        for command, shown in commands(block.text) if block.language == "console" else ():
            assert main(command.split()[1:]) == 0
            assert alike(shown, capsys.readouterr().err)
            ran += 1
    assert ran == 1


def test_the_spec_that_allows_its_warnings_would_have_them():
    (spec,) = (block.text for block in blocks(GUIDE) if block.language == "arch" and "file" not in block.facts)
    assert diagnose(Source("net.arch", spec))[1] == ()
    found = diagnose(Source("net.arch", spec.replace("# allow", "#")))[1]
    assert sorted(each.code for each in found) == ["W104", "W104", "W109"]


@pytest.mark.parametrize("code", [code for code in CODES if code.startswith("W")])
def test_every_code_is_in_the_table(code):
    assert re.search(rf"^\| {code} \| \S", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
