"""T04: texts that would take the memory or the time of many networks are refused before anything is expanded."""

from dataclasses import dataclass

from archdsl import pipeline
from archdsl.diagnostics import ArchError
from archdsl.limits import DEFAULT
from archdsl.source import Source
from tests.reliability.isolated import Ended, side_by_side
from tests.reliability.outcome import Outcome, Test, table

SECONDS, MEGABYTES = 1.0, 200
_LEGAL_SECONDS, _LEGAL_MEGABYTES = 20, 1000
_SECONDS_OF_TEXT, _MEGABYTES_OF_TEXT = 10, 200  # of reading a text of a megabyte
_SECONDS_OF_WORK = 8  # until the bound on statements or operations is met, where nothing tells it beforehand
_PATIENCE = 20  # seconds until a bomb counts as gone off
_MEGABYTE = 1 << 20
_SHORT = 50_000  # characters of the texts that are tried at the quick size


@dataclass(frozen=True)
class Bomb:
    """A text and what is to become of it: the ``codes`` of which one must refuse it ("": it may load), none where it must load.

    ``work`` tells that nothing but elaborating it shows its size.
    """

    name: str
    text: str
    codes: tuple[str, ...] = ()
    work: bool = False


def network(body: str, before: str = "", channels: str = "3", size: str = "8") -> str:
    return f"{before}\narch bomb() {{\n  input x: [N, {channels}, {size}, {size}]\n  {body}\n  output y\n}}\n"


def doubled(first: str, step: str, count: int, indent: str = "") -> str:
    """``let`` after ``let``, each made of the one before it twice."""
    lets = (f"{indent}let a{n + 1} = {step.format(f'a{n}')}\n" for n in range(count))
    return f"{indent}let a0 = {first}\n" + "".join(lets)


