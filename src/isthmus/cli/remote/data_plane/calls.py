"""Implements the commands `whoami`, `capabilities`, `unified`, `proxy`, `custom`, `batch` and `schema`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

import typer

from isthmus.cli.record_output import Format, Json, format_lines, get_at_path, print_records, refuse_id_output
from isthmus.cli.remote.account_choice import ID_PATTERN, choose_account
from isthmus.cli.remote.api_client import IDEMPOTENCY_KEY, ApiClient, ApiResponse, require_value, run_command
from isthmus.cli.remote.arguments import (
    build_path,
    format_cursor_option,
    parse_pairs,
    read_body,
    refuse_overwrite,
)
from isthmus.cli.remote.data_plane.explanation_text import format_explanation
from isthmus.errors import SetupError

__all__ = ["call_path", "call_resource", "fetch_schema", "run_batch", "show_capabilities", "show_token_owner"]

_EXPLAIN: Final = "isthmus_explain"
_VERBS: Final = {"list": "GET", "get": "GET", "create": "POST", "update": "PATCH", "delete": "DELETE"}


def show_token_owner(api_url: str | None, token: str | None, output: Format | None) -> int:
    """Prints the team, environment and name of the token. Returns the exit code."""

    def print_result(me: Json) -> int:
        """Prints the names of team, environment and token; as JSON or YAML, everything."""
        brief = {
            "team": require_value(me, "team.name"),
            "environment": require_value(me, "environment.name"),
            "environment_id": get_at_path(me, "environment.id"),
            "token": get_at_path(me, "api_token.name"),
        }
        print_records(brief if output in (None, "table", "csv") else me, output or "table")
        return 0

    return run_command(api_url, token, lambda remote: remote.call("GET", "/me"), print_result)


def show_capabilities(
    target: str,
    target_kind: str | None,
    query: Mapping[str, str],
    api_url: str | None,
    token: str | None,
    output: Format | None,
) -> int:
    """Prints what can be called through an account or integration. `target`: its id or name. `target_kind`:
    `account` or `integration`; None to tell by the form of `target`. Returns the exit code."""
    kind = target_kind or ("account" if ID_PATTERN.fullmatch(target) else "integration")
    route = "/integrated-account" if kind == "account" else "/integration"

    def print_result(capabilities: Json) -> int:
        """Prints the capabilities; for a table or CSV, also how many methods are hidden."""
        if output in ("table", "csv"):
            print_records(_list_resources(capabilities), output)
            described = require_value(capabilities, "ai_readiness.proxy_methods_with_descriptions")
            hidden = require_value(capabilities, "ai_readiness.proxy_methods") - described
            if hidden and query["has_description"] == "true":
                typer.echo(f"{hidden} proxy methods have no description: --no-has-description.", err=True)
        else:
            print_records(capabilities, output or "json")
        return 0

    async def fetch_capabilities(remote: ApiClient) -> Json:
        """Fetches the capabilities."""
        return await remote.call("GET", f"{route}{build_path(target, 'capabilities')}", params=query)

    return run_command(api_url, token, fetch_capabilities, print_result)


def _list_resources(capabilities: Mapping[str, Json]) -> list[dict[str, str]]:
    """Returns the rows of the table: one for each proxy and unified resource."""
    rows = []
    for resource in require_value(capabilities, "proxy"):
        methods = ", ".join(method["method"] for method in resource["methods"])
        rows.append({"surface": "proxy", "resource": resource["resource"], "methods": methods})
    for resource in require_value(capabilities, "unified"):
        name = f"{resource['model']}/{resource['resource']}"
        rows.append({"surface": "unified", "resource": name, "methods": ", ".join(resource["methods"])})
    return rows


def call_resource(
    route: Sequence[str],
    id: str | None,
    *,
    account: str | None,
    method: str | None,
    query: Sequence[str],
    body: str | None,
    stdin: bool,
    key: str | None,
    explain: bool,
    api_url: str | None,
    token: str | None,
    output: Format | None,
) -> int:
    """Calls a method of a resource and prints the result. `route`: `unified`, a model and a resource, or
    `proxy` and a resource. `account`: None for the profile's. `explain`: asks for the request that the call
    would send, instead of the call. Returns the exit code."""
    name = method or ("list" if id is None else "get")
    segments = [*route, *([] if id is None else [id]), *([] if name in _VERBS else [name])]

    async def send_call(remote: ApiClient) -> ApiResponse:
        """Reads the body and sends the call."""
        path = build_path(*segments)
        json_body = read_body(body, stdin=stdin)
        pairs = parse_pairs(query, "--query") | ({_EXPLAIN: "true"} if explain else {})
        params = {"integrated_account_id": await choose_account(remote, account), **pairs}
        return await remote.send(
            _VERBS.get(name, "POST"),
            path,
            params=params,
            body=json_body,
            headers=_make_idempotency_header(key),
        )

    def print_result(response: ApiResponse) -> int:
        """Prints the records of a list, and how to fetch the next page; any other value as it is."""
        value = _parse_json_body(response)
        if _print_explanation(value, output):
            return 0
        if name == "list" and isinstance(value, Mapping) and isinstance(value.get("result"), list):
            print_records(value["result"], output or "table")
            if value.get("next_cursor"):
                typer.echo(f"Next page: {format_cursor_option(value['next_cursor'])}", err=True)
        elif value is not None:
            print_records(value, output or ("table" if name == "list" else "json"))
        return 0

    return run_command(api_url, token, send_call, print_result)


def call_path(
    path: str,
    *,
    account: str | None,
    verb: str,
    headers: Sequence[str],
    query: Sequence[str],
    body: str | None,
    stdin: bool,
    key: str | None,
    explain: bool,
    api_url: str | None,
    token: str | None,
    output: Format | None,
) -> int:
    """Calls a path of the provider's own API and prints the response. `path`: may have a query, over which
    `query` wins. `key`: the idempotency key. `explain`: as of `call_resource`. Returns the exit code."""

    async def send_call(remote: ApiClient) -> ApiResponse:
        """Reads the body and sends the call. Raises SetupError for a whole URL."""
        parts = urlsplit(path)
        if parts.scheme or parts.netloc:
            raise SetupError(f"{path} is not a path: leave out the provider's address.")
        path_parameters = parse_qsl(parts.query, keep_blank_values=True, errors="surrogateescape")
        option_parameters = parse_pairs(query, "--query") | ({_EXPLAIN: "true"} if explain else {})
        json_body, header_pairs = read_body(body, stdin=stdin), parse_pairs(headers, "--header")
        if "integrated_account_id" not in {*option_parameters, *(name for name, _ in path_parameters)}:
            account_id = await choose_account(remote, account)
            option_parameters = {"integrated_account_id": account_id, **option_parameters}
        params = [
            *(pair for pair in path_parameters if pair[0] not in option_parameters),
            *option_parameters.items(),
        ]
        target = f"/custom/{quote(parts.path.lstrip('/'), safe='/%:@!$&()*+,;=~')}"
        return await remote.send(
            verb,
            target,
            params=params,
            body=json_body,
            headers=header_pairs | _make_idempotency_header(key),
        )

    def print_result(response: ApiResponse) -> int:
        """Prints JSON; writes any other response to standard output unchanged, but not to a terminal."""
        if response.content_type.endswith("json"):
            value = _parse_json_body(response)
            if not (explain and _print_explanation(value, output)):
                print_records(value, output or "json")
        elif response.body and sys.stdout.isatty():
            raise SetupError(f"the response is {response.content_type}: redirect standard output to a file.")
        else:
            sys.stdout.buffer.write(response.body)
            sys.stdout.flush()
        return 0

    return run_command(api_url, token, send_call, print_result)


def run_batch(
    file: Path | None,
    *,
    body: str | None,
    stdin: bool,
    account: str | None,
    key: str | None,
    api_url: str | None,
    token: str | None,
    output: Format | None,
) -> int:
    """Sends a batch request and prints the response. Returns the exit code: 1 if a node failed."""

    async def send_batch(remote: ApiClient) -> Json:
        """Reads the request and sends it; names the profile's account if the request names none."""
        refuse_id_output(output)
        json_body = read_body(body if file is None else f"@{file}", stdin=stdin)
        if not isinstance(json_body, dict):
            raise SetupError("the request must be a JSON object: name a file, or give --body or --stdin.")
        if "integrated_account_id" not in json_body:
            json_body = {"integrated_account_id": await choose_account(remote, account), **json_body}
        return _parse_json_body(
            await remote.send("POST", "/batch-request", body=json_body, headers=_make_idempotency_header(key))
        )

    def print_result(response: Json) -> int:
        """Prints the response; returns 1 if it has errors."""
        print_records(response, output or "json")
        errors = get_at_path(response, "errors")
        return 1 if (any(errors.values()) if isinstance(errors, Mapping) else errors) else 0

    return run_command(api_url, token, send_batch, print_result)


