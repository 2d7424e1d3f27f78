"""Grants, driven by hand: what they send, and what they make of each answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from isthmus.definitions.credentials import (
    KekaConfig,
    OAuth1Config,
    OAuth2ClientCredentialsConfig,
    OAuth2Config,
)
from isthmus.engine.authorization.grants import (
    Grant,
    build_authorize_url,
    build_oauth1_authorize_url,
    compute_pkce_challenge,
    exchange_code,
    exchange_oauth1_token,
    make_oauth_context,
    refresh_access_token,
    request_client_credentials_token,
    request_keka_token,
    request_oauth1_token,
    revoke_token,
)
from isthmus.engine.calls import NO_BODY
from isthmus.engine.evaluation import make_template_scope
from isthmus.errors import BadRequest, CredentialsRefused, TokenEndpointFailed
from isthmus.http.messages import HttpRequest, HttpResponse

NOW = datetime(2030, 1, 1, tzinfo=UTC)
OAUTH2 = {
    "client": {"id": "app", "secret": "s:cret"},
    "auth": {"tokenHost": "https://{{subdomain}}.acme.test", "tokenPath": "/token"},
    "scope": ["contacts.read"],
}
OAUTH1 = {
    "requestTokenUrl": "https://acme.test/request",
    "authorizeUrl": "https://acme.test/authorize?lang=en",
    "tokenUrl": "https://acme.test/access",
    "client": {"id": "key", "secret": "sec"},
    "params": {"name": "Isthmus"},
}


def scope(**context: Any) -> dict[str, Any]:
    return make_template_scope({"subdomain": "fir", **context}, id=None, query={}, body=NO_BODY)


def answer(status: int, body: Any, kind: str = "json") -> HttpResponse:
    raw = orjson.dumps(body) if kind == "json" else str(body).encode()
    return HttpResponse(status, {}, raw, "https://fir.acme.test/token")


def drive(grant: Grant, *answers: HttpResponse) -> tuple[list[HttpRequest], dict[str, Any]]:
    sent = [next(grant)]
    for given in answers:
        try:
            sent.append(grant.send(given))
        except StopIteration as done:
            return sent, done.value
    raise AssertionError("the grant asked for more than was answered")


def form(request: HttpRequest) -> Mapping[str, list[str]]:
    assert isinstance(request.body, bytes)
    return parse_qs(request.body.decode())


TOKEN = answer(200, {"access_token": "at-1", "refresh_token": "rt-1", "expires_in": 3600})


def config(**more: Any) -> OAuth2Config:
    return OAuth2Config.model_validate({**OAUTH2, **more})


def test_the_authorize_address_says_who_asks_for_what_and_where_the_answer_goes() -> None:
    reserved = ("state", "redirect_uri", "code_challenge", "code_challenge_method", "client_id")
    url = build_authorize_url(
        config(params={"prompt": "consent", **dict.fromkeys(reserved, "evil")}),
        scope(),
        redirect_uri="https://app.test/cb",
        state="st",
        scopes=["a", "b"],
        verifier="v" * 43,
    )
    parts = urlsplit(url)
    assert (parts.hostname, parts.path) == ("fir.acme.test", "/oauth/authorize")
    assert parse_qs(parts.query) == {
        "response_type": ["code"],
        "client_id": ["app"],
        "redirect_uri": ["https://app.test/cb"],
        "scope": ["a b"],
        "state": ["st"],
        "code_challenge": [compute_pkce_challenge("v" * 43)],
        "code_challenge_method": ["S256"],
        "prompt": ["consent"],
    }


def test_the_challenge_is_that_of_the_standards_example() -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert compute_pkce_challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_a_provider_that_takes_no_proof_key_gets_none() -> None:
    url = build_authorize_url(
        config(pkce=False), scope(), redirect_uri="https://a.test", state="s", scopes=[], verifier="v"
    )
    assert "code_challenge" not in url
    grant = exchange_code(config(pkce=False), scope(), code="c", redirect_uri="r", verifier="v")
    assert "code_verifier" not in form(drive(grant, TOKEN)[0][0])


def test_a_code_is_exchanged_with_its_verifier_and_the_app_in_a_header() -> None:
    grant = exchange_code(
        config(tokenParams={"audience": "x"}),
        scope(),
        code="c-1",
        redirect_uri="https://a.test/cb",
        verifier="v",
    )
    sent, reply = drive(grant, TOKEN)
    assert sent[0].url == "https://fir.acme.test/token"
    assert sent[0].max_redirects == 0
    assert sent[0].headers["Authorization"] == "Basic YXBwOnMlM0FjcmV0"
    assert form(sent[0]) == {
        "grant_type": ["authorization_code"],
        "code": ["c-1"],
        "redirect_uri": ["https://a.test/cb"],
        "code_verifier": ["v"],
        "audience": ["x"],
    }
    assert reply["access_token"] == "at-1"


def test_the_app_travels_in_the_body_and_as_json_where_the_provider_wants_it_so() -> None:
    options = {"authorizationMethod": "body", "bodyFormat": "json"}
    sent, _ = drive(refresh_access_token(config(options=options), scope(), "rt-0"), TOKEN)
    assert "Authorization" not in sent[0].headers
    assert isinstance(sent[0].body, bytes)
    assert orjson.loads(sent[0].body) == {
        "grant_type": "refresh_token",
        "refresh_token": "rt-0",
        "client_id": "app",
        "client_secret": "s:cret",
    }


def test_a_refresh_goes_to_its_own_path_with_its_own_parameters() -> None:
    auth = {**OAUTH2["auth"], "refreshPath": "/renew"}  # type: ignore[dict-item]  # any JSON
    sent, _ = drive(refresh_access_token(config(auth=auth, refreshParams={"k": "v"}), scope(), "rt-0"), TOKEN)
    assert sent[0].url == "https://fir.acme.test/renew"
    assert form(sent[0])["k"] == ["v"]


def test_a_reply_in_form_encoding_is_read() -> None:
    sent = answer(200, "access_token=at-2&expires_in=60&scope=a,b", kind="form")
    _, reply = drive(refresh_access_token(config(), scope(), "rt"), sent)
    assert make_oauth_context(reply, now=NOW)["scope"] == ["a", "b"]


@pytest.mark.parametrize("status", [200, 400, 401])
def test_an_error_is_a_refusal_whatever_its_status(status: int) -> None:
    refused = answer(status, {"error": "invalid_grant", "error_description": "Gone."})
    told = rf"refused the credentials \({status}, invalid_grant\): Gone\."
    with pytest.raises(CredentialsRefused, match=told) as caught:
        drive(refresh_access_token(config(), scope(), "rt"), refused)
    assert caught.value.code == "invalid_grant"


@pytest.mark.parametrize(
    "refused",
    [
        answer(400, "", "text"),
        answer(401, "<html>", "text"),
        answer(403, {"message": "No."}),
    ],
)
def test_a_status_that_refuses_is_a_refusal_without_a_code(refused: HttpResponse) -> None:
    with pytest.raises(CredentialsRefused, match=rf"refused the credentials \({refused.status}\)") as caught:
        drive(refresh_access_token(config(), scope(), "rt"), refused)
    assert caught.value.code is None


@pytest.mark.parametrize("status", [400, 503])
def test_what_a_provider_says_is_one_line_without_what_was_sent(status: int) -> None:
    basic = "YXBwOnMlM0FjcmV0LW9mLXRoZS1hcHA="
    said = (
        f"<p>no\nrt-of-the-account, code-1234, s:cret-of-the-app,\t{basic} for a-known-audience" + "x" * 600
    )
    app = {**OAUTH2["client"], "secret": "s:cret-of-the-app"}  # type: ignore[dict-item]  # any JSON
    settings = config(client=app, refreshParams={"extra": "code-1234", "audience": "a-known-audience"})
    refused = answer(status, {"error": "no\nrt-of-the-account", "error_description": said})
    with pytest.raises((CredentialsRefused, TokenEndpointFailed)) as caught:
        drive(refresh_access_token(settings, scope(), "rt-of-the-account"), refused)
    assert ": no ***, ***, ***, *** for a-known-audiencexx" in caught.value.message
    assert len(caught.value.message) < 650
    if isinstance(caught.value, CredentialsRefused):
        assert f"({status}, no ***)" in caught.value.message
        assert caught.value.reason.startswith("no ***, ***")
        assert len(caught.value.reason) == 500


@pytest.mark.parametrize("code", ["invalid_client", "unauthorized_client"])
def test_a_refused_app_is_told_apart_from_refused_credentials(code: str) -> None:
    with pytest.raises(CredentialsRefused, match="client id and secret"):
        drive(refresh_access_token(config(), scope(), "rt"), answer(401, {"error": code}))


@pytest.mark.parametrize(
    ("given", "is_retryable"),
    [
        (answer(500, {}), True),
        (answer(503, {}), True),
        (answer(429, {}), True),
        (answer(400, {"error": "temporarily_unavailable"}), True),
        (answer(400, {"error": "server_error"}), True),
        (answer(400, {"error": "slow_down"}), True),
        (answer(499, "nothing here", kind="text"), False),
        (answer(403, "<html>", kind="text"), False),
        (answer(300, {"access_token": "at"}), False),
        (answer(404, "nothing here", kind="text"), False),
        (answer(200, {}), False),
        (answer(200, "<html>", kind="text"), False),
        (answer(200, {"access_token": ""}), False),
        (answer(302, {}), False),
    ],
)
def test_an_outage_says_nothing_of_the_credentials(given: HttpResponse, is_retryable: bool) -> None:
    with pytest.raises(TokenEndpointFailed) as caught:
        drive(refresh_access_token(config(), scope(), "rt"), given)
    assert caught.value.is_retryable is is_retryable


@pytest.mark.parametrize("subdomain", ["a@evil.test/", "x y", "x\t", " x", "evil.test#", "a\\b", "[", ""])
def test_a_host_that_was_typed_stays_a_host(subdomain: str) -> None:
    with pytest.raises(BadRequest):
        next(
            refresh_access_token(config(), scope(subdomain=subdomain) if subdomain else {"context": {}}, "rt")
        )


def test_without_an_app_nothing_is_sent() -> None:
    with pytest.raises(BadRequest, match=r"client\.id is not set"):
        next(refresh_access_token(config(client={}), scope(), "rt"))


def test_client_credentials_are_the_accounts_own() -> None:
    spec = OAuth2ClientCredentialsConfig.model_validate(
        {
            "auth": {"tokenHost": "acme.test"},
            "scope": ["r", "w"],
            "tokenParams": {"audience": "z"},
            "options": {"authorizationMethod": "body"},
        }
    )
    sent, _ = drive(request_client_credentials_token(spec, scope(client_id="i", client_secret="s")), TOKEN)
    assert sent[0].url == "https://acme.test/oauth/token"
    assert form(sent[0]) == {
        "grant_type": ["client_credentials"],
        "scope": ["r w"],
        "audience": ["z"],
        "client_id": ["i"],
        "client_secret": ["s"],
    }
    with pytest.raises(BadRequest, match="no client_secret"):
        next(request_client_credentials_token(spec, scope(client_id="i")))


def test_keka_sends_its_three_values_and_lets_the_definition_win() -> None:
    spec = KekaConfig.model_validate(
        {"auth": {"tokenHost": "https://k.test"}, "tokenParams": {"grant_type": "x"}}
    )
    sent, _ = drive(request_keka_token(spec, scope(client_id="i", client_secret="s", api_key="k")), TOKEN)
    assert form(sent[0]) == {
        "grant_type": ["x"],
        "scope": ["kekaapi"],
        "client_id": ["i"],
        "client_secret": ["s"],
        "api_key": ["k"],
    }


def test_the_three_legs_of_oauth_1() -> None:
    spec = OAuth1Config.model_validate(OAUTH1)
    first = "oauth_token=t&oauth_token_secret=s&oauth_callback_confirmed=true"
    sent, reply = drive(request_oauth1_token(spec, scope(), "https://a.test/cb"), answer(200, first, "form"))
    assert "oauth_callback=" in sent[0].headers["Authorization"]
    url = build_oauth1_authorize_url(spec, scope(), reply["oauth_token"])
    assert parse_qs(urlsplit(url).query) == {"lang": ["en"], "name": ["Isthmus"], "oauth_token": ["t"]}
    third = answer(200, "oauth_token=at&oauth_token_secret=ats&user_id=7", "form")
    sent, reply = drive(exchange_oauth1_token(spec, scope(), token="t", secret="s", verifier="v"), third)
    assert 'oauth_verifier="v"' in sent[0].headers["Authorization"]
    assert reply == {"access_token": "at", "access_token_secret": "ats", "user_id": "7"}


@pytest.mark.parametrize(
    ("given", "is_retryable"),
    [
        (answer(500, "", "form"), True),
        (answer(499, "", "form"), False),
        (answer(300, "oauth_token=t&oauth_token_secret=s", "form"), False),
        (answer(200, "oauth_token=t", "form"), False),
        (answer(200, "oauth_token_secret=s", "form"), False),
    ],
)
def test_an_answer_without_a_token_of_oauth_1_is_no_refusal(given: HttpResponse, is_retryable: bool) -> None:
    spec = OAuth1Config.model_validate(OAUTH1)
    with pytest.raises(TokenEndpointFailed, match=f"answered {given.status} without a token") as caught:
        drive(exchange_oauth1_token(spec, scope(), token="t", secret="s", verifier="v"), given)
    assert caught.value.is_retryable is is_retryable


@pytest.mark.parametrize("status", [400, 401, 403])
def test_an_app_that_oauth_1_refuses_is_told(status: int) -> None:
    spec = OAuth1Config.model_validate(OAUTH1)
    with pytest.raises(CredentialsRefused, match=rf"consumer key, or the request token \({status}\)"):
        drive(request_oauth1_token(spec, scope(), "https://a.test/cb"), answer(status, "", "form"))


def test_a_token_of_oauth_1_is_read_without_further_fields() -> None:
    spec = OAuth1Config.model_validate(OAUTH1)
    given = answer(200, "oauth_token=at&oauth_token_secret=ats", "form")
    _, reply = drive(exchange_oauth1_token(spec, scope(), token="t", secret="s", verifier="v"), given)
    assert reply == {"access_token": "at", "access_token_secret": "ats"}


def test_an_unconfirmed_callback_is_not_trusted() -> None:
    spec = OAuth1Config.model_validate(OAUTH1)
    with pytest.raises(TokenEndpointFailed, match="did not confirm"):
        drive(
            request_oauth1_token(spec, scope(), "https://a.test/cb"),
            answer(200, "oauth_token=t&oauth_token_secret=s", "form"),
        )


def test_a_revocation_is_only_tried_where_there_is_an_endpoint_and_never_fails() -> None:
    assert revoke_token(config(), scope(), "at") is None
    auth = {**OAUTH2["auth"], "revokePath": "/revoke"}  # type: ignore[dict-item]  # any JSON
    grant = revoke_token(config(auth=auth), scope(), "at")
    assert grant is not None
    sent, reply = drive(grant, answer(500, {}))
    assert (sent[0].url, form(sent[0]), reply) == ("https://fir.acme.test/revoke", {"token": ["at"]}, {})


def test_what_is_stored_keeps_the_whole_reply_and_says_when_it_ends() -> None:
    oauth = make_oauth_context(
        {"access_token": "a", "expires_in": "3600", "realm": 7}, now=NOW, requested=["x"]
    )
    assert oauth == {
        "token": {
            "access_token": "a",
            "expires_in": "3600",
            "realm": 7,
            "expires_at": "2030-01-01T01:00:00.000Z",
        },
        "scope": ["x"],
    }


@pytest.mark.parametrize("seconds", [None, "soon", [], -1, 1e10, 1e300, "NaN"])
def test_an_expiry_that_is_none_is_left_out(seconds: Any) -> None:
    assert (
        "expires_at" not in make_oauth_context({"access_token": "a", "expires_in": seconds}, now=NOW)["token"]
    )


def test_a_refresh_token_is_replaced_by_a_new_one_and_kept_without() -> None:
    before = {"token": {"access_token": "a", "refresh_token": "old"}, "scope": ["x"]}
    kept = make_oauth_context({"access_token": "b"}, now=NOW, previous=before)
    assert (kept["token"]["refresh_token"], kept["scope"]) == ("old", ["x"])
    assert "refresh_token" not in make_oauth_context({}, now=NOW, previous={"token": {}})["token"]
    assert make_oauth_context({"scope": "y, z"}, now=NOW, previous=before)["scope"] == ["y", "z"]
    assert make_oauth_context({"expires_in": 0}, now=NOW)["token"]["expires_at"] == "2030-01-01T00:00:00.000Z"
    rotated = make_oauth_context({"access_token": "b", "refresh_token": "new"}, now=NOW, previous=before)
    assert rotated["token"]["refresh_token"] == "new"
