"""What a client keeps to itself, and what it makes of a server that is another than it takes it for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.unit.cli.remote.answering import ACCOUNT, Answering, answering
from typer.testing import CliRunner, Result

from isthmus.cli.main import app
from isthmus.kit.call_warnings import CallWarning, format_warning_header


@pytest.fixture
def server() -> Iterator[Answering]:
    with answering() as told:
        yield told


def run(url: str, *arguments: str, token: str = "isth_x", input: str | None = None) -> Result:
    environ = {"ISTHMUS_API_URL": url, "ISTHMUS_API_TOKEN": token, "ISTHMUS_CONFIG_DIR": "/nonexistent"}
    return CliRunner().invoke(app, arguments, env=environ, input=input)


def test_a_server_that_sends_elsewhere_is_not_followed(server: Answering) -> None:
    with answering() as other:
        for verb in (("accounts", "get", "x"), ("gates", "create", "-b", "{}")):
            server.location = f"{other.url}/y"
            server.will({}, 307)
            ran = run(server.url, *verb)
            assert (ran.exit_code, f"redirects to {other.url}/y" in ran.stderr) == (5, True)
        assert other.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "foo",
        "ftp://x.example",
        "http://[",
        "http://",
        "http://127.0.0.1:99999",
        "http://u:hunter2@x.example",
        "http://x.example?a=1",
    ],
)
def test_an_address_that_is_none_is_told_and_not_repeated(url: str) -> None:
    ran = run(url, "accounts", "get", "x")
    assert (ran.exit_code, "the server's address" in ran.stderr, "hunter2" in ran.stderr) == (2, True, False)


@pytest.mark.parametrize("token", ["isth_a\nb", "isth_é", "isth_a\x7f"])
def test_a_token_that_is_none_is_told_and_not_repeated(server: Answering, token: str) -> None:
    ran = run(server.url, "accounts", "get", "x", token=token)
    assert (ran.exit_code, "characters that no token has" in ran.stderr) == (2, True)
    assert "isth_" not in ran.stderr
    assert server.asked == []


@pytest.mark.parametrize(
    ("with_url", "tokens", "sent"),
    [
        ("TRUTO", {"ISTHMUS": "i"}, None),
        ("ISTHMUS", {"TRUTO": "t"}, None),
        ("TRUTO", {"ISTHMUS": "i", "TRUTO": "t"}, "t"),
        ("ISTHMUS", {"ISTHMUS": "i", "TRUTO": "t"}, "i"),
        ("TRUTO", {"TRUTO": "t"}, "t"),
        ("", {"TRUTO": "t"}, "t"),
        ("", {"ISTHMUS": "i", "TRUTO": "t"}, "i"),
    ],
)
def test_the_token_of_one_family_of_variables_goes_to_no_address_of_the_other(
    server: Answering, with_url: str, tokens: dict[str, str], sent: str | None
) -> None:
    environ: dict[str, str | None] = {"ISTHMUS_CONFIG_DIR": "/nonexistent"}
    for family in ("ISTHMUS", "TRUTO"):
        environ[f"{family}_API_URL"] = server.url if family == with_url else None
        environ[f"{family}_API_TOKEN"] = tokens.get(family)
    given = () if with_url else ("--api-url", server.url)
    ran = CliRunner().invoke(app, ["accounts", "get", "x", *given], env=environ)
    assert [each.authorization for each in server.asked] == ([f"Bearer {sent}"] if sent else [])
    if sent is None:
        assert (ran.exit_code, f"set {with_url}_API_TOKEN" in ran.stderr) == (2, True)


@pytest.mark.parametrize("name", ["", ".", ".."])
@pytest.mark.parametrize(
    "command",
    [
        "accounts get {}",
        "accounts delete {} -f",
        "accounts identify {}",
        "accounts tools {}",
        "capabilities {}",
        "unified crm {} -a A",
        "proxy contacts {} -a A",
    ],
)
def test_a_name_that_would_make_another_path_is_refused(server: Answering, command: str, name: str) -> None:
    ran = run(server.url, *(name if word == "{}" else word for word in command.split()))
    assert (ran.exit_code, "is not a valid name or id" in ran.stderr) == (2, True)
    assert server.asked == []


@pytest.mark.parametrize("answer", [[], None, {}, "x", {"result": 5, "team": "x", "errors": [1]}], ids=str)
@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("whoami", 5),
        ("accounts list", 5),
        ("accounts list --all", 5),
        ("accounts identify x", 5),
        ("capabilities x -o table", 5),
        ("login --token-stdin", 5),
        (f"export contacts -a {ACCOUNT}", 2),
    ],
)
def test_an_answer_of_another_program_is_told(
    server: Answering, command: str, code: int, answer: Any
) -> None:
    server.will(answer)
    ran = run(server.url, *command.split(), input="isth_x\n")
    assert ran.exit_code == code, ran.exception
    assert ran.stderr.startswith("isthmus: the response is not")


@pytest.mark.parametrize(
    ("answer", "code"), [([], 0), (None, 0), ({"errors": [1]}, 1), ({"errors": {}}, 0), ({"errors": None}, 0)]
)
def test_a_batch_of_another_shape_is_shown(server: Answering, answer: Any, code: int) -> None:
    server.will(answer)
    ran = run(server.url, "batch", "-b", "{}", "-a", ACCOUNT)
    assert (ran.exit_code, json.loads(ran.stdout)) == (code, answer)


def test_json_with_an_integer_of_too_many_digits_is_told(server: Answering) -> None:
    ran = run(server.url, "gates", "create", "--stdin", input=f'{{"a": {"9" * 5_000}}}')
    assert (ran.exit_code, "is not usable JSON: Exceeds the limit" in ran.stderr) == (2, True)
    assert server.asked == []


def test_json_that_is_nested_too_deep_is_told(server: Answering) -> None:
    deep = "[" * 100_000
    for command in (("gates", "create", "--stdin"), ("proxy", "x", "-a", ACCOUNT, "-m", "create", "--stdin")):
        ran = run(server.url, *command, input=deep)
        assert (ran.exit_code, "standard input is nested too deeply" in ran.stderr) == (2, True)
    assert server.asked == []
    server.answers.append((200, "application/json", deep.encode()))
    ran = run(server.url, "accounts", "get", "x")
    assert (ran.exit_code, "the response is not JSON" in ran.stderr) == (5, True)


def test_what_a_server_sends_paints_no_terminal(server: Answering) -> None:
    server.will({"result": [{"id": "1", "name": "\x1b[31mred\x9b2J"}]})
    ran = run(server.url, "gates", "list")
    assert ("red" in ran.stdout, "\x1b" in ran.stdout, "\x9b" in ran.stdout) == (True, False, False)
    server.will({"message": "\x1b]0;mine\x07"}, 400)
    ran = run(server.url, "accounts", "get", "x")
    assert ("mine" in ran.stderr, "\x1b" in ran.stderr) == (True, False)


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000], ids=["cut", "no text", "deep"])
@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("accounts get x", 5),
        (f"unified crm contacts -a {ACCOUNT}", 2),
        (f"proxy contacts -a {ACCOUNT}", 2),
        (f"batch -b {{}} -a {ACCOUNT}", 2),
    ],
)
def test_an_answer_that_is_no_json_is_told(server: Answering, command: str, code: int, body: bytes) -> None:
    server.answers.append((200, "application/json", body))
    ran = run(server.url, *command.split())
    assert (ran.exit_code, "the response is not JSON" in ran.stderr) == (code, True)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"message": 7}', b"[" * 100_000], ids=["0", "html", "[]", "7", "deep"]
)
def test_a_refusal_without_words_is_told_by_its_status(server: Answering, body: bytes) -> None:
    server.answers.append((418, "application/json", body))
    ran = run(server.url, "accounts", "get", "x")
    assert (ran.exit_code, "/integrated-account/x: status 418" in ran.stderr) == (1, True)


@pytest.mark.parametrize(
    ("status", "code", "is_redirect"),
    [
        (299, 0, False),
        (300, 5, True),
        (399, 5, True),
        (400, 1, False),
        (401, 3, False),
        (403, 3, False),
        (404, 4, False),
        (409, 6, False),
        (499, 1, False),
        (500, 5, False),
    ],
)
def test_the_exit_code_tells_the_status(server: Answering, status: int, code: int, is_redirect: bool) -> None:
    server.will({"id": "x"}, status)
    ran = run(server.url, "accounts", "get", "x")
    assert (ran.exit_code, "redirects to nowhere" in ran.stderr) == (code, is_redirect)


def test_one_failure_is_told_in_the_words_of_the_message(server: Answering) -> None:
    server.will({"message": "no such field", "details": {"failures": [{"path": "a", "message": "b"}]}}, 400)
    ran = run(server.url, "accounts", "get", "x")
    assert ("no such field" in ran.stderr, "a: b" in ran.stderr) == (True, False)


def test_a_server_that_hangs_up_is_told(server: Answering) -> None:
    server.hold_after = 0
    server.release.set()
    ran = run(server.url, "accounts", "get", "x")
    assert (ran.exit_code, f"{server.url} does not respond" in ran.stderr) == (5, True)


def test_a_server_that_never_answers_is_told(server: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isthmus.cli.remote.api_client._TIMEOUT_SECONDS", 0.2)
    server.hold_after = 0
    ran = run(server.url, "accounts", "get", "x")
    server.release.set()
    assert (ran.exit_code, f"{server.url} does not respond" in ran.stderr) == (5, True)


def test_what_a_call_left_out_is_told_once_and_beside_its_records(server: Answering) -> None:
    warning = CallWarning("unknown_name", "query.x\x1b is not known.", "query.x")
    server.warning = format_warning_header([warning])
    for cursor in ("c1", None):
        server.will({"result": [{"id": "1"}], "next_cursor": cursor})

    ran = run(server.url, "export", "crm/contacts", "-a", ACCOUNT, "-o", "ndjson")

    assert (ran.exit_code, ran.stdout) == (0, '{"id":"1"}\n{"id":"1"}\n')
    assert ran.stderr.count("isthmus: warning: query.x%1B is not known.") == 1
