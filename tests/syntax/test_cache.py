"""The parser's tables come from the cache where that is sound, and from the grammar wherever it is not."""

import os
import stat
import subprocess
import sys

import pytest

from archdsl.source import Source
from archdsl.syntax import parse, tables


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache folder, and a process that has not yet loaded its parser."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    tables.machine.cache_clear()
    yield tmp_path
    tables.machine.cache_clear()


@pytest.fixture
def made(monkeypatch):
    """How often the tables were made from the grammar."""
    calls = []
    original = tables.make
    monkeypatch.setattr(tables, "make", lambda *rest, **options: calls.append(1) or original(*rest, **options))
    return calls


def parses():
    tables.machine.cache_clear()
    return len(parse(Source("x", "block A() { relu -> conv(3x3) if a }\nlet a = 1")).items) == 2


def cached(folder):
    (path,) = [path for path in folder.rglob("*") if path.is_file()]
    return path


def test_tables_are_made_once(folder, made):
    assert parses()
    assert parses()
    assert len(made) == 1
    assert cached(folder).parent == folder / "archdsl"


def test_the_key_holds_grammar_and_versions(monkeypatch):
    path = tables.cache_path("a")
    assert tables.cache_path("b") != path
    monkeypatch.setattr(tables.lark, "__version__", "0")
    assert tables.cache_path("a") != path


@pytest.mark.parametrize("damage", ["empty", "short", "flipped", "text", "valid but wrong", "valid but no tables"])
def test_a_damaged_cache_is_made_anew(folder, made, damage):
    assert parses()
    path = cached(folder)
    whole = path.read_bytes()

    def sealed(payload):
        digest = tables.hashlib.sha256(payload).digest()
        return whole[: whole.index(b"\n") + 1] + digest + payload

    path.write_bytes(
        {
            "empty": b"",
            "short": whole[: len(whole) // 2],
            "flipped": whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:],
            "text": b"not a cache at all\n" * 9,
            "valid but wrong": sealed(tables.marshal.dumps({"data": {}, "memo": {}})),
            "valid but no tables": sealed(b"\xff\xff"),
        }[damage]
    )
    assert parses()
    assert len(made) == 2
    assert parses()
    assert len(made) == 2


def test_a_cache_that_cannot_be_written(folder, made, monkeypatch):
    (folder / "archdsl").write_text("a file where the folder should be")
    assert parses()
    assert parses()
    assert len(made) == 2

    def full(*_):
        raise OSError(28, "No space left on device")

    (folder / "archdsl").unlink()
    monkeypatch.setattr(tables, "atomic_write", full)
    assert parses()
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_a_folder_without_permission(folder, made, monkeypatch):
    folder.chmod(stat.S_IRUSR)

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tables.Path, "mkdir", denied)  # the superuser may write anywhere
    try:
        assert parses()
    finally:
        folder.chmod(stat.S_IRWXU)
    assert len(made) == 1


def test_no_home(folder, made, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")

    def homeless():
        raise RuntimeError

    monkeypatch.setattr(tables.Path, "home", homeless)
    assert tables.cache_path("x") is None
    assert parses()
    assert len(made) == 1


def test_concurrent_parses_do_not_mix(folder):
    from concurrent.futures import ThreadPoolExecutor

    texts = [f"let name{index} = {index}\n" * 20 for index in range(40)]
    with ThreadPoolExecutor(4) as pool:
        files = list(pool.map(lambda text: parse(Source(text[:12], text)), texts))
    for index, file in enumerate(files):
        assert {item.name.id for item in file.items} == {f"name{index}"}
        assert all(item.span.source is file.source for item in file.items)


def test_importing_the_front_end_does_not_load_the_parser():
    code = "import sys, archdsl.syntax; sys.exit('lark' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": os.getcwd()}, check=False).returncode == 0
    )
