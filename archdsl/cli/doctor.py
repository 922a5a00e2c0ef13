"""``archdsl doctor``: whether everything that archdsl needs is there, and how to get what is not."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import click

from archdsl.cli.options import verbosity
from archdsl.cli.streams import result
from archdsl.files import cache_folder
from archdsl.version import __version__

REQUIRED = ("click", "graphviz", "lark", "networkx", "numpy", "onnx", "pydantic", "safetensors")
EXTRAS = {
    "torch": ("torch",),
    "verify": ("onnxruntime",),
    "train": ("pillow",),
    "hub": ("huggingface_hub",),
    "render": ("matplotlib", "rich"),
}
_MODULES = {"pillow": "PIL"}
_ENVIRONMENT = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the diagnosis, marked ``ok``, ``--`` (something optional is missing) or ``!!`` (the core cannot work)."""

    subject: str
    state: str
    mark: str = "ok"


@click.command("doctor", short_help="Check the installation.")
@verbosity
def command() -> int:
    """Show versions, optional parts and folders; exit with 3 where something that is needed is missing or broken."""
    findings = list(_findings())
    width = max(len(each.subject) for each in findings)
    for each in findings:
        result(f"{each.mark}  {each.subject:<{width}}  {each.state}\n")
    return _ENVIRONMENT if any(each.mark == "!!" for each in findings) else 0


def _findings() -> Iterator[Finding]:
    yield Finding("archdsl", __version__)
    yield Finding("python", f"{platform.python_version()} ({sys.executable})", "ok" if sys.version_info >= (3, 11) else "!!")
    yield Finding("platform", f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs")
    required = [_required(package) for package in REQUIRED]
    yield from required
    for extra, packages in EXTRAS.items():
        for package in packages:
            yield _optional(package, extra)
    yield _program("dot", "draws diagrams: install Graphviz, for example with: apt install graphviz")
    yield _cache()
    if any(each.mark == "!!" for each in required):
        yield Finding("library", "not tried: install what is missing first", "--")
    else:
        yield _library()


def _required(package: str) -> Finding:
    try:
        import_module(package)
    except Exception as fault:  # noqa: BLE001 - whatever is wrong with it is the finding
        return Finding(package, f'{type(fault).__name__}: {fault}; install it with: pip install "archdsl"', "!!")
    return Finding(package, _version(package))


def _optional(package: str, extra: str) -> Finding:
    """Presence and version without importing: torch alone takes seconds."""
    if find_spec(_MODULES.get(package, package)) is None:
        return Finding(package, f'not installed; install it with: pip install "archdsl[{extra}]"', "--")
    found = _version(package)
    return Finding(package, f"{found} (CPU only)" if package == "torch" and found.endswith("+cpu") else found)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "of unknown version"


def _program(name: str, otherwise: str) -> Finding:
    path = shutil.which(name)
    return Finding(name, path) if path else Finding(name, f"not found; it {otherwise}", "--")


def _cache() -> Finding:
    folder, slow = cache_folder(), "every run makes the parser's tables anew"
    if folder is None:
        return Finding("cache", f"the user has no home folder; {slow}", "--")
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    usable = os.access(existing, os.W_OK | os.X_OK)
    return Finding("cache", f"{folder}") if usable else Finding("cache", f"{folder} cannot be written; {slow}", "--")


def _library() -> Finding:
    """The bundled specs, proven by loading one."""
    from archdsl.pipeline import bundled, library, load

    names = bundled()
    if not names:
        return Finding("library", f"no specs in {library()}: install archdsl again", "!!")
    try:
        load(names[0])
    except Exception as fault:  # noqa: BLE001 - whatever is wrong with it is the finding
        return Finding("library", f"{library()}: `{names[0]}` does not load: {type(fault).__name__}", "!!")
    return Finding("library", f"{library()} ({len(names)} networks)")
