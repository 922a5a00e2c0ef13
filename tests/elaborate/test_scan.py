"""Names in texts that no network reaches: each unknown one is refused, and none that is known."""

from pathlib import Path

import pytest

import archdsl
from archdsl import pipeline
from archdsl.diagnostics import ArchError
from archdsl.elaborate import name_lints
from archdsl.elaborate.definitions import Definitions
from archdsl.elaborate.scan import scan
from archdsl.limits import DEFAULT
from archdsl.ops import BY_KEYWORD
from archdsl.source import Source
from tests.elaborate.specs import arch, fault, faults, graph, refused

ROOT = Path(__file__).resolve().parents[2]
NEVER = "\nx: sigmoid if in.c > 99"
SPECS = sorted(
    path
    for folder in ("specs", "tests/elaborate/yardstick", "tests/golden/elaborate", "tests/golden/torch", "examples")
    for path in (ROOT / folder).rglob("*.arch")
    if "own_operator" not in path.parts  # needs its operator
)


def program(text):
    return pipeline.read(Source("net.arch", text))


def lints(text):
    """Code and marked text of each warning."""
    return [(each.code, each.primary.span.text) for each in name_lints(program(text), BY_KEYWORD)]


# --- what is refused where nothing is elaborated -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code, marked, body",
    [
        ("E0201", "avg_poo", "x: avg_poo(3x3) if in.c > 99"),
        ("E0201", "wdth", "x: conv(wdth, 1x1) if in.c > 99"),
        ("E0201", "wdth", "x: conv(if in.c > 99 then wdth else 4, 1x1)"),
        ("E0201", "wdth", "x: conv(4, 1x1) if in.c > 99 and wdth"),
        ("E0201", "in.d", "x: conv(in.d, 1x1) if in.c > 99"),
        ("E0201", "mim", "x: conv(mim(3, 4), 1x1) if in.c > 99"),
        ("E0404", "strid", "x: conv(4, 1x1, strid=2) if in.c > 99"),
        ("E0404", "2", "x: conv(4, 1x1, 2) if in.c > 99"),
        ("E0404", "kernel=3x3", "x: conv(4, 1x1, kernel=3x3) if in.c > 99"),
        ("E0404", "conv", "x: conv(kernel=1x1) if in.c > 99"),
        ("E0404", "scal", "x: residual(scal=0.1) { r: relu } if in.c > 99"),
        ("E0404", "weight", "side(weight=1) { output aux } if in.c > 99"),
        ("E0404", "wieght", "side { output aux(wieght=1) } if in.c > 99"),
        ("E0205", "p3", "x: { from p3 } if in.c > 99"),
        ("E0201", "rel", "a: repeat 0 { rel }"),
        ("E0201", "n", "a: repeat n in n relu"),
        ("E0201", "i", "a: repeat i in 2 relu\nb: conv(i, 1x1) if in.c > 99"),
        ("E0201", "w", "{ let w = 4 }\nb: conv(w, 1x1) if in.c > 99"),
        ("E0201", "w", "b: conv(w, 1x1) if in.c > 99\nlet w = 4"),
        ("E0205", "p", "repeat 1 { tap p }\nx: { from p } if in.c > 99"),
        ("E0205", "p", "x: { from p } if in.c > 99\ntap p"),
        ("E0201", "convv", "{ defaults convv(bias=false) } if in.c > 99"),
        ("E0404", "bais", "{ defaults conv(bais=false) } if in.c > 99"),
        ("E0201", "flase", "defaults linear(bias=flase)"),
        ("E0201", "q", "x: concat { a: {}; b: conv(q, 1x1) } if in.c > 99"),
        ("E0201", "q", "x: residual(shortcut = { c: conv(q, 1x1) }) { {} } if in.c > 99"),
    ],
)
def test_a_name_that_nothing_reaches_is_refused(code, marked, body):
    refused(body, code, marked)


@pytest.mark.parametrize(
    "code, marked, before",
    [
        ("E0201", "convv", "block A() { c: convv(3, 1x1) }"),
        ("E0201", "k", "block A(c) { c: conv(k, 1x1) }"),
        ("E0201", "k", "block A(c = k, k = 2) { c: conv(c * k, 1x1) }"),
        ("E0404", "B", "block A() { b: B() }\nblock B(c) { b: conv(c, 1x1) }"),
        ("E0404", "B", "block A() { b: B() }\nblock B(c) { b: conv(c, 1x1) }\ndefaults B(c=3)"),  # written too late
        ("E0205", "image", "block A() { from image }"),
        ("E0201", "other", "block A() { o: other() }\narch other() { input i: [N, 3, 8, 8]; output y }"),
        ("E0201", "b", "let a = if true then 1 else b"),
        ("E0201", "x", "about { top1 = x }"),
        ("E0201", "x", "variant v of net { about { top1 = x } }"),
        ("E0201", "nte", "variant v of nte { }"),
        ("E0405", "clases", "variant v of net { set clases = 4 }"),
        ("E0201", "x", "variant v of net { set r:slope = x }"),
        ("E0201", "cbr", "variant v of net { replace r with cbr(3) }"),
        ("E0201", "x", "variant v of net { insert conv(x, 1x1) after r }"),
        ("E0205", "p", "variant v of net { insert { from p } after r }"),
        ("E0404", "size", "variant v of net { replace r with conv(3, size=1x1) }"),
        ("E0201", "w", "block A(c) { conv(c, 1x1); expect [N, w, in.h, in.w] }"),
    ],
)
def test_a_name_in_a_text_that_is_not_used_is_refused(code, marked, before):
    refused("r: relu", code, marked, before)


