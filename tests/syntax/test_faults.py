"""What a reader is told about a text that does not parse: one report a fault, at the right place, in human words."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from archdsl.diagnostics import ArchError
from archdsl.source import Source
from archdsl.syntax import ast, parse, parse_edits, parse_expr, parse_fragment, parse_path


def faults(text, read=parse):
    with pytest.raises(ArchError) as caught:
        read(Source("bad.arch", text))
    return caught.value.diagnostics


def told(text, read=parse):
    """Code, message, place, help of the only fault."""
    (diagnostic,) = faults(text, read)
    span = diagnostic.primary.span
    return diagnostic.code, diagnostic.message, (span.line, span.column, span.text), diagnostic.help


@pytest.mark.parametrize(
    "text, expected",
    [
        ("block A() {\n  c1: conv(32\n  c2: relu\n}", ("E0102", "`(` at 2:11 is never closed", (2, 14, ""), "add `)`")),
        ("block A() {\n  expect [N, 3\n}", ("E0102", "`[` at 2:10 is never closed", (2, 15, ""), "add `]`")),
        ("block A() {\n  relu", ("E0102", "`{` at 1:11 is never closed", (2, 7, ""), "add `}`")),
        ("block A() { x: conv(3] }", ("E0102", "`]` closes nothing", (1, 22, "]"), None)),
        ("block A() { relu ) }", ("E0102", "`)` closes nothing", (1, 18, ")"), None)),
        ("block A() { relu }\n}", ("E0102", "`}` closes nothing", (2, 1, "}"), None)),
        (
            "block A() {\n  relu\n\nblock B() { relu }",
            ("E0102", "`{` at 1:11 is never closed", (3, 1, ""), "add `}`"),
        ),
        (
            "block A() {\n  c: concat {\n    relu\n}\narch n() { relu }",
            ("E0102", "`{` at 2:13 is never closed", (3, 9, ""), "add `}`"),
        ),
        (
            'block A() {\n  relu\nfrom "x.arch" import a',
            ("E0102", "`{` at 1:11 is never closed", (2, 7, ""), "add `}`"),
        ),
        # where the indentation tells nothing
        (
            "block A() {\nrelu\nblock B() { relu }",
            ("E0102", "`{` at 1:11 is not closed before this `block`", (1, 11, "{"), "add the missing `}` above `block`"),
        ),
        ("block A() {\nc: concat {\nrelu\n}", ("E0102", "`{` at 1:11 is never closed", (1, 11, "{"), None)),
        (
            "block A() {\n  c: concat {\nrelu\n}\narch n() { relu }",
            ("E0102", "`{` at 1:11 is not closed before this `arch`", (1, 11, "{"), "add the missing `}` above `arch`"),
        ),
        (
            "block A() {\n  variant v of w { drop a }\n}",
            ("E0501", "a `variant` inside a body", (2, 3, "variant"), "a `variant` stands at the outermost level of a file"),
        ),
        (
            "block A() {\n  c1 conv(32)\n}",
            ("E0101", "two words `c1 conv` where a statement has one", (2, 6, "conv"), "did you mean `c1:`?"),
        ),
        (
            "block A() {\n  a: repeat Block(3)\n}",
            ("E0101", "`repeat` without a count", (2, 6, "repeat"), "write how often: `repeat 4 …`"),
        ),
        (
            "block A() { a: repeat Block }",
            ("E0101", "`repeat` without a count", (1, 16, "repeat"), "write how often: `repeat 4 …`"),
        ),
        ("block A() { a: repeat }", ("E0101", "`repeat` without a count", (1, 16, "repeat"), "write how often: `repeat 4 …`")),
        (
            "block A() { repeat 4 a: B() }",
            ("E0101", "a label behind `repeat`", (1, 22, "a"), "write the label first: `a: repeat …`"),
        ),
        (
            "block A() {\n x: concat\n {\n relu\n }\n}",
            ("E0501", "`concat` has no body", (2, 5, "concat"), "move `{` up to the line of `concat`"),
        ),
        ("block A()\n{\n relu\n}", ("E0101", "expected `{`, found the end of the line", (1, 10, ""), "move `{` up to this line")),
        ("let a = 'same'", ("E0106", "a string in single quotes", (1, 9, "'same'"), 'write `"same"`')),
        ('let a = "same', ("E0106", "a string is not closed on its line", (1, 9, '"same'), 'end it with `"`')),
        ('"""same', ("E0106", "a docstring is never closed", (1, 1, '"""'), 'end it with `"""`')),
        (r'let a = "x\q"', ("E0106", r"`\q` is no escape", (1, 11, r"\q"), r"the escapes are `\"`, `\\`, `\n` and `\t`")),
        ("let a = 1 @ 2", ("E0106", "`@` means nothing here", (1, 11, "@"), None)),
        ("let a = 3×3", ("E0106", "`×` means nothing here", (1, 10, "×"), "write `x`")),
        ("let a = 1 ≤ 2", ("E0106", "`≤` means nothing here", (1, 11, "≤"), "write `<=`")),
        (
            "let größe = 1",
            ("E0106", "`öße` is not written in ASCII letters", (1, 7, "öße"), "names use the letters a to z, digits and `_`"),
        ),
        ("let a = b\x00", ("E0106", "`<U+0000>` means nothing here", (1, 10, "\x00"), None)),
        ("let a = 1 < 2 < 3", ("E0101", "comparisons do not chain", (1, 15, "<"), "join them: `a < b and b < c`")),
        ("block A() { relu if a = 3 }", ("E0101", "`=` inside an expression", (1, 23, "="), "`==` compares")),
        (
            "block A() { if a { relu } }",
            ("E0501", "a guard before its statement", (1, 13, "if"), "a guard stands last: `relu if condition`"),
        ),
        ("c1: conv(3)", ("E0501", "`c1` outside a `block` or `arch`", (1, 1, "c1"), None)),
        ('from "x.arch"', ("E0101", "expected `import`, found the end of the text", (1, 14, ""), None)),
        ("block A() { x: conv(32 3x3) }", ("E0101", "expected `,`, `)` or an operator, found `3x3`", (1, 24, "3x3"), None)),
        ("let x = ", ("E0101", "expected a value, found the end of the text", (1, 8, ""), None)),
        ("block A() {\n  relu ->\n}", ("E0101", "expected a step, found `}`", (3, 1, "}"), None)),
    ],
)
def test_fault(text, expected):
    assert told(text) == expected


