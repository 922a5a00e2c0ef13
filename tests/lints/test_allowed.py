"""Where a comment has to stand to allow a warning, and what it has to say."""

import pytest

from archdsl.analysis.lints.allowed import allowed
from archdsl.pipeline import diagnose
from archdsl.source import Source
from archdsl.syntax import source_from_bytes
from archdsl.syntax.format import format_source

NET = """\
arch net() {{
  input image: [N, 3, 8, 8]
{}
  norm: bn
  output y
}}
"""


def codes(body, before=""):
    _, found = diagnose(Source("net.arch", before + NET.format(body)))
    return [each.code for each in found]


CONV = "  c: conv(4, 3x3)"


@pytest.mark.parametrize(
    "body",
    [
        f"{CONV} # allow W104",
        f"{CONV}   #allow W104: reason",
        f"{CONV}\t#\tallow\tW104\t",
        f"{CONV} # allow W101,W104 , W105: reason",
        f"  # allow W104\n{CONV}",
        f"  # allow W104: reason\n  # that goes on\n{CONV}",
        f"  # some other remark\n  # allow W104: reason\n{CONV}",
        "  c: conv(\n    4, 3x3\n  ) # allow W104",
        "  c: conv( # allow W104\n    4, 3x3\n  )",
        "  c: conv(\n    4, # allow W104\n    3x3\n  )",
        "  c: conv(\n    4,\n    3x3,\n    bias=true,\n    groups=1\n  ) # allow W104",
        '  c: conv(\n    4,\n    # allow W104\n    3x3,\n    bias=true,\n    init="trunc_normal(0.1)"\n  )',
    ],
)
def test_a_comment_allows(body):
    assert codes(body) == []


@pytest.mark.parametrize(
    "body",
    [
        CONV,
        f"{CONV} # allow",
        f"{CONV} # allow all",
        f"{CONV} # allow W105",
        f"{CONV} # Allow W104",
        f"{CONV} # allow: W104",
        f"{CONV} # allow E0301",
        f"{CONV} # allow W1044",
        f"{CONV}\n  # allow W104: below",
        f"  # allow W104: too far above\n\n{CONV}",
        f"  # allow W104: of another line\n  identity\n{CONV}",
        "  c: conv(\n    4, 3x3\n  )\n  # allow W104: below",
        "  b: repeat(\n    2) { # allow W104\n    c: conv(\n      4, 3x3\n    )\n    n: bn }",
        "  r: residual(shortcut = { # allow W104\n    c: conv(4, 3x3); n: bn\n  }) { d: conv(4, 3x3, bias=false) }",
    ],
)
def test_a_comment_does_not(body):
    assert codes(body) == ["W104"]


@pytest.mark.parametrize(
    "head",
    [
        "# allow W104\n",
        '"""A doc."""\n# allow W104\n',
        "\n\n# a title\n\n  # allow W104: reason\n\n",
        '# allow W104\n"""A doc."""\n',
    ],
)
def test_a_comment_before_the_first_statement_holds_for_the_whole_file(head):
    assert codes(CONV, head) == []


def test_it_holds_for_its_own_file_only(tmp_path):
    (tmp_path / "part.arch").write_text("block Part() {\n  c: conv(4, 3x3)\n  n: bn\n}\n", encoding="utf-8")
    main = tmp_path / "net.arch"
    text = 'from "part.arch" import Part\n' + NET.format("  p: Part()\n" + CONV)
    main.write_text("# allow W104\n" + text, encoding="utf-8")
    _, found = diagnose(str(main))
    assert [(each.code, each.path) for each in found] == [("W104", "p.c")]


def test_carriage_returns_and_a_byte_order_mark_change_nothing():
    text = "\ufeff# allow W109\r\n" + NET.format(f"  # allow W104\n{CONV}").replace("\n", "\r\n")
    source = source_from_bytes("net.arch", text.encode())
    found = allowed(source)
    assert (found.everywhere, found.lines) == ({"W109"}, {5: {"W104"}})
    assert diagnose(source)[1] == ()


LONG = (
    'c: conv(channels=(4 + 0) * 1, kernel=3x3, stride=1x1, dilation=1x1, pad=same, groups=1, bias=true, init="trunc_normal(0.1)")'
)


@pytest.mark.parametrize("call", [LONG, LONG.replace("bias=true, ", "").replace("4 + 0", "4 + 0 + 0 + 0")])
def test_the_formatter_parts_no_comment_from_what_it_allows(call):
    source = Source("net.arch", NET.format(f"  {call} # allow W104"))
    laid_out = Source("net.arch", format_source(source))
    assert laid_out.text.count("\n") > source.text.count("\n") + 4
    assert "W104" not in {each.code for each in diagnose(laid_out)[1]}
    assert "W104" in {each.code for each in diagnose(Source("net.arch", laid_out.text.replace("allow", "allo")))[1]}


def test_errors_are_never_allowed():
    _, found = diagnose(Source("net.arch", "# allow W104, E0402\n" + NET.format("  c: conv(0, 3x3) # allow E0402")))
    assert [each.code for each in found] == ["E0402"]
