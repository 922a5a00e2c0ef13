"""Reading a spec's text: bounded, never blocking, and never showing what a file that is no spec contains."""

import errno
import os
import stat
from contextlib import suppress

from archdsl.diagnostics import ArchError, error
from archdsl.limits import DEFAULT, Limits
from archdsl.source import Source, Span

_MODEL_START = b"\x08"  # of ONNX models, and of no text
_MODEL = "this may be an ONNX model; name its file as SPEC of a command that takes one"
_CHUNK = 1 << 16
# Opened without waiting: a pipe without a writer would keep us forever.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def read_file(path: str, limits: Limits = DEFAULT, *, at: Span | None = None) -> Source:
    """The text of the file at ``path``; ``at`` is the place that asked for it, for the diagnostics.

    ArchError: E0601 where there is none, E0602 for a NUL in its name, E0604 where it is no regular file or cannot be read,
    E0105 where it is larger than ``limits.file_bytes``, E0104 where it is not UTF-8.
    """
    shown = _shown(path)
    if "\0" in path:
        raise error("E0602", "a file's name holds a NUL character", at)
    try:
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError) as fault:
        raise _cannot_open(shown, fault, at) from None
    try:
        return source_from_bytes(path, _content(descriptor, shown, limits, at), limits, at=at)
    except OSError as fault:
        raise error("E0604", f"`{shown}` cannot be read: {_reason(fault)}", at) from None
    finally:
        with suppress(OSError):  # what was read is read
            os.close(descriptor)


def source_from_bytes(path: str, content: bytes, limits: Limits = DEFAULT, *, at: Span | None = None) -> Source:
    """``content`` as a text known as ``path``, without a byte order mark; ArchError (E0104, E0105) as for :func:`read_file`."""
    if len(content) > limits.file_bytes:
        raise _too_large(_shown(path), limits, at)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        message = f"`{_shown(path)}` is not UTF-8 text: byte {fault.start}, in line {line}, fits no character"
        raise error("E0104", message, at, help=_MODEL if content.startswith(_MODEL_START) else "save the file as UTF-8") from None
    return Source(path, text)


def _content(descriptor: int, shown: str, limits: Limits, at: Span | None) -> bytes:
    status = os.fstat(descriptor)
    if stat.S_ISDIR(status.st_mode):
        raise error("E0604", f"`{shown}` is a folder, not a file", at)
    if not stat.S_ISREG(status.st_mode):
        raise error("E0604", f"`{shown}` is not a regular file", at)
    if status.st_size > limits.file_bytes:
        raise _too_large(shown, limits, at)
    parts: list[bytes] = []
    size = 0
    while part := os.read(descriptor, _CHUNK):
        parts.append(part)
        size += len(part)
        if size > limits.file_bytes:
            raise _too_large(shown, limits, at)
    return b"".join(parts)


def _too_large(shown: str, limits: Limits, at: Span | None) -> ArchError:
    return error("E0105", f"`{shown}` is larger than {limits.file_bytes} bytes", at)


def _cannot_open(shown: str, fault: OSError | ValueError, at: Span | None) -> ArchError:
    if isinstance(fault, ValueError):  # a name that the file system cannot hold
        return error("E0604", f"`{shown}` is no name of a file", at)
    if isinstance(fault, FileNotFoundError | NotADirectoryError):
        return error("E0601", f"there is no file `{shown}`", at)
    if isinstance(fault, IsADirectoryError):
        return error("E0604", f"`{shown}` is a folder, not a file", at)
    return error("E0604", f"`{shown}` cannot be read: {_reason(fault)}", at)


def _reason(fault: OSError) -> str:
    if fault.errno == errno.ELOOP:
        return "its symbolic links go in a circle"
    return (fault.strerror or "the system refused").lower()


def _shown(path: str) -> str:
    return path if len(path) <= 200 else path[:200] + "…"
