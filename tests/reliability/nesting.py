"""T03: what nests too deeply is refused at once, and the deepest that is allowed passes through every stage."""

import copy
import pickle
import sys
import time

from archdsl import pipeline
from archdsl.diagnostics import ArchError
from archdsl.ir import dump as dump_graph
from archdsl.limits import DEFAULT
from archdsl.source import Source
from archdsl.syntax import dump, parse
from tests.reliability.isolated import isolated
from tests.reliability.outcome import Outcome, Test

DEPTHS = (65, 1_000, 100_000)
SECONDS = 0.5
# What opens a level, what stands innermost, what closes a level, and the text around it all.
FORMS = {
    "bodies": ("{", "relu", "}", "block A() {}"),
    "merges": ("add {", "relu", "}", "block A() {{ {} }}"),
    "bodies as arguments": ("f(a={", "relu", "})", "block A() {{ {} }}"),
    "parentheses": ("(", "1", ")", "let a = {}"),
    "tuples": ("(1,", "1", ")", "let a = {}"),
    "functions": ("min(", "1", ")", "let a = {}"),
    "lists of sizes": ("[", "1", "]", "block A() {{ expect {} }}"),
    "signs": ("-", "1", "", "let a = {}"),
    "negations": ("not ", "true", "", "let a = {}"),
    "sums": ("1+", "1", "", "let a = {}"),
    "comparisons": ("(1<", "1", ")", "let a = {}"),
    "conditions": ("if b then 1 else ", "1", "", "let a = {}"),
    "conditions in conditions": ("if ", "b", " then b else b", "let a = {}"),
    "repeats": ("repeat 1 ", "relu", "", "block A() {{ {} }}"),
    "unclosed": ("(", "", "", "let a = {}"),
    "unclosed mixture": ("({[", "", "", "let a = {}"),
    "unopened": ("", "", "}", "block A() {}"),
}
OTHERWISE_WRONG = ("lists of sizes", "unopened", "unclosed mixture", "unclosed")
# A network in which each form stands as deep as its third member says.
DEEPEST = {
    "bodies": ("a: {", "}", 62),
    "merges": ("a: add { b: {", "}}", 30),
    "residuals": ("residual {", "}", 60),
    "repeats": ("a: repeat 1 {", "}", 30),
    "branches": ("concat {", "}", 60),
}


def refusal(text: str) -> tuple[str, float, bool]:
    """Code of the first fault ("" for none), CPU seconds to find it, and whether it has a place."""
    start = time.process_time()
    try:
        parse(Source("x", text))
    except ArchError as fault:
        first = fault.diagnostics[0]
        return first.code, time.process_time() - start, first.primary is not None
    return "", time.process_time() - start, True


def text_of(form: str, depth: int) -> str:
    opener, inner, closer, frame = FORMS[form]
    return frame.format(opener * depth + inner + closer * depth)


def deepest_passes() -> list[str]:
    """What fails to take the deepest nesting allowed."""
    faults = []
    for name, (opener, closer, depth) in DEEPEST.items():
        body = opener * depth + " relu " + closer * depth
        text = f"arch deep() {{\n input x: [N, 3, 8, 8]\n {body}\n output y\n}}"
        tree = parse(Source("x", text))
        if dump(copy.deepcopy(tree)) != dump(tree) or dump(pickle.loads(pickle.dumps(tree))) != dump(tree):
            faults.append(f"{name}: a copy of the tree differs")
        network = pipeline.load(Source("x", text))
        if not (network.report.nodes and dump_graph(network.graph) and network.to_torch_source()):
            faults.append(f"{name}: nothing comes out")
    calls = "block B0() { relu }\n" + "".join(f"block B{n}() {{ B{n - 1}() }}\n" for n in range(1, DEFAULT.nesting))
    text = f"{calls}arch deep() {{ input x: [N, 3, 8, 8]; b: B{DEFAULT.nesting - 1}(); output y }}"
    network = pipeline.load(Source("x", text))
    if "relu" not in network.to_torch_source():
        faults.append("calls: nothing comes out")
    more = text.replace("arch", f"block B{DEFAULT.nesting}() {{ B{DEFAULT.nesting - 1}() }}\narch").replace("b: B63", "b: B64")
    try:
        pipeline.load(Source("x", more))
        faults.append(f"{DEFAULT.nesting + 1} calls inside one another are accepted")
    except ArchError as fault:
        if fault.diagnostics[0].code != "E0105":
            faults.append(f"{DEFAULT.nesting + 1} calls are refused as {fault.diagnostics[0].code}")
    return faults


def deep() -> tuple[list[str], float]:
    """All that does not hold, and the seconds that the slowest refusal at the greatest depth took."""
    assert sys.getrecursionlimit() == 1000
    faults, worst = [], 0.0
    refusal("let a = 1")
    for form in FORMS:
        for depth in DEPTHS:
            text = text_of(form, depth)
            found, seconds, placed = refusal(text)
            if seconds > SECONDS:  # a slow spell of the machine, or worse
                seconds = min(refusal(text)[1] for _ in range(4))
            worst = max(worst, seconds)
            if found != "E0105" and not (form in OTHERWISE_WRONG and found in ("E0101", "E0102")):
                faults.append(f"{form}, {depth:,} deep: {found or 'accepted'}")
            if not placed and len(text) <= DEFAULT.file_bytes:
                faults.append(f"{form}, {depth:,} deep: no place")
            if seconds > SECONDS:
                faults.append(f"{form}, {depth:,} deep: {seconds:.2f} s")
    try:
        faults += deepest_passes()
    except RecursionError as fault:
        faults.append(f"the deepest nesting allowed: {fault}")
    return faults, worst


def run(full: bool) -> Outcome:
    ended = isolated(deep, seconds=120)
    faults, worst = ended.value if ended.value is not None else ([], 0.0)
    if ended.fault is not None:
        faults = [*faults, ended.fault]
    figure = (
        f"{len(FORMS)} forms at depths 65, 1,000 and 100,000 refused, the slowest in {worst:.2f} s, {ended.megabytes:.0f} MB; "
        f"{len(DEEPEST) + 1} forms as deep as allowed pass parser, printer, pickle, deepcopy, elaboration and emitter"
    )
    return Outcome(figure, tuple(faults))


TEST = Test("T03", "Deep nesting", run)
