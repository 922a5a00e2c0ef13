"""Every form of the language reads into the tree that it stands for."""

from pathlib import Path

import pytest

from archdsl.diagnostics import ArchError
from archdsl.source import Source
from archdsl.syntax import ast, dump, parse, parse_edits, parse_expr, parse_fragment, parse_path
from archdsl.syntax.build import Sized
from archdsl.syntax.tables import grammar_text, machine, make

GOLDEN = Path(__file__).parent.parent / "golden" / "syntax"


def source(text):
    return Source("test.arch", text)


def one(text):
    """The only statement of ``text``."""
    (statement,) = parse_fragment(source(text))
    return statement


def step(text):
    (labelled,) = one(text).steps
    return labelled.step


def value(text):
    """The expression as nested tuples without places."""
    return plain(parse_expr(source(text)))


def plain(node):
    match node:
        case ast.Literal():
            return node.value
        case ast.Name():
            return node.id
        case ast.InputSize():
            return f"in.{node.attribute}"
        case ast.Unary():
            return (node.operator, plain(node.operand))
        case ast.Binary():
            return (plain(node.left), node.operator, plain(node.right))
        case ast.Conditional():
            return ("if", plain(node.condition), plain(node.then), plain(node.otherwise))
        case ast.Function():
            return (node.name, *map(plain, node.arguments))
        case ast.Tuple():
            return [plain(item) for item in node.items]
    raise AssertionError(node)


def arguments(call):
    return [(each.name, plain(each.value)) for each in call.arguments]


def code_of(text, read=parse):
    with pytest.raises(ArchError) as caught:
        read(source(text))
    return caught.value.diagnostics[0].code


# --- the samples ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.arch")) + sorted(GOLDEN.glob("*.fragment")), ids=lambda path: path.name)
def test_sample_reads_into_its_tree(path, update_golden):
    text = Source(path.name, path.read_text(encoding="utf-8"))
    if path.suffix == ".arch":
        shown = dump(parse(text))
    else:
        shown = "".join(dump(statement) for statement in parse_fragment(text))
    expected = path.with_suffix(".ast")
    if update_golden:
        expected.write_text(shown, encoding="utf-8")
    assert shown == expected.read_text(encoding="utf-8")


def test_the_grammar_has_no_conflict_and_no_ambiguous_terminal():
    make(grammar_text(), strict=True)


def test_a_conflict_would_be_noticed():
    broken = grammar_text().replace("?step: call\n", "?step: call\n     | NAME -> tap\n")
    with pytest.raises(Exception, match="Reduce/Reduce"):
        make(broken, strict=True)


def test_every_rule_has_a_builder():
    built = {rule.alias or rule.origin.name for rule in machine().lark.rules if not rule.options.expand1 or rule.alias}
    names = {name for name in built if not name.startswith(("_", "$"))}
    assert [name for name in names if not callable(getattr(machine().builder, name, None))] == []


# --- file level ----------------------------------------------------------------------------------------------------------


def test_file_header():
    file = parse(source('"""\n  A network.\n    Indented.\n"""\nabout { paper = "P"; top1 = 80.0\n if = true }\n'))
    assert file.doc == "A network.\n  Indented."
    (about,) = file.items
    assert [(entry.name, entry.value.value) for entry in about.entries] == [("paper", "P"), ("top1", 80.0), ("if", True)]


def test_imports():
    (item,) = parse(source('from "lib/common.arch" import cbr, conv as convolution, from as import')).items
    assert item.file.value == "lib/common.arch"
    assert [(each.name.id, each.alias.id) for each in item.names] == [("cbr", "cbr"), ("conv", "convolution"), ("from", "import")]


def test_constants_and_defaults():
    let, defaults = parse(source("let eps = 1e-3\ndefaults conv(bias=false, if = 1)")).items
    assert (let.name.id, let.value.value) == ("eps", 1e-3)
    assert (defaults.callee.id, arguments(defaults)) == ("conv", [("bias", False), ("if", 1)])