def bombs() -> list[Bomb]:
    """Every bomb, by what it abuses."""
    nested = "relu"
    for _ in range(12):
        nested = f"{{ a: repeat 10 {nested} }}"
    fan = "block B0() { relu }\n" + "".join(f"block B{n}() {{ {'; '.join([f'B{n - 1}()'] * 10)} }}\n" for n in range(1, 13))
    computed = "let n = 100000\n" + "".join(f"block B{n}(k) {{ r: repeat k B{n - 1}(k) }}\n" for n in range(1, 6))
    lets = "".join(f"let v{n} = 1\n" for n in range(60_000))
    inner = "".join(f"block B{n}() {{ {'; '.join([f'B{n - 1}() if true'] * 50)} }}\n" for n in range(1, 20))
    pairs, twins = doubled("1", "({0}, {0})", 40), doubled("1", "({0}, {0})", 40).replace("a", "b")
    too_many = ("E0505",)
    value = ("E0401", "E0402", "E0403", "E0105")
    return [
        Bomb("repeat of 10^12", network("repeat 1000000000000 relu"), too_many),
        Bomb("repeat of 10^18", network("a: repeat 1000000000000000000 { c: conv(3, 3x3) }"), too_many),
        Bomb("repeat of 10^18 of nothing", network("repeat 1000000000000000000 {}"), too_many),
        Bomb("12 repeats of 10 in one another", network(nested), too_many),
        Bomb("12 repeats in a row", network("a: " + "repeat 10 " * 12 + "relu"), too_many),
        Bomb("12 blocks of 10 calls each", network("B12()", fan), too_many),
        Bomb(
            "20 blocks of 50 guarded calls each", network("B19()", "block B0() { relu if false }\n" + inner), too_many, work=True
        ),
        Bomb("5 blocks of computed repeats", network("B5(n)", "block B0(k) { relu }\n" + computed), too_many),
        Bomb("repeats of empty bodies in one another", network("repeat 9999 repeat 9999 repeat 9999 {}"), too_many, work=True),
        Bomb("repeat of -1", network("repeat -1 relu"), ("E0402",)),
        Bomb("repeat of 0", network("a: repeat 0 { c: conv(3, 3x3) }")),
        Bomb("powers", network("conv(a60, 1x1)", doubled("9", "{0} * {0}", 60)), value),
        Bomb("powers of fractions", network("dropout(a60)", doubled("9.5", "{0} * {0}", 60)), value),
        Bomb("a formula that doubles", network("A()", f"block A(p = 0) {{\n{doubled('p', '{0} + {0}', 60)}  pad(a60)\n}}")),
        Bomb(
            "a formula that doubles, in a network",
            network(doubled("p", "{0} + {0}", 60) + "  pad(a60)").replace("bomb()", "bomb(p = 0)"),
        ),
        Bomb("a tuple that doubles, as a kernel", network("conv(3, a40)", pairs), value),
        Bomb("a tuple that doubles, as an argument", network("b: B(a40)", f"{pairs}block B(k) {{ relu }}"), (*value, "")),
        Bomb("a tuple that doubles, as a fact", network("relu", f"{pairs}about {{ top1 = a40 }}"), (*value, "")),
        Bomb("two tuples that double, compared", network("relu if a40 == b40", pairs + twins), (*value, "")),
        Bomb("a tuple that doubles, as a default", network("relu", pairs).replace("bomb()", "bomb(p = a40)"), (*value, "")),
        Bomb("60,000 values seen by 90,000 iterations", network("repeat 90000 {}", lets), (*too_many, "E0105", "")),
        Bomb(
            "30,000 defaults for 9,000 calls",
            network("repeat 9000 add { {} }", "defaults add(scale=1)\n" * 30_000),
            (*too_many, "E0105", ""),
        ),
        Bomb("40,000 defaults", network("relu", "defaults conv(bias=false)\n" * 40_000), (*too_many, "E0105", "")),
        Bomb(
            "10,000 networks in a file",
            "".join(network("relu").replace("bomb", f"b{n}") for n in range(10_000)),
            ("E0105", "E0505", ""),
        ),
        Bomb("60,000 names like an unknown one", network("conv(v60000, 1x1)", lets), ("E0201",)),
        Bomb("a block that uses itself", network("A()", "block A() { A() }"), ("E0504",)),
        Bomb("two blocks that use each other", network("A()", "block A() { B() }\nblock B() { A() }"), ("E0504",)),
        Bomb("an integer of a million digits", network(f"conv({'9' * 1_000_000}, 1x1)"), ("E0103",)),
        Bomb("a fraction of a million digits", network(f"dropout(0.{'9' * 1_000_000})"), ("E0103", "E0402", "")),
        Bomb("a string of a megabyte", network(f'conv(3, 1x1, init="{"a" * (_MEGABYTE - 200)}")'), value),
        Bomb("a docstring of a megabyte", network("relu", f'"""{"a " * (_MEGABYTE // 2 - 200)}"""')),
        Bomb("a name of a megabyte", network(f"{'a' * (_MEGABYTE - 200)}: relu"), ("E0105",)),
        Bomb("a text of more than a megabyte", "#" * (_MEGABYTE + 1), ("E0105",)),
        Bomb("a megabyte of statements", network("relu\n" * (_MEGABYTE // 5 - 40)), too_many),
        Bomb("a megabyte of faults", network("relux\n" * (_MEGABYTE // 6 - 40)), ("E0201",)),
        Bomb("a megabyte of misspelt arguments", network("conv(chanels=1)\n" * (_MEGABYTE // 16 - 40)), ("E0404",)),
        Bomb("a sum of 50,000 terms", network(f"conv({'1 + ' * 50_000}1, 1x1)"), ("E0105",)),
        Bomb("a tuple of 300,000 items", network(f"conv(3, ({'1, ' * 300_000}1))"), value),
        Bomb("a merge of 90,000 branches", network(f"concat {{ {'{}; ' * 90_000} }}")),
        Bomb("a size that doubles", network("\n".join(["upsample(2)"] * 40)), ("E0305",)),
        Bomb("a width that doubles", network("\n".join(["concat { {}; {} }"] * 40)), ("E0305",)),
        Bomb("a size of 2^31", network("relu", size="2147483648"), ("E0402",)),
        Bomb("a size of 2^63", network("relu", size="9223372036854775808"), ("E0402", "E0103", "E0403")),
        Bomb("padding that overflows", network("pad(2147483647) -> pad(2147483647)"), ("E0305", "E0402")),
        Bomb("weights of 10^22", network("c: conv(2147483647, 1x1)", channels="2147483647", size="60000")),
        Bomb(
            "edits that match everywhere",
            network("a: repeat 20000 relu") + "variant v of bomb { " + "drop **.z;" * 50 + "}",
            ("E0405",),
            work=True,
        ),
        Bomb(
            "a pattern of stars",
            network("a: repeat 2000 relu") + f"variant v of bomb {{ drop {'.'.join(['**'] * 60)}.q }}",
            ("E0405",),
        ),
        Bomb(
            "variants of one another", network("relu") + "variant a of b { set x = 1 }\nvariant b of a { set x = 1 }", ("E0504",)
        ),
    ]


def load(text: str) -> str:
    """The code that refuses ``text``; empty where all its networks load, and have a report and a fingerprint."""
    source = Source("bomb", text)
    try:
        names, found = pipeline.diagnose(source)
        errors = [each for each in found if each.severity == "error"]
        if errors:
            str(ArchError(*errors))
            return errors[0].code
        loaded = pipeline.open_spec(source, pipeline.Choices(variant=names[0]))
        assert loaded.report.nodes and loaded.fingerprint
    except ArchError as fault:
        str(fault)
        return fault.diagnostics[0].code
    return ""


def legal(nodes: int) -> int:
    """The number of operations of a network just below the limit."""
    text = network(f"a: repeat {nodes // 9} Cell()", CELL, channels="16")
    loaded = pipeline.load(Source("legal", text))
    assert loaded.report.nodes
    return len(loaded.graph)


CELL = (
    "block cbr(c, k) { conv(c, k, bias=false); bn; relu }\n"
    "block Cell() { res: residual(scale=0.1) { concat { left: cbr(8, 1x1); right: cbr(8, 3x3) } }; act: relu }"
)


def run(full: bool) -> Outcome:
    known = [bomb for bomb in bombs() if full or len(bomb.text) < _SHORT]
    load_first = load(network("relu"))
    assert load_first == ""
    calls = [(load, (bomb.text,)) for bomb in known]
    ended = side_by_side(calls, seconds=_PATIENCE, megabytes=1024)
    faults = [fault for bomb, end in zip(known, ended, strict=True) for fault in judged(bomb, end)]
    slowest = max(zip(known, ended, strict=True), key=lambda pair: pair[1].seconds)
    largest = max(zip(known, ended, strict=True), key=lambda pair: pair[1].megabytes)
    nodes = DEFAULT.nodes - 8 if full else 20_000
    (big,) = side_by_side([(legal, (nodes,))], seconds=120, megabytes=2048)
    if big.fault is not None:
        faults.append(f"a legal network of {nodes:,} operations: {big.fault}")
    if big.seconds > _LEGAL_SECONDS or big.megabytes > _LEGAL_MEGABYTES:
        faults.append(f"a legal network of {nodes:,} operations took {big.seconds:.1f} s and {big.megabytes:.0f} MB")
    twelve = next(end for bomb, end in zip(known, ended, strict=True) if bomb.name.startswith("12 repeats of 10"))
    defused = len(known) - len({fault.partition(":")[0] for fault in faults})
    figure = (
        f"{defused} of {len(known)} bombs defused: short texts within {SECONDS:g} s and {MEGABYTES} MB, a megabyte of text "
        f"within {SECONDS + _SECONDS_OF_TEXT:g} s and {MEGABYTES + _MEGABYTES_OF_TEXT} MB, what only the bound on work stops "
        f"within {SECONDS + _SECONDS_OF_WORK:g} s; "
        f"10^12 operations refused in {1000 * twelve.seconds:.0f} ms at {twelve.megabytes:.0f} MB; "
        f"slowest {slowest[0].name}, {slowest[1].seconds:.2f} s; largest {largest[0].name}, {largest[1].megabytes:.0f} MB; "
        f"a legal network of {big.value or 0:,} operations loads in {big.seconds:.1f} s at {big.megabytes:.0f} MB"
    )
    rows = [
        [
            bomb.name,
            "loads" if end.value == "" else end.value or end.fault or "",
            f"{1000 * end.seconds:.0f}",
            f"{end.megabytes:.0f}",
        ]
        for bomb, end in zip(known, ended, strict=True)
    ]
    return Outcome(figure, tuple(faults), table(["bomb", "ends in", "CPU ms", "MB"], rows))


def judged(bomb: Bomb, end: Ended) -> list[str]:
    """What is wrong with how a bomb ended."""
    if end.fault is not None:
        return [f"{bomb.name}: {end.fault}"]
    faults = []
    if end.value not in (bomb.codes or ("",)):
        faults.append(f"{bomb.name}: {end.value or 'accepted'}")
    # A long text takes the time and memory of reading it; what is legal takes those that its size needs.
    length = len(bomb.text) / _MEGABYTE
    patience = SECONDS + _SECONDS_OF_TEXT * length + (_SECONDS_OF_WORK if bomb.work or not end.value else 0)
    if end.seconds > patience or end.megabytes > MEGABYTES + _MEGABYTES_OF_TEXT * length:
        faults.append(f"{bomb.name}: {end.seconds:.2f} s, {end.megabytes:.0f} MB")
    return faults


TEST = Test("T04", "Bombs: small texts that ask for much", run)
