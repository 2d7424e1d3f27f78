"""The work of the commands of accounts and integrations that one call does (`cli.md` §5, §6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from isthmus.cli.record_output import Format, Json, at, refuse_ids, show
from isthmus.cli.remote.api_client import Remote, expected, ran
from isthmus.cli.remote.arguments import path_of

__all__ = ["call", "identify", "tools"]

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


def call(
    verb: str,
    route: str,
    api_url: str | None,
    token: str | None,
    output: Format | None,
    *,
    below: Sequence[str] = (),
    params: Mapping[str, str] | None = None,
    body: Json = None,
) -> int:
    """The exit code. `below`: segments behind the route. Of a list in an envelope, the list is shown."""

    async def work(remote: Remote) -> Json:
        if verb != "GET":
            refuse_ids(output)  # what it makes would be made, and not be shown
        return await remote.call(verb, f"{route}{path_of(*below)}", params=params, body=body)

    def shown(found: Json) -> int:
        is_list = isinstance(found, dict) and isinstance(found.get("result"), list)
        show(found["result"] if is_list else found, output or "json")
        return 0

    return ran(api_url, token, work, shown)


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
    return call("GET", route, api_url, token, output, below=(id, "tools"), params=params)


def identify(id: str, api_url: str | None, token: str | None, output: Format | None) -> int:
    async def work(remote: Remote) -> Json:
        return await remote.call("GET", f"/integrated-account{path_of(id)}")

    def shown(row: Json) -> int:
        context = at(row, "context")
        told = {
            "id": expected(row, "id"),
            "tenant_id": at(row, "tenant_id"),
            "integration_name": at(row, "integration.name"),
            "integration_label": at(row, "integration.config.label"),
            **{
                name: at(row, name)
                for name in ("status", "authentication_method", "is_sandbox", "created_at")
            },
            **{name: at(context, name) for name in _HINTS if isinstance(at(context, name), str)},
        }
        show(told, output or "json")
        return 0

    return ran(api_url, token, work, shown)