@pytest.mark.parametrize("word", ["2x", "3xk", "1_000", "3x3x3", "1.", "1.2.3", "1e", "12abc", "0x1F", "1e+", "5e5x"])
def test_malformed_number_is_one_fault_at_its_first_character(word):
    (diagnostic,) = faults(f"let a = {word}")
    assert (diagnostic.code, diagnostic.primary.span.column) == ("E0103", 9)


@pytest.mark.parametrize(
    "word", ["0x10", "0x3", "007", "00", "3x03", "007x3", "00.5", "1e309", "9" * 20, "1x" + "9" * 20, "1" * 100_000, "1e-999"]
)
def test_number_refused_by_value(word):
    code, _, (line, column, text), _ = told(f"let a = {word}")
    assert (code, line, column, text) == ("E0103", 1, 9, word)


# --- missing brackets ----------------------------------------------------------------------------------------------------


def mended(text):
    """``text`` with the fixes of its faults put in."""
    fixes = (fix for each in faults(text) for fix in each.fixes)
    for fix in sorted(fixes, key=lambda fix: -fix.span.start):
        text = text[: fix.span.start] + fix.replacement + text[fix.span.end :]
    return text


WELL_LAID_OUT = """block A(k, s = 1) {
  mix: concat {  # doc
    a: conv(k, 1x1)
    b: { r: conv((1 + 2) * k, 1x1); v: conv(k, 3x3) } if s != 1
    keep: {}
  } -> act: relu
  residual(shortcut = {
    proj: conv(2, 1x1)
  }, scale = 0.1) {
    x: conv(
      3,
      kernel=3x3,
    )

    # a remark
    y: relu
  } if s == 1

  expect [N, 3, 35]
}

arch n() {
  about { top1 = 80.0 }
  input image: [N, 3, 299, 299]
  a: repeat 4 A(3)
  output y
}

variant v of n {
  set a[1..2]:k = 4
}
"""


