"""Writing files so that a reader sees the old content or the new, never a part of it."""

import errno
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

Piece = bytes | memoryview


def atomic_write(path: str | os.PathLike[str], data: bytes | Iterable[Piece]) -> None:
    """``path`` holds exactly ``data``; on any failure it holds what it held before, and no temporary file is left.

    Pieces are asked for one after the other as they are written, so that a large file need not be in memory.
    A file that exists keeps its permissions, a new one gets those that the umask gives; a symbolic link stays, and what it
    points to is replaced.  A device, or a pipe that somebody reads, cannot be replaced and is written to.  Raises
    :class:`OSError` with the path in it.
    """
    named = os.fspath(path)
    pieces = (data,) if isinstance(data, bytes) else data
    mode = _mode(named)
    if mode is not None and stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder", named)
    try:
        if mode is not None and not stat.S_ISREG(mode):
            _write_through(named, pieces)
        else:
            _replace(Path(os.path.realpath(named)), pieces, None if mode is None else stat.S_IMODE(mode))
    except OSError as fault:
        if fault.errno == errno.EPIPE:
            raise
        raise _named(fault, named) from fault


def _mode(path: str) -> int | None:
    """Type and permissions of what is at ``path``; None where there is nothing yet."""
    try:
        return os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        pass
    folder = os.path.dirname(os.path.realpath(path))
    if not os.path.isdir(folder):
        reason = "is not a folder" if os.path.exists(folder) else "the folder does not exist"
        raise FileNotFoundError(errno.ENOENT, reason, os.path.dirname(path) or folder)
    return None


def _replace(target: Path, pieces: Iterable[Piece], permissions: int | None) -> None:
    """Write beside ``target``, make that durable, and only then let it take the place of ``target``."""
    temporary = target.with_name(f".archdsl-{os.getpid()}-{os.urandom(6).hex()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o666)
    try:
        try:
            _write_all(descriptor, pieces)
            if permissions is not None:
                os.chmod(temporary, permissions)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Make the new name survive a power cut, where the file system offers that.

    The replacement has already happened and is whole: a failure here must not be told as if the file had not been written.
    """
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _write_through(path: str, pieces: Iterable[Piece]) -> None:
    """Write to a device or pipe.  A pipe that nobody reads is refused: to open one the ordinary way waits for ever."""
    try:
        descriptor = os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as fault:
        if fault.errno != errno.ENXIO:
            raise
        raise OSError(errno.ENXIO, "nobody reads this pipe, device or socket", path) from fault
    try:
        os.set_blocking(descriptor, True)
        _write_all(descriptor, pieces)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, pieces: Iterable[Piece]) -> None:
    for piece in pieces:
        view = memoryview(piece).cast("B")
        while view:
            view = view[os.write(descriptor, view) :]


def _named(fault: OSError, path: str) -> OSError:
    """The same fault about the path that the caller knows, not the temporary one."""
    return type(fault)(fault.errno, fault.strerror, path) if fault.errno is not None else fault


def cache_folder() -> Path | None:
    """The user's folder for what archdsl can make anew at any time, which need not exist; None where the user has none."""
    base = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME", "")
    if os.path.isabs(base):
        return Path(base, "archdsl")
    try:
        return Path.home() / ".cache" / "archdsl"
    except RuntimeError:
        return None
