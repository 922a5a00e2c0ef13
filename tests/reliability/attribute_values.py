"""T06: a bad value of any attribute of any operator is refused, and the report points into the argument."""

import time

from archdsl import pipeline
from archdsl.diagnostics import ArchError
from archdsl.ir import Op
from archdsl.ops import ALL
from archdsl.source import Source
from tests.reliability.outcome import Outcome, Test

# Never a value of anything.
NEVER = (
    *("9" * 100_000, "1e309", "-1e309", "1e-400", "0x10", "007", "1_000", "3x", "1x2x3", "nan", "inf", "none", "x", "in.q", "in"),
    *("1 / 0", "1 // 0", "1 % 0", "1.0 / 0", "9223372036854775807 * 9223372036854775807", "1e308 * 1e308", "2 ** 3", "1 < 2 < 3"),
    *(
        '- "a"',
        '"a" + "b"',
        "not 1",
        "1 and true",
        "if 1 then 2 else 3",
        "min()",
        "ceil(1, 2)",
        "floor(true)",
        "len(1)",
        "eval(1)",
    ),
    *(
        "{ relu }",
        "{}",
        "()",
        "(1, 2, 3)",
        "(1, 2, 3, 4, 5)",
        "((1, 2), 3)",
        '("a", 1)',
        '"__import__"',
        "'3'",
        "[3]",
        "1 2",
        "",
        "$",
    ),
)
_NOT_WHOLE = ("1.5", "3.0", "3 / 1", '"3"', "true")
_TOO_LARGE = ("2147483648", "9223372036854775807", "4611686018427387904 * 2 - 1")
_COUNT = (*_NOT_WHOLE, *_TOO_LARGE, "0", "-1", "-0", "3x3", "(3, 3)")
_PAIR = (*_NOT_WHOLE, *_TOO_LARGE, "0", "-1", "-0", "0x0", "(0, 1)", "(1, 0)", "(1, -1)", "(1.0, 1)", "(true, 1)", "2147483648x1")
_AMOUNT = (*_NOT_WHOLE, *_TOO_LARGE, "-1", "(0, -1)", "(1, 1, 1, -1)", "(0, 0, 0, 0.5)", "(2147483648, 0)")
_NUMBER = ("true", '"0.5"', "3x3", "(0.5, 0.5)")
_WORD = ("3", "1.5", "true", '"nearby"', '""', "3x3")
# What else is no value, by attribute.
BAD: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("channels", "groups", "multiplier"), _COUNT),
    **dict.fromkeys(("kernel", "stride", "dilation"), _PAIR),
    "pad": (*_AMOUNT, '"full"', '"Same"'),
    **dict.fromkeys(
        ("bias", "affine", "approximate", "ceil", "count_pad", "keep"), ("1", "0", '"true"', "1.0", "3x3", "(true, true)")
    ),
    "init": (*_WORD[:3], '"normal"', '"normal(a)"', '"trunc_normal(0.1"', '"normal(1e309)"', '"__import__(0)"'),
    **dict.fromkeys(("eps", "k"), (*_NUMBER, "0", "-1", "-1e-5")),
    "momentum": (*_NUMBER, "-0.1", "1.1"),
    **dict.fromkeys(("alpha", "beta", "slope", "value"), _NUMBER),
    "p": (*_NUMBER, "1", "1.0", "-0.1", "2"),
    **dict.fromkeys(("over", "mode"), _WORD),
}
BY_OPERATOR = {
    ("lrn", "size"): _COUNT,
    ("adaptive_avg_pool", "size"): _PAIR,
    ("upsample", "scale"): _PAIR,
    ("add", "scale"): _NUMBER,
    # Numbers that these operators take, and what they do not.
    ("lrn", "k"): _NUMBER,
}
NEEDED = {"channels": "8", "kernel": "3x3", "size": "3", "groups": "2", "p": "0.5", "scale": "2", "pad": "1"}
# Values of `NEVER` that are values of some attributes after all.
FINE = {("pad", "()"), ("init", "none")}
VECTORS = ("linear",)


