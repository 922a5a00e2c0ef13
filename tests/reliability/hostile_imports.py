"""T05: no import leads out of the folder of its spec, blocks, or tells what another file holds."""

import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from archdsl import pipeline
from archdsl.diagnostics import ArchError
from tests.reliability.outcome import Outcome, Test

SECRET = "s3cr3t-content"
_LEVELS = 20
_NETWORK = "arch main() {{ input x: [N, 3, 8, 8]; relu; output y }}\n"


class Blocked(Exception):
    """A read did not come back."""


def spelt() -> list[str]:
    """Texts of imports that name something outside, or nothing."""
    climbing = [
        "../secret.arch",
        "sub/../../secret.arch",
        "./../secret.arch",
        "..",
        "sub/..",
        "../",
        "a/../b.arch",
        "%2e%2e/secret.arch",
    ]
    absolute = [
        "/etc/passwd",
        "/etc/passwd.arch",
        "//host/share/a.arch",
        "~/secret.arch",
        "~root/a.arch",
        "C:/a.arch",
        "C:a.arch",
        "file:///etc/passwd.arch",
    ]
    odd = [
        "",
        ".",
        "/",
        "a//b.arch",
        "./ok.arch",
        "ok.arch/",
        "ok",
        "ok.txt",
        "sub\\\\..\\\\ok.arch",
        "ok.arch ",
        " ok.arch",
        "OK.arch",
        "ok.ARCH",
    ]
    hidden = [
        "ok.arch\u2028",
        "о\u043a.arch",
        "cafe\u0301.arch",
        "a" * 300 + ".arch",
        "a/" * 2000 + "b.arch",
        "\u202ehcra.ko",
        "nul.arch\\t",
        "http://host/a.arch",
    ]
    return [*climbing, *absolute, *odd, *hidden]


def things(folder: Path, outside: Path) -> dict[str, Callable[[], object]]:
    """What a name in the spec's folder may really be, each with how to make it."""
    secret = outside / "secret.arch"
    target = {
        "link to a file outside": secret,
        "link to /etc/passwd": Path("/etc/passwd"),
        "link to a device": Path("/dev/zero"),
        "link to standard input": Path("/proc/self/fd/0"),
        "link to the environment": Path("/proc/self/environ"),
        "link to nothing": folder / "absent",
        "link to itself": folder / "hostile.arch",
    }
    place = folder / "hostile.arch"
    made: dict[str, Callable[[], object]] = {
        name: (lambda there=there: place.symlink_to(there))
        for name, there in target.items()  # type: ignore[misc]
    }

    def huge() -> None:
        with place.open("wb") as file:
            file.truncate(2 << 30)

    made |= {
        "pipe": lambda: os.mkfifo(place),
        "folder": place.mkdir,
        "file of 2 GB": huge,
        "bytes": lambda: place.write_bytes(b"\xff\xfe" + SECRET.encode("utf-16-le")),
        "text that is no spec": lambda: place.write_text("not a spec\n" * 3),
        "a spec that imports itself": lambda: place.write_text('from "hostile.arch" import x\n'),
        "a spec that imports the main one": lambda: place.write_text('from "main.arch" import x\n'),
    }
    if os.geteuid() != 0:
        made["file without permission"] = lambda: (place.write_text(SECRET), place.chmod(0))
    return made


def refused(main: Path) -> tuple[bool, str]:
    """Whether the spec is refused with the place of the import, and all that is said."""
    try:
        pipeline.load(str(main))
    except ArchError as fault:
        first = fault.diagnostics[0]
        return first.code.startswith(("E06", "E01")) and first.primary is not None, str(fault)
    return False, "accepted"


