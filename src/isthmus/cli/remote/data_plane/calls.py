"""The work of the commands `whoami`, `capabilities`, `unified`, `proxy`, `custom`, `batch` and `schema`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

import typer

from isthmus.cli.record_output import Format, Json, format_lines, get_value, print_records, refuse_id_output
from isthmus.cli.remote.api_client import IDEMPOTENCY_KEY, ApiClient, ApiResponse, require_value, run_command
from isthmus.cli.remote.arguments import (
    build_path,
    choose_account,
    format_cursor_option,
    parse_pairs,
    read_body,
    refuse_overwrite,
)
from isthmus.errors import SetupError

__all__ = ["call_path", "call_resource", "fetch_schema", "run_batch", "show_capabilities", "show_token_owner"]

_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_VERBS: Final = {"list": "GET", "get": "GET", "create": "POST", "update": "PATCH", "delete": "DELETE"}


def show_token_owner(api_url: str | None, token: str | None, output: Format | None) -> int:
    def print_result(me: Json) -> int:
        brief = {
            "team": require_value(me, "team.name"),
            "environment": require_value(me, "environment.name"),
            "environment_id": get_value(me, "environment.id"),
            "token": get_value(me, "api_token.name"),
        }
        print_records(brief if output in (None, "table", "csv") else me, output or "table")
        return 0

    return run_command(api_url, token, lambda remote: remote.call("GET", "/me"), print_result)


def show_capabilities(
    target: str,
    of: str | None,
    query: Mapping[str, str],
    api_url: str | None,
    token: str | None,
    output: Format | None,
) -> int:
    kind = of or ("account" if _ID.fullmatch(target) else "integration")
    route = "/integrated-account" if kind == "account" else "/integration"

    def print_result(found: Json) -> int:
        if output in ("table", "csv"):
            print_records(_list_resources(found), output)
            described = require_value(found, "ai_readiness.proxy_methods_with_descriptions")
            hidden = require_value(found, "ai_readiness.proxy_methods") - described
            if hidden and query["has_description"] == "true":
                typer.echo(f"{hidden} proxy methods have no description: --no-has-description.", err=True)
        else:
            print_records(found, output or "json")
        return 0

    async def work(remote: ApiClient) -> Json:
        return await remote.call("GET", f"{route}{build_path(target, 'capabilities')}", params=query)

    return run_command(api_url, token, work, print_result)


def _list_resources(found: Mapping[str, Json]) -> list[dict[str, str]]:
    """The rows of the table: one for each proxy and unified resource."""
    rows = []
    for each in require_value(found, "proxy"):
        methods = ", ".join(method["method"] for method in each["methods"])
        rows.append({"surface": "proxy", "resource": each["resource"], "methods": methods})
    for each in require_value(found, "unified"):
        name = f"{each['model']}/{each['resource']}"
        rows.append({"surface": "unified", "resource": name, "methods": ", ".join(each["methods"])})
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
    api_url: str | None,
    token: str | None,
    output: Format | None,
) -> int:
    """Calls a method of a resource and prints the result. `route`: `unified`, a model and a resource, or
    `proxy` and a resource. Returns the exit code."""
    name = method or ("list" if id is None else "get")
    segments = [*route, *([] if id is None else [id]), *([] if name in _VERBS else [name])]

    async def work(remote: ApiClient) -> ApiResponse:
        path = build_path(*segments)
        sent = read_body(body, stdin=stdin)
        params = {"integrated_account_id": choose_account(account), **parse_pairs(query, "--query")}
        return await remote.send(
            _VERBS.get(name, "POST"), path, params=params, body=sent, headers=_make_idempotency_header(key)
        )

    def print_result(response: ApiResponse) -> int:
        found = _parse_json_body(response)
        if name == "list" and isinstance(found, Mapping) and isinstance(found.get("result"), list):
            print_records(found["result"], output or "table")
            if found.get("next_cursor"):
                typer.echo(f"Next page: {format_cursor_option(found['next_cursor'])}", err=True)
        elif found is not None:
            print_records(found, output or ("table" if name == "list" else "json"))
        return 0

    return run_command(api_url, token, work, print_result)


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
    api_url: str | None,
    token: str | None,
    output: Format | None,
) -> int:
    async def work(remote: ApiClient) -> ApiResponse:
        parts = urlsplit(path)
        if parts.scheme or parts.netloc:
            raise SetupError(f"{path} is not a path: leave out the provider's address.")
        own = parse_qsl(parts.query, keep_blank_values=True, errors="surrogateescape")
        given = parse_pairs(query, "--query")
        if "integrated_account_id" not in {*given, *(name for name, _ in own)}:
            given = {"integrated_account_id": choose_account(account), **given}
        params = [*(pair for pair in own if pair[0] not in given), *given.items()]
        target = f"/custom/{quote(parts.path.lstrip('/'), safe='/%:@!$&()*+,;=~')}"
        sent = read_body(body, stdin=stdin)
        return await remote.send(
            verb,
            target,
            params=params,
            body=sent,
            headers=parse_pairs(headers, "--header") | _make_idempotency_header(key),
        )

    def print_result(response: ApiResponse) -> int:
        if response.content_type.endswith("json"):
            print_records(_parse_json_body(response), output or "json")
        elif response.body and sys.stdout.isatty():
            raise SetupError(f"the response is {response.content_type}: redirect standard output to a file.")
        else:
            sys.stdout.buffer.write(response.body)
            sys.stdout.flush()
        return 0

    return run_command(api_url, token, work, print_result)


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
    async def work(remote: ApiClient) -> Json:
        refuse_id_output(output)
        sent = read_body(body if file is None else f"@{file}", stdin=stdin)
        if not isinstance(sent, dict):
            raise SetupError("the request must be a JSON object: name a file, or give --body or --stdin.")
        if "integrated_account_id" not in sent:
            sent = {"integrated_account_id": choose_account(account), **sent}
        return _parse_json_body(
            await remote.send("POST", "/batch-request", body=sent, headers=_make_idempotency_header(key))
        )

    def print_result(response: Json) -> int:
        print_records(response, output or "json")
        errors = get_value(response, "errors")
        return 1 if (any(errors.values()) if isinstance(errors, Mapping) else errors) else 0

    return run_command(api_url, token, work, print_result)


def fetch_schema(
    out: Path | None, api_url: str | None, token: str | None, output: Format, *, force: bool = False
) -> int:
    async def work(remote: ApiClient) -> Json:
        if out is not None:
            refuse_overwrite(out, force=force)
        return await remote.call("GET", "/openapi.json")

    def print_result(document: Json) -> int:
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

    return run_command(api_url, token, work, print_result)


def _make_idempotency_header(key: str | None) -> dict[str, str]:
    return {} if key is None else {IDEMPOTENCY_KEY: key}


def _parse_json_body(response: ApiResponse) -> Json:
    """The JSON value of a response; None for an empty one. Raises SetupError where it is not JSON."""
    if not response.body.strip():
        return None
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError):
        raise SetupError(f"the response is not JSON but {response.content_type or 'bytes'}.") from None
