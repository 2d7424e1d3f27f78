"""Rendering `integration.yaml` of a scaffold. The `_render` functions yield lines of YAML."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from isthmus.authoring.scaffold.scaffold_request import Resource, ScaffoldRequest, quote_yaml

__all__ = ["render_definition"]

_FORM_AUTHS: Final = frozenset({"api_key", "bearer", "basic"})
_PAGES: Final = {
    "cursor": ("cursor_path: next_cursor", "cursor_param: cursor", "limit_param: limit", "max_limit: 100"),
    "page": ("page_param: page", "limit_param: per_page", "total_pages_path: total_pages", "max_limit: 100"),
    "offset": ("offset_param: offset", "limit_param: limit", "total_path: total", "max_limit: 100"),
    "link_header": ("limit_param: per_page", "max_limit: 100"),
}


def render_definition(wanted: ScaffoldRequest) -> str:
    """Returns the content of `integration.yaml`."""
    lines = [
        f"# yaml-language-server: $schema={wanted.schemas}/integration.schema.json",
        f"# {wanted.label}: addresses, credentials, pages, resources. Say here where the facts come from.",
        f"name: {wanted.name}",
        f"label: {quote_yaml(wanted.label)}",
    ]
    category = wanted.category or wanted.model
    lines += [f"category: {category}"] if category else []
    lines += ["config:", *(f"  {line}" if line else "" for line in _render_config(wanted))]
    return "\n".join(lines) + "\n"


def _render_config(wanted: ScaffoldRequest) -> Iterator[str]:
    yield from (f"label: {quote_yaml(wanted.label)}", f"base_url: {quote_yaml(wanted.base_url)}")
    yield from ("headers:", "  Accept: application/json", "")
    yield "# What whoever connects fills in, or where the provider asks for consent."
    yield from ("credentials:", *_render_credentials(wanted), "")
    yield from (
        "# What each request carries to be let in.",
        "authorization:",
        *_render_authorization(wanted),
        "",
    )
    if wanted.pagination != "none":
        yield from ("# How a list goes on.", "pagination:", f"  format: {wanted.pagination}", "  config:")
        yield from (f"    {line}" for line in _PAGES[wanted.pagination])
        yield ""
    yield "# What too many calls look like, and how long to wait (in seconds)."
    yield from ("rate_limit:", "  is_rate_limited: status = 429")
    yield "  retry_after_header_expression: >-"
    yield from ("    $exists(headers.`retry-after`) ? $number(headers.`retry-after`)", "")
    yield "# Truthy: the answer is an error, whatever its status; the message is what callers are told."
    yield from ("error_expression: >-", '  data.error ? { "message": data.error.message }', "")
    if wanted.has_webhook:
        yield from _render_webhook()
    yield "resources:"
    for resource in wanted.resources:
        yield from (f"  {line}" for line in _render_resource(resource))


def _render_credentials(wanted: ScaffoldRequest) -> Iterator[str]:
    form = wanted.auth in _FORM_AUTHS
    yield from (f"  {'api_key' if form else wanted.auth}:", "    config:")
    fields = [_render_field(name, "text") for name in wanted.address_fields]
    if wanted.auth == "basic":
        fields += [_render_field("username", "text"), _render_field("password", "password")]
    elif form:
        fields += [_render_field("api_key", "password")]
    elif wanted.auth not in ("oauth2", "oauth"):
        fields += [_render_field("client_id", "text"), _render_field("client_secret", "password")]
    if wanted.has_webhook:
        fields += [_render_field("webhook_secret", "password", required=False)]
    host = _get_origin(wanted.base_url)
    if wanted.auth == "oauth":
        for name, path in (
            ("requestTokenUrl", "request"),
            ("authorizeUrl", "authorize"),
            ("tokenUrl", "token"),
        ):
            yield f"      {name}: {quote_yaml(f'{host}/oauth/{path}')}"
    elif not form:
        yield from (
            "      auth:",
            f"        tokenHost: {quote_yaml(host)}",
            "        tokenPath: /oauth/token",
        )
        yield from ("        authorizePath: /oauth/authorize",) if wanted.auth == "oauth2" else ()
    if fields:
        yield "      fields:"
        for field in fields:
            yield from (f"        {line}" for line in field)


def _render_field(name: str, kind: str, *, required: bool = True) -> list[str]:
    """Returns the lines of one field of a credential form. `kind`: its type."""
    label = name.replace("_", " ").capitalize()
    lines = [f"- name: {name}", f"  label: {label}"]
    lines += [f"  type: {kind}"] if kind != "text" else []
    return [*lines, "  required: true"] if required else lines


def _render_authorization(wanted: ScaffoldRequest) -> Iterator[str]:
    if wanted.auth == "api_key":
        yield from ("  format: header", "  config:", "    header_name: X-Api-Key")
        yield '    header_value: "{{credentials.api_key}}"'
    elif wanted.auth == "basic":
        yield from ("  format: basic", "  config:", '    username: "{{credentials.username}}"')
        yield '    password: "{{credentials.password}}"'
    elif wanted.auth == "bearer":
        yield from ("  format: bearer", "  config:", '    token: "{{credentials.api_key}}"')
    else:
        yield "  format: bearer"


def _render_webhook() -> Iterator[str]:
    yield "# Events that the provider sends, verified by a signature over the raw body."
    yield from ("webhook:", "  signature_verification:", "    format: hmac", "    config:")
    yield from ("      algorithm: sha256", '      secret: "{{credentials.webhook_secret}}"')
    yield from ("      parts: [$body]", "      compare_with: $header.x-signature")
    yield "  payload_transform: >-"
    yield '    { "event_type": body.type, "resource_id": $string(body.id), "raw": body }'
    yield ""


def _render_resource(resource: Resource) -> Iterator[str]:
    path, item = f"/{resource.name}", quote_yaml(f"/{resource.name}/{{{{id}}}}")
    one = f"one of {resource.name}"
    yield from (f"{resource.name}:", "  list:", f"    path: {path}", "    response_path: data")
    yield f"    description: {quote_yaml(f'A page of {resource.name}.')}"
    for method, verb, place, says in (
        ("get", None, item, f"Read {one} by its id."),
        ("create", "post", path, f"Add {one}."),
        ("update", "patch", item, f"Change {one}."),
        ("delete", "delete", item, f"Remove {one}."),
    ):
        yield f"  {method}:"
        yield from (f"    method: {verb}",) if verb else ()
        yield from (f"    path: {place}", f"    description: {quote_yaml(says)}")


def _get_origin(url: str) -> str:
    """Returns scheme and host of a URL; a URL that begins with a placeholder is returned unchanged."""
    if url.startswith("{{"):
        return url
    parts = urlsplit(url.replace("{{", "").replace("}}", ""))
    host = url.removeprefix(f"{parts.scheme}://").partition("/")[0]
    return f"{parts.scheme}://{host}"
