"""The work of the commands of accounts and integrations that one call does (`cli.md` §5, §6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from isthmus.cli.output import Format, at, show
from isthmus.cli.remote.client import ran

__all__ = ["call", "identify", "path_of", "tools"]

_HINTS: Final = (
    "subdomain",
    "domain",
    "site_url",
    "instance_url",
    "base_url",
    "url",
    "region",
    "account_name",
)
"""What a connection's context often says about whose it is."""


def path_of(route: str, id: str, below: str) -> str:
    return f"{route}/{quote(id, safe='')}/{below}"


def call(
    verb: str,
    path: str,
    api_url: str | None,
    token: str | None,
    output: Format | None,
    *,
    params: Mapping[str, str] | None = None,
    body: Any = None,
) -> int:
    """The exit code. Of a list in an envelope, the list is shown."""

    def shown(found: Any) -> int:
        is_list = isinstance(found, dict) and isinstance(found.get("result"), list)
        show(found["result"] if is_list else found, output or "json")
        return 0

    return ran(api_url, token, lambda remote: remote.call(verb, path, params=params, body=body), shown)


def tools(
    route: str,
    id: str,
    methods: str | None,
    tags: str | None,
    api_url: str | None,
    token: str | None,
    output: Format | None,
) -> int:
    params = {name: value for name, value in (("methods", methods), ("tags", tags)) if value}
    return call("GET", path_of(route, id, "tools"), api_url, token, output, params=params)


def identify(id: str, api_url: str | None, token: str | None, output: Format | None) -> int:
    def shown(row: Any) -> int:
        context = row.get("context") or {}
        told = {
            "id": row["id"],
            "tenant_id": row["tenant_id"],
            "integration_name": at(row, "integration.name"),
            "integration_label": at(row, "integration.config.label"),
            **{name: row[name] for name in ("status", "authentication_method", "is_sandbox", "created_at")},
            **{name: context[name] for name in _HINTS if isinstance(context.get(name), str)},
        }
        show(told, output or "json")
        return 0

    path = f"/integrated-account/{quote(id, safe='')}"
    return ran(api_url, token, lambda remote: remote.call("GET", path), shown)
