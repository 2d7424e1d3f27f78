"""Implements the commands of accounts and integrations that make one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from isthmus.cli.record_output import Format, Json, get_at_path, print_records, refuse_id_output
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
    segments: Sequence[str] = (),
    params: Mapping[str, str] | None = None,
    body: Json = None,
) -> int:
    """Makes one call and prints the result, of a list the rows. `segments`: of the path, after the route.
    Returns the exit code."""

    async def make_call(remote: ApiClient) -> Json:
        """Makes the call. Raises SetupError for output `id` of a call that is no GET."""
        if verb != "GET":
            refuse_id_output(output)  # it would create something and fail to print it
        return await remote.call(verb, f"{route}{build_path(*segments)}", params=params, body=body)

    def print_result(response: Json) -> int:
        """Prints the response, of a list the rows."""
        is_list = isinstance(response, dict) and isinstance(response.get("result"), list)
        print_records(response["result"] if is_list else response, output or "json")
        return 0

    return run_command(api_url, token, make_call, print_result)


def list_tools(
    route: str,
    id: str,
    methods: str | None,
    tags: str | None,
    api_url: str | None,
    token: str | None,
    output: Format | None,
) -> int:
    """Prints the tools of an account or integration. `methods`, `tags`: comma lists, None for all. Returns
    the exit code."""
    params = {name: value for name, value in (("methods", methods), ("tags", tags)) if value}
    return call_route("GET", route, api_url, token, output, segments=(id, "tools"), params=params)


def identify_account(id: str, api_url: str | None, token: str | None, output: Format | None) -> int:
    """Prints an account, reduced to what people need. Returns the exit code."""

    async def fetch_account(remote: ApiClient) -> Json:
        """Fetches the account."""
        return await remote.call("GET", f"/integrated-account{build_path(id)}")

    def print_result(row: Json) -> int:
        """Prints the summary of the account."""
        context = get_at_path(row, "context")
        summary = {
            "id": require_value(row, "id"),
            "tenant_id": get_at_path(row, "tenant_id"),
            "integration_name": get_at_path(row, "integration.name"),
            "integration_label": get_at_path(row, "integration.config.label"),
            **{
                name: get_at_path(row, name)
                for name in ("status", "authentication_method", "is_sandbox", "created_at")
            },
            **{
                name: get_at_path(context, name)
                for name in _IDENTIFYING_KEYS
                if isinstance(get_at_path(context, name), str)
            },
        }
        print_records(summary, output or "json")
        return 0

    return run_command(api_url, token, fetch_account, print_result)
