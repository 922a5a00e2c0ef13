"""A function run in a process of its own, with a hard bound on its time and memory, and both measured."""

import multiprocessing
import resource
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

MEGABYTE = 1 << 20
_STARTING = 60  # seconds that a process may take to begin: its imports, on a busy machine
_BUSY = 8  # times the CPU seconds of its work that a process may take in all, for the same reason


@dataclass(frozen=True)
class Ended:
    """How a call ended: its ``value`` or a ``fault`` in words; CPU ``seconds`` of the call, peak ``megabytes`` of the process."""

    value: Any
    fault: str | None
    seconds: float
    megabytes: float


def isolated(function: Callable[..., Any], *arguments: Any, seconds: float = 60, megabytes: int = 1024) -> Ended:
    """What ``function(*arguments)`` gave; beyond ``seconds`` of CPU it is killed, beyond ``megabytes`` of memory it fails."""
    (ended,) = side_by_side([(function, arguments)], seconds=seconds, megabytes=megabytes)
    return ended


def side_by_side(
    calls: list[tuple[Callable[..., Any], tuple[Any, ...]]], *, seconds: float, megabytes: int = 1024, workers: int = 2
) -> list[Ended]:
    """The ends of all calls, in their order, each in a process of its own and ``workers`` of them at a time."""
    ended: dict[int, Ended] = {}
    running: dict[int, _Running] = {}
    waiting = list(enumerate(calls))[::-1]
    while waiting or running:
        while waiting and len(running) < workers:
            index, (function, arguments) = waiting.pop()
            running[index] = _Running(function, arguments, seconds, megabytes)
        for index, each in list(running.items()):
            found = each.poll(0.02)
            if found is not None:
                ended[index] = found
                del running[index]
    return [ended[index] for index in range(len(calls))]


class _Running:
    """One call on its way."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...], seconds: float, megabytes: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe(duplex=False)
        self.process = context.Process(target=_call, args=(theirs, function, arguments, megabytes, seconds), daemon=True)
        self.process.start()
        theirs.close()
        self.seconds = seconds
        self.deadline = time.monotonic() + _STARTING

    def poll(self, wait: float) -> Ended | None:
        """The end of the call, or None while it runs."""
        if self.connection.poll(wait):
            try:
                found = self.connection.recv()
            except EOFError:
                found = Ended(None, f"ended without a word: killed, or beyond {self.seconds:g} s of CPU", self.seconds, 0)
            if found is None:  # the work begins
                self.deadline = time.monotonic() + _BUSY * self.seconds
                return None
        elif time.monotonic() > self.deadline:
            found = Ended(None, f"still running after {self.seconds:g} s", self.seconds, 0)
        else:
            return None
        self.process.kill()
        self.process.join()
        self.connection.close()
        return found


def _call(
    connection: Connection, function: Callable[..., Any], arguments: tuple[Any, ...], megabytes: int, seconds: float
) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (megabytes * MEGABYTE, megabytes * MEGABYTE))
    used = int(time.process_time() + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (used, used + 1))
    connection.send(None)
    start = time.process_time()
    value, fault = None, None
    try:
        value = function(*arguments)
    except BaseException as raised:  # noqa: BLE001
        at = traceback.extract_tb(raised.__traceback__)[-1]
        fault = f"{type(raised).__name__} at {Path(at.filename).name}:{at.lineno}: {str(raised)[:200]}"
    connection.send(Ended(value, fault, time.process_time() - start, peak()))


def peak() -> float:
    """Megabytes that this process has held at most, not counting those of the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
