"""What each command prints, and where."""

import ast as python
import csv
import io
import json

import pytest
from click.testing import CliRunner

import archdsl.cli
from archdsl import load
from archdsl.pipeline import bundled

GOOD_PARAMS = 3 * 8 * 9 + 3 * 8 * 8 * 9 + 8 * 10 + 10
GOOD_MACS = 20 * 24 * (3 * 8 * 9 + 3 * 8 * 8 * 9) + 8 * 10


@pytest.mark.parametrize("command", sorted(archdsl.cli.COMMANDS))
def test_every_command_explains_itself(command):
    shown = CliRunner().invoke(archdsl.cli.archdsl, [command, "--help"])
    assert shown.exit_code == 0
    assert shown.output.startswith(f"Usage: archdsl {command}")
    assert "--quiet" in shown.output


def test_the_group_lists_its_commands():
    shown = CliRunner().invoke(archdsl.cli.archdsl, ["--help"])
    assert shown.exit_code == 0
    listed = shown.output.partition("Commands:")[2].split("\n")
    assert {line.split()[0] for line in listed if line.strip()} == set(archdsl.cli.COMMANDS)


def test_version(archdsl):
    ran = archdsl("--version")
    assert (ran.code, ran.out) == (0, "archdsl 0.1.0\n")


# --- summary -------------------------------------------------------------------------------------------------------------


def test_summary_is_a_table_with_exact_totals_and_their_convention(archdsl):
    ran = archdsl("summary", "good.arch")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0] == "good: image [3, 20, 24] -> logits [10]"
    assert f"params: {GOOD_PARAMS:,} learnable values" in lines
    convention = "multiply-accumulates of convolutions and fully connected layers, batch 1"
    assert f"MACs: {GOOD_MACS:,} ({convention})" in lines
    assert f"FLOPs: {2 * GOOD_MACS:,} (FLOPs = 2 x MACs)" in lines
    (body,) = [line for line in lines if line.startswith("body")]
    assert "3 x Unit" in body


def test_summary_depth_bounds_the_levels(archdsl):
    rows = {depth: len(archdsl("summary", "good.arch", "--depth", depth).out.splitlines()) for depth in range(4)}
    around = rows[0]
    assert rows[1] == around + 5  # the input and four statements
    assert rows[2] == rows[1] + 2  # inside the stem; the equal iterations stay folded
    assert rows[3] == rows[2] + 3 * (1 + 2)


def test_summary_json_follows_the_schema(archdsl):
    ran = archdsl("summary", "good.arch", "--json")
    assert (ran.code, ran.err) == (0, "")
    found = json.loads(ran.out)
    assert found["schema"] == 1
    assert (found["network"], found["input"], found["outputs"]) == ("good", [3, 20, 24], {"logits": [10]})
    assert (found["params"], found["macs"], found["flops"], found["depth"]) == (GOOD_PARAMS, GOOD_MACS, 2 * GOOD_MACS, 5)
    assert "with_aux" not in found
    stem = found["scopes"][0]
    assert {name: stem[name] for name in ("path", "kind", "out", "params", "macs")} == {
        "path": "stem",
        "kind": "Unit",
        "out": [8, 20, 24],
        "params": 216,
        "macs": 216 * 480,
    }
    assert [scope["path"] for scope in found["scopes"]] == ["stem", "body", "body[0]", "body[1]", "body[2]"]
    (node,) = [node for node in found["nodes"] if node["path"] == "body[1].conv"]
    assert (node["op"], node["out"], node["params"], node["macs"]) == ("conv", [8, 20, 24], 576, 576 * 480)


def test_summary_csv_is_exact_and_complete(archdsl):
    rows = list(csv.DictReader(io.StringIO(archdsl("summary", "good.arch", "--csv").out)))
    assert {row["path"] for row in rows} >= {"body", "body[2]", "body[2].act", "fc", "total"}
    assert rows[-1]["params"] == str(GOOD_PARAMS)
    outermost = [row for row in rows if row["level"] == "0"]
    for column in ("params", "macs", "flops", "activation_bytes"):
        assert sum(int(row[column]) for row in outermost) == int(rows[-1][column])


def test_summary_markdown_is_one_table(archdsl):
    lines = archdsl("summary", "good.arch", "--markdown").out.splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert table[0].startswith("| block | kind |")
    assert {line.count("|") for line in table} == {7}


def test_input_and_set_reach_the_network(archdsl):
    found = json.loads(archdsl("summary", "good.arch", "--json", "--input", "3x10x12", "--set", "classes=2*3").out)
    assert (found["input"], found["outputs"]) == ([3, 10, 12], {"logits": [6]})