def said(body):
    found = fault(body)
    return found.code, found.message, found.primary.text, found.notes, found.help


@pytest.mark.parametrize(
    "reached, asleep",
    [
        ("x: conv(chanels=4, kernel=1x1)", "x: conv(chanels=4, kernel=1x1) if in.c > 99"),
        ("x: avg_poo(3x3)", "x: avg_poo(3x3) if in.c > 99"),
        ("let w = 3\nx: conv(ww, 1x1)", "let w = 3\nx: conv(ww, 1x1) if in.c > 99"),
        ("l: relu\nfrom l", "l: relu\n{ from l } if in.c > 99"),
    ],
)
def test_the_report_is_the_one_of_elaboration(reached, asleep):
    assert said(reached) == said(asleep)


def test_faults_of_all_texts_are_told_in_one_run_with_those_of_shapes():
    spec = """
    block A() { a: convv(3, 1x1) }
    arch net() {
      input image: [N, 3, 8, 8]
      a: max_pool(9x9, pad=valid)
      b: avg_poo(3x3) if in.c > 99
      output y
    }
    variant v of net { set classes = 3 }
    """
    assert [(each.code, each.primary.span.text) for each in faults(spec, variant="net")] == [
        ("E0302", "9x9"),
        ("E0201", "convv"),
        ("E0201", "avg_poo"),
        ("E0405", "classes"),
    ]


def test_a_name_used_often_is_told_once():
    found = fault("a: cbr(1)\nb: cbr(2)\nc: cbr(3) if in.c > 99")
    assert (found.primary.span.line, found.notes) == (4, ("2 more uses of it",))
    assert len(faults(arch("a: conv(k, 1x1)\nb: conv(m, 1x1)\nc: conv(k, 1x1)"))) == 2


def test_a_text_full_of_faults_ends_soon():
    lines = "\n".join(f"a{index}: b{index}() if in.c > 99" for index in range(9000))
    assert 10 <= len(faults(arch(lines))) <= 25


# --- what is not refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SPECS, ids=lambda path: "/".join(path.parts[-2:]))
def test_every_spec_at_hand_is_clean(path):
    assert scan(Definitions(pipeline.read(path), BY_KEYWORD, DEFAULT)) == ()


def test_there_are_specs_to_try():
    assert len(SPECS) > 60


@pytest.mark.parametrize("path", sorted((ROOT / "specs").rglob("*.arch")), ids=lambda path: path.stem)
def test_no_bundled_spec_is_warned_about(path):
    assert name_lints(pipeline.read(path), BY_KEYWORD) == ()


@pytest.mark.parametrize(
    "body",
    [
        "defaults conv(channels=w)\nlet w = 4\nc: conv(kernel=1x1)",  # evaluated at the call
        "defaults conv(channels=4)\nc: { d: conv(kernel=1x1) }",
        "tap p if in.c > 1\ntap p if in.c <= 1\nfrom p",
        "tap p -> add { {}; from p }",
        "x: { tap p }\nfrom p",
        "x: residual(shortcut = { tap p }) { from p }",
        "x: concat { let w = 2; a: conv(w, 1x1); b: {} }",
        "a: repeat i in 2 { let j = i; c: conv(j + 1, 1x1) }",
        "let i = 2\na: repeat i in i conv(i + 1, 1x1)",
        "r: relu if 1 < 2 or 1 // 0 > 1",
        "c: conv(4, 1x1, pad=sym)",
        "from image",
    ],
)
def test_what_is_visible_is_known(body):
    graph(arch(body))


def test_sizes_may_be_symbolic():
    spec = "block A() { relu; expect [N, 3, H, W // 2] }\narch n() { input i: [N, 3, H, W]; A(); expect [N, 3, H, W]; output y }"
    assert graph(spec, input=(3, 8, 8)).nodes[0].type.shape == (3, 8, 8)
    spec = "let s = 8\narch n(t = 8) { input i: [N, 3, s, t]; expect [N, 3, s, t]; output y }"
    assert lints(spec) == []


