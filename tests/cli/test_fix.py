"""`archdsl check --fix`: what is certain is mended, in the files that are named, and nothing else is touched."""

import codecs
import json
import os

import pytest

from archdsl import cli, pipeline
from archdsl.cli.fix import Mending
from archdsl.diagnostics import Diagnostic, Fix, Label, format_text, respell, slip
from archdsl.ops import ALL
from archdsl.render.diagnostics import as_json, as_sarif
from archdsl.source import Source, Span


def net(*lines):
    body = "".join(f"  {line}\n" for line in lines)
    return f"arch net() {{\n  input image: [N, 3, 8, 8]\n{body}  output y\n}}\n"


CERTAIN = {
    "conv(8, 3×3)": "conv(8, 3x3)",
    "conv(8, 3x3) → relu": "conv(8, 3x3) -> relu",
    "conv(8 − 1, 3x3)": "conv(8 - 1, 3x3)",
    "conv(8, 3x3) if in.c ≤ 3": "conv(8, 3x3) if in.c <= 3",
    "conv(8, 3x3, init=“kaiming_normal”)": 'conv(8, 3x3, init="kaiming_normal")',
    "conv(8, 3x3, init='kaiming_normal')": 'conv(8, 3x3, init="kaiming_normal")',
    "conv(8, 3x3) if 1<2&&2<3||false": "conv(8, 3x3) if 1<2 and 2<3 or false",
    "conv(8, 3x3) if !false": "conv(8, 3x3) if not false",
    "conv(8, 3x3) if in.c = 3": "conv(8, 3x3) if in.c == 3",
    "conv(if in.c = 3 then 8 else 4, 3x3)": "conv(if in.c == 3 then 8 else 4, 3x3)",
    "conv(8, 3x3) if 1 < in.c < 5": "conv(8, 3x3) if 1 < in.c and in.c < 5",
    "conv(1_000, 3x3)": "conv(1000, 3x3)",
    "conv(8, 3x3) -> dropout(0.)": "conv(8, 3x3) -> dropout(0.0)",
    "concat\n  {\n    a: {}\n    b: {}\n  }": "concat {\n    a: {}\n    b: {}\n  }",
    "concat  # two\n  # of them\n  {\n    a: {}\n    b: {}\n  }": "concat {  # two\n  # of them\n    a: {}\n    b: {}\n  }",
}


@pytest.mark.parametrize("before, after", CERTAIN.items())
def test_what_is_certain_is_mended(archdsl, folder, before, after):
    (folder / "net.arch").write_text(net(f"c: {before}"), encoding="utf-8")
    ran = archdsl("check", "--fix", "net.arch")
    assert (folder / "net.arch").read_text(encoding="utf-8") == net(f"c: {after}"), ran.err
    assert (ran.code, ran.out) == (0, "")
    assert "net.arch:3:" in ran.err and "mended " in ran.err
    assert ran.err.endswith("1 spec, 1 network: no faults\n")


def test_a_label_behind_repeat_moves_to_the_front(archdsl, folder):
    (folder / "net.arch").write_text(net("repeat 3 c: conv(8, 3x3)"), encoding="utf-8")
    assert archdsl("check", "--fix", "net.arch").code == 0
    assert (folder / "net.arch").read_text(encoding="utf-8") == net("c: repeat 3 conv(8, 3x3)")


@pytest.mark.parametrize("kind", ["block Unit()", "arch other()", "variant small of net"])
def test_the_brace_of_a_definition_moves_up(archdsl, folder, kind):
    rest = {"b": "  relu\n", "a": "  input x: [N, 3, 8, 8]\n  relu\n  output y\n", "v": "  drop a\n"}[kind[0]]
    text = net("a: relu", "relu")
    (folder / "net.arch").write_text(f"{text}{kind}\n{{\n{rest}}}\n", encoding="utf-8")
    assert archdsl("check", "--fix", "net.arch").code == 0
    assert (folder / "net.arch").read_text(encoding="utf-8") == f"{text}{kind} {{\n{rest}}}\n"


def test_an_import_gets_its_ending(archdsl, folder):
    (folder / "parts.arch").write_text("block Unit() { relu }\n", encoding="utf-8")
    (folder / "net.arch").write_text('from "parts" import Unit\n' + net("u: Unit()"), encoding="utf-8")
    assert archdsl("check", "--fix", "net.arch").code == 0
    assert (folder / "net.arch").read_text(encoding="utf-8").startswith('from "parts.arch" import Unit\n')


