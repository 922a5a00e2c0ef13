"""Models on the hub, with a hub that is a file."""

import sys
import types

import pytest

from archdsl.weights import safetensors_bytes
from archdsl.weights.hub import is_model
from tests.weights.conftest import arrays_of, small


class Hub(types.ModuleType):
    """Stands in for ``huggingface_hub``: serves one file, or raises one of its errors."""

    def __init__(self, path, fault=None):
        super().__init__("huggingface_hub")
        self.asked = []
        self.path, self.fault = path, fault
        entry_not_found = type("EntryNotFoundError", (Exception,), {})
        self.errors = types.SimpleNamespace(
            EntryNotFoundError=entry_not_found,
            LocalEntryNotFoundError=type("LocalEntryNotFoundError", (FileNotFoundError, entry_not_found), {}),
            RepositoryNotFoundError=type("RepositoryNotFoundError", (OSError,), {}),
            RevisionNotFoundError=type("RevisionNotFoundError", (OSError,), {}),
            HFValidationError=type("HFValidationError", (ValueError,), {}),
        )

    def hf_hub_download(self, model, file, revision=None):
        self.asked.append((model, file, revision))
        if self.fault is not None:
            raise getattr(self.errors, self.fault, OSError)(f"{self.fault} happened\nand more")
        return self.path


@pytest.fixture
def hub(tmp_path, monkeypatch):
    path = tmp_path / "cached"
    path.write_bytes(safetensors_bytes(arrays_of(small())))

    def install(fault=None):
        module = Hub(str(path), fault)
        monkeypatch.setitem(sys.modules, "huggingface_hub", module)
        return module

    return install


def test_a_model_is_fetched_and_converted(hub, archdsl, tmp_path):
    module = hub()
    ran = archdsl("weights", "convert", "small.arch", "--from", "timm/small.in1k@v2", "-o", "out.safetensors")
    assert ran.code == 0, ran.err
    assert module.asked == [("timm/small.in1k", "model.safetensors", "v2")]
    assert (tmp_path / "out.safetensors").exists()
    assert archdsl("weights", "check", "small.arch", "--from", "timm/small").code == 0


@pytest.mark.parametrize(
    "fault, code, words",
    [
        ("LocalEntryNotFoundError", 3, "the hub cannot be reached"),
        ("TimedOut", 3, "cannot be fetched"),
        ("EntryNotFoundError", 1, "the hub has no `model.safetensors` for `timm/small`"),
        ("RepositoryNotFoundError", 1, "the hub has no"),
        ("RevisionNotFoundError", 1, "the hub has no"),
        ("HFValidationError", 1, "names no model"),
    ],
)
def test_what_goes_wrong_is_told_in_a_line(hub, archdsl, fault, code, words):
    hub(fault)
    ran = archdsl("weights", "check", "small.arch", "--from", "timm/small")
    assert ran.code == code
    assert words in ran.err
    assert "and more" not in ran.err
    assert "Traceback" not in ran.err


def test_the_errors_are_those_of_the_real_package():
    errors = pytest.importorskip("huggingface_hub.errors")
    stand_in = Hub("").errors
    for name in vars(stand_in):
        real = getattr(errors, name)
        for base in (OSError, ValueError, FileNotFoundError):
            assert issubclass(real, base) == issubclass(getattr(stand_in, name), base), (name, base)
    assert issubclass(errors.LocalEntryNotFoundError, errors.EntryNotFoundError)


def test_without_the_package_the_line_that_installs_it_is_shown(archdsl, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    ran = archdsl("weights", "check", "small.arch", "--from", "timm/small")
    assert ran.code == 3
    assert 'pip install "archdsl[hub]"' in ran.err


def test_a_model_and_a_file_are_one_too_many(hub, archdsl):
    module = hub()
    assert archdsl("weights", "check", "small.arch", "x.safetensors", "--from", "timm/small").code == 2
    assert module.asked == []


@pytest.mark.parametrize(
    "name, expected",
    [("timm/x.tf_in1k", True), ("a/b@main", True), ("timm", False), ("rules/x.toml", False), ("a/b/c", False), ("../x", True)],
)
def test_what_looks_like_a_model(name, expected):
    assert is_model(name) == expected
