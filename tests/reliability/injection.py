"""T09: no name or string of a spec becomes code, markup or a terminal command in anything that is written from it.

A hostile text is put into every place of a spec that takes one.  Either the compiler refuses it, or every output is built of the
same few kinds of Python nodes and calls as that of a harmless spec, parses as what it claims to be, and, run in an interpreter
of its own, leaves no trace.  What is said of the text, refused or not, is inert in each of the formats of reports.
"""

import ast
import contextlib
import csv
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

from archdsl import cli, pipeline
from archdsl.cli.streams import result_json
from archdsl.diagnostics import ArchError, Diagnostic, format_text
from archdsl.ir import dump
from archdsl.ir.exchange import to_json
from archdsl.render import diagnostics as reports
from archdsl.render import provenance
from archdsl.render import table as tables
from archdsl.source import Source
from archdsl.syntax import dump as dump_tree
from archdsl.syntax.format import format_source
from archdsl.version import __version__
from tests.reliability.hostile_texts import CODE, NAME_PLACES, NAMES, NETWORK, STRING_PLACES, STRINGS
from tests.reliability.outcome import Outcome, Test
from tests.reliability.printing import meaning

NO_NETWORK = "arch net() { input x: [N, 3, 8, 8]; c: cnov(4, 3x3); output y }\n"

# What emitted Python may be made of.
_ROOTS = frozenset({"torch", "nn", "F", "self", "super", "OrderedDict"})
_BUILTINS = frozenset("range zip len int float bool max min tuple list dict enumerate sum isinstance reversed".split())
_MODULES = frozenset({"torch", "torch.nn.functional", "collections", "typing"})
_BARRED = (
    ast.Global,
    ast.Nonlocal,
    ast.Lambda,
    ast.Await,
    ast.AsyncFunctionDef,
    ast.Try,
    ast.With,
    ast.Delete,
    ast.Raise,
    ast.Assert,
    ast.While,
)
_CHILD = """
import sys, os, traceback
import torch
for path in sys.argv[1:]:
    space = {"__name__": "emitted"}
    try:
        exec(compile(open(path, encoding="utf-8").read(), path, "exec"), space)
        classes = [each for each in space.values() if isinstance(each, type) and issubclass(each, torch.nn.Module)]
        with torch.no_grad():
            classes[-1]()(torch.zeros(1, 3, 8, 8))
    except BaseException as fault:
        print(path, type(fault).__name__, str(fault)[:200].replace(chr(10), " "))
"""


def spec(place: str, text: str) -> str:
    """The text with a hostile string or name in its place."""
    return place.replace("ARCH", NETWORK).format(text)


def python_fault(text: str) -> str | None:
    """What in emitted Python is not of the kinds that emitted Python is made of."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as fault:
        return f"no Python: {fault}"
    classes = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    for node in ast.walk(tree):
        if isinstance(node, _BARRED):
            return f"a {type(node).__name__}"
        if isinstance(node, ast.Import) and not all(each.name in _MODULES for each in node.names):
            return f"import of {node.names[0].name}"
        if isinstance(node, ast.ImportFrom) and node.module not in _MODULES:
            return f"import from {node.module}"
        if isinstance(node, ast.Attribute) and node.attr.startswith("__") and node.attr != "__init__":
            return f"attribute {node.attr}"
        if isinstance(node, ast.Call):
            root: ast.expr = node.func
            while isinstance(root, ast.Attribute | ast.Subscript | ast.Call):
                root = root.func if isinstance(root, ast.Call) else root.value
            if (
                isinstance(root, ast.Name)
                and isinstance(node.func, ast.Name)
                and root.id not in _ROOTS | _BUILTINS | classes | _locals(tree)
            ):
                return f"call of {root.id}"
    outside = [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom | ast.ClassDef | ast.FunctionDef)]
    return (
        None
        if all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in outside)
        else "a statement outside of classes"
    )


def _locals(tree: ast.Module) -> set[str]:
    """Parameters of functions: modules that are handed in are called by them."""
    return {each.arg for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) for each in node.args.args} | {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


class _Markup(HTMLParser):
    """Finds what in a page would act: scripts, handlers, links and pictures from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name.startswith("on") or (
                name in ("href", "src", "xlink:href") and re.match(r"\s*(javascript|https?|data|//)", value or "")
            ):
                self.faults.append(f"{tag} {name}={value}")
        if tag in ("iframe", "object", "embed", "foreignobject") or (tag == "script" and "alert(1)" in str(attrs)):
            self.faults.append(tag)


