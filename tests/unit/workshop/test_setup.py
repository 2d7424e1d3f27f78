"""Setting up says what is missing, in words that help."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.matrix

ROOT = Path(__file__).parents[3]


def make_venv(python: str | Path, venv: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(ROOT / "scripts" / "make_venv.sh"), str(python), str(venv)],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_python_without_ensurepip_is_told_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "ensurepip.py").write_text("raise ModuleNotFoundError('ensurepip')\n")
    made = make_venv(sys.executable, tmp_path / "venv", PYTHONPATH=str(tmp_path))
    assert made.returncode == 1
    assert "apt install python3-venv" in made.stderr
    assert not (tmp_path / "venv").exists()


def test_an_old_python_is_named_with_its_version(tmp_path: Path) -> None:
    old = tmp_path / "python-old"
    old.write_text('#!/bin/sh\ncase "$2" in *python_version*) echo 3.9.2 ;; *) exit 1 ;; esac\n')
    old.chmod(0o755)
    made = make_venv(old, tmp_path / "venv")
    assert made.returncode == 1
    assert "Python 3.11 or newer is needed" in made.stderr
    assert "3.9.2" in made.stderr


def test_no_python_at_all_is_said_so(tmp_path: Path) -> None:
    made = make_venv("python-that-is-not-there", tmp_path / "venv")
    assert made.returncode == 1
    assert "there is no 'python-that-is-not-there' here" in made.stderr


def test_a_whole_environment_is_kept_and_a_broken_one_made_again(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(tmp_path / "gone")
    assert make_venv(sys.executable, venv).returncode == 0
    kept = venv / "kept"
    kept.write_text("")
    assert make_venv(sys.executable, venv).returncode == 0
    assert kept.exists()


def test_a_missing_command_names_its_package(tmp_path: Path) -> None:
    needed = subprocess.run(
        ["/bin/sh", str(ROOT / "scripts" / "need.sh"), "no-such-command", "its-package"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert needed.returncode == 1
    assert "apt install its-package" in needed.stderr


@pytest.mark.parametrize("target", ["install", "run", "test", "lint", "bench", "faults", "acceptance"])
def test_the_names_that_scripts_rely_on_are_targets(target: str) -> None:
    planned = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert planned.returncode == 0, planned.stderr


def test_run_listens_where_it_is_told_to() -> None:
    planned = subprocess.run(
        ["make", "--dry-run", "run", "HOST=0.0.0.0", "PORT=8123"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "isthmus serve --host 0.0.0.0 --port 8123" in planned.stdout
