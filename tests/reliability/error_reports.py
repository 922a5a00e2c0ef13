"""T08: every code has a pinned report, and a misspelt name gets the right line and the right suggestion.

A report is pinned by a golden file, or by the page of its code: the tests run the example of every page and compare what it
prints.  Faults that no text alone can have (of operators, backends and weights) are pinned by pages only.
"""

import re
import shutil
import tempfile
from pathlib import Path

from archdsl import pipeline
from archdsl.diagnostics import CODES, format_text
from archdsl.ops import BY_KEYWORD
from tests.reliability.outcome import Outcome, Test
from tests.reliability.spec_mutants import Mutant, files, mutants, users

ROOT = Path(__file__).resolve().parents[2]
TYPOS = 50
SUGGESTED = 45
_HEAD = re.compile(r"^(?:error|warning)\[([EW]\d+)\]", re.MULTILINE)


def snapshots() -> dict[Path, set[str]]:
    """Files with the expected text of reports, and the codes in each."""
    found = [path for suffix in ("err", "stderr") for path in (ROOT / "tests" / "golden").rglob(f"*.{suffix}")]
    return {path: set(_HEAD.findall(path.read_text(encoding="utf-8"))) for path in found}


def pages() -> dict[Path, set[str]]:
    """Pages of codes, and the codes of the report that each shows."""
    found = sorted((ROOT / "docs" / "errors").glob("[EW]*.md"))
    return {path: set(_HEAD.findall(path.read_text(encoding="utf-8"))) for path in found}


def typos() -> list[Mutant]:
    """Misspelt names of four letters or more, whose misspelling is no name itself."""
    words = set(re.findall(r"[A-Za-z_]\w*", " ".join(files().values()))) | set(BY_KEYWORD)
    return [each for each in mutants("misspelt name", 12 * TYPOS) if len(each.was) >= 4 and each.now not in words]


def told(mutant: Mutant, folder: Path) -> tuple[bool, bool] | None:
    """Whether the report is on the right line, and suggests the right name; None for a name that no network comes to."""
    place = folder / mutant.file
    place.write_text(mutant.text, encoding="utf-8")
    try:
        for main in users()[mutant.file]:
            _, found = pipeline.diagnose(str(folder / main))
            errors = [each for each in found if each.severity == "error"]
            if errors:
                primary = errors[0].primary
                right = (
                    primary is not None and primary.span.line == mutant.line and Path(primary.span.source.path).name == place.name
                )
                # A path of an edit is suggested as a whole.
                return right, bool(re.search(rf"did you mean `[^`]*\b{re.escape(mutant.was)}\b", format_text(errors[0])))
    finally:
        place.write_text(files()[mutant.file], encoding="utf-8")
    return None


def run(full: bool) -> Outcome:
    pinned, shown = snapshots(), pages()
    covered = set().union(*pinned.values()) & set(CODES)
    elsewhere = (set().union(*shown.values()) - covered) & set(CODES)
    faults = [f"{code} has no snapshot: {CODES[code]}" for code in sorted(set(CODES) - covered - elsewhere)]
    faults += [
        f"{path.name} shows a report of {', '.join(sorted(codes))}" for path, codes in shown.items() if codes != {path.stem}
    ]
    faults += [f"{path.name} has no spec beside it" for path in pinned if not path.with_suffix(".arch").exists()]
    wanted = TYPOS if full else 20
    lines = suggestions = 0
    seen = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "specs"
        shutil.copytree(pipeline.library(), folder)
        for mutant in typos():
            answer = told(mutant, folder)
            if answer is None:
                continue
            seen += 1
            lines += answer[0]
            suggestions += answer[1]
            if not answer[0]:
                faults.append(f"{mutant.file}:{mutant.line}: `{mutant.was}` as `{mutant.now}` is told elsewhere")
            if seen == wanted:
                break
    if suggestions < SUGGESTED * wanted / TYPOS:
        faults.append(f"{suggestions} of {wanted} misspelt names get the right suggestion")
    figure = (
        f"{len(CODES)} codes: {len(covered)} pinned by {len(pinned)} snapshots, {len(elsewhere)} by the report on their page; "
        f"{wanted} misspelt names: "
        f"right line {lines}/{wanted}, right suggestion {suggestions}/{wanted}"
    )
    return Outcome(figure, tuple(faults))


TEST = Test("T08", "Reports of faults", run)
