"""``archdsl fmt``: which files it writes, what it says, and how it exits."""

import io
import sys
from pathlib import Path

import pytest

from archdsl import pipeline
from archdsl.cli import main
from archdsl.diagnostics import InternalError
from archdsl.ir.dump import dump
from archdsl.source import Source

ROOT = Path(__file__).resolve().parents[2]
MESSY = "block a(){bn;relu}\n"
NEAT = "block a() { bn; relu }\n"
FAULTY = "block a() { x: }\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    return tmp_path


@pytest.fixture
def fmt(folder, capsys, monkeypatch):
    def run(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = main(["fmt", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_writes_what_changes_and_nothing_else(fmt, folder):
    (folder / "messy.arch").write_text(MESSY, encoding="utf-8")
    (folder / "neat.arch").write_text(NEAT, encoding="utf-8")
    before = (folder / "neat.arch").stat()
    code, out, err = fmt("messy.arch", "neat.arch")
    assert (code, out) == (0, "")
    assert err == "formatted messy.arch\n1 file formatted, 1 file left as it is\n"
    assert (folder / "messy.arch").read_text(encoding="utf-8") == NEAT
    assert (folder / "neat.arch").stat().st_ino == before.st_ino
    assert sorted(each.name for each in folder.iterdir()) == ["messy.arch", "neat.arch"]


def test_folders_are_searched_and_each_file_is_done_once(fmt, folder):
    for name in ("b.arch", "in/a.arch", "in/deep/c.arch", ".hidden/d.arch", "in/e.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(MESSY, encoding="utf-8")
    code, _, err = fmt(".", "in/a.arch")
    assert code == 0
    assert err.splitlines()[:-1] == ["formatted ./b.arch", "formatted ./in/a.arch", "formatted ./in/deep/c.arch"]
    assert (folder / ".hidden/d.arch").read_text(encoding="utf-8") == MESSY
    assert (folder / "in/e.txt").read_text(encoding="utf-8") == MESSY


@pytest.mark.parametrize("content", [MESSY.encode(), b"\xef\xbb\xbf" + NEAT.encode(), NEAT.replace("\n", "\r\n").encode()])
def test_check_tells_and_writes_nothing(fmt, folder, content):
    path = folder / "a.arch"
    path.write_bytes(content)
    assert fmt("--check", path)[:2] == (1, "")
    assert path.read_bytes() == content
    assert fmt(path)[0] == 0
    assert path.read_bytes() == NEAT.encode()
    assert fmt("--check", path)[0] == 0


def test_diff_shows_what_would_change(fmt, folder):
    (folder / "a.arch").write_text(MESSY, encoding="utf-8")
    code, out, err = fmt("--diff", "a.arch")
    assert code == 1
    assert out == f"--- a.arch\n+++ a.arch\n@@ -1,2 +1,2 @@\n-{MESSY}+{NEAT} \n"
    assert err == "would format a.arch\n1 file would change\n"
    assert (folder / "a.arch").read_text(encoding="utf-8") == MESSY
    (folder / "a.arch").write_text(NEAT, encoding="utf-8")
    assert fmt("--diff", "a.arch")[:2] == (0, "")


def test_faults_are_told_and_the_other_files_done(fmt, folder):
    (folder / "faulty.arch").write_text(FAULTY, encoding="utf-8")
    (folder / "messy.arch").write_text(MESSY, encoding="utf-8")
    code, out, err = fmt("faulty.arch", "missing.arch", "messy.arch")
    assert (code, out) == (1, "")
    assert "faulty.arch:1:16" in err
    assert "missing.arch" in err
    assert (folder / "faulty.arch").read_text(encoding="utf-8") == FAULTY
    assert (folder / "messy.arch").read_text(encoding="utf-8") == NEAT
    assert fmt("--check", "faulty.arch", "messy.arch")[0] == 2
    assert fmt("--diff", "missing.arch")[0] == 2


def test_an_empty_folder_is_a_fault(fmt, folder):
    (folder / "empty").mkdir()
    code, _, err = fmt("empty")
    assert code == 1
    assert "there is no `*.arch` file" in err


def test_standard_input(fmt):
    assert fmt("-", stdin=MESSY.encode()) == (0, NEAT, "")
    assert fmt("-", stdin=b"\xef\xbb\xbf" + MESSY.replace("\n", "\r\n").encode()) == (0, NEAT, "")
    assert fmt("--check", "-", stdin=MESSY.encode()) == (1, "", "")
    assert fmt("--check", "-", stdin=NEAT.encode()) == (0, "", "")
    code, out, _ = fmt("--diff", "-", stdin=MESSY.encode())
    assert code == 1
    assert out.startswith("--- <stdin>\n")
    code, out, err = fmt("-", stdin=FAULTY.encode())
    assert (code, out) == (1, "")
    assert "<stdin>:1:16" in err


def test_standard_input_stands_alone(fmt):
    code, out, err = fmt("-", "a.arch")
    assert (code, out) == (2, "")
    assert "stands alone" in err
    assert fmt()[0] == 2


def test_a_bug_of_the_printer_writes_nothing(fmt, folder, monkeypatch):
    (folder / "a.arch").write_text(MESSY, encoding="utf-8")
    monkeypatch.setattr("archdsl.syntax.format.text_of", lambda lines: "block a() { relu; bn }\n")
    code, _, err = fmt("a.arch")
    assert code == 70
    assert InternalError.__name__ in err
    assert (folder / "a.arch").read_text(encoding="utf-8") == MESSY


def test_a_file_that_cannot_be_written_stays(fmt, folder, monkeypatch):
    (folder / "a.arch").write_text(MESSY, encoding="utf-8")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    code, _, err = fmt("a.arch")
    assert code == 3
    assert "a.arch" in err
    assert [each.name for each in folder.iterdir()] == ["a.arch"]
    assert (folder / "a.arch").read_text(encoding="utf-8") == MESSY


def test_the_bundled_specs_are_formatted(fmt):
    code, out, err = fmt("--diff", ROOT / "specs")
    assert code == 0, out + err


# --- labels --------------------------------------------------------------------------------------------------------------

LABELS = {
    "operators": ("block a() { conv(3, 3x3); bn; relu }", "block a() { conv: conv(3, 3x3); bn: bn; relu }"),
    "blocks, directly or not": (
        "block a() { bn }\nblock b() { a() }\nblock c() { relu }\nblock d() { b(); c() }",
        "block a() { bn: bn }\nblock b() { a: a() }\nblock c() { relu }\nblock d() { b: b(); c() }",
    ),
    "arrows and bodies": (
        "block a() { b: relu -> bn; add { {}; conv(3) -> relu } }",
        "block a() { b: relu -> bn: bn; add { {}; conv: conv(3) -> relu } }",
    ),
    "a name that is taken": ("block a() { b: { bn: relu }; bn; conv(3) }", "block a() { b: { bn: relu }; bn; conv: conv(3) }"),
    "two in one scope": (
        "block a() { bn if b; bn if c; x: { conv(3) } }",
        "block a() { bn if b; bn if c; x: { conv: conv(3) } }",
    ),
    "two in two scopes": ("block a() { x: { bn }; y: { bn } }", "block a() { x: { bn: bn }; y: { bn: bn } }"),
    "a block in the place of an operator": ("block conv() { relu }\nblock a() { conv() }",) * 2,
    "a name that cannot be a label": (
        "block half() { bn }\nblock a() { half() }",
        "block half() { bn: bn }\nblock a() { half() }",
    ),
    "what is repeated": (
        "block a() { b: repeat 3 bn; c: repeat 2 { bn } }",
        "block a() { b: repeat 3 bn; c: repeat 2 { bn: bn } }",
    ),
    "edits": ("variant a of b { replace c with { bn } }",) * 2,
}


@pytest.mark.parametrize("name", LABELS)
def test_labels(fmt, name):
    before, after = LABELS[name]
    assert fmt("--label", "-", stdin=before.encode()) == (0, f"{after}\n", "")
    assert fmt("--label", "--check", "-", stdin=f"{after}\n".encode())[0] == 0


def test_labels_of_imported_blocks(fmt, folder):
    (folder / "lib.arch").write_text("block a() { bn }\nblock b() { relu }\nblock bn_() { relu }\n", encoding="utf-8")
    (folder / "main.arch").write_text(
        'from "lib.arch" import a as c, b, bn_ as bn\n\nblock d() { c(); b(); bn() }\n', encoding="utf-8"
    )
    code, _, err = fmt("--label", "main.arch")
    assert code == 0
    assert err.startswith("formatted main.arch (1 label)\n")
    assert (folder / "main.arch").read_text(encoding="utf-8").endswith("block d() { c: c(); b(); bn() }\n")


def test_labels_change_no_network_of_the_library(fmt, folder):
    specs = folder / "specs"
    for path in sorted((ROOT / "specs").rglob("*.arch")):
        copy = specs / path.relative_to(ROOT / "specs")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    code, _, err = fmt("--label", "specs")
    assert code == 0
    assert "specs/lib/inception.arch (" in err
    for name in pipeline.bundled():
        labelled = pipeline.load(str(specs / f"{name}.arch"))
        assert dump(labelled.graph) == dump(pipeline.load(name).graph), name


def test_labels_keep_the_paths_of_every_scope():
    head = "arch a(wide = true) {\n  input x: [N, 4, 8, 8]\n"
    body = "  residual { conv(4, 3x3); bn; relu }\n  side { flatten -> linear(3); output z }\n"
    text = f"{head}{body}  b: {{ conv(4, 1x1) if wide; relu; bn }}\n  output y\n}}\n"
    from archdsl.cli.fmt import _labelled

    labelled, count = _labelled(Source("x.arch", text), "-")
    assert count == 5
    assert dump(pipeline.load(labelled).graph) == dump(pipeline.load(Source("x.arch", text)).graph)


def test_a_link_out_of_the_folder_is_left_alone(fmt, folder):
    (folder / "inside").mkdir()
    (folder / "outside.arch").write_text(MESSY, encoding="utf-8")
    (folder / "inside" / "own.arch").write_text(MESSY, encoding="utf-8")
    (folder / "inside" / "link.arch").symlink_to(folder / "outside.arch")
    code, _, err = fmt("inside")
    assert code == 0
    assert "own.arch" in err
    assert (folder / "outside.arch").read_text(encoding="utf-8") == MESSY