def test_blocks_and_networks():
    block, arch, bare = parse(source("block B(c, k, stride = 1, pad = same,) { }\narch a(drop = 0.2) {}\nblock C { relu }")).items
    assert [(each.name.id, each.default and plain(each.default)) for each in block.parameters] == [
        ("c", None),
        ("k", None),
        ("stride", 1),
        ("pad", "same"),
    ]
    assert (arch.name.id, arch.parameters[0].default.value, arch.body.statements) == ("a", 0.2, ())
    assert (bare.name.id, bare.parameters) == ("C", ())


def test_variants():
    (variant,) = parse(
        source(
            'variant v of base {\n "A variant."\n}'.replace('"A variant."', '"""A variant."""\nabout { top1 = 1 }\ndrop b[*].res')
        )
    ).items
    assert (variant.name.id, variant.base.id, variant.doc) == ("v", "base", "A variant.")
    assert variant.about.entries[0].name == "top1"
    assert [type(edit) for edit in variant.edits] == [ast.Drop]


# --- statements ----------------------------------------------------------------------------------------------------------


def test_input_and_expect():
    statement = one("input image: [N, 3, H = 299, W = in.c]")
    assert statement.name.name == "image"
    assert [(dim.name and dim.name.id, dim.value and plain(dim.value)) for dim in statement.dims] == [
        ("N", None),
        (None, 3),
        ("H", 299),
        ("W", "in.c"),
    ]
    expect = one("expect [N, 2*w,\n 35, 35]")
    assert [plain(dim.value) if dim.value else dim.name.id for dim in expect.dims] == ["N", (2, "*", "w"), 35, 35]


def test_steps():
    call = step("c1: cbr(32, 3x3, stride=2, pad=valid)")
    assert (call.callee.id, call.body) == ("cbr", None)
    assert arguments(call) == [(None, 32), (None, (3, 3)), ("stride", 2), ("pad", "valid")]
    assert step("relu").arguments == ()
    assert step("relu()").arguments == ()


def test_chains_carry_a_label_for_each_step():
    pipe = one("down1: Down(64) -> tap s1 -> p: max_pool(2x2, stride=2) if a == 1")
    assert [each.label and each.label.name for each in pipe.steps] == ["down1", None, "p"]
    assert [type(each.step) for each in pipe.steps] == [ast.Call, ast.Tap, ast.Call]
    assert plain(pipe.guard) == ("a", "==", 1)


def test_merges():
    call = step("m: concat { a: relu; b: { c: relu\n d: relu }\n keep: {}; from p3 -> relu; concat(axis=1) { relu } }")
    assert [len(each.steps) for each in call.body.statements] == [1, 1, 1, 2, 1]
    branch = call.body.statements[1].steps[0]
    assert (branch.label.name, len(branch.step.statements)) == ("b", 2)
    assert call.body.statements[2].steps[0].step.statements == ()
    assert call.body.statements[3].steps[0].step.tap.id == "p3"


def test_residual_with_a_body_as_argument():
    call = step("residual(scale=0.17, shortcut = { proj: cb(4*w,\n1x1) if stride != 1\n relu }) { relu }")
    scale, shortcut = call.arguments
    assert (scale.name, scale.value.value) == ("scale", 0.17)
    assert isinstance(shortcut.value, ast.Body)
    assert len(shortcut.value.statements) == 2
    assert len(call.body.statements) == 1


def test_repeats():
    plain_repeat = step("a: repeat 4 InceptionA()")
    assert (plain_repeat.variable, plain_repeat.count.value, plain_repeat.step.callee.id) == (None, 4, "InceptionA")
    counted = step("b: repeat i in 10 - n Block(drop = 0.1*i/9)")
    assert (counted.variable.id, plain(counted.count)) == ("i", (10, "-", "n"))
    assert isinstance(step("x: repeat n { relu }").step, ast.Body)
    assert isinstance(step("x: repeat n concat { relu }").step, ast.Call)
    assert isinstance(step("x: repeat 2 repeat min(a, b) X()").step, ast.Repeat)


def test_guards():
    guard = one("proj: conv(4*w, 1x1) if stride != 1 or in.c != 4*w").guard
    assert plain(guard) == (("stride", "!=", 1), "or", ("in.c", "!=", (4, "*", "w")))
    assert plain(one("relu if if a then b else c").guard) == ("if", "a", "b", "c")


