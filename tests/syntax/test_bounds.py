"""A text of any shape is read, or refused, in time in proportion to its length."""

import dataclasses
import re
import sys
import time

import pytest

from archdsl.diagnostics import ArchError
from archdsl.limits import DEFAULT
from archdsl.source import Source
from archdsl.syntax import dump, parse, parse_expr, parse_fragment
from archdsl.syntax.tables import machine


def refusal(text, limits=DEFAULT, read=parse):
    """The code of the first report, or None where the text is fine."""
    try:
        read(Source("x", text), limits)
    except ArchError as fault:
        return fault.diagnostics[0].code
    return None


def seconds(text):
    start = time.process_time()
    refusal(text)
    return time.process_time() - start


def test_twenty_thousand_comment_lines_are_read_at_once():
    text = "block A() {\r\n relu\r\n" + "  # a comment -> (not code)\r\n" * 20_000 + " relu\r\n}\r\n"
    start = time.process_time()
    assert refusal(text) is None
    assert time.process_time() - start < 2


# For each terminal with a repetition in it, what its pattern has to give up on, or read, as late as possible.
WORST = {
    "SEP": ["block A() {{ relu {}", "\n"],
    "SEP ;": ["block A() {{ relu {}", ";"],
    "ARROW": ["block A() {{ relu {} relu }}", "\n# -> \n"],
    "ARROW #": ["block A() {{ relu {}", "#"],
    "ARROW >": ["block A() {{ {} relu }}", "relu -> "],
    "LABEL": ["block A() {{ {}", "a"],
    "LABEL blanks": ["block A() {{ a{}", " "],
    "LABELs": ["block A() {{ {}", "a "],
    "ATTR": ["let {}", "a"],
    "ATTR blanks": ["let a{}", " \n"],
    "NAME": ["let a = {}", "a"],
    "SIZE": ["let a = 1x{}y", "1"],
    "INT": ["let a = {}y", "1"],
    "INT refused": ["let a = {}", "1"],
    "FLOAT": ["let a = 1.{}y", "1"],
    "FLOAT exponent": ["let a = 1e{}y", "1"],
    "FLOAT points": ["let a = {}", "1."],
    "RANGE": ["variant a of b {{ drop a[{}", "1"],
    "RANGE blanks": ["variant a of b {{ drop a[1{}", " "],
    "DOC": ['"""{}', '"" '],
    "DOC quotes": ["{}", '"'],
    "STRING": ['let a = "{}', "a"],
    "STRING escapes": ['let a = "{}', '\\"'],
    "STRING backslashes": ["let a = {}", "\\"],
    "BLANK": ["let a = {}", " \t"],
    "COMMENT": ["{}", "# /* \r\n"],
    "not a comment": ["{}", "/*"],
    "brackets": ["let a = ({}", "]"],
    "single quotes": ["let a = {}", "'"],
}


@pytest.mark.parametrize("name", WORST)
def test_the_worst_case_of_a_terminal_takes_linear_time(name):
    frame, piece = WORST[name]
    short, long = (frame.format(piece * (size // len(piece))) for size in (30_000, 300_000))
    refusal(short)  # the first text compiles the patterns that it meets
    # Ten times the text; a quadratic reader would take a hundred times as long.
    bound = 40 * max(seconds(short) for _ in range(3)) + 0.05
    assert any(seconds(long) < bound for _ in range(3))


def test_every_terminal_that_repeats_has_a_worst_case():
    repeating = {
        terminal.name
        for terminal in machine().lark.terminals
        if re.search(r"[*+](?!\)?\?)", terminal.pattern.value.replace("\\", ""))
    }
    signs = {"PLUS", "STAR", "DOUBLESTAR"}
    assert repeating - signs <= {name.split()[0] for name in WORST}
    assert len(repeating - signs) > 8


NESTINGS = {
    "braces": ("block A() ", "{", "}"),
    "parentheses": ("let a = ", "(", ")"),
    "branches": ("block A() {", "concat {", "}"),
    "arguments": ("block A() {", "f(a = {", "})"),
    "repeats": ("block A() { x: ", "repeat 1 ", ""),
    "repeats in chains": ("block A() { relu -> ", "repeat 1 ", ""),
    "negations": ("let a = ", "not ", ""),
    "signs": ("let a = ", "- ", ""),
    "conditions": ("let a = ", "if a then b else ", ""),
    "sums": ("let a = ", "1 + ", ""),
    "functions": ("let a = ", "min(", ")"),
}


def nested(name, depth):
    start, opener, closer = NESTINGS[name]
    inside = "relu" if "relu" in start or name in ("branches", "arguments", "repeats", "braces") else "1"
    end = " }" if start.startswith("block") and name != "braces" else ""
    return start + opener * depth + inside + closer * depth + end


@pytest.mark.parametrize("name", NESTINGS)
@pytest.mark.parametrize("depth", [65, 1000, 5_000])
def test_deep_nesting_is_refused_at_once(name, depth):
    text = nested(name, depth)
    start = time.process_time()
    assert refusal(text[: DEFAULT.file_bytes]) == "E0105"
    assert time.process_time() - start < 3


@pytest.mark.parametrize("name", ["braces", "parentheses"])
def test_a_hundred_thousand_levels_are_refused_in_half_a_second(name):
    text = nested(name, 100_000)
    start = time.process_time()
    assert refusal(text) == "E0105"
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    "name, depth", [("braces", 64), ("branches", 63), ("repeats", 63), ("negations", 63), ("sums", 63), ("conditions", 63)]
)
def test_the_deepest_nesting_allowed_is_read(name, depth):
    text = nested(name, depth)
    assert refusal(text) is None
    assert refusal(nested(name, depth + 1)) == "E0105"
    assert sys.getrecursionlimit() >= 1000
    assert dump(parse(Source("x", text))).count("\n") > depth


def test_bounds_are_the_callers():
    small = dataclasses.replace(DEFAULT, nesting=2, tokens=12, name_length=3, file_bytes=40)
    assert refusal("block A() { relu }", small) == "E0105"
    assert refusal("block A() { rel }", small) is None
    assert refusal("let a = (((1)))", small) == "E0105"
    assert refusal("let a = 1;" * 4, small) == "E0105"
    assert refusal("# " + "a" * 40, small) == "E0105"


def test_long_names():
    assert refusal("a" * 64, read=parse_fragment) is None
    for text in ("a" * 65, "a" * 65 + ": relu", "f(" + "a" * 65 + " = 1)"):
        assert refusal(text, read=parse_fragment) == "E0105"


def test_huge_sums_do_not_overflow():
    assert refusal("1" + " + 1" * 100_000, read=parse_expr) == "E0105"