UNCERTAIN = [
    "c1 conv(8, 3x3)",  # a label without colon; in `relu conv(8)` an arrow is missing
    "relu conv(8, 3x3)",
    "c: conv(8 × 2, 3x3)",  # a product
    "c: conv(8, 3x3, init=“kaiming_normal)",
    "c: conv(8, 3x3, init='''kaiming_normal''')",
    "c: conv(8, 3x3, init='a\\b')",
    "c: conv(8, 3x3) if true & true",
    "c: conv(8, 3x3, bias = in.c = 3)",
    "c: conv(8, 3x3) if 1 < min(in.c, 4) < 5",
    "c: conv(1_0, 3x3)",
    "c: conv(010, 3x3)",
    "c: cnov2(8, 3x3)",
    "res: residual { c: conv(8, 3x3) }",  # the body may be wrong, or lack a shortcut
    "fc: linear(10)",
]


@pytest.mark.parametrize("line", UNCERTAIN)
def test_what_may_mean_two_things_is_left(archdsl, folder, line):
    (folder / "net.arch").write_text(net(line), encoding="utf-8")
    ran = archdsl("check", "--fix", "net.arch")
    assert ran.code == 1
    assert "mended" not in ran.err
    assert (folder / "net.arch").read_text(encoding="utf-8") == net(line)


@pytest.mark.parametrize("keyword", [operator.keyword for operator in ALL])
def test_no_operator_becomes_a_label(archdsl, folder, keyword):
    """`relu conv(8, 3x3)` would lose its relu."""
    (folder / "net.arch").write_text(net(f"{keyword} conv(8, 3x3)"), encoding="utf-8")
    archdsl("check", "--fix", "net.arch")
    assert (folder / "net.arch").read_text(encoding="utf-8") == net(f"{keyword} conv(8, 3x3)")


# --- which files -----------------------------------------------------------------------------------------------------------

WRONG, RIGHT = net("c: conv(8, 3×3)", "d: conv(8, 3×3)"), net("c: conv(8, 3x3)", "d: conv(8, 3x3)")


def test_faults_that_show_only_after_a_fix_are_mended_too(archdsl, folder):
    """An unknown name is found by elaboration, which a fault of the grammar keeps from running."""
    (folder / "net.arch").write_text(net("c: conv(8, 3×3) if in.c = 3", "d: conv(1_000, 3x3)"), encoding="utf-8")
    assert archdsl("check", "--fix", "net.arch").code == 0
    assert (folder / "net.arch").read_text(encoding="utf-8") == net("c: conv(8, 3x3) if in.c == 3", "d: conv(1000, 3x3)")


def test_many_faults_take_many_rounds(archdsl, folder):
    lines = [f"c{i}: conv(8, 3×3)" for i in range(70)]
    (folder / "net.arch").write_text(net(*lines), encoding="utf-8")
    assert "mended 70 places in 1 file" in archdsl("check", "--fix", "net.arch").err
    assert (folder / "net.arch").read_text(encoding="utf-8") == net(*lines).replace("×", "x")


def test_a_faultless_file_is_not_written(archdsl, folder, monkeypatch):
    monkeypatch.setattr("archdsl.cli.fix.atomic_write", None)
    ran = archdsl("check", "--fix", "good.arch")
    assert (ran.code, ran.out, ran.err) == (0, "", "1 spec, 1 network: no faults\n")


def test_what_is_left_is_reported_after(archdsl, folder):
    (folder / "net.arch").write_text(net("c: conv(8, 3×3)", "d: linear(3)"), encoding="utf-8")
    ran = archdsl("check", "--fix", "net.arch")
    assert ran.code == 1
    assert "4 |   d: linear(3)" in ran.err and "E0106" not in ran.err
    assert "3x3" in (folder / "net.arch").read_text(encoding="utf-8")


def test_quiet_tells_of_no_change(archdsl, folder):
    (folder / "net.arch").write_text(WRONG, encoding="utf-8")
    ran = archdsl("check", "-q", "--fix", "net.arch")
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_json_tells_of_what_is_left(archdsl, folder):
    (folder / "net.arch").write_text(net("c: conv(8, 3×3)", "d: linear(3)"), encoding="utf-8")
    ran = archdsl("check", "--fix", "--format", "json", "net.arch")
    assert [each["code"] for each in json.loads(ran.out)["diagnostics"]] == ["E0303"]