def test_side_roads():
    call = step("side { pool: avg_pool(5x5); output aux1(weight = 0.3) }")
    output = call.body.statements[1].steps[0].step
    assert (output.name.id, arguments(output)) == ("aux1", [("weight", 0.3)])
    assert step("output logits").arguments == ()
    assert step("tap p3").name.id == "p3"
    assert step("from p3").tap.id == "p3"


def test_rename_history():
    label = one("b7 was branch1, older: relu").steps[0].label
    assert (label.name, label.was) == ("b7", ("branch1", "older"))
    assert label.span.text == "b7"


# --- expressions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, expected",
    [
        ("1 + 2 * 3", (1, "+", (2, "*", 3))),
        ("(1 + 2) * 3", ((1, "+", 2), "*", 3)),
        ("1 - 2 - 3", ((1, "-", 2), "-", 3)),
        ("a // b % c / d", ((("a", "//", "b"), "%", "c"), "/", "d")),
        ("-a * -b", (("-", "a"), "*", ("-", "b"))),
        ("a - -1", ("a", "-", ("-", 1))),
        ("not a == b", ("not", ("a", "==", "b"))),
        ("not a and b or c", ((("not", "a"), "and", "b"), "or", "c")),
        ("a <= b", ("a", "<=", "b")),
        ("if a then b else if c then 1 else 2", ("if", "a", "b", ("if", "c", 1, 2))),
        ("min(a, 1x7, ceil(b / 2))", ("min", "a", (1, 7), ("ceil", ("b", "/", 2)))),
        ("(1, 2, (3, 4),)", [1, 2, [3, 4]]),
        ("in.c // 16", ("in.c", "//", 16)),
        ("in.anything", "in.anything"),
        ("true", True),
        ("false", False),
        ("3x3", (3, 3)),
        ("1.5e3", 1500.0),
        ("1e3", 1000.0),
        ("0", 0),
        ("0.0", 0.0),
        ("9223372036854775807", 9223372036854775807),
        (r'"a\"b\\c\nd\te"', 'a"b\\c\nd\te'),
        ('""', ""),
        ("\n1 +\n2 # sum\n", (1, "+", 2)),
    ],
)
def test_expression(text, expected):
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "text",
    ["a < b < c", "1 2", "then", "a and and b", "a ** b", "()", "(a,)", "a = 1", "", "a; b", "- ", "a.b", ".5", "1.", "a if b"],
)
def test_no_expression(text):
    assert code_of(text, parse_expr) in ("E0101", "E0103")


def test_unknown_function():
    with pytest.raises(ArchError) as caught:
        parse_expr(source("1 + mim(2)"))
    (diagnostic,) = caught.value.diagnostics
    assert (diagnostic.code, diagnostic.help, diagnostic.primary.span.text) == ("E0201", "did you mean `min`?", "mim")


# --- edits and paths -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, expected",
    [
        ("a", [("a", ())]),
        ("b[*].res", [("b", (None,)), ("res", ())]),
        ("a[1..3].**.conv", [("a", ((1, 3),)), ("**", ()), ("conv", ())]),
        ("a[0][12].*", [("a", (0, 12)), ("*", ())]),
        ("set.if.repeat.with", [("set", ()), ("if", ()), ("repeat", ()), ("with", ())]),
    ],
)
def test_path(text, expected):
    path = parse_path(source(text))
    assert [(segment.name, segment.indices) for segment in path.segments] == expected
    assert path.span.text == text


def test_edits():
    text = """
      set classes = 10; set a:repeat = 3
      set stem.c1:stride = 1   # an argument
      drop b[*].res.mix.b7
      replace a[1].conv with n: conv(32) -> relu if x
      insert s: relu before drop.after
      insert { relu } after b
    """
    parameter, argument, deep, drop, replace, before, after = parse_edits(source(text))
    assert (parameter.path, parameter.name.id, parameter.value.value) == (None, "classes", 10)
    assert (argument.path.span.text, argument.name.id) == ("a", "repeat")
    assert (deep.path.span.text, deep.name.id) == ("stem.c1", "stride")
    assert drop.path.span.text == "b[*].res.mix.b7"
    assert (replace.path.span.text, len(replace.step.steps), plain(replace.step.guard)) == ("a[1].conv", 2, "x")
    assert (before.before, before.path.span.text) == (True, "drop.after")
    assert (after.before, type(after.step.steps[0].step)) == (False, ast.Body)