def markup_fault(text: str) -> str | None:
    page = _Markup()
    page.feed(text)
    if "<script>alert(1)</script>" in text or "<img src=x" in text or "<svg onload" in text:
        return "raw markup"
    return page.faults[0] if page.faults else None


def terminal_fault(text: str) -> str | None:
    bad = next((character for character in text if not character.isprintable() and character != "\n"), None)
    return None if bad is None else f"a raw U+{ord(bad):04X}"


def _columns(text: str) -> str | None:
    rows = list(csv.reader(io.StringIO(text)))
    odd = [row for row in rows if len(row) != len(rows[0]) or any(re.match(r"[=+@\t\r]", cell) for cell in row)]
    return f"row {odd[0]}" if odd else None


def json_fault(text: str) -> str | None:
    """What keeps a text from being JSON that a terminal shows as it is."""
    try:
        json.loads(text)
    except ValueError as fault:
        return str(fault)
    return terminal_fault(text)


def listing_fault(text: str) -> str | None:
    """What is wrong with lines that tell of a network: strings stand in quotes there, and act on no terminal."""
    return terminal_fault(text) if CODE not in re.sub(r'"(?:[^"\\\n]|\\.)*"', "", text) else "code outside of quotes"


def commands_fault(text: str, count: int) -> str | None:
    """What is wrong with ``count`` workflow commands: each is one line, and no line is another command."""
    lines = text.split("\n")[:-1]
    odd = [line for line in lines if not re.match(r"::(error|warning|notice) ", line)]
    return f"line {odd[0][:50]!r}" if odd else f"{len(lines)} lines" if len(lines) != count else terminal_fault(text)


Sinks = dict[str, tuple[str, Callable[[str], str | None]]]
"""What is written, by what it is called, and the check of it."""


def sinks(text: str, variant: str | None = None) -> Sinks:
    """Everything that can be written from a text, each with its check; raises ArchError where it is refused."""
    source = Source("net.arch", text)
    network = pipeline.open_spec(source, pipeline.Choices(variant=variant))
    report = network.report
    ways = [network.why(path) for path in _places(network)]
    found: Sinks = {
        "torch": (network.to_torch_source(), lambda text: python_fault(text) or terminal_fault(text)),
        "ir": (dump(network.graph), listing_fault),
        "json": (to_json(network.graph) + "\n", json_fault),
        "ast": (dump_tree(pipeline.read(source).main), listing_fault),
        "summary": (network.summary(), listing_fault),
        "markdown": (tables.markdown(report, 9), lambda text: terminal_fault(text) or markup_fault(text)),
        "csv": (tables.csv(report), lambda text: _columns(text) or terminal_fault(text.replace("\r\n", "\n"))),
        "summary as JSON": (_as_printed(tables.as_json(report)), json_fault),
        "why": ("\n".join(provenance.text(way) for way in ways), terminal_fault),
        "why as JSON": (_as_printed({"ways": [provenance.as_json(way) for way in ways]}), json_fault),
    }
    with contextlib.suppress(ArchError):  # a bare carriage return has no place in a formatted text
        found["fmt"] = (format_source(source), lambda now: None if meaning(now) == meaning(text) else "another meaning")
    if find_spec("archdsl.render.dot") is not None:
        found |= _drawn(source)
    return found


def _places(network: pipeline.Network) -> list[str]:
    """Paths of all that `why` can be asked about."""
    graph = network.graph
    return list(dict.fromkeys(each.path for each in (*graph.nodes, *graph.scopes) if each.path))


