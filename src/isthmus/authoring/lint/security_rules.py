"""Checks for secrets written into files, and for URLs that expose credentials (source `security`)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from isthmus.authoring.lint.integration_subject import IntegrationSubject, get_at, iter_texts
from isthmus.definitions.findings import Finding
from isthmus.definitions.json_values import as_mapping
from isthmus.definitions.secrets import is_secret_name
from isthmus.expressions.placeholders import find_placeholders

__all__ = ["check_security"]

_SECRET_VALUE: Final = re.compile(
    r"\b(?:sk|pk|rk)_(?:live|test)_\w{8,}|\b(?:gh[pousr]|xox[abprs])[-_]\w{10,}|\beyJ[\w-]{10,}\.[\w-]{10,}"
    r"|\b(?=[A-Za-z0-9+/_-]*[0-9])(?=[A-Za-z0-9+/_-]*[A-Za-z])[A-Za-z0-9+/_-]{32,}={0,2}\Z"
)
_LOCAL_SUFFIXES: Final = (".local", ".internal", ".localhost", ".lan")


def check_security(subject: IntegrationSubject) -> Iterator[Finding]:
    """Yields the findings on secrets and URLs."""
    yield from _check_secrets(subject)
    yield from _check_urls(subject)


def _check_secrets(subject: IntegrationSubject) -> Iterator[Finding]:
    """Yields a finding for each secret that is written out in headers, queries, credentials or
    verification."""
    blocks = [("headers", subject.config.get("headers")), ("query", subject.config.get("query"))]
    for method in subject.methods:
        for field in ("headers", "query"):
            if not isinstance(method.definition.get(field), str):
                blocks.append((f"{method.path}.{field}", method.definition.get(field)))
    for path, block in blocks:
        for below, text in iter_texts(block, path):
            if _is_literal(text) and (is_secret_name(below.rsplit(".", 1)[-1]) or _SECRET_VALUE.search(text)):
                yield _make_secret_finding(below, path.split(".", maxsplit=1)[0])
    for name, credential in subject.credentials.items():
        text = get_at(credential, "config", "client", "secret")
        if isinstance(text, str) and _is_literal(text):
            yield _make_secret_finding(f"credentials.{name}.config.client.secret", "credentials")
    proofs = [("authorization", "authorization", subject.config.get("authorization"))]
    proofs += [
        (f"{m.path}.authorization", "resources", m.definition.get("authorization")) for m in subject.methods
    ]
    signature = get_at(subject.config, "webhook", "signature_verification")
    for path, section, block in (*proofs, ("webhook.signature_verification", "webhook", signature)):
        # Where the user name is the key, providers want a password that means nothing.
        named = any(find_placeholders(str(get_at(block, "config", "username") or "")))
        for key in ("token", "header_value", "secret", *(() if named else ("password",))):
            text = get_at(block, "config", key)
            if isinstance(text, str) and _is_literal(text):
                yield _make_secret_finding(f"{path}.config.{key}", section)


def _is_literal(text: str) -> bool:
    """Returns True for a text without placeholders that is not empty."""
    return bool(text) and not any(find_placeholders(text))


def _make_secret_finding(path: str, section: str) -> Finding:
    """Makes a finding on a secret that is written out."""
    return Finding(
        severity="warn",
        section=section,
        source="security",
        path=path,
        message="looks like a secret written out: it would end up in version control",
        fix="read it from {{credentials.…}} or {{environment_variables.…}}",
    )


def _check_urls(subject: IntegrationSubject) -> Iterator[Finding]:
    """Yields findings on base URLs and on the OAuth URLs of credentials."""
    urls = [("base_url", "base_url", subject.config.get("base_url"))]
    urls += [(f"{m.path}.base_url", "resources", m.definition.get("base_url")) for m in subject.methods]
    for name, credential in subject.credentials.items():
        config = as_mapping(get_at(credential, "config"))
        credential_urls = {
            f"auth.{key}": get_at(config, "auth", key) for key in ("tokenHost", "authorizeHost")
        }
        credential_urls |= {key: config.get(key) for key in ("requestTokenUrl", "authorizeUrl", "tokenUrl")}
        urls += [
            (f"credentials.{name}.config.{key}", "credentials", url) for key, url in credential_urls.items()
        ]
    for path, section, url in urls:
        if isinstance(url, str):
            yield from _check_url(path, section, url)


def _check_url(path: str, section: str, url: str) -> Iterator[Finding]:
    """Yields findings if a URL is not https, or has a private host."""
    if url.lower().startswith("http://"):
        yield _make_url_finding(path, section, "is not https: credentials travel in the clear", "use https")
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return
    if _is_private(host):
        yield _make_url_finding(
            path, section, f"{host} is a private address, which servers refuse to call", "use a public name"
        )


def _is_private(host: str) -> bool:
    """Returns True for local host names, and for IP addresses that are not global."""
    if host == "localhost" or host.endswith(_LOCAL_SUFFIXES):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False


def _make_url_finding(path: str, section: str, message: str, fix: str) -> Finding:
    """Makes a finding on a URL."""
    return Finding(severity="warn", section=section, source="security", path=path, message=message, fix=fix)
