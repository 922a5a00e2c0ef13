"""What is installed works from any folder, from a wheel and in place alike."""

import json
import tarfile
import zipfile
from pathlib import Path

import archdsl
from archdsl.diagnostics import CODES
from tests.distribution.builds import ROOT, build

SPECS = {path.relative_to(ROOT).as_posix() for path in (ROOT / "specs").rglob("*.arch")}


def members(wheel):
    """Names and contents of a wheel's files, the record of hashes aside."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/RECORD")}


def test_the_wheel_holds_the_package_and_every_spec(wheel):
    names = set(members(wheel))
    assert {f"archdsl/{name}" for name in SPECS} <= names
    assert {f"archdsl/explanations/{code}.md" for code in CODES} <= names
    assert {"archdsl/__init__.py", "archdsl/py.typed", f"archdsl-{archdsl.__version__}.dist-info/licenses/LICENSE"} <= names
    assert {name.split("/")[0] for name in names} == {"archdsl", f"archdsl-{archdsl.__version__}.dist-info"}


def test_the_source_distribution_builds_the_same_wheel(sdist, wheel, tmp_path):
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (project,) = tmp_path.iterdir()
    assert members(build("build_wheel", project, tmp_path)) == members(wheel)


def test_an_editable_install_copies_nothing(editable):
    """A copy of the specs in site-packages would go out of date with the first edit, unseen."""
    files = {name: content for name, content in members(editable).items() if ".dist-info/" not in name}
    assert [content.decode().split() for content in files.values()] == [[str(ROOT)]]


def test_torch_is_an_extra_without_an_upper_bound(wheel):
    (metadata,) = [text.decode() for name, text in members(wheel).items() if name.endswith("/METADATA")]
    required = [line.removeprefix("Requires-Dist: ") for line in metadata.splitlines() if line.startswith("Requires-Dist: ")]
    core = {line.partition(">=")[0] for line in required if "extra ==" not in line}
    assert core == {"click", "graphviz", "lark", "networkx", "numpy", "onnx", "pydantic", "safetensors"}
    assert {line.partition(";")[0] for line in required if line.startswith("torch")} == {"torch>=2.5"}


def test_each_environment_runs_its_own_copy(environment, request):
    run = environment.run("python", "-c", "import archdsl; print(archdsl.__file__)")
    assert run.returncode == 0, run.stderr
    in_place = request.node.callspec.params["environment"] == "editable"
    assert Path(run.stdout.strip()).is_relative_to(ROOT) == in_place


def test_list_names_the_bundled_networks(environment):
    run = environment.run("python", "-m", "archdsl", "list")
    assert run.returncode == 0, run.stderr
    assert "inception_v4" in run.stdout


def test_check_finds_a_bundled_network(environment):
    run = environment.run("python", "-m", "archdsl", "check", "inception_v4")
    assert run.returncode == 0, run.stderr


def test_explanations_come_along(environment):
    run = environment.run("archdsl", "explain", "E0301")
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("E0301: ")


def test_the_command_is_installed(environment):
    run = environment.run("archdsl", "summary", "inception_v4", "--json")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["params"] == 42_679_816


def test_the_version_is_that_of_the_metadata(environment):
    code = "import archdsl, importlib.metadata as m; print(archdsl.__version__, m.version('archdsl'))"
    assert environment.run("python", "-c", code).stdout.split() == [archdsl.__version__] * 2