@contextlib.contextmanager
def alarm(seconds: int) -> Iterator[None]:
    """Raises :class:`Blocked` in what takes longer."""

    def stop(*_: object) -> None:
        raise Blocked

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def hostile(root: Path) -> tuple[int, list[str]]:
    """How many hostile imports were tried, and which of them were not refused as they must be."""
    faults, count = [], 0
    outside = root / "outside"
    outside.mkdir()
    (outside / "secret.arch").write_text(f"# {SECRET}\nlet {SECRET.partition('-')[0]} = 1\n")
    for text in spelt():
        count += 1
        folder = _folder(root, count, text)
        (folder / "sub").mkdir()
        (folder.parent / "secret.arch").write_text(f"# {SECRET}\n")
        faults += _try(f"import of {text[:40]!r}", folder / "main.arch")
    for name in things(root, outside):
        count += 1
        folder = _folder(root, count, "hostile.arch")
        things(folder, outside)[name]()
        faults += _try(name, folder / "main.arch")
    for name, link in {"link to a folder outside": outside, "link to the root": Path("/")}.items():
        count += 1
        folder = _folder(root, count, "sub/secret.arch" if link is outside else "sub/etc/hostname.arch")
        (folder / "sub").symlink_to(link)
        faults += _try(name, folder / "main.arch")
    return count, faults


def _folder(root: Path, number: int, imported: str) -> Path:
    folder = root / f"case{number}" / "spec"
    folder.mkdir(parents=True)
    (folder / "ok.arch").write_text("let x = 1\n")
    (folder / "main.arch").write_text(f'from "{imported}" import x\n' + _NETWORK.format(), encoding="utf-8")
    return folder


def _try(name: str, main: Path) -> list[str]:
    try:
        with alarm(2):
            clean, said = refused(main)
    except Blocked:
        return [f"{name}: blocks"]
    except Exception as fault:  # noqa: BLE001
        return [f"{name}: {type(fault).__name__}: {str(fault)[:100]}"]
    leaked = [f"{name}: the message tells what the file holds"] if SECRET in said else []
    return leaked if clean else [f"{name}: {said[:100]}", *leaked]


def permitted(root: Path) -> tuple[float, list[str]]:
    """Seconds for a diamond of 20 levels, 2^20 ways through it, and what of the permitted imports does not work."""
    folder = root / "diamond"
    folder.mkdir()
    levels = [folder / f"level{n}{side}.arch" for n in range(_LEVELS // 2) for side in "ab"]
    for n in range(_LEVELS // 2):
        for side in "ab":
            lower = (
                ""
                if n == 0
                else "".join(f'from "level{n - 1}{other}.arch" import v{n - 1}{other} as w{other}\n' for other in "ab")
            )
            (folder / f"level{n}{side}.arch").write_text(f"{lower}let v{n}{side} = {n + 1}\n")
    top = _LEVELS // 2 - 1
    (folder / "main.arch").write_text(
        f'from "level{top}a.arch" import v{top}a\nfrom "level{top}b.arch" import v{top}b\n' + _NETWORK.format()
    )
    start = time.process_time()
    program = pipeline.read(str(folder / "main.arch"))
    pipeline.load(str(folder / "main.arch"))
    seconds = time.process_time() - start
    faults = (
        [] if len(program.files) == len(levels) + 1 else [f"a diamond of {len(levels)} files was read as {len(program.files)}"]
    )
    inside = root / "inside"
    inside.mkdir()
    (inside / "real.arch").write_text("let x = 1\n")
    (inside / "soft.arch").symlink_to("real.arch")
    os.link(inside / "real.arch", inside / "hard.arch")
    for name in ("soft", "hard"):
        (inside / "main.arch").write_text(f'from "{name}.arch" import x\n' + _NETWORK.format())
        try:
            pipeline.load(str(inside / "main.arch"))
        except ArchError as fault:
            faults.append(f"a {name} link inside the folder is refused: {str(fault)[:100]}")
    return seconds, faults


def run(full: bool) -> Outcome:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        count, faults = hostile(root)
        seconds, more = permitted(root)
    slow = [f"a diamond of {_LEVELS} levels took {seconds:.1f} s"] if seconds > 2 else []
    leaks = sum("tells what" in fault for fault in faults)
    figure = (
        f"{count - len({fault.partition(':')[0] for fault in faults})} of {count} hostile imports refused at the import, "
        f"{leaks} leaked; links within the folder work; a diamond of {_LEVELS} files, each read once, in {1000 * seconds:.0f} ms"
    )
    return Outcome(figure, (*faults, *more, *slow))


TEST = Test("T05", "Hostile imports", run)