# --- words that are keywords elsewhere -----------------------------------------------------------------------------------

KEYWORDS = sorted(
    "about after and arch as before block defaults drop else expect false from if import in input insert let not of or output "
    "repeat replace set tap then true variant was with concat add mul residual side min max".split()
)


@pytest.mark.parametrize("word", KEYWORDS)
def test_any_word_is_a_label_a_path_and_an_attribute(word):
    pipe = one(f"{word}: conv({word} = 1) -> {word} was {word}: relu")
    assert [each.label.name for each in pipe.steps] == [word, word]
    assert pipe.steps[0].step.arguments[0].name == word
    assert one(f"let {word} = 1").name.id == word
    (about,) = parse(source(f"about {{ {word} = 1 }}")).items
    assert about.entries[0].name == word
    assert parse_path(source(f"{word}[0].{word}")).segments[1].name == word
    set_, drop = parse_edits(source(f"set {word}.{word}:{word} = 1\ndrop {word}"))
    assert (set_.name.id, drop.path.segments[0].name) == (word, word)
    assert one(f"tap {word}").steps[0].step.name.id == word


@pytest.mark.parametrize("word", ["repeat", "from", "input", "output", "expect", "tap", "let", "defaults", "about"])
def test_a_barred_word_is_no_operator(word):
    assert code_of(word, parse_fragment) == "E0101"


@pytest.mark.parametrize("word", ["iffy", "inner", "repeats", "tapped", "letter", "blocks", "nothing", "orange", "truely"])
def test_a_word_that_begins_like_a_keyword_is_a_name(word):
    assert step(f"{word}({word} // 2)").callee.id == word


# --- layout --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "a: relu -> b: relu",
        "a: relu ->\n b: relu",
        "a: relu\n -> b: relu",
        "a: relu # one\n # two\n\n -> # three\n # four\n\n b: relu",
        "a: relu#->\r\n->#->\r\nb: relu\r\n",
    ],
)
def test_an_arrow_may_start_or_end_a_line(text):
    (pipe,) = parse_fragment(source(text))
    assert [each.label.name for each in pipe.steps] == ["a", "b"]


@pytest.mark.parametrize(
    "text", ["relu; relu", "relu\nrelu", "\n\nrelu\n;;# c\n ; relu;", "relu\r\nrelu\r\n", "# a;b\nrelu # ;\nrelu # c"]
)
def test_separators(text):
    assert len(parse_fragment(source(text))) == 2


def test_lines_join_in_brackets_up_to_an_inner_brace():
    call = step("f(1, # one; two\n 2,\n\n a = { relu\n relu # x\n relu }\n, b = [1]".replace(", b = [1]", ")"))
    assert len(call.arguments) == 3
    assert len(call.arguments[2].value.statements) == 3


@pytest.mark.parametrize("text", ["f(1; 2)", "f(1,\n; 2)", "expect [1; 2]", "f(a # ok ;\n ; )"])
def test_a_semicolon_in_brackets_is_an_error(text):
    with pytest.raises(ArchError) as caught:
        parse_fragment(source(text))
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "E0101"
    assert diagnostic.primary.span.text == ";"


def test_guard_stays_on_its_line():
    assert code_of("relu\nif a", parse_fragment) == "E0501"


def test_docs_of_bodies():
    file = parse(
        source(
            "block A() {   # Fig. 3\n relu }\n"
            'block B() {  # not this\n """This."""\n relu }\n'
            "block C() { relu }  # one line\n"
            "block D() {\n # not on its line\n relu # nor this\n }  # nor this\n"
            "block E() { concat { keep: {}; relu } }  # the outer\n"
        )
    )
    assert [item.body.doc for item in file.items] == ["Fig. 3", "This.", "one line", "", "the outer"]
    assert file.items[4].body.statements[0].steps[0].step.body.doc == ""