def test_an_edit_may_supply_what_is_missing():
    before = """
    block Unit(width) { c: conv(width, 1x1) }
    variant wide of net { set u:width = classes; insert { tap low } before u; replace s with Head() }
    variant low of net { set u:width = 3; replace s with add { {}; from image; conv(i + 3 + image_width, 1x1) } }
    block Head() { let image_width = 1; a: repeat i in image_width conv(i + 3, 1x1) }
    """
    base = arch("u: Unit()\ns: sigmoid\nadd { {}; from low }", before, "classes = 3")
    assert [node.path for node in graph(base, variant="wide")][-2:] == ["s.a[0]", "add"]
    assert {each.code for each in faults(base, variant="net")} == {"E0404", "E0205"}
    outside = arch("u: Unit()\nadd { {}; from low }", "block Unit(width) { c: conv(width, 1x1) }")
    graph(outside, edits=["set u:width = 3", "insert { tap low } before u"])


def test_the_text_of_an_edit_sees_the_names_of_its_place(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "own.arch").write_text(
        "let base = 4\nblock Unit(w) { let v = w; tap t; c: conv(v, 1x1); a: Act() }\nblock Act() { relu }\n"
        "arch own() { input i: [N, 3, 8, 8]; u: Unit(base); output y }\n"
    )
    spec = tmp_path / "net.arch"
    edit = "replace u.c with { d: conv(v + w + base, 1x1); b: add { a: Act(); t: { from t; conv(8 + base, 1x1) } } }"
    spec.write_text(f'from "lib/own.arch" import own\nvariant net of own {{ {edit} }}\n')
    assert "u.c.b.a.relu" in [node.path for node in archdsl.load(spec).graph]
    spec.write_text(f'from "lib/own.arch" import own\nvariant net of own {{ {edit.replace("base", "bass")} }}\n')
    with pytest.raises(ArchError) as caught:
        archdsl.load(spec)
    assert [each.primary.span.text for each in caught.value.diagnostics] == ["bass"]


def test_variants_of_variants_know_the_parameters_of_their_network():
    before = "variant a of b { set classes = 5 }\nvariant b of net { set classes = 4; set fc:channels = classes }"
    spec = arch("flatten\nfc: linear(classes)", before, "classes = 3")
    assert graph(spec, variant="a").outputs[0].node == "fc"
    assert {each.code for each in faults("variant a of b { }\nvariant b of a { set x = 3 }", variant="a")} == {"E0504"}


def test_names_in_the_deepest_legal_text_are_found():
    depth = 50
    assert refused("{ " * depth + "x: rel" + " }" * depth, "E0201", "rel")


# --- warnings ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, expected",
    [
        (arch("tap p\nr: relu"), [("W106", "p")]),
        (arch("r: repeat 2 { tap p; relu }"), [("W106", "p")]),
        (arch("tap p\nr: relu\nadd { {}; from p }"), []),
        (arch("tap p if in.c > 1\ntap p if in.c < 2\nfrom p"), []),
        (arch("tap p\nr: relu", "variant v of net { insert { from p } after r }"), []),
        (arch("r: relu", parameters="classes = 3"), [("W107", "classes")]),
        (arch("r: relu", "variant v of net { set r:slope = classes }", "classes = 3"), []),
        (arch("r: relu", parameters="a = 3, b = a"), [("W107", "b")]),
        (arch("u: U(3, 4)", "block U(c, k) { conv(c, 1x1) }"), [("W107", "k")]),
        ("block U(c, k) { conv(c, 1x1) }", [("W107", "k")]),
        (arch("let w = 4\nr: relu"), [("W107", "w")]),
        (arch("let w = 4\nlet v = w\nc: conv(v, 1x1)"), []),
        (arch("let w = 4\nr: relu", "let w = 5"), [("W107", "w"), ("W107", "w")]),
        (arch("r: relu", "let eps = 1e-3"), [("W107", "eps")]),
        (arch("r: bn", "let eps = 1e-3\ndefaults bn(eps=eps)"), []),
        ("let eps = 1e-3\nblock U(c) { conv(c, 1x1) }", []),  # for others to import
        (arch("c: conv(4, 1x1, wdth=3) if in.c > 9", parameters="width = 3"), []),  # a fault comes first
    ],
)
def test_names_that_nothing_reads(text, expected):
    assert lints(text) == expected


def test_imports_that_nothing_uses(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "common.arch").write_text("let eps = 1\nblock A(unused) { relu }\nblock B() { relu }\n")
    spec = tmp_path / "net.arch"
    spec.write_text('from "lib/common.arch" import A, B as C, eps\n' + arch("a: A(1)"))
    found = name_lints(pipeline.read(spec), BY_KEYWORD)
    assert [(each.code, each.message, each.severity) for each in found] == [
        ("W107", "import `C` is never used", "warning"),
        ("W107", "import `eps` is never used", "warning"),
    ]
    spec.write_text('from "lib/common.arch" import A, B as C, eps\n' + arch("a: A(eps)\nc: C()"))
    assert name_lints(pipeline.read(spec), BY_KEYWORD) == ()
    assert archdsl.load(spec).notes == ()


def test_messages_name_what_they_are_about():
    text = arch("u: U(3, 4)\ntap p", "let e = 1\nblock U(c, k) { conv(c, 1x1) }")
    assert [each.message for each in name_lints(program(text), BY_KEYWORD)] == [
        "`let e` is never used",
        "parameter `k` of `U` is never used",
        "tap `p` is never read",
    ]
