"""Peers that run in Node: its modules, installed once by npm into a folder that is kept."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

__all__ = ["JSONATA", "UNDICI", "modules", "node"]

JSONATA = "jsonata@2.2.2"
UNDICI = "undici@7.30.2"

_CACHE = Path(__file__).parents[1] / ".cache"


def node() -> str | None:
    """The command; None where Node or npm is missing."""
    return shutil.which("node") if shutil.which("npm") else None


def modules(*packages: str) -> Path:
    """A folder whose `node_modules` has these packages, each written `name@version`."""
    folder = _CACHE / "-".join(sorted(package.rpartition("@")[0] for package in packages))
    installed = folder / "installed"
    if not installed.is_file() or installed.read_text().split() != sorted(packages):
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder)]
        subprocess.run([*command, *packages], check=True)
        installed.write_text("\n".join(sorted(packages)))
    return folder
