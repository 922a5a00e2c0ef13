"""T07: networks that make no sense are refused, with the places and the shapes that do not fit together.

Several of them are models that ONNX checkers accept: a convolution whose weights have other input channels, groups that divide
nothing, a pool larger than its input, a constant of 10^12 elements.
"""

from archdsl import pipeline
from archdsl.diagnostics import ArchError
from archdsl.source import Source
from tests.reliability.outcome import Outcome, Test

# Body of a network whose input is [N, 3, 16, 16], the code, and what the report must say (any of its parts), as it is printed.
BODIES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "concat of different maps": ("concat { a: max_pool(2x2, stride=2); b: conv(4, 3x3) }", "E0301", ("16, 16", "8, 8")),
    "concat of a map and a vector": ("concat { a: global_avg_pool; b: conv(4, 1x1) }", "E030", ("[N, 3]", "16, 16")),
    "concat of one larger by a row": ("concat { a: pad((0, 0, 1, 0)); b: {} }", "E0301", ("17, 16", "16, 16")),
    "add of 3 and 5 channels": ("add { {}; b: conv(5, 1x1) }", "E0301", ("3, 16", "5, 16")),
    "add of different maps": ("add { {}; b: max_pool(2x2, stride=2) }", "E0301", ("16, 16", "8, 8")),
    "add of three, one wrong": ("add { a: conv(4, 1x1); b: conv(4, 1x1); c: conv(2, 1x1) }", "E0301", ("2, 16", "4, 16")),
    "add of a map and a vector": ("add { {}; b: { global_avg_pool } }", "E030", ("[N, 3]",)),
    "mul that cannot be broadcast": ("mul { {}; b: { global_avg_pool(keep=true); up: conv(4, 1x1) } }", "E0301", ("4, 1, 1",)),
    "mul of half a map": ("mul { {}; b: max_pool(1x2, stride=1x2) }", "E0301", ("16, 8",)),
    "residual that changes width": ("residual { a: conv(5, 1x1) }", "E0301", ("5 channels", "3 channels")),
    "residual that changes size": ("residual { a: conv(3, 3x3, stride=2) }", "E0301", ("8, 8", "16, 16")),
    "residual whose shortcut differs": ("residual(shortcut = { p: conv(4, 1x1) }) { a: conv(5, 1x1) }", "E0301", ("4", "5")),
    "residual that flattens": ("residual { flatten }", "E0301", ("768",)),
    "residual whose sides stride differently": (
        "residual(shortcut = { p: conv(4, 1x1, stride=2) }) { a: conv(4, 3x3) }",
        "E0301",
        ("8, 8",),
    ),
    "pool larger than its input": ("max_pool(17x17, pad=valid)", "E0302", ("17", "16")),
    "convolution larger than its input": ("c: conv(4, 19x19, pad=valid)", "E0302", ("19", "16")),
    "dilated convolution larger than its input": ("c: conv(4, 3x3, dilation=9, pad=valid)", "E0302", ("19",)),
    "padding as large as the window": ("max_pool(3x3, pad=3)", "E030", ("pad",)),
    "a map pooled away": ("max_pool(2x2, stride=2, pad=valid)\n" * 5, "E0302", ("1",)),
    "groups that do not divide": ("c: conv(7, 1x1, groups=7)", "E0", ("7", "3")),
    "groups that divide the input only": ("c: conv(4, 1x1, groups=3)", "E0", ("3", "4")),
    "convolution of a vector": ("global_avg_pool\nc: conv(4, 1x1)", "E0303", ("[N, 3]",)),
    "linear of a map": ("l: linear(10)", "E0303", ("flatten",)),
    "a tap that is not there": ("from nowhere", "E0205", ("nowhere",)),
    "a tap before it is named": ("add { {}; from later }\nc: conv(3, 1x1) -> tap later", "E0205", ("later",)),
    "a tap of a repeat's inside": ("r: repeat 2 { c: conv(3, 1x1) -> tap inner }\nfrom inner", "E0205", ("inner",)),
    "two taps of one name": ("tap t\nrelu -> tap t", "E0202", ("first named here",)),
    "two labels of one name": ("a: conv(3, 1x1)\na: conv(3, 1x1)", "E0202", ("first used here",)),
    "two unlabelled convolutions": ("conv(3, 1x1)\nconv(3, 1x1)", "E0204", ("label",)),
    "two outputs of one name": ("output y", "E0202", ("first here",)),
    "a value that nothing uses": ("side { c: conv(4, 1x1) }", "E0501", ("computed in vain",)),
    "a value that is thrown away": ("c: conv(4, 1x1)\nfrom x", "E0501", ("computed in vain",)),
    "a merge without a body": ("concat", "E0501", ("needs a body",)),
    "a merge without branches": ("concat { }", "E0502", ("no branches",)),
    "a merge whose branches are guarded away": ("concat { a: conv(3, 1x1) if false }", "E0502", ("no branches",)),
    "an operator with a body": ("c: conv(3, 1x1) { relu }", "E0501", ("no body",)),
    "a label that hides a module's method": ("forward: conv(3, 1x1)", "E0203", ("forward_",)),
    "a caption that does not hold": ("expect [N, 3, 8, 8]", "E0304", ("3, 16, 16", "3, 8, 8")),
    "a size beyond 2^31": ("upsample(65536)\nupsample(65536)", "E0305", ("2147483647",)),
    "a constant of 10^12 elements": ("repeat 40 concat { {}; {} }", "E0305", ("2147483647",)),
    "heights and widths of a vector": (
        "global_avg_pool\nlet s = in.h\nflatten\nl: linear(in.h)\nb: { m: linear(in.h) }",
        "E0303",
        ("height",),
    ),
}
# Whole texts.
TEXTS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "no input": ("arch a() { relu; output y }", "E0503", ("input",)),
    "no output": ("arch a() { input x: [N, 3, 8, 8]; relu }", "E050", ("output",)),
    "an input that nothing uses": ("arch a() { input x: [N, 3, 8, 8]; input z: [N, 3, 8, 8]; output y }", "E0501", ("x",)),
    "two inputs of one name": ("arch a() { input x: [N, 3, 8, 8]; input x: [N, 3, 8, 8]; output y }", "E0202", ("x",)),
    "an input of two sizes": ("arch a() { input x: [N, 8, 8]; output y }", "E0303", ("[N, C, H, W]",)),
    "an input of no channels": ("arch a() { input x: [N, 0, 8, 8]; output y }", "E0402", ("0",)),
    "two blocks of one name": (
        "block B() { relu }\nblock B() { relu }\narch a() { input x: [N, 3, 8, 8]; B(); output y }",
        "E0202",
        ("first defined here",),
    ),
    "a block without its argument": (
        "block B(c) { relu }\narch a() { input x: [N, 3, 8, 8]; B(); output y }",
        "E0404",
        ("declared without a default",),
    ),
    "a circle of blocks": (
        "block B() { C() }\nblock C() { B() }\narch a() { input x: [N, 3, 8, 8]; B(); output y }",
        "E0504",
        ("uses",),
    ),
    "a network called as a block": (
        "arch b() { input x: [N, 3, 8, 8]; output y }\narch wrong() { input x: [N, 3, 8, 8]; b(); output y }",
        "E0201",
        ("network",),
    ),
}


