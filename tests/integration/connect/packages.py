"""Packages of npm that the browser tests run, installed once into the checkout's cache."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

__all__ = ["npm_modules"]

_CACHE = Path(__file__).parents[3] / ".cache" / "connect"


def npm_modules(*packages: str) -> Path | None:
    """The directory `node_modules`; None where npm is missing or nothing can be installed."""
    npm = shutil.which("npm")
    if npm is None:
        return None
    _CACHE.mkdir(parents=True, exist_ok=True)
    done = _CACHE / "installed"
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists() or done.read_text() != " ".join(packages):
            command = [npm, "install", "--silent", "--ignore-scripts", "--prefix", str(_CACHE), *packages]
            if subprocess.run(command, check=False, capture_output=True).returncode != 0:
                return None
            done.write_text(" ".join(packages))
    return _CACHE / "node_modules"
