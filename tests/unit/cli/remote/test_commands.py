"""Commands that call a server: the request of each, what is printed of its answer, the exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.cli.remote.answering import ACCOUNT, Answering, answering
from typer.testing import CliRunner, Result

from isthmus.cli.main import app

PAGE = {"result": [{"id": "7", "name": "Mira"}, {"id": "8", "name": "Jonas"}], "next_cursor": "c9"}


@pytest.fixture
def server() -> Iterator[Answering]:
    with answering() as told:
        yield told


def run(server: Answering, *arguments: str, input: str | None = None) -> Result:
    environ = {
        "ISTHMUS_API_URL": server.url,
        "ISTHMUS_API_TOKEN": "isth_x",
        "ISTHMUS_CONFIG_DIR": "/nonexistent",
        "COLUMNS": "100",
    }
    return CliRunner().invoke(app, arguments, env=environ, input=input)


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        ("unified crm contacts", "GET /unified/crm/contacts?integrated_account_id=A"),
        ("unified crm contacts 7", "GET /unified/crm/contacts/7?integrated_account_id=A"),
        ("unified crm contacts a/b?c", "GET /unified/crm/contacts/a%2Fb%3Fc?integrated_account_id=A"),
        ("unified crm contacts 7 -m update", "PATCH /unified/crm/contacts/7?integrated_account_id=A"),
        ("unified crm contacts -m update", "PATCH /unified/crm/contacts?integrated_account_id=A"),
        ("unified crm contacts 7 -m delete", "DELETE /unified/crm/contacts/7?integrated_account_id=A"),
        ("unified crm contacts -m search", "POST /unified/crm/contacts/search?integrated_account_id=A"),
        ("proxy contacts -q limit=5", "GET /proxy/contacts?integrated_account_id=A&limit=5"),
        ("proxy contacts 7", "GET /proxy/contacts/7?integrated_account_id=A"),
        (
            "proxy contacts -q a=1,b=2 -q a=3 -q x[gt]=1\\,2",
            "GET /proxy/contacts?integrated_account_id=A&a=3&b=2&x%5Bgt%5D=1%2C2",
        ),
        ("custom /v3/owners?x=1&y=2", "GET /custom/v3/owners?x=1&y=2&integrated_account_id=A"),
        (
            "custom /v3/a%2Fb?q=a%20b,c&id=1&id=2&flag&raw=%FF&x=1 -q x=2",
            "GET /custom/v3/a%2Fb?q=a+b%2Cc&id=1&id=2&flag=&raw=%FF&integrated_account_id=A&x=2",
        ),
        ("custom v3/owners -m put", "PUT /custom/v3/owners?integrated_account_id=A"),
    ],
)
def test_a_call_of_the_data_plane_goes_where_it_is_said_to(
    server: Answering, command: str, asked: str
) -> None:
    ran = run(server, *command.split(), "-a", ACCOUNT)
    assert ran.exit_code == 0, ran.stderr
    assert server.lines == [asked.replace("account_id=A", f"account_id={ACCOUNT}")]
    assert server.asked[0].authorization == "Bearer isth_x"


@pytest.mark.parametrize(
    ("path", "more", "asked"),
    [
        ("/x?integrated_account_id=B", (), "GET /custom/x?integrated_account_id=B"),
        ("/x", ("-q", "integrated_account_id=B"), "GET /custom/x?integrated_account_id=B"),
        ("/x?integrated_account_id=B", ("-a", "A"), "GET /custom/x?integrated_account_id=B"),
        ("/x", ("-q", "integrated_account_id=B", "-a", "A"), "GET /custom/x?integrated_account_id=B"),
        (
            "/x?integrated_account_id=B",
            ("-q", "integrated_account_id=C"),
            "GET /custom/x?integrated_account_id=C",
        ),
    ],
)
def test_an_account_that_a_path_or_its_query_names_is_the_one_that_is_called(
    server: Answering, path: str, more: tuple[str, ...], asked: str
) -> None:
    ran = run(server, "custom", path, *more)
    assert (ran.exit_code, server.lines) == (0, [asked]), ran.stderr


@pytest.mark.parametrize(
    ("output", "is_whole"),
    [(None, False), ("table", False), ("csv", False), ("json", True), ("ndjson", True), ("yaml", True)],
)
def test_the_owner_of_a_token_is_shown_in_brief_to_people_and_whole_to_programs(
    server: Answering, output: str | None, is_whole: bool
) -> None:
    server.will({"team": {"name": "t", "domain": "t.example"}, "environment": {"name": "e", "id": "1"}})
    ran = run(server, "whoami", *(() if output is None else ("-o", output)))
    assert (ran.exit_code, "t.example" in ran.stdout, "environment_id" in ran.stdout) == (
        0,
        is_whole,
        not is_whole,
    )


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        ("whoami", "GET /me"),
        ("schema", "GET /openapi.json"),
        (
            f"capabilities {ACCOUNT}",
            f"GET /integrated-account/{ACCOUNT}/capabilities?type=all&has_description=true",
        ),
        (
            "capabilities hubspot -t proxy --no-has-description --resource x",
            "GET /integration/hubspot/capabilities?type=proxy&has_description=false&resource=x",
        ),
        ("accounts tools x --methods read", "GET /integrated-account/x/tools?methods=read"),
        ("accounts refresh-credentials x", "POST /integrated-account/refresh-credentials"),
        ("accounts empty-sandbox x", "DELETE /integrated-account/x/sandbox"),
        ("accounts create-token x", "POST /integrated-account/token"),
        ("integrations tools x --tags a,b", "GET /integration/x/tools?tags=a%2Cb"),
        ("integrations unified-apis x", "GET /integration/x/unified-apis"),
        ("integrations get x", "GET /integration/x"),
        ("integrations delete x -f", "DELETE /integration/x"),
        ("accounts list --tenant-id a --limit 3", "GET /integrated-account?tenant_id=a&limit=3"),
        ("accounts list --integration_name a", "GET /integrated-account?integration.name=a&limit=25"),
        ("accounts list --integration.name=a", "GET /integrated-account?integration.name=a&limit=25"),
        ("integrated-accounts list --next-cursor c", "GET /integrated-account?limit=25&next_cursor=c"),
        ("accounts list --select id,status", "GET /integrated-account?select=id%2Cstatus&limit=25"),
        ("env-integrations list", "GET /environment-integration?limit=25"),
        ("unified-models list --name crm", "GET /unified-model?name=crm&limit=25"),
        ("docs list --integration-id x", "GET /documentation?integration_id=x&limit=25"),
        ("gates list", "GET /static-gate?limit=25"),
        ("team list", "GET /team?limit=25"),
    ],
)
def test_a_command_asks_the_route_it_names(server: Answering, command: str, asked: str) -> None:
    server.will({"result": [], "team": {"name": "t"}, "environment": {"name": "e", "id": "1"}})
    ran = run(server, *command.split())
    assert ran.exit_code == 0, ran.stderr
    assert server.lines == [asked]


def test_a_schema_replaces_no_file_unasked(server: Answering, tmp_path: Path) -> None:
    path = tmp_path / "o.json"
    path.write_text("mine")
    refused = run(server, "schema", "--out", str(path), "-o", "json")
    assert (refused.exit_code, "--force" in refused.stderr, server.asked) == (2, True, [])
    assert path.read_text() == "mine"
    server.will({"openapi": "3.1.0"})
    assert run(server, "schema", "--out", str(path), "-o", "json", "--force").exit_code == 0
    assert json.loads(path.read_text()) == {"openapi": "3.1.0"}


def test_an_account_is_named_by_its_integration_or_its_tenant(server: Answering) -> None:
    row = {"id": ACCOUNT, "integration": {"name": "quillboard"}, "tenant_id": "acme", "status": "active"}
    for command in ("unified crm contacts", "proxy contacts", "custom /x", "export contacts", "batch -b {}"):
        server.answers.clear()
        server.asked.clear()
        for rows in ([], [row], []):
            server.will({"result": rows, "next_cursor": None})
        ran = run(server, *command.split(), "-a", "acme")
        assert ran.exit_code == 0, ran.stderr
        assert server.lines[:2] == [
            "GET /integrated-account?integration.name=acme&limit=11",
            "GET /integrated-account?tenant_id=acme&limit=11",
        ]
        sent = server.asked[2]
        assert ACCOUNT in (sent.body or {}).values() or f"account_id={ACCOUNT}" in sent.path


@pytest.mark.parametrize("command", ["proxy contacts", "export contacts", "custom /x"])
def test_a_name_of_no_account_or_of_several_is_refused_with_the_candidates(
    server: Answering, command: str
) -> None:
    for _ in range(2):
        server.will({"result": [], "next_cursor": None})
    ran = run(server, *command.split(), "-a", "acme")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "no account has the integration or the tenant id acme" in ran.stderr
    other = {"id": "2", "integration": {"name": "larkdesk"}, "tenant_id": "acme", "status": "needs_reauth"}
    server.will({"result": [{"id": "1", "tenant_id": "\x1b"}], "next_cursor": None})
    server.will({"result": [other], "next_cursor": None})
    ran = run(server, *command.split(), "-a", "acme")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "acme is more than one account" in ran.stderr
    assert "  1    \ufffd  \n  2  larkdesk  acme  needs_reauth\n" in ran.stderr
    assert len(server.asked) == 4


def test_a_list_is_an_array_with_the_cursor_beside_it(server: Answering) -> None:
    server.will(PAGE)
    ran = run(server, "unified", "crm", "contacts", "-a", ACCOUNT, "-o", "json")
    assert json.loads(ran.stdout) == PAGE["result"]
    assert ran.stderr == "Next page: -q next_cursor=c9\n"
    server.will(PAGE)
    ran = run(server, "accounts", "list", "-o", "id")
    assert (ran.stdout, ran.stderr) == ("7\n8\n", "Next page: --next-cursor c9\n")
    server.will({**PAGE, "next_cursor": "a b;c\x1b"})
    assert run(server, "accounts", "list").stderr == "Next page: --next-cursor 'a b;c\ufffd'\n"


def test_all_pages_are_walked_where_they_are_asked_for(server: Answering) -> None:
    server.will(PAGE)
    server.will({"result": [{"id": "9"}], "next_cursor": None})
    ran = run(server, "accounts", "list", "--all", "-o", "id")
    assert ran.stdout.split() == ["7", "8", "9"]
    assert server.lines[1].endswith("limit=100&next_cursor=c9")


def test_a_body_is_a_text_a_file_or_standard_input(server: Answering, tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    path.write_text('{"a": 1}', encoding="utf-8-sig")
    call = ("proxy", "things", "-a", ACCOUNT, "-m", "create")
    for more, input in ((("-b", '{"a": 1}'), None), (("-b", f"@{path}"), None), (("--stdin",), '{"a": 1}')):
        assert run(server, *call, *more, input=input).exit_code == 0
    assert [each.body for each in server.asked] == [{"a": 1}] * 3
    wrong = run(server, *call, "-b", "{")
    assert (wrong.exit_code, "--body is not JSON" in wrong.stderr, len(server.asked)) == (2, True, 3)


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, 1), (401, 3), (403, 3), (404, 4), (409, 6), (422, 1), (429, 7), (500, 5), (503, 5)],
)
def test_a_refusal_is_told_in_the_servers_words_by_its_exit_code(
    server: Answering, status: int, code: int
) -> None:
    server.retry_after = "0"
    for _ in range(3):
        server.will({"message": "not so"}, status)
    ran = run(server, "accounts", "get", "x")
    assert (ran.exit_code, ran.stdout) == (code, "")
    assert ran.stderr == "isthmus: GET /integrated-account/x: not so\n"


def test_each_of_several_failures_is_told(server: Answering) -> None:
    failures = [{"path": "name", "message": "is required"}, {"path": "domain", "message": "is required"}]
    server.will({"message": "name: is required (and 1 more)", "details": {"failures": failures}}, 400)
    ran = run(server, "gates", "create", "-b", "{}")
    assert ran.stderr == "isthmus: POST /static-gate: name: is required; domain: is required\n"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_only_reads_is_asked_again_where_the_server_is_busy(server: Answering, status: int) -> None:
    server.retry_after = "0"
    for _ in range(2):
        server.will({"message": "busy"}, status)
    server.will({"id": "1"})
    assert run(server, "accounts", "get", "x").exit_code == 0
    assert len(server.asked) == 3
    server.will({"message": "busy"}, status)
    assert run(server, "gates", "create", "-b", "{}").exit_code != 0
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    "command", ["unified crm contacts -m create", "proxy contacts -m create", "custom /x -m post", "batch"]
)
def test_a_write_with_a_key_is_sent_again_with_it(server: Answering, command: str) -> None:
    server.retry_after = "0"
    server.will({"message": "busy"}, 503)
    server.will({})
    ran = run(server, *command.split(), "-a", ACCOUNT, "-b", "{}", "--idempotency-key", "k1")
    assert ran.exit_code == 0, ran.stderr
    assert [each.key for each in server.asked] == ["k1", "k1"]


def test_a_batch_fails_where_one_of_its_calls_did(server: Answering, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text('{"resources": [{"resource": "crm/contacts"}]}')
    server.will({"result": {"crm/contacts": []}, "errors": {"crm/contacts": []}})
    assert run(server, "batch", str(path), "-a", ACCOUNT).exit_code == 0
    assert server.asked[0].body["integrated_account_id"] == ACCOUNT
    server.will({"result": {}, "errors": {"crm/contacts": [{"statusCode": 404}]}})
    ran = run(server, "batch", str(path), "-a", ACCOUNT)
    assert (ran.exit_code, '"statusCode": 404' in ran.stdout) == (1, True)


def test_capabilities_are_a_table_that_says_what_it_hides(server: Answering) -> None:
    found: dict[str, Any] = {
        "proxy": [{"resource": "contacts", "methods": [{"method": "list"}, {"method": "get"}]}],
        "unified": [{"model": "crm", "resource": "contacts", "methods": ["list"]}],
        "ai_readiness": {"proxy_methods": 5, "proxy_methods_with_descriptions": 2},
    }
    server.will(found)
    ran = run(server, "capabilities", "x", "-o", "table")
    assert [line.split() for line in ran.stdout.splitlines()] == [
        ["surface", "resource", "methods"],
        ["proxy", "contacts", "list,", "get"],
        ["unified", "crm/contacts", "list"],
    ]
    assert "3 proxy methods have no description" in ran.stderr


def test_rows_are_made_one_by_one_and_one_that_is_refused_stops_no_other(server: Answering) -> None:
    lines = '{"name": "a"}\n\n{"name": "b"}\n{"name": "c"}\n'
    for status in (200, 400, 200):
        server.will({"id": "1", "message": "taken"}, status)
    ran = run(server, "gates", "create", "--stdin", "--domain", "d.example", input=lines)
    assert ran.exit_code == 1
    assert [each.body["name"] for each in server.asked] == ["a", "b", "c"]
    assert {each.body["domain"] for each in server.asked} == {"d.example"}
    assert ran.stderr.splitlines() == ["line 3: POST /static-gate: taken", "2 created, 1 refused."]
    assert len(ran.stdout.splitlines()) == 2
    server.asked.clear()
    server.will({"message": "taken"}, 400)
    assert (
        run(server, "gates", "create", "--stdin", "--fail-fast", input='[{"a": 1}, {"a": 2}]').exit_code == 1
    )
    assert len(server.asked) == 1


def test_a_change_of_a_versioned_row_needs_the_version(server: Answering) -> None:
    ran = run(server, "integrations", "update", "x", "--category", "crm")
    assert (ran.exit_code, "integrations get x --select version" in ran.stderr) == (2, True)
    assert (
        run(server, "integrations", "update", "x", "-b", '{"version": 2}', "--category", "crm").exit_code == 0
    )
    assert server.asked[0].body == {"version": 2, "category": "crm"}
    assert run(server, "env-integrations", "update", "x", "--is-enabled", "false").exit_code == 0
    assert server.asked[1].body == {"is_enabled": False}


@pytest.mark.parametrize(
    "words",
    [
        "x --tenant-id a --status=active",
        "--tenant-id a x --status=active",
        "--status=active --tenant-id a x",
        "-o json --tenant-id a -b {} --status active x",
    ],
)
def test_fields_of_a_change_stand_before_the_id_or_behind_it(server: Answering, words: str) -> None:
    assert run(server, "accounts", "update", *words.split()).exit_code == 0
    assert server.lines == ["PATCH /integrated-account/x"]
    assert server.asked[0].body == {"tenant_id": "a", "status": "active"}


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("accounts list --tenantid x", "Did you mean --tenant-id?"),
        ("accounts list -d x", "unknown option or filter -d"),
        ("accounts list --tenant-id", "--tenant-id needs a value"),
        ("docs list", "one of --integration-id"),
        ("accounts update --tenant-id a", "id of the row to update is missing"),
        ("accounts update --tenant-id", "id of the row to update is missing"),
        ("accounts update x y", "unknown option or field y"),
        ("accounts update --tenantid a x", "Did you mean --tenant-id?"),
        ("link-tokens create --tenant-id a -o id", "have no id"),
        ("accounts create-token x -o id", "have no id"),
        ("batch -a A -b {} -o id", "have no id"),
        ("gates create", "must be a JSON object"),
        ("gates create -b []", "must be a JSON object"),
        ("gates delete x", "give --force"),
        ("accounts list --select ,", "--select names no field"),
        ("proxy things -a A -q limit", "write <name>=<value>"),
        ("custom https://x.example/a -a A", "leave out the provider's address"),
        ("batch", "must be a JSON object"),
        ("unified crm contacts", "no account: give one with --account"),
    ],
)
def test_what_is_asked_for_wrongly_is_told_and_nothing_is_sent(
    server: Answering, command: str, said: str
) -> None:
    ran = run(server, *command.split())
    assert (ran.exit_code, said in ran.stderr) == (2, True), ran.stderr
    assert server.asked == []


def test_a_file_is_written_as_it_is(server: Answering) -> None:
    server.answers.append((200, "application/pdf", b"%PDF\x00\xff"))
    environ = {"ISTHMUS_API_URL": server.url, "ISTHMUS_API_TOKEN": "x"}
    command = [str(Path(sys.executable).parent / "isthmus"), "custom", "/files/7", "-a", ACCOUNT]
    done = subprocess.run(command, env=environ, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"%PDF\x00\xff", b"")


def test_a_reader_that_goes_away_ends_it_quietly(server: Answering) -> None:
    server.will({"result": [{"id": str(number), "x": "y" * 200} for number in range(5000)]})
    command = (
        f"{Path(sys.executable).parent}/isthmus accounts list -o ndjson | head -1; echo ${{PIPESTATUS[0]}}"
    )
    environ = {"ISTHMUS_API_URL": server.url, "ISTHMUS_API_TOKEN": "x", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["bash", "-c", command], env=environ, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout.splitlines()[1] == "141"
