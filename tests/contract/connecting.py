"""Compares how two definitions connect an account, which differ in one field of a `credentials` block or of
an account's own form: the form that a person sees, what is stored of what was typed, and each request that
leads to a token and ends it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from isthmus.connect.credential_forms import build_form, parse_form
from isthmus.connect.rapid_form_fields import FieldChoices, build_field, parse_answers
from isthmus.connect.screens import IntegrationSummary
from isthmus.definitions.actions import FormField, FormStep
from isthmus.definitions.credentials import (
    Credential,
    FieldOption,
    KekaCredential,
    OAuth1Credential,
    OAuth2ClientCredentialsCredential,
    OAuth2Credential,
)
from isthmus.definitions.load import load_integration
from isthmus.engine.authorization import grants
from isthmus.errors import IsthmusError
from isthmus.http.messages import HttpRequest, HttpResponse
from tests.contract.fields import Case

__all__ = ["CONNECTING_CASES", "connected"]

_FACE: Final = IntegrationSummary("mirror", "Mirror", None, None)
_TYPED: Final[tuple[dict[str, str], ...]] = ({}, {"a": " Ab1 "}, {"a": "ab@c.test"}, {"a": "2"})
_CONTEXT: Final = {"client_id": "ci", "client_secret": "cs", "api_key": "k"}
_ONCE: Final = re.compile(r'oauth_(?:nonce|timestamp|signature)="[^"]*"')
_TOKEN: Final = b'{"access_token": "t", "refresh_token": "r"}'
_TOKEN_1: Final = b"oauth_token=t&oauth_token_secret=s&oauth_callback_confirmed=true"


def connected(document: Mapping[str, Any]) -> Any:
    """Returns everything that is seen, stored and asked in connecting an account of the definition."""
    config = load_integration(document["integration"], source="integration")
    observed: list[Any] = []
    for credential in config.credentials.values():
        observed.append(build_form(_FACE, credential, (), {}, can_go_back=False, sent={"a": "typed"}))
        observed.append(build_form(_FACE, credential, (), {}, can_go_back=False))
        observed += [parse_form(credential, typed, {}) for typed in _TYPED]
        observed += list(_told(credential))
    for action in config.actions.values():
        for step in action.steps:
            if isinstance(step, FormStep) and isinstance(step.config, tuple):
                observed += list(_own_form(step.config))
    return repr(observed), [(part.values, part.errors) for part in observed if hasattr(part, "errors")]


def _own_form(fields: tuple[FormField, ...]) -> Iterator[Any]:
    """Yields the fields of an account's own form as shown, and what several submitted texts are parsed to."""
    choices = FieldChoices((FieldOption(label="One", value="1"), FieldOption(label="Two", value=2)), None)
    for context in ({}, {"a": "Stored"}):
        yield from (build_field(spec, context, choices, None) for spec in fields)
    for texts in ([], [" Ab1 "], ["ab@c.test"], ["2"], ["1", "2"]):
        options = {spec.name: choices for spec in fields}
        yield parse_answers(fields, {"a": texts}, {}, options, None)


def _told(credential: Credential) -> Iterator[Any]:
    """Yields the requests of a whole connection, and the addresses that a person is sent to."""
    scope = {"context": _CONTEXT, **_CONTEXT, "credentials": _CONTEXT}
    if isinstance(credential, OAuth2Credential):
        config = credential.config
        back = "https://us.test/back"
        yield _address(
            lambda: grants.build_authorize_url(
                config, scope, redirect_uri=back, state="st", scopes=config.scope, verifier="v"
            )
        )
        yield _asked(grants.exchange_code(config, scope, code="c", redirect_uri=back, verifier="v"))
        yield _asked(grants.refresh_access_token(config, scope, "r"))
        ending = grants.revoke_token(config, scope, "t")
        yield None if ending is None else _asked(ending)
    elif isinstance(credential, OAuth2ClientCredentialsCredential):
        yield _asked(grants.request_client_credentials_token(credential.config, scope))
    elif isinstance(credential, KekaCredential):
        yield _asked(grants.request_keka_token(credential.config, scope))
    elif isinstance(credential, OAuth1Credential):
        yield _asked(grants.request_oauth1_token(credential.config, scope, "https://us.test/back"), _TOKEN_1)
        yield _address(lambda: grants.build_oauth1_authorize_url(credential.config, scope, "t"))
        yield _asked(
            grants.exchange_oauth1_token(credential.config, scope, token="t", secret="s", verifier="v"),
            _TOKEN_1,
        )


def _address(build: Callable[[], str]) -> str:
    """Returns the address, or the message of the error."""
    try:
        return build()
    except IsthmusError as failed:
        return failed.message


def _asked(grant: grants.Grant, reply: bytes = _TOKEN) -> list[Any]:
    """Runs a grant; returns each request, and at the end its result or error message."""
    asked: list[Any] = []
    try:
        request = next(grant)
        while True:
            asked.append(_plain(request))
            request = grant.send(HttpResponse(status=200, headers={}, body=reply, url=request.url))
    except StopIteration as done:
        asked.append(done.value)
    except IsthmusError as failed:
        asked.append(failed.message)
    return asked


def _plain(request: HttpRequest) -> list[Any]:
    """Returns a request as plain values, without what a signature makes anew each time."""
    headers = {name: _ONCE.sub("", value) for name, value in request.headers.items()}
    return [request.method, request.url, headers, request.body]


