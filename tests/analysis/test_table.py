"""Tables: which rows they show, and that what they show adds up."""

import pytest

from archdsl.ir import Cost, Report, Row
from archdsl.render import table

SHAPE = (4, 5, 6)


def row(path, kind, level, params, out=SHAPE):
    return Row(path, kind, out, Cost(mac=10 * params, params=params, bytes_out=params), level)


def report(scopes, nodes):
    total = Cost()
    for node in nodes:
        total += node.cost
    return Report("net", {"x": (3, 5, 6)}, {"y": SHAPE}, total, 1, None, tuple(scopes), tuple(nodes))


UNEVEN = report(
    [
        row("a", "repeat", 0, 70),
        row("a[0]", "Block", 1, 10),
        row("a[1]", "Block", 1, 20),
        row("a[2]", "Block", 1, 20),
        row("a[3]", "Block", 1, 20),
        row("b", "repeat", 0, 6),
    ],
    [
        *(row(f"a[{index}].c", "conv", 2, 10 if index == 0 else 20) for index in range(4)),
        row("b[0]", "relu", 1, 3),
        row("b[1]", "relu", 1, 3),
        row("m.x", "conv", 1, 5),
        row("m", "concat", 1, 1),
    ],
)


def shown(found, depth):
    return [(line.name, line.kind, line.level, line.cost.params) for line in table.lines(found, depth)]


def test_runs_of_equal_iterations_share_a_line_with_their_sum():
    assert shown(UNEVEN, 2) == [
        ("a", "4 x Block", 0, 70),
        ("a[0]", "Block", 1, 10),
        ("a[1..3]", "3 x Block", 1, 60),
        ("b", "2 x relu", 0, 6),
        ("m.x", "conv", 1, 5),
        ("m", "concat", 1, 1),
    ]


def test_iterations_stand_alone_where_something_inside_them_is_shown():
    assert [name for name, *_ in shown(UNEVEN, 3)[:9]] == [
        "a", "a[0]", "a[0].c", "a[1]", "a[1].c", "a[2]", "a[2].c", "a[3]", "a[3].c",
    ]  # fmt: skip


def test_without_a_bound_every_row_is_shown():
    assert len(table.lines(UNEVEN)) == len(UNEVEN.scopes) + len(UNEVEN.nodes)


def test_the_lines_under_a_scope_add_up_to_it():
    for depth in (2, 3):
        lines = shown(UNEVEN, depth)
        assert sum(params for name, _, level, params in lines if level == 1 and name.startswith("a[")) == 70


def test_columns_are_aligned():
    body = table.text(UNEVEN).splitlines()[2:]
    rule = body[1]
    rows = body[:9]
    assert set(rule) == {"-"}
    ends = {line.rstrip().endswith("B") and len(line) for line in rows[2:8]}
    assert ends == {len(rule)}


@pytest.mark.parametrize(
    "number, text",
    [
        (0, "0 "),
        (999, "999 "),
        (1000, "1.00 k"),
        (1234, "1.23 k"),
        (99_994, "99.99 k"),
        (99_996, "100.0 k"),
        (605_728, "605.7 k"),
        (999_949, "999.9 k"),
        (999_951, "1.00 M"),
        (42_679_816, "42.68 M"),
        (12_253_974_624, "12.25 G"),
        (10**15, "1.00 P"),
        (10**22, "10000000.0 P"),
    ],
)
def test_human_numbers(number, text):
    assert table.human(number) == text


def test_totals_name_their_convention():
    text = table.text(UNEVEN)
    assert "multiply-accumulates of convolutions and fully connected layers, batch 1" in text
    assert "FLOPs = 2 x MACs" in text