def test_an_import_is_mended_only_where_it_is_named(archdsl, folder):
    (folder / "parts.arch").write_text("block Unit() { c: conv(8, 3×3) }\n", encoding="utf-8")
    (folder / "net.arch").write_text('from "parts.arch" import Unit\n' + net("u: Unit()"), encoding="utf-8")
    ran = archdsl("check", "--fix", "net.arch")
    assert ran.code == 1
    assert "parts.arch: could be mended, and was not named as a file" in ran.err
    assert "×" in (folder / "parts.arch").read_text(encoding="utf-8")
    assert archdsl("check", "--fix", "net.arch", "parts.arch").code == 0
    assert (folder / "parts.arch").read_text(encoding="utf-8") == "block Unit() { c: conv(8, 3x3) }\n"


def test_an_import_that_is_named_is_judged_as_mended(archdsl, folder):
    """Without writing: what the main file says after both are mended."""
    (folder / "parts.arch").write_text("block Unit() { c: conv(8, 3×3) }\n", encoding="utf-8")
    (folder / "net.arch").write_text('from "parts" import Unit\n' + net("u: Unit()"), encoding="utf-8")
    ran = archdsl("check", "--diff", "net.arch", "parts.arch")
    assert ran.code == 1
    assert "no faults" in ran.err
    assert "+block Unit() { c: conv(8, 3x3) }" in ran.out and '+from "parts.arch" import Unit' in ran.out
    assert "×" in (folder / "parts.arch").read_text(encoding="utf-8")


@pytest.fixture
def own_library(folder, monkeypatch):
    """A library of the test's own, with a fault in it."""
    place = folder / "library"
    place.mkdir()
    (place / "bundled.arch").write_text(WRONG, encoding="utf-8")
    monkeypatch.setattr(pipeline, "library", lambda: place)
    return place


@pytest.mark.parametrize("name", ["bundled", "library/bundled.arch", "link.arch"])
def test_the_library_is_never_touched(archdsl, folder, own_library, name):
    os.symlink("library/bundled.arch", folder / "link.arch")
    ran = archdsl("check", "--fix", name)
    assert ran.code == 1
    assert "was not named" in ran.err
    assert (own_library / "bundled.arch").read_text(encoding="utf-8") == WRONG


def test_a_link_stays_a_link(archdsl, folder):
    (folder / "real.arch").write_text(WRONG, encoding="utf-8")
    os.symlink("real.arch", folder / "link.arch")
    assert archdsl("check", "--fix", "link.arch", "real.arch").code == 0
    assert os.path.islink(folder / "link.arch")
    assert (folder / "real.arch").read_text(encoding="utf-8") == RIGHT


def test_marks_and_line_ends_stay(archdsl, folder):
    path = folder / "net.arch"
    path.write_bytes(codecs.BOM_UTF8 + WRONG.replace("\n", "\r\n").encode())
    assert archdsl("check", "--fix", "net.arch").code == 0
    assert path.read_bytes() == codecs.BOM_UTF8 + RIGHT.replace("\n", "\r\n").encode()


def test_a_write_that_fails_leaves_the_file(archdsl, folder, monkeypatch):
    (folder / "net.arch").write_text(WRONG, encoding="utf-8")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    assert archdsl("check", "--fix", "net.arch").code == cli.ENVIRONMENT
    assert (folder / "net.arch").read_text(encoding="utf-8") == WRONG
    assert not list(folder.glob(".archdsl-*"))


def test_what_cannot_be_read_is_told_as_ever(archdsl, folder):
    (folder / "odd.arch").write_bytes(b"\xff")
    ran = archdsl("check", "--fix", "odd.arch", "none.arch", ".")
    assert ran.code == 1
    assert [code for code in ("E0104", "E0601", "mended") if code in ran.err] == ["E0104", "E0601"]


# --- diff and standard input -----------------------------------------------------------------------------------------------


