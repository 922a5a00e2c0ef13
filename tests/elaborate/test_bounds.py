"""What a spec may ask for: sizes found before anything is expanded, nesting, numbers, and growth of time and memory."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from archdsl.limits import DEFAULT
from tests.elaborate.specs import arch, fault, faults, flow, graph, paths

ROOT = Path(__file__).resolve().parents[2]


def fan(levels, body="a: B{next}(); b: B{next}()", last="relu", parameters=""):
    """Blocks each of which uses the next one twice."""
    blocks = [f"block B{level}({parameters}) {{ {body.format(next=level + 1)} }}" for level in range(levels)]
    return "\n".join([*blocks, f"block B{levels}({parameters}) {{ {last} }}"])


# Each with the count that the message must name, and the text that it must be shown at.
BOMBS = {
    "count": (arch("a: repeat 1000000000000 relu"), "1,000,000,000,000 operations", "1000000000000"),
    "huge count": (arch("a: repeat 1000000000000000000 relu"), "1,000,000,000,000,000,000 operations", "1000000000000000000"),
    "nothing": (arch("a: repeat 1000000000000 { }"), "statements to elaborate", "1000000000000"),
    "nested": (arch("a: " + "repeat 10 " * 12 + "relu"), "1,000,000,000,000 operations", "10"),
    "nested in braces": (arch("a: " + "repeat 10 { b: " * 12 + "relu" + "}" * 12), "1,000,000,000,000 operations", "10"),
    "nested nothing": (arch("a: " + "repeat 10 " * 12 + "{}"), "1,111,111,111,113 statements", "10"),
    "parameters": (arch("a: " + "repeat n " * 12 + "relu", parameters="n = 10"), "1,000,000,000,000 operations", "n"),
    "constants": (arch("let m = 2*k - 10\na: " + "repeat m " * 12 + "relu", "let k = 10"), "1,000,000,000,000 operations", "m"),
    "arguments": (arch("a: A(10)", "block A(n) { a: " + "repeat n " * 12 + "relu }"), "1,000,000,000,000 operations", "A"),
    "known guard": (arch("a: repeat n relu if n > 3", parameters="n = 1000000000"), "1,000,000,000 operations", "n"),
    "fan-out": (arch("z: B0()", fan(60)), f"{2**60:,} operations", "B0"),
    "fan-out of nothing": (arch("z: B0()", fan(60, last="")), "statements to elaborate", "B0"),
    "fan-out with arguments": (
        arch("z: B0(1)", fan(60, "a: B{next}(2*n); b: B{next}(2*n + 1)", parameters="n")),
        f"{2**60:,} operations",
        "B0",
    ),
    "fan-out by defaults": (arch("z: B0()", fan(60, "a: repeat n B{next}()", parameters="n = 2")), f"{2**60:,} operations", "B0"),
    "fan-out in shortcuts": (
        arch("z: B0()", fan(40, "residual(shortcut = {{ a: B{next}() }}) {{ b: B{next}() }}")),
        "operations",
        "B0",
    ),
    "beyond words": (arch("a: " + "repeat 1000000000000000000 " * 20 + "relu"), "at least 10^3", "1000000000000000000"),
}


@pytest.mark.parametrize("name", sorted(BOMBS))
def test_a_network_beyond_the_limit_is_refused_before_it_is_expanded(name):
    spec, count, marked = BOMBS[name]
    begun = time.process_time()
    (found,) = faults(spec)
    assert time.process_time() - begun < 1
    assert (found.code, found.primary.span.text) == ("E0505", marked)
    assert count in found.message
    assert found.primary.text in ("the limit is 100,000", "the limit is 1,000,000")


def test_a_refusal_takes_little_memory():
    code = (
        "import resource, sys\n"
        "from tests.elaborate.test_bounds import BOMBS\n"
        "import archdsl\n"
        "from archdsl.source import Source\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for spec, *_ in BOMBS.values():\n"
        "    try: archdsl.load(Source('x.arch', spec))\n"
        "    except archdsl.ArchError: pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    assert int(run.stdout) < 100 * 1024  # kilobytes


def test_the_limits_are_the_callers():
    spec = arch("a: repeat 30 relu")
    assert len(graph(spec, limits=replace(DEFAULT, nodes=31))) == 31
    (found,) = faults(spec, limits=replace(DEFAULT, nodes=30))
    assert found.message == "the network is too large: at least 31 operations"
    assert faults(spec, limits=replace(DEFAULT, nodes=10))[0].code == "E0505"
    assert faults(spec, limits=replace(DEFAULT, steps=20))[0].code == "E0505"


def test_what_only_shapes_can_tell_is_refused_when_the_limit_is_reached():
    small = replace(DEFAULT, nodes=500)
    found = faults(arch("a: " + "repeat in.c " * 12 + "relu"), limits=small)[0]
    assert found.code == "E0505"
    guarded = fan(60, "a: B{next}() if in.c > 1; b: B{next}() if in.c > 1")
    assert faults(arch("z: B0()", guarded), limits=small)[0].code == "E0505"


def test_a_set_beyond_the_limit_is_refused():
    found = fault("a: repeat 2 relu", edits="set a:repeat = 1000000000000")
    assert (found.code, found.primary.span.text) == ("E0505", "2")
    assert "at least 1,000,000,000,001 operations" in found.message
    assert fault("a: relu", fan(60), edits="replace a with B0()").code == "E0505"


# --- nesting -------------------------------------------------------------------------------------------------------------


def chain(levels):
    """Blocks each of which calls the next one; as many levels of calls."""
    blocks = [f"block B{level}() {{ a: B{level + 1}() }}" for level in range(levels - 1)]
    return "\n".join([*blocks, f"block B{levels - 1}() {{ r: relu }}"])


def test_calls_nest_64_levels_and_no_deeper():
    assert paths(flow("z: B0()", chain(64))) == ["z" + ".a" * 63 + ".r"]
    found = fault("z: B0()", chain(65))
    assert (found.code, found.primary.span.text) == ("E0105", "B64")
    assert found.notes == ("`B0` calls `B1` calls `B2` calls … calls `B62` calls `B63`",)
    assert fault("z: B0()", chain(3000)).code == "E0105"


@pytest.mark.parametrize("form", ["{", "concat {", "add {", "residual {", "residual(shortcut={}) {", "repeat 1 {", "a: {"])
def test_braces_nest_as_deep_as_a_text_may(form):
    closing = form.count("{") - form.count("}")
    per_level = 2 if "repeat" in form else 1
    levels = 62 // per_level
    assert paths(flow(form * levels + "relu" + "}" * closing * levels))


def test_blocks_and_braces_nest_together():
    before = chain(40).replace("{ a:", "{ { { a:").replace("() }", "() } } }")
    assert fault("z: B0()", before).code == "E0105"


def test_the_stack_of_the_deepest_legal_spec_is_far_from_python_s_limit():
    deepest = 0
    frames = sys._getframe

    def depth(frame, event, argument):
        nonlocal deepest
        level = 0
        frame = frames(1)
        while frame is not None:
            level, frame = level + 1, frame.f_back
        deepest = max(deepest, level)

    value = "(" * 60 + "in.c + 1" + ")" * 60
    before = chain(64).replace("r: relu", f"conv({value.replace('(', '-').replace(')', '')}, 1x1)")
    here = 0
    frame = frames(0)
    while frame is not None:
        here, frame = here + 1, frame.f_back
    sys.setprofile(depth)
    try:
        flow("z: B0()", before)
    finally:
        sys.setprofile(None)
    assert deepest - here < 850


def test_higher_limits_end_in_a_report_too():
    higher = replace(DEFAULT, nesting=5000)
    assert fault("z: B0()", chain(2000), limits=higher).code == "E0105"


@pytest.mark.parametrize(
    "before, call, circle",
    [
        ("block A() { A() }", "A()", "`A` uses `A`"),
        ("block A() { b: B() }\nblock B() { c: C() }\nblock C() { concat { A() } }", "A()", "`A` uses `B` uses `C` uses `A`"),
        ("block A(n) { relu; a: A(n - 1) if n > 0 }", "A(3)", "`A` uses `A`"),
        ("block A() { r: repeat 3 A() }", "A()", "`A` uses `A`"),
        ("block A() { residual(shortcut = { A() }) { relu } }", "A()", "`A` uses `A`"),
    ],
)
def test_a_block_that_uses_itself_is_refused(before, call, circle):
    found = fault(call, before)
    assert (found.code, found.primary.text, found.primary.span.text) == ("E0504", circle, "A")


# --- numbers -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body, code, marked",
    [
        ("a: conv(2147483648, 1x1)", "E0402", "2147483648"),
        ("a: conv(2147483647, 1x1) -> concat { {}; {} }", "E0305", "concat"),
        ("a: upsample(2147483647)", "E0305", "upsample(2147483647)"),
        ("a: pad((2147483647, 0, 0, 0))", "E0305", "pad((2147483647, 0, 0, 0))"),
        ("a: conv(9223372036854775807, 1x1)", "E0402", "9223372036854775807"),
        ("a: conv(in.c * 9223372036854775807, 1x1)", "E0403", "in.c * 9223372036854775807"),
        ("a: repeat 99999999999999999999 relu", "E0103", "99999999999999999999"),
    ],
)
def test_sizes_beyond_the_limit(body, code, marked):
    found = fault(body)
    assert (found.code, found.primary.span.text) == (code, marked)


def test_costs_beyond_64_bits_are_exact():
    found = flow("a: conv(2147483647, 1x1)\nb: conv(2147483647, 1x1)", size="3, 2000000000, 2000000000")
    assert found["b"].cost.mac == 2147483647**2 * 2000000000**2


# --- growth --------------------------------------------------------------------------------------------------------------


def wide(count):
    """A network of 10 times ``count`` operations."""
    body = """
    c: conv(3, 1x1, bias=false)
    residual(scale=0.5) { concat { a: { relu; c1: conv(1, 1x1) }; b: { relu; c2: conv(2, 1x1) } }; bn if i >= 0 }
    tap p
    from p
    relu
    """
    return arch(f"a: repeat i in {count} {{ {body} }}")


@pytest.mark.slow
def test_time_grows_as_the_network_does():
    def each(count):
        spec = wide(count)
        best = float("inf")
        for _ in range(2):
            begun = time.process_time()
            nodes = len(graph(spec))
            best = min(best, (time.process_time() - begun) / nodes)
        return best

    assert each(5_000) < 2 * each(100)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak memory of a process from /proc")
def test_the_largest_network_loads_in_time_and_memory():
    found = subprocess.run(
        [sys.executable, "-c", _MEASURED], input=wide(11_000), capture_output=True, text=True, check=True, cwd=ROOT, timeout=300
    )
    nodes, seconds, kilobytes = map(float, found.stdout.split())
    assert 98_000 < nodes <= 100_000
    assert seconds < 20
    assert kilobytes < 1024 * 1024


# A process of its own, and its own peak: the one that `getrusage` gives begins with that of the process it was forked from.
_MEASURED = """
import sys, time
import archdsl
from archdsl.source import Source
text = sys.stdin.read()
begun = time.process_time()
nodes = len(archdsl.load(Source("wide.arch", text)).graph)
seconds = time.process_time() - begun
(peak,) = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(nodes, seconds, peak)
"""


@pytest.mark.parametrize(
    "line",
    [
        "let a{} = 1",
        "tap a{}",
        "defaults conv(bias=false)",
        "output a{}",
        "relu if 1 > 2",
        "a{}: relu",
        "expect [N, 3, 8, 8]",
        "concat {{ {{}} }}",
    ],
)
def test_many_statements_of_one_kind_and_many_iterations_take_time_in_proportion(line):
    def once(count):
        body = "\n".join(line.format(index) for index in range(count))
        begun = time.process_time()
        graph(arch(f"{body}\nz: repeat {count} {{ let z = 1; relu; tap q }}"))
        return time.process_time() - begun

    once(50)
    assert once(4_000) < 4 * 4 * once(1_000)  # a square would take 16 times as long
