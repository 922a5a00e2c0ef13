"""T10: a formatted text means what the original means, formatting it again changes nothing, and a graph survives JSON."""

import re
from contextlib import suppress

import archdsl
from archdsl.diagnostics import ArchError
from archdsl.ir import Graph, fingerprint
from archdsl.ir.exchange import from_json, to_json
from archdsl.ops import BY_KEYWORD
from archdsl.source import Source
from archdsl.syntax import dump, parse
from archdsl.syntax.format import format_source
from tests.backends.random_specs import Writer
from tests.reliability.isolated import side_by_side
from tests.reliability.outcome import SEED, Outcome, Test
from tests.reliability.seeds import seeds, whole_specs

COUNTS = {True: 10_000, False: 120}
_PLACE = re.compile(r" @\d+:\d+-\d+:\d+$", re.MULTILINE)
_COMMENT = re.compile(r'"""[\s\S]*?"""|"[^"\n]*"|(#[^\n]*)')


def meaning(text: str) -> str:
    """The tree of ``text`` without places."""
    return _PLACE.sub("", dump(parse(Source("x", text))))


def comments(text: str) -> list[str]:
    return [found.group(1).rstrip() for found in _COMMENT.finditer(text) if found.group(1)]


def wrong(text: str) -> str | None:
    """What formatting does to ``text`` that it must not."""
    try:
        once = format_source(Source("x", text))
        if meaning(once) != meaning(text):
            return "another tree"
        if comments(once) != comments(text):
            return "other comments"
        return None if format_source(Source("x", once)) == once else "formatting again changes it"
    except ArchError as fault:
        return f"refused: {str(fault)[:150]}"
    except Exception as fault:  # noqa: BLE001
        return f"{type(fault).__name__}: {str(fault)[:150]}"


def changed(graph: Graph) -> str | None:
    """What becomes of a graph once written as JSON and read again, if it is another one."""
    written = to_json(graph)
    read = from_json(written, BY_KEYWORD)
    return None if to_json(read) == written and fingerprint(read) == fingerprint(graph) else "JSON changes the graph"


def generated(first: int, last: int) -> tuple[int, list[str]]:
    """How many of the random specs of these numbers are networks, and what is wrong with them."""
    networks, faults = 0, []
    for number in range(first, last):
        text = Writer(SEED + number).spec()
        fault = wrong(text)
        with suppress(ArchError):  # what the grammar allows need not be a network
            graph = archdsl.load(Source("x", text)).graph
            networks += 1
            fault = fault or changed(graph)
        faults += [] if fault is None else [f"random spec {number}: {fault}"]
    return networks, faults


def run(full: bool) -> Outcome:
    count = COUNTS[full]
    ended = side_by_side([(generated, (0, count // 2)), (generated, (count // 2, count))], seconds=1800)
    faults = [each.fault for each in ended if each.fault is not None] + [
        fault for each in ended if each.value for fault in each.value[1]
    ]
    written = [*whole_specs(), *seeds()]
    faults += [f"{text[:40]!r}: {fault}" for text in written for fault in [wrong(text)] if fault is not None]
    total = count + len(written)
    return Outcome(
        f"{total - len(faults):,}/{total:,} texts mean the same once formatted, keep their comments, and stay as they are; "
        f"the graphs of {sum(each.value[0] for each in ended if each.value):,} are the same once written as JSON and read",
        tuple(faults),
    )


TEST = Test("T10", "Printing and parsing", run)
