"""T02: the worst case of every terminal of the grammar is read, or refused, in linear time.

The cases follow from the terminals' patterns themselves: wherever a pattern repeats something, the text before the repetition is
followed by ever more of what is repeated, and by an end that makes the whole match fail as late as possible.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from re import _constants as code
from re import _parser as patterns
from typing import Any

from archdsl.diagnostics import ArchError
from archdsl.source import Source
from archdsl.syntax import parse
from archdsl.syntax.tables import machine
from tests.reliability.isolated import side_by_side
from tests.reliability.outcome import Outcome, Test, table

SIZES = {True: (1_000, 10_000, 100_000, 1_000_000), False: (10_000, 100_000)}
RATIO = 15
_FLOOR = 0.008  # seconds under which a time says nothing
FRAMES = ("{}", "let a = {}", "block A() {{ relu {}", "variant a of b {{ drop a[{}", 'let a = "{}', "let a = 1{}")
ENDS = ("", "\0", "x")
BY_HAND = {
    "unterminated string": ('let a = "', "a", ""),
    "backslashes": ('let a = "', "\\", ""),
    "escapes": ('let a = "', "\\n", ""),
    "comment signs": ("", "#", ""),
    "comment lines": ("", "# a\r\n", ""),
    "comments of another language": ("", "/*", ""),
    "digits": ("let a = ", "1", ""),
    "points": ("let a = ", "1.", ""),
    "blanks": ("let a = ", " ", "?"),
    "names": ("block A() { ", "a ", ""),
    "arrows": ("block A() { relu ", "-> ", ""),
    "quotes": ("", '"', ""),
    "closers": ("let a = 1", ")", ""),
    "surrogates of a kind": ("let a = ", "\U0001f600", ""),
}


def pumps(pattern: str) -> Iterator[tuple[str, str]]:
    """For each unbounded repetition in ``pattern``: a shortest text that leads to it, and one round of it."""
    yield from _pumps(list(patterns.parse(pattern)), "")


def _pumps(items: list[tuple[Any, Any]], before: str) -> Iterator[tuple[str, str]]:
    for operation, value in items:
        if operation in (code.MAX_REPEAT, code.MIN_REPEAT):
            _, most, inner = value
            if most == code.MAXREPEAT:
                for text in _texts(list(inner)):
                    yield before, text
            yield from _pumps(list(inner), before)
        elif operation is code.SUBPATTERN:
            yield from _pumps(list(value[-1]), before)
        elif operation is code.BRANCH:
            for branch in value[1]:
                yield from _pumps(list(branch), before)
        before += _shortest([(operation, value)])


def _texts(items: list[tuple[Any, Any]]) -> Iterator[str]:
    """Texts that match ``items``: one for each member of a set that stands alone, else the shortest."""
    if len(items) == 1 and items[0][0] is code.IN:
        yield from dict.fromkeys(_member(each) for each in items[0][1] if each[0] is not code.NEGATE)
        yield "a" if items[0][1][0][0] is code.NEGATE else _shortest(items)
    else:
        yield _shortest(items) or "a"


def _shortest(items: list[tuple[Any, Any]]) -> str:
    found = ""
    for operation, value in items:
        if operation is code.LITERAL:
            found += chr(value)
        elif operation is code.NOT_LITERAL:
            found += "a" if value != ord("a") else "b"
        elif operation is code.IN:
            found += "a" if value[0][0] is code.NEGATE else _member(value[0])
        elif operation in (code.MAX_REPEAT, code.MIN_REPEAT):
            found += _shortest(list(value[2])) * value[0]
        elif operation is code.SUBPATTERN:
            found += _shortest(list(value[-1]))
        elif operation is code.BRANCH:
            found += _shortest(list(value[1][0]))
        elif operation is code.ANY:
            found += "a"
    return found


def _member(item: tuple[Any, Any]) -> str:
    operation, value = item
    if operation is code.RANGE:
        return chr(value[0])
    return chr(value) if operation is code.LITERAL else "a"


def cases() -> dict[str, tuple[str, str, str]]:
    """What stands before the repetition, what is repeated, and what stands behind it, by a name."""
    found = dict(BY_HAND)
    for terminal in machine().lark.terminals:
        for before, piece in pumps(terminal.pattern.to_regexp()):
            for frame in FRAMES:
                for end in ENDS:
                    key = f"{terminal.name} {frame.format(before)!r} {piece!r} {end!r}"
                    found[key] = (frame.format(before), piece, end)
    return found


def measure(names: list[str], sizes: tuple[int, ...]) -> list[tuple[str, list[float]]]:
    """CPU seconds for each size of each case; sizes beyond the first are taken only while the time is worth looking at."""
    known = cases()
    _seconds("let a = 1")
    found = []
    for name in names:
        before, piece, end = known[name]
        times: list[float] = []
        for size in sizes:
            text = before + piece * (max(1, size - len(before) - len(end)) // len(piece)) + end
            once = _seconds(text)
            if times and once > RATIO * max(times[-1], _FLOOR):  # a slow spell of the machine, or worse
                once = min(once, *(_seconds(text) for _ in range(4)))
            times.append(once)
        found.append((name, times))
    return found


def _seconds(text: str) -> float:
    start = time.process_time()
    with suppress(ArchError):
        parse(Source("x", text))
    return time.process_time() - start


def run(full: bool) -> Outcome:
    names = list(cases())
    if not full:
        names = [*BY_HAND, *[name for name in names if name not in BY_HAND][::12]]
    halves = [names[0::2], names[1::2]]
    ended = side_by_side([(measure, (half, SIZES[full])) for half in halves], seconds=1500)
    faults = [each.fault for each in ended if each.fault is not None]
    measured = [each for end in ended if end.value is not None for each in end.value]
    for name, times in measured:
        for one, ten in pairwise(times):
            if ten > RATIO * max(one, _FLOOR):
                faults.append(f"{name}: {1000 * one:.1f} ms becomes {1000 * ten:.1f} ms for ten times the text")
    repeating = {terminal.name for terminal in machine().lark.terminals if list(pumps(terminal.pattern.to_regexp()))}
    worst = sorted(measured, key=lambda each: -each[1][-1])[:5]
    rows = [[f"`{name[:60]}`", *(f"{1000 * each:.1f}" for each in times)] for name, times in worst]
    account = table(["slowest cases", *(f"{size:,} characters, ms" for size in SIZES[full])], rows)
    figure = (
        f"all {len(repeating)} terminals that repeat, in {len(measured)} cases, and {len(BY_HAND)} cases by hand: "
        f"{len(faults)} not linear; worst {SIZES[full][-1]:,}-character input {worst[0][1][-1]:.2f} s"
    )
    return Outcome(figure, tuple(faults), account)


TEST = Test("T02", "Worst cases of the lexer", run)
