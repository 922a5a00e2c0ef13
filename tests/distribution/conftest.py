import pytest

from tests.distribution.builds import ROOT, build, install


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    return build("build_wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def sdist(tmp_path_factory):
    return build("build_sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="session")
def editable(tmp_path_factory):
    return build("build_editable", ROOT, tmp_path_factory.mktemp("editable"))


@pytest.fixture(scope="session", params=["wheel", "editable"])
def environment(request, tmp_path_factory):
    """An environment with archdsl installed from a wheel, and one with it installed in place."""
    return install(request.getfixturevalue(request.param), tmp_path_factory.mktemp("environment"))
