"""A product behind a certified OAuth server, as a process of its own: npm's `oidc-provider` under Node.

PKCE is required, a refresh token is good once, and one that comes again ends everything that came of it.
What it answers beside OAuth: `server.mjs`.
"""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.npm import NODE, OIDC_PROVIDER, install_packages

__all__ = ["CLIENTS", "DEFINITION", "Oidc", "oidc_process"]

HERE = Path(__file__).parent
CLIENTS = {"app": "app-secret", "app-post": "app-secret", "app-public": "", "machine": "machine-secret"}
"""Ids and secrets: by header, by body, without a secret, for client credentials."""

DEFINITION: dict[str, Any] = {
    "label": "Ticketry",
    "base_url": "{{url}}",
    "credentials": {
        "oauth2": {
            "config": {
                "client": {"id": "app", "secret": "app-secret"},
                "auth": {
                    "tokenHost": "{{url}}",
                    "tokenPath": "/token",
                    "authorizePath": "/auth",
                    "revokePath": "/token/revocation",
                },
                "scope": ["tickets.read", "offline_access"],
                "params": {"prompt": "consent"},
                "fields": [{"name": "url", "required": True}],
            }
        },
        "oauth2_client_credentials": {
            "config": {
                "auth": {"tokenHost": "{{url}}", "tokenPath": "/token"},
                "scope": ["tickets.read"],
                "fields": [
                    {"name": "url", "required": True},
                    {"name": "client_id", "required": True},
                    {"name": "client_secret", "type": "password", "required": True},
                ],
            }
        },
    },
    "authorization": {"format": "bearer"},
    "resources": {"tickets": {"list": {"path": "/tickets", "response_path": "items"}}},
}
"""The `config` of an integration that connects to it; `url` is a field of its forms."""


@dataclass(frozen=True)
class Oidc:
    """One that runs. `url` is its issuer."""

    url: str

    def control(self, name: str, **sent: Any) -> Any:
        """Calls a path below `/_control`; returns its JSON."""
        request = urllib.request.Request(
            f"{self.url}/_control/{name}", method="POST", data=json.dumps(sent).encode()
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.loads(response.read())

    def issue(self, client: str = "app") -> dict[str, Any]:
        """Makes a token reply, as if somebody had just allowed it."""
        reply: dict[str, Any] = self.control("issue", client=client)
        return reply

    def refreshes(self) -> list[dict[str, Any]]:
        """Returns `{status, error?}` of each refresh that it answered, or was about to."""
        return [entry for entry in self.control("seen")["tokens"] if entry["grant_type"] == "refresh_token"]


@contextmanager
def oidc_process(
    *, seconds: int = 3600, redirect_uris: Sequence[str] = ("http://127.0.0.1/callback",)
) -> Iterator[Oidc]:
    """`seconds`: how long its access tokens live."""
    modules = install_packages(OIDC_PROVIDER)
    options = {"port": 0, "seconds": seconds, "redirect_uris": list(redirect_uris)}
    process = subprocess.Popen(
        [NODE, str(HERE / "server.mjs"), str(modules), json.dumps(options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        assert url, "oidc-provider did not start"
        yield Oidc(url)
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()
