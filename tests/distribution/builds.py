"""Environments like a user's: one distribution of archdsl installed, and the packages of this one to run it with."""

import os
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Environment:
    """A virtual environment, and an empty folder outside the source tree in which its programs run."""

    scripts: Path
    folder: Path

    def run(self, *command):
        variables = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
        return subprocess.run(
            [self.scripts / command[0], *command[1:]],
            cwd=self.folder,
            env=variables,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def build(hook, project, target):
    """The name of the file that a hook of the build back end leaves in ``target``; nothing is downloaded."""
    code = f"import sys; from hatchling import build; print(build.{hook}(sys.argv[1]))"
    run = subprocess.run(
        [sys.executable, "-c", code, str(target)], cwd=project, capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr
    return target / run.stdout.split()[-1]


def install(wheel, folder):
    """A new environment in ``folder`` with ``wheel`` installed, which also sees the packages of the running one."""
    venv.create(folder / "env", with_pip=False)
    paths = {"base": str(folder / "env"), "platbase": str(folder / "env")}
    scripts = Path(sysconfig.get_path("scripts", "venv", paths))
    packages = Path(sysconfig.get_path("purelib", "venv", paths))
    # A folder that a .pth file adds has its own .pth files ignored: an editable install in the running environment stays out.
    (packages / "zz_dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--python", str(scripts / "python"), "--disable-pip-version-check", "install"]
    subprocess.run([*pip, "--quiet", "--no-deps", "--no-index", "--ignore-installed", str(wheel)], check=True, timeout=120)
    empty = folder / "empty"
    empty.mkdir()
    return Environment(scripts, empty)