def _as_printed(document: dict[str, object]) -> str:
    """The document as the command line prints it."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        result_json(document)
    return printed.getvalue()


def told(found: Sequence[Diagnostic]) -> Sinks:
    """What is said of a text, in each format of ``check``, with its check."""
    return {
        "check": ("\n".join(format_text(each) for each in found), terminal_fault),
        "check as JSON": (_as_printed(reports.as_json(found)), json_fault),
        "check for GitHub": (reports.as_github(found), lambda text: commands_fault(text, len(found))),
        "check as SARIF": (_as_printed(reports.as_sarif(found, __version__)), json_fault),
    }


def _drawn(source: Source) -> Sinks:
    """Drawings as the command line makes them, where it draws."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        spec_ = Path(name, "net.arch")
        spec_.write_text(source.text, encoding="utf-8")
        for form in ("dot", "html"):
            output = Path(name, f"net.{form}")
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                status = cli.main(["draw", str(spec_), "-o", str(output)])
            if status == 0:
                found[form] = (output.read_text(encoding="utf-8"), markup_fault)
    return found


def cases(full: bool) -> list[tuple[str, str]]:
    """What is put where, and the whole text of it."""
    strings = STRINGS if full else STRINGS[::4]
    names = NAMES if full else NAMES[::6]
    found = [(f"{place}: {text[:30]!r}", spec(form, text)) for place, form in STRING_PLACES.items() for text in strings]
    escaped = [text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for text in strings]
    places = {place: form for place, form in STRING_PLACES.items() if '"{}"' in form and '"""' not in form}
    found += [(f"{place}, escaped: {text[:30]!r}", spec(form, text)) for place, form in places.items() for text in escaped]
    return found + [(f"{place}: {name[:30]}", spec(form, name)) for place, form in NAME_PLACES.items() for name in names]


def run_all(sources: dict[str, str]) -> list[str]:
    """What goes wrong when emitted sources are run, each instantiated and called once, in an interpreter of its own."""
    distinct = {text: name for name, text in sources.items()}
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for number, (text, name) in enumerate(distinct.items()):
            files[f"{number}.py"] = name
            Path(folder, f"{number}.py").write_text(text, encoding="utf-8")
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-I", "-c", _CHILD, *files]
        ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900, check=False)
        faults = [
            f"{files[line.split()[0]]}: {line.partition(' ')[2]}"
            for line in ended.stdout.splitlines()
            if line.split()[0] in files
        ]
        if ended.returncode:
            faults.append(f"the interpreter ended with {ended.returncode}: {ended.stderr[-200:]}")
        more = set(os.listdir(folder)) - set(files)
        return [*faults, *(f"CODE RAN: {name}" for name in more)]


def run(full: bool) -> Outcome:
    faults: list[str] = []
    emitted: dict[str, str] = {}
    known = cases(full)
    refused, checked = 0, Counter[str]()
    for name, text in known:
        choices = pipeline.Choices(variant="v" if "variant v" in text else None)
        try:
            said = pipeline.diagnose(Source("net.arch", text), choices)[1]
            written = told(said)
            if any(each.severity == "error" for each in said):
                refused += 1
            else:
                written |= sinks(text, choices.variant)
                emitted[name] = written["torch"][0]
            found = {sink: check(output) for sink, (output, check) in written.items()}
        except Exception as fault:  # noqa: BLE001
            faults.append(f"{name}: {type(fault).__name__}: {str(fault)[:150]}")
            continue
        checked.update(list(found))
        faults += [f"{name}: {sink}: {wrong}" for sink, wrong in found.items() if wrong]
    paths = STRINGS if full else STRINGS[::4]
    for path in paths:
        said = pipeline.diagnose(Source(f"{path}.arch", NO_NETWORK))[1]
        found = {sink: check(output) for sink, (output, check) in told(said).items()}
        checked.update(list(found))
        faults += [f"a file called {path[:30]!r}: {sink}: {wrong}" for sink, wrong in found.items() if wrong]
    torch = find_spec("torch") is not None
    ran = run_all(emitted) if torch else []
    faults += ran
    figure = (
        f"{len(known):,} hostile strings and names, {len(paths)} names of files: {refused:,} refused, {checked.total():,} "
        f"outputs checked ({', '.join(checked)}), {len(set(emitted.values())):,} emitted modules "
        f"{'run' if torch else 'not run, for want of torch'}: "
        f"{sum('CODE RAN' in fault for fault in ran)} canaries, {len(faults)} faults"
    )
    return Outcome(figure, tuple(faults))


TEST = Test("T09", "Hostile names and strings", run)
