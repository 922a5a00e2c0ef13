"""T18: whichever system call of a write fails, the old file stays whole, no other file is left, and the user is told."""

import contextlib
import errno
import io
import os
import resource
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click

from archdsl import cli
from archdsl.cli.compile import command as compile_command
from tests.reliability.isolated import isolated
from tests.reliability.outcome import Outcome, Test

CALLS = ("open", "write", "fsync", "chmod", "replace", "close")
FAULTS = {True: (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EDQUOT, errno.EROFS), False: (errno.ENOSPC, errno.EACCES)}
OLD = b"what was there before\n"
SPEC = "arch small() {\n  input x: [N, 3, 8, 8]\n  c: conv(4, 3x3)\n  output y\n}\n"


def targets() -> tuple[str, ...]:
    """What ``compile`` can write."""
    option = next(each for each in compile_command.params if each.name == "target")
    assert isinstance(option.type, click.Choice)
    return tuple(option.type.choices)


class Fault:
    """Makes the ``number``-th system call that has to do with files of a folder fail; counts them all."""

    def __init__(self, folder: Path, number: int, code: int, short: bool) -> None:
        self.folder, self.number, self.code, self.short = folder, number, code, short
        self.count = 0
        self.failed: str | None = None
        self._ours: set[int] = set()

    def around(self, call: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **more: Any) -> Any:
            if not self._concerns(call, arguments):
                return real(*arguments, **more)
            self.count += 1
            if self.count == self.number:
                self.failed = call
                if call == "write" and self.short:  # a part goes through first
                    real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
                if call == "close":  # as the system does: closed, and failed
                    real(*arguments)
                raise OSError(self.code, os.strerror(self.code))
            found = real(*arguments, **more)
            if call == "open":
                self._ours.add(found)
            return found

        return wrapped

    def _concerns(self, call: str, arguments: tuple[Any, ...]) -> bool:
        first = arguments[0]
        if isinstance(first, int):
            ours = first in self._ours
            if call == "close":
                self._ours.discard(first)
            return ours
        return str(first).startswith(str(self.folder))


@contextlib.contextmanager
def failing(fault: Fault) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for call in CALLS:
            stack.enter_context(patch.object(os, call, fault.around(call, getattr(os, call))))
        yield


def archdsl(*arguments: str) -> tuple[int, str]:
    """Exit code and standard error of a command line, run in this process."""
    said = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        code = cli.main(list(arguments))
    return code, said.getvalue()


def attempts(folder: Path, spec: Path, target: str, codes: tuple[int, ...]) -> tuple[int, list[str]]:
    """Every call of writing one output made to fail in every way: how many, and what did not hold."""
    faults, points = [], 0
    output = folder / "result"
    archdsl("compile", str(spec), "--to", target, "-o", str(output))
    new = output.read_bytes()
    for existed in (True, False):
        for code in codes:
            for short in (False, True):
                for number in range(1, 50):
                    output.unlink(missing_ok=True)
                    if existed:
                        output.write_bytes(OLD)
                    fault = Fault(folder, number, code, short)
                    with failing(fault):
                        status, said = archdsl("compile", str(spec), "--to", target, "-o", str(output))
                    if fault.failed is None:
                        break
                    points += 1
                    where = f"{target}, {fault.failed} number {number} fails with {errno.errorcode[code]}"
                    faults += [f"{where}: {each}" for each in _damage(folder, output, existed, new, status, said)]
                else:
                    faults.append(f"{target}: no end of calls")
    return points, faults


def _damage(folder: Path, output: Path, existed: bool, new: bytes, status: int, said: str) -> Iterator[str]:
    """What is wrong after a failed write; a file that is whole and new may be told as a success."""
    content = output.read_bytes() if output.exists() else None
    if status == 0:
        if content != new:
            yield "success is told, the file is not whole"
    elif content not in ((OLD,) if existed else (None,)) and content != new:
        yield "the old file is damaged"
    if status not in (0, 3):
        yield f"exit code {status}"
    if status and str(output) not in said:
        yield f"the message does not name the file: {said.strip()[:100]}"
    if "Traceback" in said:
        yield "a traceback"
    if set(os.listdir(folder)) - {output.name}:
        yield f"left behind: {sorted(set(os.listdir(folder)) - {output.name})}"


def limited(folder: str, target: str) -> list[str]:
    """What does not hold where the system itself refuses to let a file grow beyond 100 bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    output = Path(folder) / "result"
    output.write_bytes(OLD)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    status, said = archdsl("compile", "inception_v4", "--to", target, "-o", str(output))
    faults = [] if output.read_bytes() == OLD else ["the old file is damaged"]
    faults += [] if os.listdir(folder) == ["result"] else [f"left behind: {os.listdir(folder)}"]
    return faults + ([] if status == 3 and str(output) in said else [f"status {status}: {said.strip()[:100]}"])


def run(full: bool) -> Outcome:
    faults: list[str] = []
    points = 0
    known = targets()
    for target in known:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name).resolve() / "out"
            folder.mkdir()
            spec = folder.parent / "small.arch"
            spec.write_text(SPEC)
            more, found = attempts(folder, spec, target, FAULTS[full])
            points, faults = points + more, faults + found
        with tempfile.TemporaryDirectory() as name:
            ended = isolated(limited, name, target, megabytes=4096)
            points += 1
            faults += [
                f"{target} under a limit on file sizes: {each}" for each in ended.value or ([ended.fault] if ended.fault else [])
            ]
    figure = f"{points} fault points over {len(known)} outputs of the command line ({', '.join(known)}): "
    figure += f"{len(faults)} damaged or untold"
    return Outcome(figure, tuple(faults))


TEST = Test("T18", "Failing writes", run)
