"""Texts and names from a spec stay texts and names in the emitted file."""

import ast

import pytest

import archdsl
from archdsl.backends.torch import formulas
from archdsl.backends.torch.text import docstring, free_name
from archdsl.ir import MODULE_ATTRIBUTES
from archdsl.source import Source

TEXTS = [
    "plain",
    'ends with a quote"',
    '"starts with one',
    "back\\slash at the end\\",
    "\\N{BULLET} \\x41 \\u2028",
    "right to left \u202e and isolate \u2066",
    "line \u2028 and paragraph \u2029 separators, \x0b \x0c \x85",
    "tab\tand nul-like \x01",
    "first\n    indented\n\n        more\nlast\\",
    "''' and # and {braces} and %s",
    "   ",
    "\\",
    '\\"',
]


@pytest.mark.parametrize("text", [*TEXTS, '"""', '""""""', 'a """ + __import__("os") + """ b', '\\"""', '""'])
def test_docstring_is_one_constant(text):
    lines = docstring(text, "")
    code = "\n".join(lines)
    assert all(line.isprintable() for line in lines)
    assert len(code.splitlines()) == len(lines)
    body = ast.parse(code).body
    assert len(body) == (1 if text.strip() else 0)
    if body:
        assert isinstance(body[0].value.value, str)


@pytest.mark.parametrize("text", TEXTS)
def test_docstring_of_a_spec_changes_nothing_else(text):
    body = "{doc}\narch net() {{\n  {doc}\n  input x: [N, 3, 8, 8]\n  c: conv(4, 3x3)\n  output y\n}}\n"
    try:
        network = archdsl.load(Source("hostile.arch", body.format(doc=f'"""{text}"""')))
    except archdsl.ArchError as fault:  # a text that the language itself does not take
        if fault.diagnostics[0].code.startswith("E01"):
            return
        raise
    plain = archdsl.load(Source("plain.arch", body.format(doc="")))
    assert without_texts(network.to_torch_source()) == without_texts(plain.to_torch_source())


def without_texts(source):
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            node.body = [each for each in node.body if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))]
    return ast.dump(tree)


@pytest.mark.parametrize("name", ["class", "self", "torch", "nn", "F", "list", "l", "O", "9lives", "a-b", "", "Tensor", "match!"])
def test_free_name_is_an_identifier_of_its_own(name):
    found = free_name(name, {"taken"})
    assert found.isidentifier()
    assert found not in {"class", "self", "torch", "nn", "F", "list", "l", "O", "Tensor"}


@pytest.mark.parametrize(
    "text", ["f(x)", "a.b", "a[0]", "lambda: 0", "'text'", "a if b else c", "a := 1", "x" * 80, "a\nb", "[]", "a == true"]
)
def test_a_formula_holds_arithmetic_alone(text):
    assert formulas.parse(text) is None


@pytest.mark.parametrize(
    "text, value", [("4*w", 12), ("in.c // 2 + w", 8), ("w != 3 or in . c == 10", True), ("max(w, 2*w) - -1", 7)]
)
def test_a_formula_is_worth_what_it_says(text, value):
    tree = formulas.parse(text)
    assert formulas.value(tree, {"w": 3, formulas.WIDTH_IN: 10}) == value
    rendered = formulas.render(tree, {formulas.WIDTH_IN: "in_channels", "w": "w + 1"})
    assert eval(rendered, {"w": 2, "in_channels": 10}) == value


def test_stored_numbers_hide_no_attribute_of_a_module():
    nn = pytest.importorskip("torch.nn")
    public = {name for kind in (nn.Module, nn.Sequential) for name in dir(kind) if not name.startswith("_")}
    assert public | {"training"} <= MODULE_ATTRIBUTES | {"call_super_init"}


def test_objects_with_different_guards_share_a_class():
    spec = """
block U(a, b) { l1: conv(4, 1x1) if a; l2: bn if b; relu }
arch net() { input x: [N, 4, 8, 8]; u: U(true, false); v: U(false, true); w: U(false, false); output y }
"""
    source = archdsl.load(Source("guards.arch", spec)).to_torch_source()
    assert source.count("(nn.Module)") == 2
    assert "self.l1 = nn.Conv2d(4, 4, 1) if a else None" in source
    assert "self.l2 = nn.BatchNorm2d(4) if b else None" in source