def fetch_schema(
    out: Path | None, api_url: str | None, token: str | None, output: Format, *, force: bool = False
) -> int:
    """Fetches the OpenAPI document and writes it to `out`, or to standard output for None. Returns the exit
    code."""

    async def fetch_document(remote: ApiClient) -> Json:
        """Fetches the document, unless `out` exists."""
        if out is not None:
            refuse_overwrite(out, force=force)
        return await remote.call("GET", "/openapi.json")

    def print_result(document: Json) -> int:
        """Writes the document to `out`, or prints it."""
        if out is None:
            print_records(document, output)
            return 0
        try:
            out.write_text(
                "".join(f"{line}\n" for line in format_lines(document, output)),
                encoding="utf-8",
                errors="backslashreplace",
            )
        except OSError as error:
            raise SetupError(f"{out} cannot be written: {error.strerror}.") from error
        return 0

    return run_command(api_url, token, fetch_document, print_result)


def _print_explanation(value: Json, output: Format | None) -> bool:
    """Prints the explanation of a call for a person, unless a format for programs is asked for. Returns False
    if there is no explanation to print so."""
    explanation = get_at_path(value, "explain")
    if output not in (None, "table") or not isinstance(explanation, Mapping) or len(value) > 1:
        return False
    typer.echo("\n".join(format_explanation(explanation)))
    return True


def _make_idempotency_header(key: str | None) -> dict[str, str]:
    """Returns the header of an idempotency key; none for None."""
    return {} if key is None else {IDEMPOTENCY_KEY: key}


def _parse_json_body(response: ApiResponse) -> Json:
    """Parses the JSON value of a response; returns None for an empty one. Raises SetupError if it is not
    JSON."""
    if not response.body.strip():
        return None
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError):
        raise SetupError(f"the response is not JSON but {response.content_type or 'bytes'}.") from None
