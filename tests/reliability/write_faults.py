"""T18: whichever system call of a write fails, the old file stays whole, no other file is left, and the user is told."""

import contextlib
import errno
import io
import os
import resource
import signal
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click
import numpy as np

from archdsl import cli
from archdsl.cli.compile import command as compile_command
from tests.reliability.isolated import isolated
from tests.reliability.outcome import Outcome, Test

CALLS = ("open", "write", "fsync", "chmod", "replace", "close")
FAULTS = {True: (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EDQUOT, errno.EROFS), False: (errno.ENOSPC, errno.EACCES)}
OLD = b"what was there before\n"
UNFORMATTED = (
    b"arch   small( ) {\n input x:[N,3,8,8]\n   c:conv(4,3x3)\n output y }\n# a comment that makes the text longer than it was\n"
)
MISTAKEN = b"arch small()\n{\n  input x: [N, 3, 8, 8]\n  c: conv(4, 3x3)\n  output y\n}\n# a comment: the text is long enough\n"
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


@dataclass(frozen=True)
class Written:
    """A command that writes a file: its ``arguments`` but for that file, and the file's ending; the file holds ``old`` before.

    ``in_place`` tells that the file is read first.
    """

    name: str
    arguments: tuple[str, ...]
    ending: str = ""
    old: bytes = OLD

    @property
    def in_place(self) -> bool:
        return self.old is not OLD

    def line(self, output: Path) -> tuple[str, ...]:
        return (*self.arguments, *(() if self.in_place else ("-o",)), str(output))


def outputs(folder: Path) -> list[Written]:
    """Every output of the command line, what is read for it lying in ``folder``."""
    spec = folder / "small.arch"
    spec.write_text(SPEC)
    found = [Written(f"compile --to {target}", ("compile", str(spec), "--to", target)) for target in targets()]
    found.append(Written("fmt", ("fmt",), ".arch", UNFORMATTED))
    found.append(Written("check --fix", ("check", "--fix"), ".arch", MISTAKEN))
    if find_spec("safetensors") is not None:
        from safetensors.numpy import save_file

        arrays = {"c.weight": np.zeros((4, 3, 3, 3), np.float32), "c.bias": np.zeros(4, np.float32)}
        save_file(arrays, folder / "small.safetensors")
        read = (str(spec), str(folder / "small.safetensors"))
        found.append(Written("weights convert", ("weights", "convert", *read), ".safetensors"))
        found.append(Written("weights export", ("weights", "export", *read, "--to", "native"), ".safetensors"))
    return found


def attempts(folder: Path, written: Written, codes: tuple[int, ...]) -> tuple[int, list[str]]:
    """Every call of writing one output made to fail in every way: how many, and what did not hold."""
    faults, points = [], 0
    output = folder / f"result{written.ending}"
    output.write_bytes(written.old)
    status, said = archdsl(*written.line(output))
    new = output.read_bytes()
    if status or new == written.old:
        return 0, [f"{written.name}: status {status} without a fault: {said[:200]}"]
    for existed in (True,) if written.in_place else (True, False):
        for code in codes:
            for short in (False, True):
                for number in range(1, 50):
                    output.unlink(missing_ok=True)
                    if existed:
                        output.write_bytes(written.old)
                    fault = Fault(folder, number, code, short)
                    with failing(fault):
                        status, said = archdsl(*written.line(output))
                    if fault.failed is None:
                        break
                    points += 1
                    where = f"{written.name}, {fault.failed} number {number} fails with {errno.errorcode[code]}"
                    before = written.old if existed else None
                    faults += [
                        f"{where}: {each}" for each in _damage(folder, output, before, new, status, said, written.in_place)
                    ]
                else:
                    faults.append(f"{written.name}: no end of calls")
    return points, faults


def _damage(
    folder: Path, output: Path, before: bytes | None, new: bytes, status: int, said: str, read: bool = False
) -> Iterator[str]:
    """What is wrong after a failed write; a file that is whole and new may be told as a success, one that is also ``read`` as
    one that cannot be read.
    """
    content = output.read_bytes() if output.exists() else None
    if status == 0:
        if not _alike(content, new):
            yield "success is told, the file is not whole"
    elif content != before and not _alike(content, new):
        yield "the old file is damaged"
    if status not in ((0, 1, 2, 3) if read else (0, 3)):
        yield f"exit code {status}"
    if status and str(output) not in said:
        yield f"the message does not name the file: {said.strip()[:100]}"
    if "Traceback" in said:
        yield "a traceback"
    if set(os.listdir(folder)) - {output.name}:
        yield f"left behind: {sorted(set(os.listdir(folder)) - {output.name})}"


def _alike(content: bytes | None, new: bytes) -> bool:
    """Whether both are the same, but for the order of entries in a header."""
    return content is not None and sorted(content) == sorted(new)


def limited(inputs: str, folder: str, number: int) -> list[str]:
    """What does not hold where the system itself refuses to let a file grow beyond 64 bytes."""
    written = outputs(Path(inputs))[number]
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    output = Path(folder) / f"result{written.ending}"
    output.write_bytes(written.old)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
    status, said = archdsl(*written.line(output))
    faults = [] if output.read_bytes() == written.old else ["the old file is damaged"]
    faults += [] if os.listdir(folder) == [output.name] else [f"left behind: {os.listdir(folder)}"]
    told = status == 3 or (status == 2 and written.in_place)
    return faults + ([] if told and str(output) in said else [f"status {status}: {said.strip()[:100]}"])


def run(full: bool) -> Outcome:
    faults: list[str] = []
    points = 0
    with tempfile.TemporaryDirectory() as inputs:
        known = outputs(Path(inputs))
        for number, written in enumerate(known):
            with tempfile.TemporaryDirectory() as name:
                more, found = attempts(Path(name).resolve(), written, FAULTS[full])
                points, faults = points + more, faults + found
            with tempfile.TemporaryDirectory() as name:
                ended = isolated(limited, inputs, name, number, megabytes=8192)
                points += 1
                found = ended.value or ([ended.fault] if ended.fault else [])
                faults += [f"{written.name} under a limit on file sizes: {each}" for each in found]
    names = ", ".join(each.name for each in known)
    figure = f"{points} fault points over {len(known)} outputs of the command line ({names}): {len(faults)} damaged or untold"
    return Outcome(figure, tuple(faults))


TEST = Test("T18", "Failing writes", run)
