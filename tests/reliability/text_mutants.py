"""T01: mutated texts, through parser, elaboration, verifier and report, end in a network or a clean refusal."""

import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from traceback import extract_tb

from tests.reliability.isolated import peak, side_by_side
from tests.reliability.judged import judge
from tests.reliability.outcome import SEED, Outcome, Test
from tests.reliability.seeds import seeds, whole_specs

INPUTS = {True: 100_000, False: 1_500}
SECONDS, MEGABYTES = 1.0, 500
_HANGS = 10  # seconds of wall time after which an input counts as one that never ends
_TOKEN = re.compile(r'"[^"\n]*"|[A-Za-z_]\w*|\d[\w.]*|->|//|[!=<>]=|\S')
_PIECES = (
    '( ) [ ] { } , ; : = -> + - * / // % == != < <= > >= . .. ** # " \'\'\' """ '
    "\\ \n \r \r\n \t \0 \x1b[31m \x7f \ufeff \u2028 \u202e "
    "é 名 \U0001f600 0 1 -1 00 0x10 1e309 1e-400 nan inf 1_000 3x3 0x0 1x1x1 9999999999 9223372036854775807 99999999999999999999 "
    "true false not and or if then else in in.c in.q min( max() ceil(1.5) repeat from tap output input let defaults about "
    "block arch variant expect set drop replace insert side residual concat add mul conv bn relu linear same valid "
    "forward __class__ class"
).split(" ")
_BOMBS = (
    "(" * 2000,
    "{" * 2000,
    "[" * 2000,
    "- " * 900,
    "not " * 900,
    "repeat 2 " * 80,
    "9" * 5000,
    '"' * 999,
    "a" * 5000,
    "\n" * 5000,
)


class Hang(BaseException):
    """An input took too long; no compiler code may swallow it."""


@dataclass
class Tally:
    """What a worker met."""

    seconds: list[float] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    foreign: dict[str, str] = field(default_factory=dict)
    hangs: list[str] = field(default_factory=list)
    megabytes: float = 0


def mutant(number: int) -> bytes:
    """The input of that number, the same on every machine."""
    r = random.Random(SEED * 1_000_003 + number)
    corpus = whole_specs() if number % 100 == 0 else seeds()
    text = r.choice(corpus)
    for _ in range(r.choice((1, 1, 1, 2, 2, 3, 5))):
        text = r.choice(_MUTATORS)(r, text)
    content = text.encode("utf-8", "surrogatepass")
    if r.random() < 0.03:
        at = r.randrange(len(content) + 1)
        content = content[:at] + r.randbytes(r.randint(1, 4)) + content[at + r.randint(0, 4) :]
    return content


def _delete(r: random.Random, text: str) -> str:
    at = r.randrange(len(text) + 1)
    return text[:at] + text[at + r.choice((1, 1, 2, 5, 40)) :]


def _insert(r: random.Random, text: str) -> str:
    at = r.randrange(len(text) + 1)
    return text[:at] + r.choice(_PIECES) + text[at:]


def _bomb(r: random.Random, text: str) -> str:
    at = r.randrange(len(text) + 1)
    return text[:at] + r.choice(_BOMBS) + text[at:]


def _double(r: random.Random, text: str) -> str:
    at = r.randrange(len(text) + 1)
    part = text[at : at + r.choice((1, 5, 30, 200))]
    return text[:at] + part * r.choice((2, 2, 3, 50)) + text[at:]


def _token(r: random.Random, text: str) -> str:
    """One token replaced by another one, of the text or from outside, or left out."""
    tokens = list(_TOKEN.finditer(text))
    if not tokens:
        return text
    one = r.choice(tokens)
    other = r.choice((r.choice(tokens).group(), r.choice(_PIECES), ""))
    return text[: one.start()] + other + text[one.end() :]


def _swap(r: random.Random, text: str) -> str:
    tokens = list(_TOKEN.finditer(text))
    if len(tokens) < 2:
        return text
    one, other = sorted(r.sample(tokens, 2), key=lambda each: each.start())
    return text[: one.start()] + other.group() + text[one.end() : other.start()] + one.group() + text[other.end() :]


def _number(r: random.Random, text: str) -> str:
    numbers = list(re.finditer(r"\d+", text))
    if not numbers:
        return text
    one = r.choice(numbers)
    value = r.choice(
        ("0", "1", "2", "7", "1000", "65536", "2147483647", "2147483648", "9223372036854775807", "1e309", "0.5", "x")
    )
    return text[: one.start()] + value + text[one.end() :]


def _splice(r: random.Random, text: str) -> str:
    other = r.choice(seeds())
    at, behind = r.randrange(len(text) + 1), r.randrange(len(other) + 1)
    return text[:at] + other[behind:]


_MUTATORS: tuple[Callable[[random.Random, str], str], ...] = (
    *(_delete, _insert, _double, _swap, _splice),
    *(_token, _token, _token, _number, _number, _bomb),
)


def attack(first: int, last: int) -> Tally:
    """What happened to the inputs from ``first`` to ``last``, exclusive."""
    tally = Tally()
    judge(seeds()[0].encode())  # the parser's tables are loaded, and seeds made, before anything is timed

    def stop(*_: object) -> None:
        raise Hang

    signal.signal(signal.SIGALRM, stop)
    for number in range(first, last):
        content = mutant(number)
        signal.setitimer(signal.ITIMER_REAL, _HANGS)
        start = time.process_time()
        try:
            found = judge(content)
            tally.codes.update(found)
            tally.accepted += not found
        except Hang:
            tally.hangs.append(f"input {number} hangs")
        except Exception as fault:  # noqa: BLE001
            at = extract_tb(fault.__traceback__)[-1]
            place = f"{type(fault).__name__} at {Path(at.filename).name}:{at.lineno}"
            tally.foreign.setdefault(place, f"{place}, input {number}: {str(fault)[:150]}")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        tally.seconds.append(time.process_time() - start)
    tally.megabytes = peak()
    return tally


def run(full: bool) -> Outcome:
    count, parts = INPUTS[full], 20 if full else 2
    bounds = [count * part // parts for part in range(parts + 1)]
    calls = [(attack, (first, last)) for first, last in pairwise(bounds)]
    ended = side_by_side(calls, seconds=900, megabytes=1024)
    faults = [each.fault for each in ended if each.fault is not None]
    tallies = [each.value for each in ended if each.value is not None]
    foreign = {place: text for tally in tallies for place, text in tally.foreign.items()}
    hangs = [text for tally in tallies for text in tally.hangs]
    times = sorted(seconds for tally in tallies for seconds in tally.seconds)
    most = max(tally.megabytes for tally in tallies)
    slow = [f"{sum(each > SECONDS for each in times)} inputs took more than {SECONDS:g} s"] if times[-1] > SECONDS else []
    large = [f"a worker held {most:.0f} MB"] if most > MEGABYTES else []
    refused: Counter[str] = sum((tally.codes for tally in tallies), Counter())
    accepted = sum(tally.accepted for tally in tallies)
    figure = (
        f"{len(times):,} mutated inputs: {len(foreign)} foreign exceptions, {len(hangs)} hangs, "
        f"p99.9 {1000 * times[int(len(times) * 0.999)]:.0f} ms, worst {1000 * times[-1]:.0f} ms, peak {most:.0f} MB; "
        f"{accepted:,} are networks, the others met {len(refused)} codes"
    )
    return Outcome(figure, (*faults, *foreign.values(), *hangs, *slow, *large))


TEST = Test("T01", "Mutated specs, from text to shapes", run)