@pytest.mark.parametrize("at", [at for at, sign in enumerate(WELL_LAID_OUT) if sign in "()[]{}"])
def test_a_missing_bracket_is_told_on_its_line(at):
    assert parse(Source("whole.arch", WELL_LAID_OUT))
    text = WELL_LAID_OUT[:at] + WELL_LAID_OUT[at + 1 :]
    (diagnostic,) = faults(text)
    assert diagnostic.code == "E0102"
    assert diagnostic.primary.span.line == WELL_LAID_OUT.count("\n", 0, at) + 1


def test_the_fix_of_a_missing_bracket_mends_it():
    alone = [at for at, sign in enumerate(WELL_LAID_OUT) if sign in "}{)" and WELL_LAID_OUT[at + 1] in "\n "]
    trees = [parse(Source("x", mended(WELL_LAID_OUT[:at] + WELL_LAID_OUT[at + 1 :]))) for at in alone if told_by_indentation(at)]
    assert len(trees) > 15


def told_by_indentation(at):
    return any(each.fixes for each in faults(WELL_LAID_OUT[:at] + WELL_LAID_OUT[at + 1 :]))


def test_a_line_that_lacks_is_told_where_it_should_stand():
    text = "block A() {\n  x: concat {\n    relu  # why\n\n    sigmoid\n  y: relu\n}\n"
    (found,) = faults(text)
    assert (found.primary.span.line, found.primary.text) == (5, "by the indentation, `}` is missing here")
    assert [(each.span.text, each.span.line, each.text) for each in found.secondary] == [("{", 2, "opened here")]
    assert mended(text) == text.replace("sigmoid\n", "sigmoid\n  }\n")


def test_each_missing_bracket_is_told_in_one_run():
    text = "block A() {\n  x: concat\n    relu\n  }\n}\nblock B() {\n  y: conv(3\n  relu ]\n\nblock C() {\n  relu\n"
    assert [(each.primary.span.line, each.message) for each in faults(text)] == [
        (2, "`}` at 4:3 closes nothing"),
        (7, "`(` at 7:10 is never closed"),
        (8, "`]` closes nothing"),
        (9, "`{` at 6:11 is never closed"),
        (11, "`{` at 10:11 is never closed"),
    ]


def test_brackets_that_pair_wrongly_are_told_where_the_indentation_mends_them():
    text = "block A() {\n  x: concat\n    a: relu\n  }\n  y: concat {\n    b: relu\n}\n"  # as many open as close
    assert [(each.primary.span.line, each.message) for each in faults(text)] == [
        (2, "`}` at 4:3 closes nothing"),
        (6, "`{` at 5:13 is never closed"),
    ]


def test_other_faults_before_a_missing_bracket_are_told_too():
    found = faults("block A() {\n  c1 conv(3)\n  x: concat {\n    relu\n  y: sigmoid\n}\n")
    assert [(each.code, each.primary.span.line) for each in found] == [("E0101", 2), ("E0102", 4)]


@pytest.mark.parametrize(
    "text",
    [
        "block A() {\nx: concat {\na: relu\n}\n",
        "block A() {\n    x: concat {\n  a: relu\n      }\n",
        "block A() {\n  x: concat { a: relu\n    b: relu }\n  y: conv(3,\n    1x1\n  )\n",
    ],
)
def test_the_opener_is_told_where_the_indentation_does_not_help(text):
    (found,) = faults(text)
    assert (found.code, found.primary.span.text) == ("E0102", "{")


def test_a_text_of_nothing_but_brackets_ends_soon():
    for text in ("}" * 100_000, "{\n" * 50_000, "(]" * 50_000, " )\n" * 50_000, "{\n}\n" * 30_000 + "("):
        assert faults(text)


