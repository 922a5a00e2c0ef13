"""Generated pages are what the generator writes, and the words in it are true."""

import re
from dataclasses import fields

import pytest

from archdsl.limits import DEFAULT
from archdsl.ops import ALL
from docs import generate
from tests.conformance.cases import CASES


@pytest.mark.parametrize("name", generate.PAGES)
def test_the_page_is_what_the_generator_writes(name):
    assert (generate.ROOT / name).read_text(encoding="utf-8") == generate.PAGES[name](), "run `make docs`"


def test_there_are_no_other_pages_of_errors():
    there = {path.relative_to(generate.ROOT).as_posix() for path in (generate.ROOT / "docs" / "errors").iterdir()}
    assert there == {name for name in generate.PAGES if name.startswith("docs/errors/")}


def test_links_of_pages_of_errors_lead_somewhere():
    for page in sorted((generate.ROOT / "docs" / "errors").glob("*.md")):
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for file, anchor in re.findall(r"\]\(([^)#\s]+)(#[^)\s]+)?\)", text):
            there = page.parent / file
            headings = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {"", *(f"#{heading.lower().replace(' ', '-')}" for heading in headings)}
            assert anchor in anchors, f"{page.name}: {file}"


def test_every_operator_has_a_section():
    page = generate.operators_page()
    assert [operator.keyword for operator in ALL if f"\n## {operator.keyword}\n" not in page] == []


def names(case, op, output):
    """What the names in cost formulas stand for, worked out from shapes alone."""
    first = case.shapes[0]
    kernel = getattr(op, "kernel", (1, 1))
    channels_only = getattr(op, "over", "channels") == "channels"
    return {
        **{name: getattr(op, name) for name in type(op).model_fields},
        "out": output.elements,
        "into": sum(each.elements for each in case.inputs),
        "cells": output.elements // output.channels,
        "c": first[0],
        "k": kernel[0] * kernel[1],
        "n": len(case.shapes),
        "bias": int(getattr(op, "bias", False)),
        "scaled": int(getattr(op, "scale", 1) != 1),
        "statistics": output.elements // output.channels if channels_only else 1,
        "read": first[0] * bins(first[1], op) * bins(first[2], op, 1) if hasattr(op, "size") and len(first) == 3 else 0,
    }


def bins(cells, op, axis=0):
    """Cells that the bins of adaptive pooling read along an axis; 0 where ``size`` is not of that kind."""
    if not isinstance(op.size, tuple):
        return 0
    count = op.size[axis]
    return sum(-(-(i + 1) * cells // count) - i * cells // count for i in range(count))


def words(case, op):
    """The formulas that hold for a case, those of the notes included."""
    if case.keyword == "gelu" and op.approximate:
        return {"mul": "6 * out", "add": "2 * out", "exp": "out"}
    if case.keyword == "upsample" and op.mode == "bilinear":
        return {"mul": "4 * out", "add": "3 * out"}
    return generate.OPERATORS[case.keyword].cost


@pytest.mark.parametrize("case", CASES, ids=str)
def test_cost_formulas_give_the_cost(case):
    op = case.op
    output = op.infer(case.inputs)
    cost = op.cost(case.inputs, output)
    formulas = words(case, op)
    said = {kind: eval(formula, {}, names(case, op, output)) for kind, formula in formulas.items()}
    kinds = ("mac", "add", "mul", "div", "cmp", "exp")
    assert {kind: getattr(cost, kind) for kind in kinds} == {kind: said.get(kind, 0) for kind in kinds}


def test_the_check_notices_a_page_that_is_out_of_date(tmp_path, monkeypatch, capsys):
    page = tmp_path / "networks.md"
    page.write_text("old\n", encoding="utf-8")
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr(generate, "PAGES", {page.name: lambda: "new\n"})
    assert generate.main(["--check"]) == 1
    assert page.read_text(encoding="utf-8") == "old\n"
    assert generate.main([]) == 0
    assert page.read_text(encoding="utf-8") == "new\n"
    assert generate.main(["--check"]) == 0
    assert "networks.md differs" in capsys.readouterr().out


def test_the_page_of_the_language_states_every_bound():
    text = (generate.ROOT / "docs" / "language.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| `(\w+)` \| ([\d,]+) \|", text, re.MULTILINE))
    assert table == {each.name: f"{getattr(DEFAULT, each.name):,}" for each in fields(DEFAULT)}
