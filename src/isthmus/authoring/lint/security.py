"""Secrets in files, and places where credentials would be exposed (`security`)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from isthmus.authoring.lint.subject import IntegrationSubject, at, text_leaves
from isthmus.definitions.findings import Finding
from isthmus.definitions.json_values import as_mapping
from isthmus.definitions.secrets import is_secret_name
from isthmus.expressions.placeholders import find_placeholders

__all__ = ["check"]

_SECRET_VALUE: Final = re.compile(
    r"\b(?:sk|pk|rk)_(?:live|test)_\w{8,}|\b(?:gh[pousr]|xox[abprs])[-_]\w{10,}|\beyJ[\w-]{10,}\.[\w-]{10,}"
    r"|\b(?=[A-Za-z0-9+/_-]*[0-9])(?=[A-Za-z0-9+/_-]*[A-Za-z])[A-Za-z0-9+/_-]{32,}={0,2}\Z"
)
_LOCAL_SUFFIXES: Final = (".local", ".internal", ".localhost", ".lan")


def check(subject: IntegrationSubject) -> Iterator[Finding]:
    yield from _secrets(subject)
    yield from _addresses(subject)


def _secrets(subject: IntegrationSubject) -> Iterator[Finding]:
    blocks = [("headers", subject.config.get("headers")), ("query", subject.config.get("query"))]
    for method in subject.methods:
        for field in ("headers", "query"):
            if not isinstance(method.body.get(field), str):
                blocks.append((f"{method.path}.{field}", method.body.get(field)))
    for path, block in blocks:
        for below, text in text_leaves(block, path):
            if _is_literal(text) and (is_secret_name(below.rsplit(".", 1)[-1]) or _SECRET_VALUE.search(text)):
                yield _secret(below, path.split(".", maxsplit=1)[0])
    for name, credential in subject.credentials.items():
        text = at(credential, "config", "client", "secret")
        if isinstance(text, str) and _is_literal(text):
            yield _secret(f"credentials.{name}.config.client.secret", "credentials")
    proofs = [("authorization", "authorization", subject.config.get("authorization"))]
    proofs += [(f"{m.path}.authorization", "resources", m.body.get("authorization")) for m in subject.methods]
    signature = at(subject.config, "webhook", "signature_verification")
    for path, section, block in (*proofs, ("webhook.signature_verification", "webhook", signature)):
        # Where the user name is the key, providers want a password that means nothing.
        named = any(find_placeholders(str(at(block, "config", "username") or "")))
        for key in ("token", "header_value", "secret", *(() if named else ("password",))):
            text = at(block, "config", key)
            if isinstance(text, str) and _is_literal(text):
                yield _secret(f"{path}.config.{key}", section)


def _is_literal(text: str) -> bool:
    return bool(text) and not any(find_placeholders(text))


def _secret(path: str, section: str) -> Finding:
    return Finding(
        severity="warn",
        section=section,
        source="security",
        path=path,
        message="looks like a secret written out: it would end up in version control",
        fix="read it from {{credentials.…}} or {{environment_variables.…}}",
    )


def _addresses(subject: IntegrationSubject) -> Iterator[Finding]:
    urls = [("base_url", "base_url", subject.config.get("base_url"))]
    urls += [(f"{m.path}.base_url", "resources", m.body.get("base_url")) for m in subject.methods]
    for name, credential in subject.credentials.items():
        config = as_mapping(at(credential, "config"))
        found = {f"auth.{key}": at(config, "auth", key) for key in ("tokenHost", "authorizeHost")}
        found |= {key: config.get(key) for key in ("requestTokenUrl", "authorizeUrl", "tokenUrl")}
        urls += [(f"credentials.{name}.config.{key}", "credentials", url) for key, url in found.items()]
    for path, section, url in urls:
        if isinstance(url, str):
            yield from _address(path, section, url)


def _address(path: str, section: str, url: str) -> Iterator[Finding]:
    if url.lower().startswith("http://"):
        yield _exposed(path, section, "is not https: credentials travel in the clear", "use https")
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return
    if _is_private(host):
        yield _exposed(
            path, section, f"{host} is a private address, which servers refuse to call", "use a public name"
        )


def _is_private(host: str) -> bool:
    if host == "localhost" or host.endswith(_LOCAL_SUFFIXES):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False


def _exposed(path: str, section: str, message: str, fix: str) -> Finding:
    return Finding(severity="warn", section=section, source="security", path=path, message=message, fix=fix)