C: Final = "integration.credentials"
_AUTH: Final = {"tokenHost": "https://a.test"}
_CLIENT: Final = {"id": "i", "secret": "s"}
_FORMS: Final[dict[str, dict[str, Any]]] = {
    "api_key": {"fields": [{"name": "a"}]},
    "oauth2": {"client": _CLIENT, "auth": _AUTH, "scope": ["x", "y"]},
    "oauth2_client_credentials": {"auth": _AUTH, "scope": ["x", "y"]},
    "keka_oauth": {"auth": _AUTH},
    "oauth": {
        "client": _CLIENT,
        "requestTokenUrl": "https://a.test/1",
        "authorizeUrl": "https://a.test/2",
        "tokenUrl": "https://a.test/3",
    },
}


def _case(format: str, path: str, value: Any, **more: Any) -> Case:
    """Returns a case for a field of a credential format's config."""
    shared_values = {C: {format: {"config": _FORMS[format]}}, **more.pop("given", {})}
    return Case(f"{C}.{format}.config.{path}", value, given=shared_values, **more)


_FIELD: Final = f"{C}.api_key.config.fields.0"
_CHOICES: Final = [{"label": "One", "value": "1"}, {"label": "Two", "value": 2}]
_OWN: Final = "integration.actions.post_connect_user_form.steps"
_PICK: Final = {"type": "resource_select", "resource": "things"}


def _of_field(path: str, value: Any) -> tuple[Case, Case]:
    """Returns the same case of a credential's field and of one of the account's own form."""
    return _case("api_key", f"fields.0.{path}", value), _own(path, value, {})


def _own(path: str, value: Any, field: Mapping[str, Any], **more: Any) -> Case:
    """Returns a case for a field of the account's own form. `field`: what the form's field has besides."""
    shared_values = {_OWN: [{"type": "form", "config": [{"name": "a", **field}]}]}
    return Case(f"{_OWN}.0.config.0.{path}", value, given=shared_values, **more)


CONNECTING_CASES: Final = (
    *(
        _case(format, name, value)
        for format in _FORMS
        for name, value in (
            ("fields", [{"name": "b"}]),
            ("documentation_link", "https://help.test"),
            ("permissions_text", "Needs to read."),
        )
        if (format, name) != ("api_key", "fields")
    ),
    _case("api_key", "fields", [{"name": "b"}], other=[{"name": "a"}]),
    _case("oauth2", "client", {"id": "j"}, other=_CLIENT),
    *(
        _case(format, "auth", {"tokenHost": "https://b.test"}, other=_AUTH)
        for format in ("oauth2", "oauth2_client_credentials", "keka_oauth")
    ),
    _case("oauth2", "auth.tokenHost", "https://b.test", other="https://a.test"),
    _case("oauth2", "auth.tokenPath", "/t"),
    _case("oauth2", "auth.authorizeHost", "https://b.test"),
    _case("oauth2", "auth.authorizePath", "/z"),
    _case("oauth2", "auth.refreshPath", "/r"),
    _case("oauth2", "auth.revokePath", "/k"),
    *(_case(format, "scope", ["z"]) for format in ("oauth2", "oauth2_client_credentials", "keka_oauth")),
    *(_case(format, "scope_separator", ",") for format in ("oauth2", "oauth2_client_credentials")),
    _case("oauth2", "params", {"prompt": "consent"}),
    _case("oauth2", "tokenParams", {"audience": "a"}),
    _case("oauth2", "refreshParams", {"audience": "a"}),
    _case("oauth2_client_credentials", "tokenParams", {"audience": "a"}),
    _case("keka_oauth", "tokenParams", {"grant_type": "other"}),
    _case("oauth2", "pkce", False),
    _case("oauth2", "pkce.method", "plain", given={f"{C}.oauth2.config.pkce": {}}),
    *(
        _case(format, "options", {"authorizationMethod": "body"})
        for format in ("oauth2", "oauth2_client_credentials")
    ),
    _case("oauth2", "options.authorizationMethod", "body"),
    _case("oauth2", "options.bodyFormat", "json"),
    _case("oauth", "requestTokenUrl", "https://b.test/1", other="https://a.test/1"),
    _case("oauth", "authorizeUrl", "https://b.test/2", other="https://a.test/2"),
    _case("oauth", "tokenUrl", "https://b.test/3", other="https://a.test/3"),
    _case("oauth", "params", {"expiration": "never"}),
    *_of_field("label", "Key"),
    *_of_field("required", True),
    *_of_field("default", "x"),
    *_of_field("format", "email"),
    *_of_field("transform", "sha256"),
    *_of_field("placeholder", "abc"),
    *_of_field("help_text", "Under Settings."),
    *_of_field("pattern", "[a-z]+"),
    *_of_field("type", "password"),
    *_of_field("options", _CHOICES),
    _own("multiple", True, _PICK),
    _own("depends_on", ["b"], _PICK),
    _own("store", "object", _PICK),
    Case(
        f"{_OWN}.0.config",
        [{"name": "b"}],
        other=[{"name": "a"}],
        given={_OWN: [{"type": "form", "config": [{"name": "a"}]}]},
    ),
    _case("api_key", "fields.0.name", "b", other="a"),
    _own("name", "b", {}, other="a"),
    _case("api_key", "fields.0.options.0.label", "Eins", other="One", given={f"{_FIELD}.options": _CHOICES}),
    _case("api_key", "fields.0.options.0.value", "7", other="1", given={f"{_FIELD}.options": _CHOICES}),
)
