"""A write succeeds as a whole or leaves everything as it was, wherever it is made to fail."""

import errno
import os
import stat

import pytest

from archdsl.files import atomic_write, cache_folder

CALLS = ("open", "write", "fsync", "chmod", "replace")
CASES = [(call, existed) for call in CALLS for existed in (True, False) if existed or call != "chmod"]
FAULTS = (errno.ENOSPC, errno.EIO, errno.EACCES)


def test_a_new_file_gets_what_the_umask_gives(tmp_path):
    old = os.umask(0o027)
    try:
        atomic_write(tmp_path / "new", b"text")
    finally:
        os.umask(old)
    assert (tmp_path / "new").read_bytes() == b"text"
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["new"]


def test_an_old_file_is_replaced_and_keeps_its_permissions(tmp_path):
    path = tmp_path / "old"
    path.write_bytes(b"before")
    path.chmod(0o754)
    atomic_write(path, b"")
    assert path.read_bytes() == b""
    assert stat.S_IMODE(path.stat().st_mode) == 0o754


def test_a_reader_of_the_old_file_goes_on_reading_it(tmp_path):
    path = tmp_path / "old"
    path.write_bytes(b"before")
    with path.open("rb") as reader:
        atomic_write(path, b"after")
        assert reader.read() == b"before"
    assert path.read_bytes() == b"after"


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call, existed", CASES)
def test_a_failure_changes_nothing(tmp_path, monkeypatch, call, fault, existed):
    path = tmp_path / "file"
    if existed:
        path.write_bytes(b"before")
    real = getattr(os, call)
    calls = []

    def failing(*arguments, **more):
        calls.append(arguments)
        if call == "write" and len(calls) == 1:  # a part goes through, the rest does not
            return real(arguments[0], arguments[1][:2])
        raise OSError(fault, os.strerror(fault))

    with monkeypatch.context() as patched:
        patched.setattr(os, call, failing)
        with pytest.raises(OSError, match=os.strerror(fault)) as raised:
            atomic_write(path, b"after")
    assert calls
    assert raised.value.filename == str(path)
    assert raised.value.errno == fault
    assert os.listdir(tmp_path) == (["file"] if existed else [])
    assert not existed or path.read_bytes() == b"before"


def test_an_interruption_leaves_no_temporary_file(tmp_path, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        atomic_write(tmp_path / "file", b"text")
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_synced_is_no_failure_of_the_write(tmp_path, monkeypatch):
    real = os.fsync

    def files_only(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not for folders")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", files_only)
    atomic_write(tmp_path / "file", b"text")
    assert (tmp_path / "file").read_bytes() == b"text"


def test_the_file_is_synced_before_it_is_renamed_and_the_folder_after(tmp_path, monkeypatch):
    order = []
    sync, replace = os.fsync, os.replace

    def synced(descriptor):
        order.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def renamed(*names):
        order.append("rename")
        replace(*names)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    atomic_write(tmp_path / "file", b"text")
    assert order == ["file", "rename", "folder"]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="the folder does not exist") as raised:
        atomic_write(tmp_path / "absent" / "file", b"text")
    assert raised.value.filename == str(tmp_path / "absent")


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"before")
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        atomic_write(tmp_path / "file" / "below", b"text")


def test_a_folder_is_not_replaced(tmp_path):
    with pytest.raises(IsADirectoryError):
        atomic_write(tmp_path, b"text")


def test_a_symbolic_link_stays_one(tmp_path):
    target = tmp_path / "elsewhere" / "target"
    target.parent.mkdir()
    link = tmp_path / "link"
    link.symlink_to(target)
    for content in (b"made", b"replaced"):
        atomic_write(link, content)
        assert link.is_symlink()
        assert target.read_bytes() == content


def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        atomic_write(pipe, b"text")
        assert os.read(reader, 10) == b"text"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_long_name_leaves_room_for_the_temporary_one(tmp_path):
    path = tmp_path / ("n" * 255)
    atomic_write(path, b"text")
    assert path.read_bytes() == b"text"


def test_the_cache_folder_follows_the_environment(tmp_path, monkeypatch):
    variable = "LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME"
    monkeypatch.setenv(variable, str(tmp_path))
    assert cache_folder() == tmp_path / "archdsl"
    monkeypatch.setenv(variable, "relative")
    assert cache_folder().is_absolute()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_that_nobody_reads_is_refused_at_once(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="nobody reads this pipe") as caught:
        atomic_write(pipe, b"text")
    assert (caught.value.errno, caught.value.filename) == (errno.ENXIO, str(pipe))
    assert os.listdir(tmp_path) == ["pipe"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("arguments", [("compile", "good.arch", "--to", "ir"), ("compile", "good.arch", "--to", "torch")])
def test_a_command_that_writes_to_one_ends(process, folder, arguments):
    os.mkfifo(folder / "pipe")
    ran = process(*arguments, "-o", "pipe")
    assert (ran.code, ran.out) == (3, "")
    assert "`pipe`: nobody reads this pipe" in ran.err
