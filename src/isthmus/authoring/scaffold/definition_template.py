"""Renders `integration.yaml` of a scaffold. The `_render` functions yield lines of YAML."""

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


def render_definition(request: ScaffoldRequest) -> str:
    """Returns the content of `integration.yaml`."""
    lines = [
        f"# yaml-language-server: $schema={request.schemas_url}/integration.schema.json",
        f"# {request.label}: addresses, credentials, pages, resources. Say here where the facts come from.",
        f"name: {request.name}",
        f"label: {quote_yaml(request.label)}",
    ]
    category = request.category or request.model
    lines += [f"category: {category}"] if category else []
    lines += ["config:", *(f"  {line}" if line else "" for line in _render_config(request))]
    return "\n".join(lines) + "\n"


def _render_config(request: ScaffoldRequest) -> Iterator[str]:
    """Yields the lines of the config."""
    yield from (f"label: {quote_yaml(request.label)}", f"base_url: {quote_yaml(request.base_url)}")
    yield from ("headers:", "  Accept: application/json", "")
    yield "# What whoever connects fills in, or where the provider asks for consent."
    yield from ("credentials:", *_render_credentials(request), "")
    yield from (
        "# What each request carries to be let in.",
        "authorization:",
        *_render_authorization(request),
        "",
    )
    if request.pagination != "none":
        yield from ("# How a list goes on.", "pagination:", f"  format: {request.pagination}", "  config:")
        yield from (f"    {line}" for line in _PAGES[request.pagination])
        yield ""
    yield "# What too many calls look like, and how long to wait (in seconds)."
    yield from ("rate_limit:", "  is_rate_limited: status = 429")
    yield "  retry_after_header_expression: >-"
    yield from ("    $exists(headers.`retry-after`) ? $number(headers.`retry-after`)", "")
    yield "# Truthy: the answer is an error, whatever its status; the message is what callers are told."
    yield from ("error_expression: >-", '  data.error ? { "message": data.error.message }', "")
    yield from _render_validation(request.resources[0])
    if request.has_webhook:
        yield from _render_webhook()
    yield "resources:"
    for resource in request.resources:
        yield from (f"  {line}" for line in _render_resource(resource, request.find_label(resource)))


def _render_credentials(request: ScaffoldRequest) -> Iterator[str]:
    """Yields the lines of the `credentials` block."""
    form = request.auth in _FORM_AUTHS
    yield from (f"  {'api_key' if form else request.auth}:", "    config:")
    fields = [_render_address_field(name, request) for name in request.address_fields]
    if request.auth == "basic":
        fields += [_render_field("username", "text"), _render_field("password", "password")]
    elif form:
        fields += [_render_field("api_key", "password")]
    elif request.auth not in ("oauth2", "oauth"):
        fields += [_render_field("client_id", "text"), _render_field("client_secret", "password")]
    if request.has_webhook:
        fields += [_render_field("webhook_secret", "password", required=False)]
    host = _get_origin(request.base_url)
    if request.auth == "oauth":
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
        yield from ("        authorizePath: /oauth/authorize",) if request.auth == "oauth2" else ()
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


def _render_address_field(name: str, request: ScaffoldRequest) -> list[str]:
    """Returns the lines of the field for a part of the base URL; that of its beginning is a URL itself."""
    lines = _render_field(name, "text")
    return [*lines, "  format: url"] if name == request.origin_field else lines


def _render_authorization(request: ScaffoldRequest) -> Iterator[str]:
    """Yields the lines of the `authorization` block."""
    if request.auth == "api_key":
        yield from ("  format: header", "  config:", "    header_name: X-Api-Key")
        yield '    header_value: "{{credentials.api_key}}"'
    elif request.auth == "basic":
        yield from ("  format: basic", "  config:", '    username: "{{credentials.username}}"')
        yield '    password: "{{credentials.password}}"'
    elif request.auth == "bearer":
        yield from ("  format: bearer", "  config:", '    token: "{{credentials.api_key}}"')
    else:
        yield "  format: bearer"


def _render_validation(resource: Resource) -> Iterator[str]:
    """Yields the lines of the `actions` block: a validation that reads a list of the resource."""
    yield "# Runs when somebody connects; if it fails, or its last step gives nothing, they are told."
    yield "# Best is a call that every key may make, such as that for the user it belongs to."
    yield from ("actions:", "  validation:", "    steps:", "      - type: request")
    yield from ("        config:", f"          path: /{resource.name}", "      - type: transform")
    yield from ("        config: $exists(previous.data)", "")


def _render_webhook() -> Iterator[str]:
    """Yields the lines of the `webhook` block."""
    yield "# Events that the provider sends, verified by a signature over the raw body."
    yield from ("webhook:", "  signature_verification:", "    format: hmac", "    config:")
    yield from ("      algorithm: sha256", '      secret: "{{credentials.webhook_secret}}"')
    yield from ("      parts: [$body]", "      compare_with: $header.x-signature")
    yield "  payload_transform: >-"
    yield '    { "event_type": body.type, "resource_id": $string(body.id), "raw": body }'
    yield ""


def _render_resource(resource: Resource, label: str) -> Iterator[str]:
    """Yields the lines of one resource with its five standard methods. `label`: the field that names a
    record."""
    path, item = f"/{resource.name}", quote_yaml(f"/{resource.name}/{{{{id}}}}")
    record_phrase = f"one of {resource.name}"
    yield from (f"{resource.name}:", "  list:", f"    path: {path}", "    response_path: data")
    yield f"    description: {quote_yaml(f'A page of {resource.name}.')}"
    for method, verb, place, says in (
        ("get", None, item, f"Read {record_phrase} by its id."),
        ("create", "post", path, f"Add {record_phrase}."),
        ("update", "patch", item, f"Change {record_phrase}."),
        ("delete", "delete", item, f"Remove {record_phrase}."),
    ):
        yield f"  {method}:"
        yield from (f"    method: {verb}",) if verb else ()
        yield from (f"    path: {place}", f"    description: {quote_yaml(says)}")
        if method == "create":
            yield "    # What a caller may send. Agents can send the fields that it names, and no others."
            yield from ("    body_schema:", "      type: object", f"      required: [{label}]")
            yield from (f"      properties: &{resource.name}_fields", f"        {label}: {{ type: string }}")
        elif method == "update":
            yield from ("    body_schema:", "      type: object")
            yield f"      properties: *{resource.name}_fields"


def _get_origin(url: str) -> str:
    """Returns scheme and host of a URL; a URL that begins with a placeholder is returned unchanged."""
    if url.startswith("{{"):
        return url
    parts = urlsplit(url.replace("{{", "").replace("}}", ""))
    host = url.removeprefix(f"{parts.scheme}://").partition("/")[0]
    return f"{parts.scheme}://{host}"
