"""The product as its users run it: `isthmus serve` as a process, spoken to over HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from tests.ports import free_port

__all__ = ["CallFailed", "Product", "connect"]

Json = Any  # whatever JSON the API takes and gives

_COMMAND = Path(sys.executable).parent / "isthmus"
_START_SECONDS = 180.0
_TOKEN = "isthmus-token-of-a-test-that-nobody-else-uses"


class CallFailed(Exception):
    """The API answered with an error: `status`, and its envelope as `body`."""

    def __init__(self, status: int, body: Json, headers: Mapping[str, str]) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body
        self.headers = dict(headers)


class Product:
    """One `isthmus serve`. `folder` holds its data and its log; None as `database` is the embedded SQLite.

    Processes on one database share `key` and `token`. The guard lets loopback through, for fakes live there.
    `options`: of the command.
    """

    def __init__(
        self,
        folder: Path,
        *,
        database: str | None = None,
        token: str = _TOKEN,
        env: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.token = token
        self.options = options
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._env = dict(env or {})
        self._database = database
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The id of the process."""
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def log(self) -> Path:
        """The file with what the process printed."""
        return self.folder / "serve.log"

    def environment(self) -> dict[str, str]:
        """Returns the environment variables with which `isthmus` commands beside the server find it."""
        own_variables = {
            "ISTHMUS_DATA_DIR": str(self.folder / "data"),
            "ISTHMUS_BOOTSTRAP_TOKEN": self.token,
            "ISTHMUS_EGRESS_ALLOW": "127.0.0.0/8",
            **({"ISTHMUS_DATABASE_URL": self._database} if self._database else {}),
            **self._env,
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ISTHMUS_")}
        return {**inherited, **own_variables}

    def start(self, *, wait: bool = True) -> None:
        """Starts the process. `wait`: until it is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(_COMMAND), "serve", "--host", "127.0.0.1", "--port", str(self.port), *self.options],
                env=self.environment(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        if wait:
            self.wait_until_ready()

    def wait_until_ready(self) -> float:
        """Waits until the server is ready; returns the seconds that it took from now. Raises RuntimeError
        with the end of its log."""
        began = time.monotonic()
        while time.monotonic() - began < _START_SECONDS:
            if self._process is not None and self._process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=5):
                    return time.monotonic() - began
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.01)
        self.stop()
        raise RuntimeError(f"isthmus serve did not get ready:\n{self.log.read_text()[-4000:]}")

    def stop(self) -> None:
        """Ends the process by SIGTERM, or after 20 seconds by SIGKILL."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def wait_for_end(self, *, seconds: float) -> int:
        """Waits until the process has ended by itself; returns its exit code, of a signal minus its number.
        Raises TimeoutExpired."""
        assert self._process is not None, "not started"
        return self._process.wait(timeout=seconds)

    def kill(self) -> None:
        """Ends it in the middle of whatever it does."""
        assert self._process is not None, "not started"
        self._process.kill()
        self._process.wait()

    def call(self, method: str, path: str, body: Json = None, **query: str) -> Json:
        """Makes a call and returns the JSON of its response. Raises CallFailed for an answer of 400 and
        above."""
        request = urllib.request.Request(
            f"{self.url}{path}" + (f"?{urlencode(query)}" if query else ""),
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            text = error.read()
            raise CallFailed(error.code, _parsed(text), dict(error.headers)) from None

    def integration(self, name: str) -> Json:
        """Returns a shipped or created integration."""
        return self.call("GET", "/integration", name=name)["result"][0]

    def install(self, integration: Json) -> Json:
        """Installs an integration; returns the row of the install."""
        return self.call("POST", "/environment-integration", {"integration_id": integration["id"]})

    def account(self, install: Json, context: Json, tenant: str = "customer-1", **more: Json) -> str:
        """Connects an account with credentials; returns its id."""
        body = {
            "tenant_id": tenant,
            "environment_integration_id": install["id"],
            "authentication_method": "api_key",
            "context": context,
            **more,
        }
        identity: str = self.call("POST", "/integrated-account", body)["id"]
        return identity


def _parsed(text: bytes) -> Json:
    """Returns the JSON value, or the text if it is not JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return text.decode(errors="replace")


def connect(product: Product, definition: Path, context: Json, *, model: str | None = None) -> str:
    """Creates the integration that a folder defines, installs it and connects an account; returns the
    account's id.

    With `model`, the cells of `mappings/<model>.yaml` become mappings of this account.
    """
    described = yaml.safe_load((definition / "integration.yaml").read_text())
    created = product.call(
        "POST",
        "/integration",
        {"name": described["name"], "category": described["category"], "config": described["config"]},
    )
    account = product.account(product.install(created), context)
    if model is not None:
        cells = yaml.safe_load((definition / "mappings" / f"{model}.yaml").read_text())["cells"]
        override: dict[str, dict[str, Json]] = {}
        for cell in cells:
            override.setdefault(cell["resource_name"], {})[cell["method_name"]] = cell["config"]
        product.call("PATCH", f"/integrated-account/{account}", {"unified_model_override": {model: override}})
    return account