def test_a_diff_writes_nothing(archdsl, folder):
    (folder / "net.arch").write_text(WRONG, encoding="utf-8")
    ran = archdsl("check", "--diff", "net.arch")
    assert ran.code == 1
    assert ran.out.splitlines()[:2] == ["--- net.arch", "+++ net.arch"]
    assert "-  c: conv(8, 3×3)\n" in ran.out and "+  c: conv(8, 3x3)\n" in ran.out
    assert "would mend 2 places in 1 file" in ran.err
    assert (folder / "net.arch").read_text(encoding="utf-8") == WRONG
    assert archdsl("check", "--diff", "good.arch").out == ""


def test_standard_input_goes_to_standard_output(process, folder):
    for text, code in ((WRONG, 0), (net("d: linear(3)"), 1)):
        (folder / "in").write_text(text, encoding="utf-8")
        with (folder / "in").open(encoding="utf-8") as spec:
            ran = process("check", "--fix", "-", stdin=spec)
        assert (ran.code, ran.out) == (code, text.replace("×", "x"))


@pytest.mark.parametrize(
    "line", ["--fix - good.arch", "--fix - --format json", "--diff good.arch --format json", "--diff good.arch --format sarif"]
)
def test_standard_output_holds_one_thing(archdsl, line):
    ran = archdsl("check", *line.split())
    assert (ran.code, ran.out) == (2, "")


# --- the loop --------------------------------------------------------------------------------------------------------------


def mending(folder, text):
    (folder / "loop.arch").write_text(text, encoding="utf-8")
    return Mending(["loop.arch"])


def found(texts, *fixes, certain=True):
    ((_, text),) = texts.items()
    source = Source("loop.arch", text)
    places = [Fix(Span(source, text.index(old), text.index(old) + len(old)), new, certain) for old, new in fixes if old in text]
    return [Diagnostic("E0101", "wrong", fixes=(fix,)) for fix in places]


def test_fixes_that_undo_one_another_come_to_an_end(folder):
    loop = mending(folder, "a")
    loop.mend(lambda texts: found(texts, ("a", "b")) or found(texts, ("b", "a")))
    assert loop.changed[0].after == "b"


def test_fixes_without_end_are_bounded(folder):
    loop = mending(folder, "a")
    loop.mend(lambda texts: found(texts, ("a", "aa")))
    assert 1 < len(loop.changed[0].after) < 100


def test_fixes_of_one_place_act_one_after_another(folder):
    loop = mending(folder, "ab")
    loop.mend(lambda texts: found(texts, ("ab", "cb"), ("b", "d")))
    assert loop.changed[0].after == "cd"


def test_all_fixes_of_a_diagnostic_or_none(folder):
    loop = mending(folder, "a b")

    def look(texts):
        ((_, text),) = texts.items()
        ours, other = Source("loop.arch", text), Source("other.arch", "z")
        return [Diagnostic("E0101", "wrong", fixes=(Fix(Span(ours, 0, 1), "c", True), Fix(Span(other, 0, 1), "y", True)))]

    loop.mend(look)
    assert not loop.changed


def test_an_uncertain_fix_is_not_applied(folder):
    loop = mending(folder, "a")
    loop.mend(lambda texts: found(texts, ("a", "b"), certain=False))
    assert not loop.changed


# --- what is certain about a name ------------------------------------------------------------------------------------------

KNOWN = ["conv", "max_pool", "avg_pool", "stride", "relu", "elu", "InceptionA", "linear", "dropout", "conv1"]


@pytest.mark.parametrize(
    "word, name",
    [
        *(("cnov", "conv"), ("strides", "stride"), ("maxpool", "max_pool"), ("max_ppool", "max_pool"), ("rleu", "relu")),
        *(("linEAR", "linear"), ("dropuot", "dropout"), ("InecptionA", "InceptionA")),
        *(("Conv", None), ("ReLU", None), ("LINEAR", None), ("inceptionA", None), ("INCEPTIONA", None)),
        *(("conv2", None), ("convt", None), ("InceptionB", None), ("mac_pool", None), ("pool", None), ("rel", None)),
    ],
)
def test_only_a_slip_is_certain(word, name):
    assert slip(word, KNOWN) == name


def test_of_two_names_that_are_meant_neither_is_certain():
    assert slip("cove", ["cover", "coves", "ocve"]) is None
    assert slip("CONV", ["conv", "Conv"]) is None