# --- several faults ------------------------------------------------------------------------------------------------------


def test_fixes_mend_the_fault():
    text = "block A() {\n  c1 conv(32, k = 'same')\n  c2: relu if a = 3×3\n}"
    found = faults(text)
    for fix in sorted((fix for each in found for fix in each.fixes), key=lambda fix: -fix.span.start):
        text = text[: fix.span.start] + fix.replacement + text[fix.span.end :]
    assert "c1: conv" in text
    assert "a == 3" in text


def test_independent_faults_are_told_in_one_run():
    text = (
        "block A(c = 2y) {\n  c1 conv(32)\n  ok: relu\n  s: concat { x: conv('a') }\n  t: conv(1,\n    3xk)\n}\n"
        "let z = 007\nblock B() { relu -> }\n"
    )
    assert [(each.primary.span.line, each.code) for each in faults(text)] == [
        (1, "E0103"),
        (2, "E0101"),
        (4, "E0106"),
        (6, "E0103"),
        (8, "E0103"),
        (9, "E0101"),
    ]


def test_a_blanked_line_keeps_its_braces():
    text = "block A() {\n  c1 concat {\n    relu\n  } -> 2x\n}\nblock B() { relu }"
    assert [each.primary.span.line for each in faults(text)] == [2, 4]


def test_a_fault_has_no_second_report():
    assert len(faults("block A() {\n  relu (\n}\nblock B() { relu }")) == 1
    assert len(faults("block A()\n{\n relu\n}\nblock B() { relu }")) == 1


def test_no_more_than_twenty_faults():
    assert len(faults("let a = 2x\n" * 100)) == 20


@pytest.mark.parametrize("read", [parse_fragment, parse_edits, parse_expr, parse_path])
def test_every_start_reports_its_faults(read):
    assert faults("@", read)[0].code == "E0106"
    assert faults(")", read)[0].code == "E0102"


WORDS = (
    "a b7 conv concat repeat from tap let if then else and or not in true block arch variant of drop set replace with insert "
    "before after output input expect defaults about import as was "
    "side { } ( ) [ ] , : ; = == < -> - + * ** / // % . 1 2.5 3x3 1..2 2x "
    '"s" """d""" \n \r\n # \\ " \' é \ufeff \x00 \t'
).split(" ")


def ends_well(text):
    for read in (parse, parse_fragment, parse_edits, parse_expr, parse_path):
        fault = None
        try:
            tree = read(Source("x", text))
        except ArchError as raised:
            fault = raised
        if fault is None:
            assert isinstance(tree, ast.File | tuple | ast.Path | ast.Expr)
            continue
        assert str(fault)
        assert fault.diagnostics
        for diagnostic in fault.diagnostics:
            span = diagnostic.primary.span
            assert 0 <= span.start <= span.end <= len(text)


@given(st.lists(st.sampled_from(WORDS), max_size=40))
def test_any_words_end_in_a_tree_or_a_report(words):
    ends_well(" ".join(words))


@given(st.text(max_size=60))
@example("\r")
@example("a:\r\rb")
@example("# x\rrelu")
@example("\ufeff\ufeff")
@example("\U0001d7d8")
@example("let a = ²")
def test_any_text_ends_in_a_tree_or_a_report(text):
    ends_well(text)


SEED = """from "lib.arch" import cbr as c
block A(k, s = 1) {  # doc
  mix: concat { b1: c(192, 1x1); b7 was old: { r: c(128, in.c // 2) -> tap t } } if s != 1 and k < 3
  a: repeat i in 4 residual(scale = 0.1, shortcut = { p: conv(1) }) { relu; x: conv((1, 2), min(k, 2)) }
  expect [N, H = 3, 35]
}
variant v of n { set a.b[1..2]:k = "s"; insert relu before **.x; drop a[*] }
"""


@given(st.data())
def test_mutated_text_ends_in_a_tree_or_a_report(data):
    text = SEED
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 6)))
        text = text[:start] + data.draw(st.sampled_from(WORDS)) + text[end:]
    ends_well(text)