def graphs() -> dict[str, tuple[str, str, tuple[str, ...]]]:
    """All wrong networks by name: text, code, and what must be said."""
    found = {
        name: (f"arch wrong() {{\n  input x: [N, 3, 16, 16]\n  {body}\n  output y\n}}\n", code, said)
        for name, (body, code, said) in BODIES.items()
    }
    return {**found, **TEXTS}


def wrong(text: str, code: str, said: tuple[str, ...]) -> str | None:
    """What is wrong with how the network is refused."""
    try:
        pipeline.load(Source("wrong", text))
    except ArchError as fault:
        first = fault.diagnostics[0]
        if not first.code.startswith(code):
            return f"{first.code} instead of {code}: {first.message}"
        if first.primary is None:
            return "no place"
        missing = [part for part in said if part not in str(fault)]
        return f"does not say {missing[0]!r}: {str(fault)[:300]}" if missing else None
    except Exception as fault:  # noqa: BLE001
        return f"{type(fault).__name__}: {fault}"
    return "accepted"


def run(full: bool) -> Outcome:
    known = graphs()
    found = {name: wrong(*graph) for name, graph in known.items()}
    faults = tuple(f"{name}: {fault}" for name, fault in found.items() if fault is not None)
    accepted = sum(fault == "accepted" for fault in found.values())
    figure = f"{len(known) - len(faults)}/{len(known)} wrong networks refused as they must be, {accepted} accepted"
    return Outcome(figure, faults)


TEST = Test("T07", "Wrong networks", run)
