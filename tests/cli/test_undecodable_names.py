"""File names whose bytes are no text: every command takes them, and shows them in a form that any stream can carry."""

import json
import os
import sys

import pytest

SPEC = "arch net() {\n  input x: [N, 3, 8, 8]\n  c:   conv(4, 3x3, bias=true)\n  n: bn\n  output y\n}\n"

pytestmark = pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are text there")


@pytest.fixture
def names(folder):
    """A spec with a warning, one that imports it from a folder of such a name, and one with a fault."""
    os.makedirs(b"d\xfe")
    for name, text in ((b"x\xff.arch", SPEC), (b"d\xfe/f\xff.arch", SPEC.replace("conv(", "konv("))):
        with open(name, "wb") as file:
            file.write(text.encode())
    return {"sound": os.fsdecode(b"x\xff.arch"), "faulty": os.fsdecode(b"d\xfe/f\xff.arch")}


@pytest.mark.parametrize("form", ["text", "json", "github", "sarif"])
@pytest.mark.parametrize("absolute", [False, True])
def test_check_in_every_form(process, names, form, absolute):
    for name, code in (("sound", 0), ("faulty", 1)):
        path = os.path.abspath(names[name]) if absolute else names[name]
        ran = process("check", path, "--format", form)
        assert ran.code == code, ran.err
        shown = {"json": "udcff", "sarif": "%FF"}.get(form, "<U+DCFF>")
        assert shown in (ran.err if form == "text" else ran.out)
        if form in ("json", "sarif"):
            json.loads(ran.out)


@pytest.mark.parametrize(
    "arguments",
    [
        *(
            ["check", "--fix"],
            ["check", "--diff"],
            ["fmt", "--check"],
            ["fmt", "--diff"],
            ["fmt"],
            ["fmt", "--label"],
            ["summary"],
        ),
        *(["summary", "--json"], ["compile", "--to", "torch"], ["compile", "--to", "ir"], ["compile", "--to", "json"]),
        *(["compile", "--to", "ast", "-o", "tree"], ["compile", "--to", "torch", "-o", "net.py"]),
        *(["compile", "--to", "json", "-o", "net.json"], ["compile", "--to", "json", "-o", os.fsdecode(b"o\xff.json")]),
    ],
    ids=" ".join,
)
def test_every_command_takes_them(process, names, arguments):
    ran = process(*arguments, names["sound"])
    assert ran.code <= 1, ran.err
    assert "a bug in" not in ran.err
    assert process(*arguments, names["faulty"]).code <= 2


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_why_and_explain(process, names, form):
    assert process("why", names["sound"], "c", *form).code == 0
    assert process("why", names["sound"], os.fsdecode(b"c\xff"), *form).code == 1
    ran = process("explain", os.fsdecode(b"\xff"), *form)
    assert (ran.code, "`<U+DCFF>`" in ran.err) == (2, True)


def test_options_with_such_bytes_are_refused(process, names):
    for option in ("--set", "c:init='\udcff'"), ("--replace", 'c with conv("\udcff")'), ("--drop", "\udcff"):
        ran = process("check", names["sound"], *option)
        assert ran.code == 1, ran.err


def test_a_graph_in_json_names_them_and_comes_back(process, names):
    from archdsl.ir.exchange import from_json
    from archdsl.ops import BY_KEYWORD

    ran = process("compile", "--to", "json", names["sound"])
    assert from_json(ran.out, BY_KEYWORD).sources[0].path == names["sound"]
