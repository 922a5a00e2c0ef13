"""What the README and the pages show is so: specs are checked, commands and programs run, and their output compared."""

import io
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from archdsl import cli, pipeline, syntax
from archdsl.diagnostics import ArchError
from archdsl.source import Source
from archdsl.syntax import ast
from tests.docs.markdown import PAGES, ROOT, alike, blocks, commands

ALL = [block for page in PAGES for block in blocks(page)]
SPECS = [block for block in ALL if block.language == "arch" and "part" not in block.facts]
FRAME = "arch page() {{\n  input image: [N, 16, 32, 32]\n{}\n  output y\n}}\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a command line of archdsl in an empty folder and gives its status and all that it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")

    def archdsl(*arguments):
        printed = io.StringIO()
        with redirect_stdout(printed), redirect_stderr(printed):
            try:
                status = cli.main(arguments)
            except SystemExit as end:
                status = end.code
        return status, printed.getvalue()

    return archdsl


def faults(text, folder):
    """Codes of all that is wrong with the text of a block: a file with networks, a file of definitions, or statements."""
    path = folder / "page.arch"
    source = Source("page.arch", text)
    try:
        tree = syntax.parse(source)
        whole = any(isinstance(item, ast.Arch | ast.Variant) for item in tree.items)
    except ArchError:
        tree, whole = None, False
    if tree is None:
        if re.search(r"^(arch|variant) ", text, re.MULTILINE):
            path.write_text(text, encoding="utf-8")
        else:
            path.write_text(FRAME.format(text), encoding="utf-8")
    elif whole:
        path.write_text(text, encoding="utf-8")
    else:
        path.write_text(text + FRAME.format("  identity"), encoding="utf-8")
    found = pipeline.diagnose(str(path), pipeline.Choices())[1]
    return [each.code for each in found if each.severity == "error"]


@pytest.mark.parametrize("block", SPECS, ids=str)
def test_a_spec_on_a_page_elaborates(block, tmp_path):
    for other in SPECS:
        if other.page == block.page and "file" in other.facts:
            file = tmp_path / other.facts["file"]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(other.text, encoding="utf-8")
    wanted = [block.facts["error"]] if "error" in block.facts else []
    assert faults(block.text, tmp_path) == wanted


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_runs_prints_what_it_shows(page, run, tmp_path):
    """The blocks of a page in order, in one folder: files are written, commands and programs run."""
    output = None
    for block in blocks(page):
        if "file" in block.facts:
            file = tmp_path / block.facts["file"]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
        elif block.language == "console":
            for command, shown in commands(block.text):
                _compare(command, shown, run, f"{page.name}:{block.line}")
        elif block.language == "python" and "part" not in block.facts:
            output = _program("-c", block.text)
        elif block.language == "text" and output is not None:
            assert alike(block.text, output), f"{block}: printed\n{output}"
        if block.language != "python":
            output = None


@pytest.mark.parametrize("block", [block for block in ALL if "part" in block.facts], ids=str)
def test_an_excerpt_is_one(block):
    """Of a file of the repository, or of the PyTorch source of a bundled network."""
    whole = block.facts["part"]
    text = pipeline.load(whole).to_torch_source() if block.language == "python" else (ROOT / whole).read_text(encoding="utf-8")
    assert block.text in text


def _compare(command, shown, run, where):
    words = shlex.split(command, comments=True)
    if words[0] == "archdsl":
        status, printed = run(*words[1:])
        assert status in (0, 1, 2), f"{where}: {command}: status {status}\n{printed}"
    elif words[0] == "python":
        printed = _program(*words[1:])
    else:
        return
    assert alike(shown, printed), f"{where}: {command}: printed\n{printed}"


def _program(*arguments):
    if "torch" in " ".join(arguments) or not arguments[0].startswith("-"):
        pytest.importorskip("torch", reason="needs torch")
    ended = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=180, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_links_lead_somewhere():
    broken = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
            file, _, anchor = target.partition("#")
            if "://" in target:
                continue
            there = (page.parent / file).resolve() if file else page
            if not there.exists() or (anchor and anchor not in _anchors(there)):
                broken.append(f"{page.name}: {target}")
    assert broken == []


def _anchors(page: Path):
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_command_has_an_example_in_the_readme():
    shown = [command.split() for block in ALL if block.page.name == "README.md" for command, _ in _shown(block)]
    table = (ROOT / "README.md").read_text(encoding="utf-8")
    named = {words[1] for words in shown if words[0] == "archdsl"} | set(re.findall(r"`archdsl (\w+)[ `]", table))
    assert set(cli.COMMANDS) <= named


def _shown(block):
    return commands(block.text) if block.language == "console" else []


def test_commands_in_the_readme_table_run(run):
    """The commands of its table, as they stand there."""
    table = (ROOT / "README.md").read_text(encoding="utf-8")
    examples = re.findall(r"^\| .*\| `(archdsl [^`]+)` \|$", table, re.MULTILINE)
    assert examples
    first = table[: table.index(examples[0])].count("\n") + 1
    for block in blocks(ROOT / "README.md"):
        if "file" in block.facts and block.line < first:
            Path(block.facts["file"]).write_text(block.text, encoding="utf-8")
    for example in examples:
        status, printed = run(*shlex.split(example)[1:])
        differs = status == 1 and "--diff" in example  # the file is not laid out as it should be
        assert status in (0, 3) or differs, f"{example}: {printed}"


@pytest.mark.parametrize(
    "shown, printed, same",
    [
        ("a\nb\n", "a\nb\n", True),
        ("a\n…\nd\n", "a\nb\nc\nd\n", True),
        ("a … d\n", "a b c d\n", True),
        ("a\n…\n", "a\n", True),
        ("a\n", "a\nb\n", False),
        ("a\n…\nd\n", "a\nb\nc\n", False),
        ("1.0\n", "1x0\n", False),
        ("a … d\n", "a\nd\n", False),
    ],
)
def test_outputs_are_compared_line_by_line(shown, printed, same):
    assert alike(shown, printed) == same


def test_a_deleted_line_is_a_dropped_path():
    """What the README says of ablations: the text without the line of a branch is the network without its path.

    Giving a parameter, even its default, leaves captions unchecked.
    """
    text = (pipeline.library() / "inception_v4.arch").read_text(encoding="utf-8")
    head, block, rest = text.partition("block InceptionB() {")
    line = next(line for line in rest.splitlines(keepends=True) if line.lstrip().startswith("deep:"))
    shorter = pipeline.load(Source("inception_v4.arch", head + block + rest.replace(line, "", 1)), classes=1000)
    assert shorter.params == pipeline.load("inception_v4", edits="drop b[*].deep").params
