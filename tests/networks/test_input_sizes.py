"""The bundled networks at other input sizes: grids and multiply-accumulates of the published table, and the smallest input."""

import pytest

import archdsl
from archdsl import ArchError
from tests.networks.published import GRIDS

SIZES = [(name, int(size), grid) for name, row in GRIDS.items() for size, grid in row["grids"].items()]


def grid_of(path, report):
    shape = next(row.out for row in report.scopes if row.path == path)
    assert shape[1] == shape[2]
    return shape[1]


@pytest.mark.parametrize("name, size, expected", SIZES)
def test_grids_and_macs(name, size, expected):
    report = archdsl.load(name, input=(3, size, size)).report
    assert [*(grid_of(path, report) for path in ("a[0]", "b[0]", "c[0]")), report.total.macs] == expected


@pytest.mark.parametrize("name", GRIDS)
def test_smallest_input(name):
    smallest = GRIDS[name]["min_input"]
    assert archdsl.load(name, input=(3, smallest, smallest)).outputs == {"logits": (1000,)}
    with pytest.raises(ArchError) as caught:
        archdsl.load(name, input=(3, smallest - 1, smallest - 1))
    (fault,) = caught.value.diagnostics
    assert fault.code == "E0302"
    assert fault.path.startswith("red_b.")
    assert "`conv`" in fault.message or "`max_pool`" in fault.message
    assert "3x3" in fault.message
    assert "2x2" in fault.message


@pytest.mark.parametrize("name", GRIDS)
def test_height_and_width_may_differ(name):
    report = archdsl.load(name, input=(3, 150, 171)).report
    grids = [next(row.out[1:] for row in report.scopes if row.path == path) for path in ("a[0]", "b[0]", "c[0]")]
    assert grids == [(16, 19), (7, 9), (3, 4)]
