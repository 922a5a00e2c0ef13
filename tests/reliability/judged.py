"""What the compiler makes of a text: a network, a clean refusal, or something that must never happen."""

from archdsl import pipeline, syntax
from archdsl.diagnostics import ArchError, Diagnostic, format_text
from archdsl.render.diagnostics import as_github, as_json, as_sarif
from archdsl.source import Source, Span

WITHOUT_PLACE = frozenset({"E0104", "E0105", "E0601", "E0602", "E0604"})
"""Codes of faults of a whole file, which may have no place in a text."""


def judge(content: bytes, path: str = "<mutant>") -> tuple[str, ...]:
    """Codes of all faults in ``content``, none for a text whose networks elaborate, verify and have a report.

    Raises what the compiler raises, other than ``ArchError``; AssertionError for a diagnostic that is not clean.
    """
    try:
        source = syntax.source_from_bytes(path, content)
    except ArchError as fault:
        return codes(fault.diagnostics)
    return judge_source(source)


def judge_source(source: Source) -> tuple[str, ...]:
    """As :func:`judge`, of a text that is already decoded."""
    names, found = pipeline.diagnose(source)
    errors = [each for each in found if each.severity == "error"]
    if names and not errors:
        choices = pipeline.Choices(variant=names[-1])
        network = pipeline.open_spec(source, choices)
        assert network.report.nodes
        assert network.fingerprint
    return codes(errors)


def codes(diagnostics: tuple[Diagnostic, ...] | list[Diagnostic]) -> tuple[str, ...]:
    """The codes of ``diagnostics``, once each of them is known to be clean in every form."""
    for each in diagnostics:
        _check(each)
    as_json(diagnostics)
    as_sarif(diagnostics, "0")
    assert as_github(diagnostics).count("\n") == len(diagnostics), "a diagnostic that spoils the log of a workflow"
    return tuple(each.code for each in diagnostics)


def _check(diagnostic: Diagnostic) -> None:
    """Asserts that the diagnostic has a place inside its text and that nothing in it acts on a terminal."""
    if diagnostic.primary is None:
        assert diagnostic.code in WITHOUT_PLACE, f"{diagnostic.code} without a place: {diagnostic.message[:100]}"
    else:
        for label in (diagnostic.primary, *diagnostic.secondary):
            assert is_inside(label.span), f"{diagnostic.code} lies outside its text"
    text = format_text(diagnostic)
    assert all(character == "\n" or character.isprintable() for character in text), f"{diagnostic.code} with a raw character"
    assert len(text) < 20_000, f"{diagnostic.code} in {len(text)} characters"


def is_inside(span: Span) -> bool:
    """Whether the span's lines and columns exist in its text."""
    lines = span.source.text.count("\n") + 1
    inside = 0 <= span.start <= span.end <= len(span.source.text)
    return inside and 1 <= span.line <= span.end_line <= lines and span.column <= len(span.source.line(span.line)) + 3