def test_an_input_may_be_named(archdsl):
    assert json.loads(archdsl("summary", "good.arch", "--json", "--input", "image=3x9x9").out)["input"] == [3, 9, 9]


def test_standard_input_is_a_spec(process, folder):
    with (folder / "good.arch").open(encoding="utf-8") as spec:
        ran = process("summary", "-", "--json", stdin=spec)
    assert (ran.code, json.loads(ran.out)["params"]) == (0, GOOD_PARAMS)


def test_auxiliary_heads_stand_apart(archdsl, folder):
    side = "side { h: conv(7, 1x1, bias=false); output aux }"
    text = f"arch heads() {{ input x: [N, 2, 4, 5]; a: conv(3, 1x1, bias=false)\n {side}\n b: relu; output y }}"
    (folder / "heads.arch").write_text(text, encoding="utf-8")
    found = json.loads(archdsl("summary", "heads.arch", "--json").out)
    assert (found["params"], found["with_aux"]) == (6, {"params": 6 + 21, "macs": 20 * 27})
    assert "with auxiliary heads: 27 params" in archdsl("summary", "heads.arch").out


# --- check ---------------------------------------------------------------------------------------------------------------


def test_check_of_a_sound_spec_says_so_on_stderr(archdsl):
    ran = archdsl("check", "good.arch")
    assert (ran.code, ran.out, ran.err) == (0, "", "1 spec, 1 network: no faults\n")


def test_check_finds_all_faults_of_all_files(archdsl):
    ran = archdsl("check", "faulty.arch", "good.arch", "absent.arch", "several.arch")
    assert (ran.code, ran.out) == (1, "")
    assert "unknown block or operator `cnov`" in ran.err
    assert "--> faulty.arch:4:6" in ran.err
    assert "E0601" in ran.err
    assert ran.err.count("several.arch:1:") == 1  # the block that two networks share is at fault once
    assert "several.arch:4:" in ran.err
    assert ran.err.endswith("4 specs, 5 networks: 4 errors\n")


def test_check_json_follows_the_schema(archdsl):
    ran = archdsl("check", "faulty.arch", "--format", "json")
    assert (ran.code, ran.err) == (1, "")
    found = json.loads(ran.out)
    assert found["schema"] == 1
    (entry,) = found["diagnostics"]
    keys = "code severity message file line column end_line end_column path related notes help fixes"
    assert set(keys.split()) <= set(entry)
    assert (entry["code"], entry["severity"], entry["file"]) == ("E0201", "error", "faulty.arch")
    assert (entry["line"], entry["column"], entry["end_line"], entry["end_column"]) == (4, 6, 4, 10)
    assert entry["help"] == "did you mean `conv`?"


def test_check_of_sound_specs_gives_empty_documents(archdsl):
    assert json.loads(archdsl("check", "good.arch", "--format", "json").out) == {"schema": 1, "diagnostics": []}
    assert archdsl("check", "good.arch", "--format", "github").out == ""
    assert json.loads(archdsl("check", "good.arch", "--format", "sarif").out)["runs"][0]["results"] == []


