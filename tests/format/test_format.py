"""Formatting keeps the tree and the comments, and is done once and for all."""

import dataclasses
import importlib.util
import os
import re
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from archdsl import pipeline
from archdsl.diagnostics import ArchError, InternalError
from archdsl.ir.dump import dump
from archdsl.limits import DEFAULT
from archdsl.source import Source, Span
from archdsl.syntax import format as module
from archdsl.syntax import parse, read_program
from archdsl.syntax.brackets import _PIECE
from archdsl.syntax.format import format_source
from archdsl.syntax.format_labels import with_labels

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = sorted((ROOT / "specs").rglob("*.arch"))
COUNT = int(os.environ.get("ARCHDSL_FORMAT_PROGRAMS", "1000"))
PARTS = 10


def neighbour(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


program = neighbour("programs").program


def formatted(text):
    return format_source(Source("x.arch", text))


# Not the ones of the formatter: the properties are checked by other means than those by which it checks itself.


def bare(node):
    """A tree as nested tuples, without places."""
    if isinstance(node, Span | Source):
        return None
    if dataclasses.is_dataclass(node):
        return (type(node).__name__, *(bare(getattr(node, field.name)) for field in dataclasses.fields(node)))
    if isinstance(node, tuple):
        return tuple(bare(each) for each in node)
    return (type(node).__name__, node)


def tree(text):
    return bare(parse(Source("x.arch", text)))


def comments(text):
    """The comments of a text, found by walking over it character by character."""
    found, at = [], 0
    while at < len(text):
        if text.startswith('"""', at):
            at = text.index('"""', at + 3) + 3
        elif text[at] == '"':
            at += 1
            while text[at] != '"':
                at += 2 if text[at] == "\\" else 1
            at += 1
        elif text[at] == "#":
            end = min(text.find(sign, at) % (len(text) + 1) for sign in "\r\n")
            found.append(text[at:end].rstrip())
            at = end
        else:
            at += 1
    return found


def readable(text):
    """Whether the text parses, and no bare carriage return ends a comment of it, which the formatter refuses."""
    try:
        parse(Source("x.arch", text))
    except ArchError:
        return False
    return not any(re.search(re.escape(each) + r"[ \t]*\r(?!\r*\n)", text) for each in comments(text))


def check(text):
    """The formatted text, after its properties were checked."""
    once = formatted(text)
    assert tree(once) == tree(text)
    assert comments(once) == comments(text)
    assert formatted(once) == once
    assert "\r\n" not in once
    assert "\ufeff" not in once[:1]
    code = _PIECE.sub(lambda found: "D" if found[0].startswith('"""') else found[0], once)
    assert not re.search(r"[ \t]$", code, re.MULTILINE)
    assert "\n\n\n" not in code
    assert not once or (once[0] != "\n" and once.endswith("\n") and not once.endswith("\n\n"))
    return once


# --- properties ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", range(PARTS))
def test_random_programs_keep_tree_and_comments_and_are_formatted_once(part):
    parsed = 0
    for seed in range(part * COUNT // PARTS, (part + 1) * COUNT // PARTS):
        text = program(seed)
        if readable(text):
            check(text)
            parsed += 1
    assert parsed > 0.8 * COUNT / PARTS


@given(
    st.integers(min_value=1 << 32),
    st.integers(0, 10_000),
    st.sampled_from(["# c\n", "\n", ";", " ", "\t", "# c\r\n", "{}", "()"]),
)
@example(1 << 32, 0, "# c\n")
def test_a_program_with_something_put_in_anywhere(seed, place, inserted):
    text = program(seed)
    at = place % (len(text) + 1)
    text = text[:at] + inserted + text[at:]
    if readable(text):
        check(text)


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_bundled_specs_however_they_were_laid_out(path):
    text = path.read_text(encoding="utf-8")
    once = check(text)
    assert check(text.replace("\n", "\r\n")) == once
    assert check("\ufeff" + text) == once
    crowded = re.sub(r" +(#.*)$", r"\1", text, flags=re.MULTILINE)
    assert check(crowded) == check(formatted(crowded))


def test_no_network_of_the_library_changes(tmp_path):
    for path in LIBRARY:
        copy = tmp_path / path.relative_to(ROOT / "specs")
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(formatted(path.read_text(encoding="utf-8")), encoding="utf-8")
    for name in pipeline.bundled():
        text = (tmp_path / f"{name}.arch").read_text(encoding="utf-8")
        assert dump(pipeline.load(str(tmp_path / f"{name}.arch")).graph) == dump(pipeline.load(name).graph), name
        assert text


# --- layout, by example --------------------------------------------------------------------------------------------------


def examples(kind):
    """Each block of the page that its fence calls ``kind``, with the one behind it."""
    page = (ROOT / "docs" / "howto" / "format.md").read_text(encoding="utf-8")
    found = re.findall(r"^```arch (.*)\n((?:.*\n)*?)^```$", page, re.MULTILINE)
    return [(text, after) for (fence, text), (_, after) in pairwise(found) if fence == kind]


def test_the_page_shows_what_the_formatter_does():
    ((before, after),) = examples("before")
    assert check(before) == after


def test_the_page_shows_what_labels_are_given():
    ((before, after),) = examples("before label")
    program = read_program(Source("x.arch", before), None, str(ROOT / "specs"))
    text, count = with_labels(program, frozenset({"conv"}), lambda name: True)
    assert (formatted(text), count) == (after, 1)


GOLDEN = Path(__file__).with_name("golden")
CASES = sorted(path.name.removesuffix(".before.arch") for path in GOLDEN.glob("*.before.arch"))


@pytest.mark.parametrize("name", CASES)
def test_layout(name, update_golden):
    once = check((GOLDEN / f"{name}.before.arch").read_text(encoding="utf-8"))
    after = GOLDEN / f"{name}.after.arch"
    if update_golden:
        after.write_text(once, encoding="utf-8")
    assert once == after.read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["", "\n", " \n\n\t\n", "\ufeff", ";\n"])
def test_a_text_with_nothing_in_it(text):
    assert check(text) == ""


@pytest.mark.parametrize("ending", ["", "\n", "\n\n", "\r\n", " ", "  # one"])
def test_a_text_ends_with_one_line_end(ending):
    assert check(f"let a = 1{ending}").count("\n") == 1


# --- faults --------------------------------------------------------------------------------------------------------------


def test_a_text_with_faults_is_reported_as_by_the_parser():
    text = "block a() { x: }\nblock b() { conv(3 }\n"
    with pytest.raises(ArchError) as wanted:
        parse(Source("x.arch", text))
    with pytest.raises(ArchError) as found:
        formatted(text)
    assert [each.message for each in found.value.diagnostics] == [each.message for each in wanted.value.diagnostics]


def test_a_comment_cut_by_a_bare_carriage_return_is_refused():
    with pytest.raises(ArchError) as found:
        formatted("block a() { f(1, # one\r 2) }\n")
    (diagnostic,) = found.value.diagnostics
    assert diagnostic.code == "E0106"
    assert diagnostic.primary.span.start == len("block a() { f(1, # one")


def test_a_text_that_would_outgrow_the_limit_is_refused():
    text = "block a() {\n" + "relu#\n" * 100 + "}\n"
    limits = dataclasses.replace(DEFAULT, file_bytes=len(text))
    with pytest.raises(ArchError) as found:
        format_source(Source("x.arch", text), limits)
    assert found.value.diagnostics[0].code == "E0105"


@pytest.mark.parametrize("wrong", ["block a() { relu6 }\n", "block a() { relu }  # other\n", "block a() { relu; relu }\n"])
def test_a_layout_that_changes_anything_is_never_given(monkeypatch, wrong):
    monkeypatch.setattr(module, "text_of", lambda lines: wrong)
    with pytest.raises(InternalError):
        formatted("block a() {relu} # one\n")


# --- bounds --------------------------------------------------------------------------------------------------------------

LONG = {
    "lines": ("block a() {{\n{}}}\n", "x: conv(1, 3x3)   # a\n"),
    "statements in a row": ("block a() {{ {} }}\n", "conv(1, 3x3); "),
    "arrows": ("block a() {{ relu{} }}\n", " -> relu"),
    "arrows with comments": ("block a() {{ relu{}\n -> relu }}\n", "  # a\n -> relu"),
    "arguments": ("block a() {{ f({}) }}\n", "a=1, "),
    "commented arguments": ("block a() {{ f({}) }}\n", "a=1,  # one\n"),
    "comments in an argument": ("block a() {{ f(a={}1) }}\n", "# one\n"),
    "comments in a row": ("block a() {{ relu\n{} }}\n", "# one\n"),
    "imports": ('from "a" import {}z\n', "b, "),
    "bodies": ("block a() {{ {} }}\n", "{ relu }\n"),
    "bodies in arrows": ("block a() {{ relu{} }}\n", " -> { relu }"),
    "bodies in arguments": ("block a() {{ f({}) }}\n", "a={ x; y },"),
    "blank lines": ("block a() {{ relu\n{} }}\n", "\n"),
    "separators": ("block a() {{ relu{} }}\n", ";"),
    "names of old": ("block a() {{ x was {}z: relu }}\n", "b, "),
    "blocks": ("{}", "block a() {\n relu\n}\n"),
    "comments": ("{}", "# one\n"),
}


def seconds(text):
    start = time.process_time()
    formatted(text)
    return time.process_time() - start


@pytest.mark.parametrize("name", LONG)
def test_time_grows_with_the_length(name):
    frame, part = LONG[name]
    times = {count: min(seconds(frame.format(part * count)) for _ in range(2)) for count in (300, 3000)}
    assert times[3000] < 25 * times[300] + 0.1


@pytest.mark.parametrize("opener, closer, brackets", [("{ ", " }", 1), ("concat {\n", "\n}", 1), ("f(s={ ", " })", 2)])
def test_depth_at_the_limit(opener, closer, brackets):
    levels = (DEFAULT.nesting - 1) // brackets
    once = check("block a() {" + opener * levels + "relu" + closer * levels + "}\n")
    assert once.count("{") == levels + 1
    with pytest.raises(ArchError):
        formatted("block a() {" + opener * (levels + 1) + "relu" + closer * (levels + 1) + "}\n")
