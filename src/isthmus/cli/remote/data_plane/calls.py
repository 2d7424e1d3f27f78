"""`isthmus whoami`, `capabilities`, `unified`, `proxy`, `custom` and `batch` (`cli.md` §6, §7)."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

import typer

from isthmus.cli.record_output import Format, Json, at, lines_of, refuse_ids, show
from isthmus.cli.remote.api_client import IDEMPOTENCY_KEY, Answer, Remote, expected, ran
from isthmus.cli.remote.arguments import account_of, cursor_option, pairs, path_of, read_body, spare
from isthmus.errors import SetupError

__all__ = ["batch", "capabilities", "custom_call", "resource_call", "schema", "whoami"]

_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_VERBS: Final = {"list": "GET", "get": "GET", "create": "POST", "update": "PATCH", "delete": "DELETE"}


def whoami(api_url: str | None, token: str | None, output: Format | None) -> int:
    def shown(me: Json) -> int:
        brief = {
            "team": expected(me, "team.name"),
            "environment": expected(me, "environment.name"),
            "environment_id": at(me, "environment.id"),
            "token": at(me, "api_token.name"),
        }
        show(brief if output in (None, "table", "csv") else me, output or "table")
        return 0

    return ran(api_url, token, lambda remote: remote.call("GET", "/me"), shown)


def capabilities(
    target: str,
    of: str | None,
    query: Mapping[str, str],
    api_url: str | None,
    token: str | None,
    output: Format | None,
) -> int:
    kind = of or ("account" if _ID.fullmatch(target) else "integration")
    route = "/integrated-account" if kind == "account" else "/integration"

    def shown(found: Json) -> int:
        if output in ("table", "csv"):
            show(_surfaces(found), output)
            described = expected(found, "ai_readiness.proxy_methods_with_descriptions")
            hidden = expected(found, "ai_readiness.proxy_methods") - described
            if hidden and query["has_description"] == "true":
                typer.echo(f"{hidden} proxy methods have no description: --no-has-description.", err=True)
        else:
            show(found, output or "json")
        return 0

    async def work(remote: Remote) -> Json:
        return await remote.call("GET", f"{route}{path_of(target, 'capabilities')}", params=query)

    return ran(api_url, token, work, shown)


def _surfaces(found: Mapping[str, Json]) -> list[dict[str, str]]:
    rows = []
    for each in expected(found, "proxy"):
        methods = ", ".join(method["method"] for method in each["methods"])
        rows.append({"surface": "proxy", "resource": each["resource"], "methods": methods})
    for each in expected(found, "unified"):
        name = f"{each['model']}/{each['resource']}"
        rows.append({"surface": "unified", "resource": name, "methods": ", ".join(each["methods"])})
    return rows


def resource_call(
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
    """`route`: `unified`, a model and a resource, or `proxy` and a resource."""
    name = method or ("list" if id is None else "get")
    segments = [*route, *([] if id is None else [id]), *([] if name in _VERBS else [name])]

    async def work(remote: Remote) -> Answer:
        path = path_of(*segments)
        sent = read_body(body, stdin=stdin)
        params = {"integrated_account_id": account_of(account), **pairs(query, "--query")}
        return await remote.send(_VERBS.get(name, "POST"), path, params=params, body=sent, headers=_once(key))

    def shown(answer: Answer) -> int:
        found = _json(answer)
        if name == "list" and isinstance(found, Mapping) and isinstance(found.get("result"), list):
            show(found["result"], output or "table")
            if found.get("next_cursor"):
                typer.echo(f"Next page: {cursor_option(found['next_cursor'])}", err=True)
        elif found is not None:
            show(found, output or ("table" if name == "list" else "json"))
        return 0

    return ran(api_url, token, work, shown)


def custom_call(
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
    async def work(remote: Remote) -> Answer:
        parts = urlsplit(path)
        if parts.scheme or parts.netloc:
            raise SetupError(f"{path} is no path: leave out the product's address.")
        own = parse_qsl(parts.query, keep_blank_values=True, errors="surrogateescape")
        given = pairs(query, "--query")
        if "integrated_account_id" not in {*given, *(name for name, _ in own)}:
            given = {"integrated_account_id": account_of(account), **given}
        params = [*(pair for pair in own if pair[0] not in given), *given.items()]
        target = f"/custom/{quote(parts.path.lstrip('/'), safe='/%:@!$&()*+,;=~')}"
        sent = read_body(body, stdin=stdin)
        return await remote.send(
            verb, target, params=params, body=sent, headers=pairs(headers, "--header") | _once(key)
        )

    def shown(answer: Answer) -> int:
        if answer.content_type.endswith("json"):
            show(_json(answer), output or "json")
        elif answer.body and sys.stdout.isatty():
            raise SetupError(f"the answer is {answer.content_type}: send standard output to a file.")
        else:
            sys.stdout.buffer.write(answer.body)
            sys.stdout.flush()
        return 0

    return ran(api_url, token, work, shown)


def batch(
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
    async def work(remote: Remote) -> Json:
        refuse_ids(output)
        sent = read_body(body if file is None else f"@{file}", stdin=stdin)
        if not isinstance(sent, dict):
            raise SetupError("the request must be a JSON object: name a file, or give --body or --stdin.")
        if "integrated_account_id" not in sent:
            sent = {"integrated_account_id": account_of(account), **sent}
        return _json(await remote.send("POST", "/batch-request", body=sent, headers=_once(key)))

    def shown(answer: Json) -> int:
        show(answer, output or "json")
        errors = at(answer, "errors")
        return 1 if (any(errors.values()) if isinstance(errors, Mapping) else errors) else 0

    return ran(api_url, token, work, shown)


def schema(
    out: Path | None, api_url: str | None, token: str | None, output: Format, *, force: bool = False
) -> int:
    async def work(remote: Remote) -> Json:
        if out is not None:
            spare(out, force=force)
        return await remote.call("GET", "/openapi.json")

    def shown(document: Json) -> int:
        if out is None:
            show(document, output)
            return 0
        try:
            out.write_text(
                "".join(f"{line}\n" for line in lines_of(document, output)),
                encoding="utf-8",
                errors="backslashreplace",
            )
        except OSError as error:
            raise SetupError(f"{out} cannot be written: {error.strerror}.") from error
        return 0

    return ran(api_url, token, work, shown)


def _once(key: str | None) -> dict[str, str]:
    return {} if key is None else {IDEMPOTENCY_KEY: key}


def _json(answer: Answer) -> Json:
    """None for an empty answer; what is no JSON is told by its type and length."""
    if not answer.body.strip():
        return None
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        raise SetupError(f"the answer is no JSON but {answer.content_type or 'bytes'}.") from None
