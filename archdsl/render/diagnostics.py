"""Diagnostics for other programs: JSON, GitHub workflow commands, SARIF 2.1.0.  Text is ``diagnostics.format_text``."""

import os
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from archdsl.diagnostics import CODES, Diagnostic, Label, printable
from archdsl.source import Span

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_json(diagnostics: Iterable[Diagnostic]) -> dict[str, Any]:
    """The object that ``check --format json`` prints, schema 1; lines and columns count from 1 in code points."""
    return {"schema": 1, "diagnostics": [_entry(each) for each in diagnostics]}


def _entry(diagnostic: Diagnostic) -> dict[str, Any]:
    primary = diagnostic.primary
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        **_place(None if primary is None else primary.span),
        "label": primary.text if primary is not None else "",
        "path": diagnostic.path,
        "related": [{**_place(label.span), "message": label.text} for label in diagnostic.secondary],
        "notes": list(diagnostic.notes),
        "help": diagnostic.help,
        "fixes": [{**_place(fix.span), "replacement": fix.replacement, "certain": fix.certain} for fix in diagnostic.fixes],
    }


def _place(span: Span | None) -> dict[str, Any]:
    if span is None:
        return {"file": None, "line": None, "column": None, "end_line": None, "end_column": None}
    return {
        "file": span.source.path,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }


def as_github(diagnostics: Iterable[Diagnostic]) -> str:
    """Workflow commands that make GitHub Actions show each diagnostic at its line; empty where there is none."""
    return "".join(f"{_command(each)}\n" for each in diagnostics)


def _command(diagnostic: Diagnostic) -> str:
    level = {"error": "error", "warning": "warning", "note": "notice"}[diagnostic.severity]
    properties = {}
    if diagnostic.primary is not None:
        span = diagnostic.primary.span
        properties["file"] = span.source.path
        properties["line"] = str(span.line)
        properties["endLine"] = str(span.end_line)
        if span.line == span.end_line:  # columns of different lines are refused
            properties["col"] = str(span.column)
            properties["endColumn"] = str(span.end_column)
    properties["title"] = diagnostic.code
    listed = ",".join(f"{name}={_escaped(value, ':,')}" for name, value in properties.items())
    return f"::{level} {listed}::{_escaped(_prose(diagnostic))}"


def _escaped(text: str, more: str = "") -> str:
    """``text`` with the characters that end a workflow command, or one of its parts, percent-encoded, and others made visible."""
    ends = f"%\r\n{more}"
    return "".join(f"%{ord(character):02X}" if character in ends else printable(character) for character in text)


def _prose(diagnostic: Diagnostic) -> str:
    """Message, place, notes and help as plain lines."""
    lines = [diagnostic.message]
    if diagnostic.path is not None:
        lines.append(f"at `{diagnostic.path}`")
    lines += [f"note: {note}" for note in diagnostic.notes]
    if diagnostic.help is not None:
        lines.append(f"help: {diagnostic.help}")
    return "\n".join(lines)


def as_sarif(diagnostics: Sequence[Diagnostic], version: str) -> dict[str, Any]:
    """A SARIF 2.1.0 log of one run of archdsl ``version``."""
    codes = sorted({each.code for each in diagnostics})
    rules = [{"id": code, "shortDescription": {"text": CODES[code]}} for code in codes]
    return {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "archdsl", "version": version, "rules": rules}},
                "columnKind": "unicodeCodePoints",
                "results": [_result(each, codes.index(each.code)) for each in diagnostics],
            }
        ],
    }


def _result(diagnostic: Diagnostic, rule: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": diagnostic.severity,
        "message": {"text": _prose(diagnostic)},
    }
    if diagnostic.primary is not None:
        location: dict[str, Any] = _location(diagnostic.primary)
        if diagnostic.path is not None:
            location["logicalLocations"] = [{"fullyQualifiedName": diagnostic.path}]
        result["locations"] = [location]
    if diagnostic.secondary:
        result["relatedLocations"] = [{"id": index, **_location(label)} for index, label in enumerate(diagnostic.secondary)]
    if diagnostic.fixes:
        result["fixes"] = [_fix(diagnostic)]
    return result


def _fix(diagnostic: Diagnostic) -> dict[str, Any]:
    """The one fix that all replacements make together: a change for each file."""
    changes: dict[str, list[dict[str, Any]]] = {}
    for fix in diagnostic.fixes:
        replacement = {"deletedRegion": _region(fix.span), "insertedContent": {"text": fix.replacement}}
        changes.setdefault(_uri(fix.span.source.path), []).append(replacement)
    return {
        "description": {"text": diagnostic.help or "write this"},
        "artifactChanges": [{"artifactLocation": {"uri": uri}, "replacements": made} for uri, made in changes.items()],
        "properties": {"certain": all(fix.certain for fix in diagnostic.fixes)},
    }


def _location(label: Label) -> dict[str, Any]:
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": {"uri": _uri(label.span.source.path)}, "region": _region(label.span)}
    }
    if label.text:
        location["message"] = {"text": label.text}
    return location


def _region(span: Span) -> dict[str, int]:
    return {"startLine": span.line, "startColumn": span.column, "endLine": span.end_line, "endColumn": span.end_column}


def _uri(path: str) -> str:
    """A path as a URI reference: relative ones stay relative.  Bytes of a file name that are no text are quoted as they are."""
    pure = PurePath(path)
    return pure.as_uri() if pure.is_absolute() else quote(os.fsencode(pure.as_posix()))