def cases() -> list[tuple[str, str, str]]:
    """Operator, attribute and bad value of every case."""
    found = []
    for operator in ALL:
        for attribute in operator.model_fields:
            own = BY_OPERATOR.get((operator.keyword, attribute)) or BAD[attribute]
            values = [each for each in NEVER if (attribute, each) not in FINE] + list(own)
            found += [(operator.keyword, attribute, value) for value in dict.fromkeys(values)]
    return found


def spec(operator: type[Op], attribute: str, value: str) -> tuple[str, int]:
    """A network with one bad value, and the offset at which that value begins."""
    needed = {name: NEEDED[name] for name, field in operator.model_fields.items() if field.is_required() and name != attribute}
    before = "".join(f"{name}={text}, " for name, text in needed.items())
    size = "[N, 6]" if operator.keyword in VECTORS else "[N, 6, 11, 14]"
    body = " { {}; {} }" if operator.inputs != (1, 1) else ""
    head = f"arch bad() {{\n  input x: {size}\n  s: {operator.keyword}({before}{attribute}="
    return f"{head}{value}){body}\n  output y\n}}\n", len(head)


def wrong(keyword: str, attribute: str, value: str) -> str | None:
    """What is wrong with how the case ends."""
    operator = next(each for each in ALL if each.keyword == keyword)
    text, at = spec(operator, attribute, value)
    name = f"{keyword}({attribute}={value[:40]})"
    try:
        pipeline.load(Source("bad", text))
    except ArchError as fault:
        span = fault.diagnostics[0].primary.span if fault.diagnostics[0].primary is not None else None
        if span is None:
            return f"{name}: no place"
        # The argument begins with its name; where a value ends early, what is wrong is the sign behind it.
        inside = at - len(attribute) - 1 <= span.start <= at + len(value) + 1
        return None if inside else f"{name}: told at {span.text[:30]!r}, column {span.column}"
    except Exception as fault:  # noqa: BLE001
        return f"{name}: {type(fault).__name__}: {str(fault)[:100]}"
    return f"{name}: accepted"


# Values that are right by themselves and wrong for the input that they meet.
MISFITS = {
    "kernel larger than the map": "conv(8, 12x3, pad=valid)",
    "dilated kernel larger than the map": "conv(8, 3x3, dilation=7, pad=valid)",
    "pool larger than the map": "max_pool(15x15, pad=valid)",
    "groups that divide neither": "conv(8, 3x3, groups=7)",
    "groups that divide the output only": "conv(8, 3x3, groups=4)",
    "groups that divide the input only": "conv(8, 3x3, groups=3)",
    "normalisation groups": "group_norm(4)",
    "fewer channels": "pad_channels(5)",
    "a reflection beyond the map": 'pad(11, mode="reflect")',
    "a size that overflows": "upsample(2147483647)",
    "linear on a map": "linear(8)",
    "an unknown argument": "conv(8, 3x3, strides=2)",
    "an argument twice": "conv(8, 3x3, kernel=3x3)",
    "three without names": "conv(8, 3x3, 2)",
}


def misfit(name: str, step: str) -> str | None:
    text = f"arch bad() {{\n  input x: [N, 6, 11, 14]\n  s: {step}\n  output y\n}}\n"
    try:
        pipeline.load(Source("bad", text))
    except ArchError as fault:
        primary = fault.diagnostics[0].primary
        return None if primary is not None and primary.span.line == 3 else f"{name}: told elsewhere"
    except Exception as fault:  # noqa: BLE001
        return f"{name}: {type(fault).__name__}: {fault}"
    return f"{name}: accepted"


def run(full: bool) -> Outcome:
    known = cases()
    if not full:
        known = [case for index, case in enumerate(known) if index % 5 == 0 or case[2] not in NEVER]
    start = time.process_time()
    found = [wrong(*case) for case in known] + [misfit(*case) for case in MISFITS.items()]
    seconds = time.process_time() - start
    faults = tuple(each for each in found if each is not None)
    right = len(found) - len(faults)
    figure = (
        f"{right:,} of {len(found):,} bad values refused at their argument, over {len(ALL)} operators, "
        f"{1000 * seconds / len(found):.1f} ms each"
    )
    return Outcome(figure, faults)


TEST = Test("T06", "Bad values of every attribute", run)