@pytest.mark.parametrize(
    "text",
    [
        'block A() { relu\n """late""" }',
        'let a = 1\n"""late"""',
        '"""one"""\n"""two"""',
        "about { a = 1 }\nabout { b = 2 }",
        "block A() { about { a = 1 }; about { b = 2 } }",
        "variant a of b { about { a = 1 }; about { b = 2 } }",
        'variant a of b { drop c; """late""" }',
    ],
)
def test_order_of_statements(text):
    assert code_of(text) == "E0501"


def test_fragments_have_no_docstring_and_edits_no_about():
    assert code_of('"""x"""', parse_fragment) == "E0501"
    assert code_of("about { a = 1 }", parse_edits) == "E0501"


def test_line_ends_and_byte_order_mark_change_nothing():
    text = '"""A\n  B\n"""\nblock A() { # doc\n  c: conv(1,\n 2) # x\n  -> relu\n}\n'
    crlf = "\ufeff" + text.replace("\n", "\r\n")

    def shape(file):
        return [line.split(" @")[0] for line in dump(file).splitlines()]

    assert shape(parse(source(crlf))) == shape(parse(source(text)))


def test_empty_texts():
    assert parse(source("")).items == ()
    assert parse(source("\n # nothing\n")).items == ()
    assert parse_fragment(source(" ")) == ()
    assert parse_edits(source("\n")) == ()


# --- places --------------------------------------------------------------------------------------------------------------


def spans(node):
    """Every node below ``node`` with its text, by kind."""
    found, waiting = [], [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, tuple):
            waiting += each
        elif hasattr(each, "__dataclass_fields__") and not isinstance(each, Source):
            if hasattr(each, "span"):
                found.append((type(each).__name__, each.span.text))
            waiting += [getattr(each, name) for name in each.__dataclass_fields__ if name not in ("span", "source")]
    return found


def test_spans_are_exact():
    text = "x was y: f( (a + b) * 2 , k = in.c, s = {relu}) {g} -> repeat i in -n h() if not min(1, (2, 3))"
    found = spans(parse_fragment(source(text)))
    for expected in [
        ("Pipe", text),
        ("LabelledStep", "x was y: f( (a + b) * 2 , k = in.c, s = {relu}) {g}"),
        ("Label", "x"),
        ("Call", "f( (a + b) * 2 , k = in.c, s = {relu}) {g}"),
        ("Name", "f"),
        ("Binary", "(a + b) * 2"),
        ("Binary", "(a + b)"),
        ("Argument", "k = in.c"),
        ("InputSize", "in.c"),
        ("Argument", "s = {relu}"),
        ("Body", "{relu}"),
        ("Body", "{g}"),
        ("Repeat", "repeat i in -n h()"),
        ("Unary", "-n"),
        ("Unary", "not min(1, (2, 3))"),
        ("Function", "min(1, (2, 3))"),
        ("Tuple", "(2, 3)"),
    ]:
        assert expected in found


def test_spans_of_definitions_and_edits():
    text = """from "a.arch" import b as c
        block B(c = 1) { input x: [N] }
        variant v of w { set a.b[1]:c = 2; insert relu before a }
    """
    found = spans(parse(source(text)).items)
    for expected in [
        ("Import", 'from "a.arch" import b as c'),
        ("Literal", '"a.arch"'),
        ("Parameter", "c = 1"),
        ("Block", "block B(c = 1) { input x: [N] }"),
        ("Input", "input x: [N]"),
        ("Dim", "N"),
        ("Variant", "variant v of w { set a.b[1]:c = 2; insert relu before a }"),
        ("Set", "set a.b[1]:c = 2"),
        ("Segment", "b[1]"),
        ("Insert", "insert relu before a"),
    ]:
        assert expected in found


def test_the_tree_holds_nothing_of_the_parser():
    waiting = [parse(Source("x", (GOLDEN / "inception_v4.arch").read_text(encoding="utf-8")))]
    while waiting:
        each = waiting.pop()
        assert type(each) in (tuple, str, int, float, bool, type(None), Source) or type(each).__module__ in (
            ast.__name__,
            "archdsl.source",
        )
        assert not isinstance(each, Sized)
        if isinstance(each, tuple):
            waiting += each
        elif hasattr(each, "__dataclass_fields__") and not isinstance(each, Source):
            waiting += [getattr(each, name) for name in each.__dataclass_fields__]
