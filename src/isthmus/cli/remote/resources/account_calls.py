"""The work of the commands of accounts and integrations that make one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from isthmus.cli.record_output import Format, Json, get_value, print_records, refuse_id_output
from isthmus.cli.remote.api_client import ApiClient, require_value, run_command
from isthmus.cli.remote.arguments import build_path

__all__ = ["call_route", "identify_account", "list_tools"]

_IDENTIFYING_KEYS: Final = (
    "subdomain",
    "domain",
    "site_url",
    "instance_url",
    "base_url",
    "url",
    "region",
    "account_name",
)
"""Keys of an account's context that often tell whose account it is."""


def call_route(
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
    """Makes one call and prints the result, of a list the rows. `below`: path segments after the route.
    Returns the exit code."""

    async def work(remote: ApiClient) -> Json:
        if verb != "GET":
            refuse_id_output(output)  # it would create something and fail to print it
        return await remote.call(verb, f"{route}{build_path(*below)}", params=params, body=body)

    def print_result(found: Json) -> int:
        is_list = isinstance(found, dict) and isinstance(found.get("result"), list)
        print_records(found["result"] if is_list else found, output or "json")
        return 0

    return run_command(api_url, token, work, print_result)


def list_tools(
    route: str,
    id: str,
    methods: str | None,
    tags: str | None,
    api_url: str | None,
    token: str | None,
    output: Format | None,
) -> int:
    params = {name: value for name, value in (("methods", methods), ("tags", tags)) if value}
    return call_route("GET", route, api_url, token, output, below=(id, "tools"), params=params)


def identify_account(id: str, api_url: str | None, token: str | None, output: Format | None) -> int:
    async def work(remote: ApiClient) -> Json:
        return await remote.call("GET", f"/integrated-account{build_path(id)}")

    def print_result(row: Json) -> int:
        context = get_value(row, "context")
        summary = {
            "id": require_value(row, "id"),
            "tenant_id": get_value(row, "tenant_id"),
            "integration_name": get_value(row, "integration.name"),
            "integration_label": get_value(row, "integration.config.label"),
            **{
                name: get_value(row, name)
                for name in ("status", "authentication_method", "is_sandbox", "created_at")
            },
            **{
                name: get_value(context, name)
                for name in _IDENTIFYING_KEYS
                if isinstance(get_value(context, name), str)
            },
        }
        print_records(summary, output or "json")
        return 0

    return run_command(api_url, token, work, print_result)
