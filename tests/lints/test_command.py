"""Warnings on the command line: exit codes, what `--allow`, `--strict` and `-q` make of them, and the other formats."""

import json
from pathlib import Path

import pytest

from archdsl.cli import main

LINTS = Path(__file__).resolve().parents[1] / "golden" / "lints"
BIAS = str(LINTS / "bias_before_norm.arch")
NORM = str(LINTS / "norm_after_sum.arch")


@pytest.fixture
def check(capsys):
    def run(*arguments):
        status = main(["check", *arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return run


def test_warnings_alone_are_no_failure(check):
    status, out, err = check(BIAS)
    assert (status, out) == (0, "")
    assert err.count("warning[W104]") == 4
    assert err.endswith("1 spec, 1 network: 4 warnings\n")


def test_a_code_can_be_allowed(check):
    status, _, err = check(BIAS, NORM, "--allow", "W104")
    assert status == 0
    assert "W104" not in err and "warning[W103]" in err
    status, _, err = check(BIAS, NORM, "--allow", "W104", "--allow", "W103")
    assert err == "2 specs, 2 networks: no faults\n"


@pytest.mark.parametrize("code", ["W999", "E0301", "w104", "W104,W103", ""])
def test_only_codes_of_warnings_can_be_allowed(check, code):
    status, _, err = check(BIAS, "--allow", code)
    assert status == 2
    assert "is not the code of a warning" in err


def test_strict_takes_warnings_for_errors(check):
    status, _, err = check(BIAS, "--strict")
    assert status == 1
    assert "error[W104]" in err and "4 errors" in err
    assert check(BIAS, "--strict", "--allow", "W104")[0] == 0
    assert check("inception_v4", "--strict")[0] == 0


def test_quiet_hides_them(check):
    assert check(BIAS, "-q") == (0, "", "")


@pytest.mark.parametrize("form, level", [("json", '"warning"'), ("sarif", '"warning"'), ("github", "::warning ")])
def test_other_formats_carry_them(check, form, level):
    status, out, _ = check(NORM, "--format", form)
    assert status == 0
    assert "W103" in out and level in out
    if form == "json":
        (entry,) = json.loads(out)["diagnostics"]
        assert (entry["code"], entry["severity"], entry["line"], entry["path"]) == ("W103", "warning", 6, "x[0].norm")


def test_a_label_is_put_where_it_was_missing(check, tmp_path):
    spec = tmp_path / "net.arch"
    spec.write_text((LINTS / "no_label.arch").read_text(encoding="utf-8"), encoding="utf-8")
    status, _, err = check(str(spec), "--fix")
    assert status == 0
    assert "  conv: conv(w, 3x3) -> relu\n" in spec.read_text(encoding="utf-8")
    assert "  linear: linear(classes)\n" in spec.read_text(encoding="utf-8")
    assert err.count("warning[W108]") == 1  # that of the block, which is left to `fmt --label`
