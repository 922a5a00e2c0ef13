"""A program is its main file and what that may import, each file once; everything else is refused without being opened."""

import dataclasses
import os
import signal
import socket

import pytest

from archdsl.diagnostics import ArchError
from archdsl.limits import DEFAULT
from archdsl.source import Source
from archdsl.syntax import parser, read_file, read_program

SECRET = "TOP SECRET, not a spec"


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A folder with `main/`, its library `library/`, and `outside/` next to them; writes files into it."""
    for name in ("main", "library", "outside"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)

    def write(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/")
            path = path.with_name(path.name + ".arch")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return write


@pytest.fixture(autouse=True)
def _no_waiting():
    """A read that blocks is a failure, not a test that never ends."""

    def stop(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def use(*names):
    return "".join(f'from "{name}" import x\n' for name in names)


def read(folder="main", limits=DEFAULT, main="main/main.arch"):
    return read_program(read_file(main), folder, "library", limits)


def refused(**options):
    with pytest.raises(ArchError) as caught:
        read(**options)
    assert SECRET not in str(caught.value)
    return caught.value.diagnostics


def only(diagnostics):
    (diagnostic,) = diagnostics
    return diagnostic


def shown(program):
    return [file.source.path for file in program.files]


def test_beside_the_importing_file_then_in_the_library(tree):
    tree(
        main__main=use("a.arch", "sub/b.arch", "lib/c.arch"),
        main__a="let x = 1",
        main__sub__b=use("near.arch"),
        main__sub__near="let x = 2",
        library__lib__c=use("d.arch"),
        library__lib__d="let x = 3",
        main__d="let x = 4",
    )
    program = read()
    assert shown(program) == [
        "main/main.arch",
        "main/a.arch",
        "main/sub/b.arch",
        "main/sub/near.arch",
        "library/lib/c.arch",
        "library/lib/d.arch",
    ]
    by_path = {file.source.path: file for file in program.files}
    inner = by_path["library/lib/c.arch"]
    assert program.imported[inner.source, "d.arch"] is by_path["library/lib/d.arch"]
    assert program.imported[program.main.source, "a.arch"] is by_path["main/a.arch"]
    assert len(program.imported) == 5


def test_a_file_of_the_library_sees_nothing_of_the_user(tree):
    tree(main__main=use("lib.arch"), main__a="let x = 1", library__lib=use("a.arch"))
    diagnostic = only(refused())
    assert diagnostic.code == "E0601"
    assert diagnostic.primary.span.source.path == "library/lib.arch"


def test_a_text_without_a_folder_sees_the_library_only(tree):
    tree(main__a="let x = 1", library__b="let x = 1")
    program = read_program(Source("<stdin>", use("b.arch")), None, "library")
    assert shown(program) == ["<stdin>", "library/b.arch"]
    with pytest.raises(ArchError) as caught:
        read_program(Source("<stdin>", use("a.arch")), None, "library")
    diagnostic = only(caught.value.diagnostics)
    assert (diagnostic.code, diagnostic.primary.text) == ("E0601", "not in the bundled library")


def test_a_main_file_within_the_library(tree):
    tree(library__net=use("lib/a.arch"), library__lib__a="let x = 1")
    assert shown(read(folder="library", main="library/net.arch")) == ["library/net.arch", "library/lib/a.arch"]


def test_each_file_is_read_and_parsed_once(tree, monkeypatch):
    levels = 12
    files = {f"main__level{level}": use(f"level{level + 1}.arch", f"other{level + 1}.arch") for level in range(levels)}
    files |= {f"main__other{level}": use(f"level{level + 1}.arch", f"other{level + 1}.arch") for level in range(1, levels)}
    files |= {f"main__level{levels}": "let x = 1", f"main__other{levels}": "let x = 1"}
    tree(main__main=use("level0.arch"), **files)
    count = []
    original = parser.parse
    monkeypatch.setattr(parser, "parse", lambda source, limits: count.append(source.path) or original(source, limits))
    program = read()
    assert len(count) == len(set(count)) == len(program.files) == 2 * levels + 2


def test_missing_files_get_a_suggestion(tree):
    tree(main__main=use("comon.arch", "lib/bloks.arch", "stem"), main__common="", library__lib__blocks="")
    first, second, third = refused()
    assert (first.code, first.primary.span.text, first.help) == ("E0601", '"comon.arch"', "did you mean `common.arch`?")
    assert (second.code, second.help) == ("E0601", "did you mean `lib/blocks.arch`?")
    assert (third.code, third.help) == ("E0601", 'did you mean "stem.arch"?')


@pytest.mark.parametrize(
    "name, reason",
    [
        ("/etc/passwd.arch", "its path is absolute"),
        ("~/a.arch", "its path is absolute"),
        ("../outside/a.arch", "`..` leads upwards"),
        ("sub/../a.arch", "`..` leads upwards"),
        ("a\\\\b.arch", "folders are joined by `/`, not by a backslash"),
        ("C:/a.arch", "it names a drive"),
        ("c:a.arch", "it names a drive"),
        ("a\x00.arch", "it holds a NUL character"),
        ("sub//a.arch", "a part of the path is empty or `.`"),
        ("./a.arch", "a part of the path is empty or `.`"),
        ("", "a part of the path is empty or `.`"),
    ],
)
def test_names_that_leave_the_tree(tree, name, reason):
    tree(main__main=use(name), outside__a=SECRET, main__a="")
    diagnostic = only(refused())
    assert (diagnostic.code, diagnostic.primary.text) == ("E0602", reason)
    assert diagnostic.primary.span.text == f'"{name}"'


@pytest.mark.parametrize("link", ["file", "folder", "dangling"])
def test_symbolic_links_out_of_the_tree(tree, link):
    root = tree(main__main=use("sub/a.arch"), outside__a=SECRET)
    if link == "folder":
        (root / "main/sub").symlink_to(root / "outside")
    else:
        (root / "main/sub").mkdir()
        (root / "main/sub/a.arch").symlink_to(root / "outside" / ("a.arch" if link == "file" else "none.arch"))
    assert only(refused()).code == "E0602"


def test_symbolic_links_within_the_tree(tree):
    root = tree(main__main=use("b.arch", "a.arch"), main__a="let x = 1")
    (root / "main/b.arch").symlink_to("a.arch")
    assert len(read().files) == 2


def test_a_link_to_itself(tree):
    root = tree(main__main=use("loop.arch"))
    (root / "main/loop.arch").symlink_to("loop.arch")
    assert only(refused()).code in ("E0601", "E0602", "E0604")


def test_circles_name_their_files(tree):
    tree(main__main=use("a.arch"), main__a=use("b.arch"), main__b=use("a.arch"))
    diagnostic = only(refused())
    assert (diagnostic.code, diagnostic.notes) == ("E0603", ("`main/a.arch` → `main/b.arch` → `main/a.arch`",))
    assert diagnostic.primary.span.source.path == "main/b.arch"


def test_a_file_that_imports_itself(tree):
    tree(main__main=use("main.arch"))
    diagnostic = only(refused())
    assert (diagnostic.code, diagnostic.notes) == ("E0603", ("`main/main.arch` → `main/main.arch`",))


def test_bounds_on_files_and_depth(tree):
    chain = {f"main__c{index}": use(f"c{index + 1}.arch") for index in range(20)} | {"main__c20": ""}
    tree(main__main=use("c0.arch"), **chain)
    diagnostic = only(refused())
    assert (diagnostic.code, diagnostic.primary.span.source.path) == ("E0605", "main/c15.arch")
    assert len(read(limits=dataclasses.replace(DEFAULT, import_depth=21)).files) == 22
    assert only(refused(limits=dataclasses.replace(DEFAULT, import_depth=21, files=5))).code == "E0605"


def test_what_is_no_regular_file(tree):
    root = tree(main__main=use("folder.arch", "pipe.arch", "socket.arch", "zero.arch"))
    (root / "main/folder.arch").mkdir()
    os.mkfifo(root / "main/pipe.arch")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("main/socket.arch")
        (root / "main/zero.arch").symlink_to("/dev/zero")
        assert [each.code for each in refused()] == ["E0604", "E0604", "E0604", "E0602"]


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/proc/self/fd", "main", "pipe"])
def test_read_file_refuses_what_is_no_regular_file(tree, path):
    tree()
    os.mkfifo("pipe")
    with pytest.raises(ArchError) as caught:
        read_file(path)
    assert only(caught.value.diagnostics).code == "E0604"


def test_sizes(tree):
    root = tree(main__main=use("big.arch"))
    with (root / "main/big.arch").open("wb") as big:
        big.truncate(2 << 30)
    assert only(refused()).code == "E0105"
    # A file that grows, or that has no size to tell, is stopped while it is read.
    with pytest.raises(ArchError):
        read_file("/proc/self/smaps", dataclasses.replace(DEFAULT, file_bytes=100))


def test_unreadable_and_missing(tree, monkeypatch):
    root = tree(main__main=use("locked.arch"), main__locked=SECRET)
    original = os.open

    def denied(path, *rest):
        if str(path).endswith("locked.arch"):
            raise PermissionError(13, "Permission denied", path)
        return original(path, *rest)

    monkeypatch.setattr(os, "open", denied)
    diagnostic = only(refused())
    assert (diagnostic.code, "permission denied" in diagnostic.message) == ("E0604", True)
    for path, code in (
        ("nothing.arch", "E0601"),
        ("main/main.arch/x", "E0601"),
        ("a\0b", "E0602"),
        ("a" * 5000, "E0604"),
        (str(root), "E0604"),
    ):
        with pytest.raises(ArchError) as caught:
            read_file(path)
        assert only(caught.value.diagnostics).code == code


def test_text_that_is_not_utf8(tree):
    root = tree(main__main=use("latin.arch"))
    (root / "main/latin.arch").write_bytes(b"let a = 1\r\n# caf\xe9 " + SECRET.encode())
    diagnostic = only(refused())
    assert diagnostic.code == "E0104"
    assert "byte 16, in line 2" in diagnostic.message


def test_byte_order_mark_is_no_part_of_the_text(tree):
    root = tree()
    (root / "main/bom.arch").write_bytes(b"\xef\xbb\xbflet a = 1\r\n")
    assert read_file("main/bom.arch").text == "let a = 1\r\n"


def test_faults_of_all_files_in_one_report(tree):
    tree(main__main=use("a.arch", "b.arch", "a.arch"), main__a="let a = 2x\nlet b = 3x", main__b="let a = 'c'")
    found = refused()
    assert [(each.code, each.primary.span.source.path) for each in found] == [
        ("E0103", "main/a.arch"),
        ("E0103", "main/a.arch"),
        ("E0106", "main/b.arch"),
    ]


def test_a_fault_in_the_main_file(tree):
    tree(main__main="let a = ")
    assert only(refused()).code == "E0101"