def test_check_names_what_it_cannot_find_in_every_format(archdsl):
    (entry,) = json.loads(archdsl("check", "missing.arch", "--format", "json").out)["diagnostics"]
    assert (entry["code"], entry["file"], entry["line"]) == ("E0601", "missing.arch", 1)
    assert archdsl("check", "missing.arch", "--format", "github").out.startswith("::error file=missing.arch,line=1,")
    (result,) = json.loads(archdsl("check", "missing.arch", "--format", "sarif").out)["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "missing.arch"
    assert archdsl("check", "missing.arch").err.startswith("error[E0601]: there is no file `missing.arch`\n\n")


def test_notes_are_shown_on_request(archdsl, folder):
    text = "arch n() { input x: [N, 3, 8, 8]\n a: conv(4, 3x3)\n expect [N, 4, 8, 8]\n output y }"
    (folder / "n.arch").write_text(text, encoding="utf-8")
    assert "note" not in archdsl("check", "n.arch", "--input", "3x9x9").err
    assert "note" in archdsl("check", "-v", "n.arch", "--input", "3x9x9").err
    assert "note" in archdsl("-v", "check", "n.arch", "--input", "3x9x9").err


def test_a_file_of_blocks_alone_is_sound(archdsl, folder):
    (folder / "blocks.arch").write_text("block A() { relu }", encoding="utf-8")
    assert archdsl("check", "blocks.arch").code == 0


# --- compile -------------------------------------------------------------------------------------------------------------


def test_compile_to_ir_is_the_dump(archdsl):
    ran = archdsl("compile", "good.arch", "--to", "ir")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("network good(classes=10)\n")
    assert "  fc = linear(" in ran.out


def test_compile_to_ast_needs_no_sound_network(archdsl):
    ran = archdsl("compile", "faulty.arch", "--to", "ast")
    assert (ran.code, ran.err) == (0, "")
    assert "cnov" in ran.out


def test_compile_to_torch_is_python(archdsl):
    ran = archdsl("compile", "good.arch", "--to", "torch")
    assert (ran.code, ran.err) == (0, "")
    assert "class" in {type(each).__name__.removesuffix("Def").lower() for each in python.parse(ran.out).body}
    assert ran.out == load("good.arch").to_torch_source()


def test_compile_into_a_file_says_so_on_stderr(archdsl, folder):
    ran = archdsl("compile", "good.arch", "--to", "ir", "-o", "good.ir")
    written = (folder / "good.ir").read_text(encoding="utf-8")
    assert (ran.code, ran.out, ran.err) == (0, "", f"wrote good.ir ({len(written):,} bytes)\n")
    assert written == archdsl("compile", "good.arch", "--to", "ir", "-o", "-").out
    assert archdsl("-q", "compile", "good.arch", "--to", "ir", "-o", "good.ir").err == ""
    assert archdsl("compile", "good.arch", "--to", "ir", "-o", "good.ir", "-q").err == ""


# --- list, doctor --------------------------------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "archdsl"


def test_list_shows_each_bundled_network(archdsl, cache):
    ran = archdsl("list")
    assert (ran.code, ran.err) == (0, "")
    heading, *rows = ran.out.splitlines()
    assert heading.split() == ["network", "input", "params", "GMACs", "top-1", "error", "top-5", "error", "year", "paper"]
    assert [row.split()[0] for row in rows] == list(bundled())
    (row,) = [row for row in rows if row.startswith("inception_v4 ")]
    assert row.split()[1:] == ["3x299x299", "42,679,816", "12.25", "20.00", "5.00", "2016", "arXiv:1602.07261"]


def test_list_json_comes_from_the_cache_the_second_time(archdsl, cache, monkeypatch):
    first = json.loads(archdsl("list", "--json").out)
    monkeypatch.setattr("archdsl.pipeline.load", None)
    assert json.loads(archdsl("list", "--json").out) == first
    assert {each["name"] for each in first["networks"]} == set(bundled())
    assert {each["about"]["year"] for each in first["networks"] if each["name"] == "inception_v4"} == {2016}


def test_list_overcomes_a_damaged_cache(archdsl, cache):
    first = archdsl("list").out
    (kept,) = cache.glob("list-*.json")
    kept.write_bytes(b'{"networks": [{"name"')
    assert archdsl("list").out == first


def test_doctor_finds_this_installation_sound(archdsl, cache):
    ran = archdsl("doctor")
    assert (ran.code, ran.err) == (0, "")
    subjects = {line.split()[1]: line for line in ran.out.splitlines()}
    assert {"archdsl", "python", "lark", "pydantic", "networkx", "onnx", "torch", "library", "cache"} <= set(subjects)
    assert not any(line.startswith("!!") for line in subjects.values())
    assert str(cache) in subjects["cache"]


def test_doctor_names_what_installs_a_missing_extra(archdsl, monkeypatch):
    monkeypatch.setattr("archdsl.cli.doctor.EXTRAS", {"torch": ("no_such_package",)})
    ran = archdsl("doctor")
    assert ran.code == 0
    assert 'not installed; install it with: pip install "archdsl[torch]"' in ran.out


def test_doctor_fails_where_something_needed_is_missing(archdsl, monkeypatch):
    monkeypatch.setattr("archdsl.cli.doctor.REQUIRED", ("click", "no_such_package"))
    ran = archdsl("doctor")
    assert ran.code == 3
    (line,) = [line for line in ran.out.splitlines() if line.startswith("!!")]
    assert "no_such_package" in line


def test_compile_never_writes_over_what_it_reads(archdsl, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "arch n() { input x: [N, 3, 8, 8]; a: relu; output y }\n"
    (tmp_path / "n.arch").write_text(text, encoding="utf-8")
    ran = archdsl("compile", "n.arch", "--to", "torch", "-o", "n.arch")
    assert ran.code == 2
    assert "is what is being compiled" in ran.err
    assert (tmp_path / "n.arch").read_text(encoding="utf-8") == text


def test_the_tree_takes_no_options_that_change_the_network(archdsl):
    ran = archdsl("compile", "inception_v4", "--to", "ast", "--drop", "a")
    assert ran.code == 2
    assert "--to ast" in ran.err