def test_a_block_whose_import_was_forgotten_is_not_taken_for_an_operator(archdsl, folder):
    text = "arch a() {\n  input x: [N, 3, 8, 8]\n  c: Conv(4, 3x3)\n  output y\n}\n"
    (folder / "yolo.arch").write_text(text, encoding="utf-8")
    ran = archdsl("check", "--fix", "yolo.arch")
    assert ran.code == 1
    assert "did you mean `conv`?" in ran.err
    assert (folder / "yolo.arch").read_text(encoding="utf-8") == text


def test_a_respelling_is_certain_where_it_is_of_a_slip():
    source = Source("a.arch", "cnov konv zzz")
    assert respell(Span(source, 0, 4), KNOWN) == (Fix(Span(source, 0, 4), "conv", certain=True),)
    assert respell(Span(source, 5, 9), KNOWN) == (Fix(Span(source, 5, 9), "conv", certain=False),)
    assert respell(Span(source, 10, 13), KNOWN) == ()


# --- how a fix is shown ------------------------------------------------------------------------------------------------------


def shown(text, *fixes, help="do so", path="a.arch"):
    source = Source(path, text)
    spans = [(Span(source, start, end), new) for start, end, new in fixes]
    diagnostic = Diagnostic("E0101", "wrong", Label(spans[0][0]), help=help, fixes=tuple(Fix(*each) for each in spans))
    return format_text(diagnostic).split("help: ")[1]


def test_a_fix_is_shown_as_the_line_that_it_makes():
    assert shown("one\ntwo\n", (4, 7, "three")) == "do so\n  |\n2 | three"


def test_two_fixes_of_one_line_are_shown_together():
    assert shown("repeat 3 a: b\n", (0, 0, "a: "), (9, 12, "")) == "do so\n  |\n1 | a: repeat 3 b"


def test_fixes_of_two_places_are_shown_apart():
    assert shown("a\nb\nc\n", (0, 1, "x"), (4, 5, "z")) == "do so\n  |\n1 | x\n  |\n3 | z"


def test_a_fix_over_lines_and_one_of_many_lines():
    assert shown("a\n{\nb\n", (1, 3, " {")) == "do so\n  |\n1 | a {"
    assert shown("a\n", (0, 1, "1\n2\n3")) == "do so\n  |\n1 | 1\n2 | 2\n3 | 3"
    assert shown("a\n", (0, 1, "\n".join("123456789"))).count("\n") == 9


def test_a_fix_without_help_and_one_with_odd_characters():
    assert shown("a\n", (0, 1, "\x1b[1m"), help=None) == "write this\n  |\n1 | <U+001B>[1m"


def test_a_long_line_is_cut():
    text = shown("a" * 5000 + "b" + "c" * 5000, (5000, 5001, "B"))
    assert len(text) < 300 and "aBc" in text


def test_a_fix_elsewhere_says_where():
    source, other = Source("a.arch", "a"), Source("b.arch", "b")
    diagnostic = Diagnostic("E0101", "wrong", Label(Span(source, 0, 1)), help="do so", fixes=(Fix(Span(other, 0, 1), "c"),))
    assert format_text(diagnostic).endswith("help: do so\n ::: b.arch:1:1\n  |\n1 | c")


def test_json_and_sarif_say_what_is_certain():
    source, other = Source("a.arch", "ab"), Source("b.arch", "b")
    fixes = (Fix(Span(source, 0, 1), "x", True), Fix(Span(source, 2, 2), "y", True), Fix(Span(other, 0, 1), "z", False))
    diagnostic = Diagnostic("E0101", "wrong", Label(Span(source, 0, 1)), help="do so", fixes=fixes)
    (entry,) = as_json([diagnostic])["diagnostics"]
    assert [(fix["file"], fix["column"], fix["end_column"], fix["replacement"], fix["certain"]) for fix in entry["fixes"]] == [
        ("a.arch", 1, 2, "x", True),
        ("a.arch", 3, 3, "y", True),
        ("b.arch", 1, 2, "z", False),
    ]
    (fix,) = as_sarif([diagnostic], "1")["runs"][0]["results"][0]["fixes"]
    assert fix["description"] == {"text": "do so"}
    assert fix["properties"] == {"certain": False}
    assert [(each["artifactLocation"]["uri"], len(each["replacements"])) for each in fix["artifactChanges"]] == [
        ("a.arch", 2),
        ("b.arch", 1),
    ]
