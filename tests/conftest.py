"""What every test stands on: repeatable runs, and skips that are failures where everything must be there."""

import os

import pytest
from hypothesis import settings

REQUIRE_ALL = os.environ.get("ARCHDSL_REQUIRE_ALL") == "1"

if "PYTEST_XDIST_WORKER" in os.environ:
    # One thread for each worker; with more, torch and numpy fight over the cores.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# On a busy machine the time of one example says nothing.  Where CI is set, Hypothesis has a profile of its own that also
# fixes the examples.
settings.register_profile("archdsl", deadline=None)
if "CI" not in os.environ:
    settings.load_profile("archdsl")


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="write the expected files of golden tests anew")


@pytest.fixture(scope="session")
def update_golden(request):
    """Whether expected files are to be written instead of compared."""
    return request.config.getoption("--update-golden")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    return _demand((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    return _demand((yield))


def _demand(report):
    """The report itself; a skip, which stands for a missing optional part, becomes a failure under ``ARCHDSL_REQUIRE_ALL=1``."""
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        path, line, reason = report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{path}:{line}: {reason} (ARCHDSL_REQUIRE_ALL=1 allows no skip)"
    return report
