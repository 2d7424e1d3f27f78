"""What a newcomer does: clone, `make run`, paste the call that it prints. And the same from a built wheel."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_port

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.acceptance

SECONDS_TO_FIRST_CALL = 60.0
_CALL = re.compile(r"^\s*(curl .*)$", re.MULTILINE)


@contextmanager
def printing(command: Sequence[str | Path], cwd: Path, env: Mapping[str, str]) -> Iterator[str]:
    """Runs a server and gives what it printed up to its call to paste; ends it and all it started."""
    log = cwd / "printed.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 4 * SECONDS_TO_FIRST_CALL
        while not _CALL.search(log.read_text()):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield log.read_text()
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def clean_environment(folder: Path) -> dict[str, str]:
    """No caches, no settings of this run, and no virtual environment of its."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ISTHMUS_", "VIRTUAL_ENV", "MAKE", "PYTEST_", "UV_CACHE"))
    }
    return {**kept, "UV_CACHE_DIR": str(folder / "uv-cache"), "PIP_NO_CACHE_DIR": "1", "PYTHONPATH": ""}


def paste(printed: str) -> Any:
    """Runs the printed call in a shell, as a person would."""
    call = _CALL.search(printed)
    assert call is not None
    answered = subprocess.run(["sh", "-c", call.group(1)], capture_output=True, text=True, check=True)
    return json.loads(answered.stdout)


def assert_contacts(body: Any) -> None:
    assert body["result"], body
    assert all(contact["id"] and "remote_data" in contact for contact in body["result"])


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    target = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(target)], check=True)
    return target


def test_make_run_answers_its_printed_call_within_a_minute(clone: Path, tmp_path: Path) -> None:
    port = free_port()
    began = time.monotonic()
    with printing(["make", "run", f"PORT={port}"], clone, clean_environment(tmp_path)) as printed:
        body = paste(printed)
        taken = time.monotonic() - began
        assert f"http://127.0.0.1:{port}" in printed
    assert_contacts(body)
    assert taken <= SECONDS_TO_FIRST_CALL
    assert subprocess.run(
        ["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True
    ).stdout.splitlines() == ["?? printed.log"]


def test_the_built_wheel_serves_the_same_call_outside_the_checkout(clone: Path, tmp_path: Path) -> None:
    uv = Path(sys.executable).parent / "uv"
    env = clean_environment(tmp_path)
    subprocess.run(
        [uv, "build", "--quiet", "--wheel", "-o", tmp_path / "dist"], cwd=clone, env=env, check=True
    )
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    elsewhere = tmp_path / "elsewhere"
    subprocess.run([sys.executable, "-m", "venv", elsewhere / "venv"], env=env, check=True)
    install: list[str | Path] = [uv, "pip", "install", "--quiet", "--python", elsewhere / "venv", wheel]
    subprocess.run([*install, "-c", clone / "requirements.txt"], env=env, check=True)
    shutil.rmtree(clone)
    command: list[str | Path] = [elsewhere / "venv" / "bin" / "isthmus", "serve", "--port", str(free_port())]
    with printing(command, elsewhere, env) as printed:
        assert_contacts(paste(printed))
