"""What holds of random small specs under random edits."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import archdsl
from archdsl.diagnostics import ArchError, format_text
from archdsl.ir import Cost, dump, verify
from archdsl.source import Source
from tests.backends.random_specs import Writer

SPEC = """
let k = 2
defaults conv(pad=same)
block cbr(c, k = 3x3) { conv(c, k, bias=false); bn; relu }
block Cell(w, wide = false) {
  m: concat {
    b1: cbr(w)
    b2: { r: cbr(w, 1x1); c: cbr(k*w) -> s: sigmoid }
    keep: {} if wide
  }
  relu
  up: residual { a: conv(in.c, 1x1); relu; relu }
}
arch net(w = 2) {
  input image: [N, 3, 8, 8]
  stem: cbr(w) -> tap t -> pool: max_pool(2x2, stride=2)
  a: repeat i in 3 Cell(w + i, wide = i == 1)
  relu
  from t
  relu
  b: repeat 2 { x: tanh; relu }
  end: conv(w, 1x1)
  output y
}
"""
# In the last one everything is used, so that any line can go.
SPEC = SPEC.replace("  from t\n", "  side { output early }\n  from t\n")

SEGMENT = st.sampled_from("a b m b1 b2 keep up end stem pool cbr conv bn relu relu_2 relu_3 x c r s * ** zz t y image".split())
INDEX = st.sampled_from(["", "", "", "[0]", "[*]", "[1..2]", "[7]"])
PATH = st.lists(st.builds("{}{}".format, SEGMENT, INDEX), min_size=1, max_size=4).map(".".join)
STEP = st.sampled_from(
    [
        "relu",
        "n: relu",
        "conv(4, 3x3)",
        "n: conv(in.c, 1x1)",
        "cbr(w)",
        "n: Cell(2)",
        "relu -> relu",
        "{ n: relu; relu }",
        "repeat 2 relu",
        "n: repeat 2 cbr(3)",
        "residual { n: relu }",
        "concat { {}; n: relu }",
        "side { n: relu; output z }",
        "tap q",
        "from t",
        "relu if in.c > 2",
        "n: max_pool(9x9, pad=valid)",
        "output o",
    ]
)
VALUE = st.sampled_from(
    ["0", "1", "2", "3", "-1", "2.5", "true", "3x3", "same", "w", "k", "2*w", "unknown", "1 // 0", "10000000"]
)
NAME = st.sampled_from("c k w wide channels kernel stride pad bias repeat scale nothing".split())
EDIT = st.one_of(
    st.builds("drop {}".format, PATH),
    st.builds("replace {} with {}".format, PATH, STEP),
    st.builds("insert {} before {}".format, STEP, PATH),
    st.builds("insert {} after {}".format, STEP, PATH),
    st.builds("set {}:{} = {}".format, PATH, NAME, VALUE),
    st.builds("set {} = {}".format, NAME, VALUE),
)


@given(st.lists(EDIT, max_size=4))
def test_random_edits_give_a_sound_network_or_a_report(edits):
    spec = Source("net.arch", SPEC)
    found, reports = loaded(spec, edits=edits)
    for each in reports:
        span = each.primary.span if each.primary is not None else None
        assert span is None or 0 <= span.start <= span.end <= len(span.source.text)
        assert format_text(each)
    if found is not None:
        assert len({node.path for node in found}) == len(found)
        assert dump(verify(found)) == dump(archdsl.load(spec, edits=edits).graph)


def loaded(spec, **choices):
    """The graph of a spec, or None and the reports on it."""
    try:
        return archdsl.load(spec, **choices).graph, ()
    except ArchError as fault:
        return None, fault.diagnostics


# The statements of SPEC that a drop can name: their line as it is written, what is left of it, and the address.
LINES = [
    ("    b1: cbr(w)\n", "", "a[*].m.b1"),
    ("    b2: { r: cbr(w, 1x1); c: cbr(k*w) -> s: sigmoid }\n", "", "a[*].m.b2"),
    (" -> s: sigmoid", "", "**.s"),
    ("r: cbr(w, 1x1); ", "", "**.b2.r"),
    ("    keep: {} if wide\n", "", "**.keep"),
    ("  }\n  relu\n  up", "  }\n  up", "a[*].relu"),
    ("  up: residual { a: conv(in.c, 1x1); relu; relu }\n", "", "a[*].up"),
    ("a: conv(in.c, 1x1); ", "", "a[*].up.a"),
    ("relu; relu }", "relu }", "a[*].up.relu"),
    ("relu; relu }", "relu }", "a[*].up.relu_2"),
    (" -> pool: max_pool(2x2, stride=2)", "", "pool"),
    ("  a: repeat i in 3 Cell(w + i, wide = i == 1)\n", "", "a"),
    ("  relu\n  side", "  side", "relu"),
    ("  relu\n  b: ", "  b: ", "relu_2"),
    ("  b: repeat 2 { x: tanh; relu }\n", "", "b"),
    ("x: tanh; ", "", "b[*].x"),
    ("; relu }\n  end", " }\n  end", "b[*].relu"),
    ("  end: conv(w, 1x1)\n", "", "end"),
    ("; bn; relu }", "; relu }", "**.bn"),
]


@given(st.sets(st.sampled_from(range(len(LINES))), min_size=1, max_size=4))
def test_drops_are_deleted_lines(chosen):
    spec = SPEC
    edits = []
    for index in sorted(chosen):
        line, left, path = LINES[index]
        if spec.count(line) == 1:  # else one of the others has taken it away, or changed it
            spec = spec.replace(line, left)
            edits.append(f"drop {path}")
    assert outcome(SPEC, edits=edits) == outcome(spec)


def outcome(spec, **choices):
    """The dump of a network, or the code of its refusal."""
    found, reports = loaded(Source("net.arch", spec), **choices)
    return reports[0].code if found is None else dump(found)


PIPES = [
    line for line in SPEC.splitlines() if line.startswith("  ") and not line.endswith(("{", "}", "wide")) and "put" not in line
]


@pytest.mark.parametrize("line", [*PIPES, "    b1: cbr(w)", "  up: residual { a: conv(in.c, 1x1); relu; relu }"])
def test_a_false_guard_is_a_deleted_line(line):
    assert outcome(SPEC.replace(f"{line}\n", f"{line} if false\n", 1)) == outcome(SPEC.replace(f"{line}\n", "", 1))


@pytest.mark.parametrize("seed", range(60))
def test_random_specs_are_sound_or_reported_and_their_cost_adds_up(seed):
    spec = Source("net.arch", Writer(seed).spec())
    found, reports = loaded(spec)
    if found is None:
        assert all(format_text(each) for each in reports)
        return
    assert dump(archdsl.load(spec).graph) == dump(found)
    assert cost(found.within(0)) == cost(found)
    children = {}
    for index, scope in enumerate(found.scopes):
        children.setdefault(scope.parent, []).append(index)
    for index in range(len(found.scopes)):
        parts = [cost(node for node in found if node.scope == index)]
        parts += [cost(found.within(child)) for child in children.get(index, ())]
        assert sum(parts, Cost()) == cost(found.within(index))


def cost(nodes):
    return sum((node.cost for node in nodes), Cost())


@pytest.mark.parametrize("seed", range(40))
def test_dropping_any_node_of_a_random_spec_gives_a_network_or_a_report(seed):
    spec = Source("net.arch", Writer(seed).spec())
    found, _ = loaded(spec)
    paths = [] if found is None else [node.path for node in found]
    for path in random.Random(seed).sample(paths, min(6, len(paths))):
        left, reports = loaded(spec, edits=f"drop {path}")
        assert left is not None or all(format_text(each) for each in reports)
