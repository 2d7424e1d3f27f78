"""`isthmus integrations record` against a product over HTTP, with secrets planted where products put them."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from isthmus.authoring.contract.catalog_entry import Models, read_entry
from isthmus.authoring.contract.suite import run_suite
from isthmus.config import Settings
from isthmus.definitions.file_models import EXCHANGES
from tests.conftest import environ_of
from tests.contract.catalog import CATALOG
from tests.fakes.larkdesk import DEFINITION, KEY, Fault, Larkdesk, Records, RequestLimit, running
from tests.integration.commands import run_command
from tests.integration.larkdesk import connect, install
from tests.integration.serving import serving

BASIC = base64.b64encode(f"marit:{KEY}".encode()).decode()
PLANTED: dict[str, Any] = {
    "given_name": "Zebulon",
    "family_name": "Quagmire",
    "mail": "zeb@private.example",
    "phone": "+49 30 901820",
    "company": "Secretive Works",
    "api_token": "an-inner-token-of-theirs",
    "notes": f"Zebulon asked to be called. The key is {KEY}.",
    "avatar": f"https://elsewhere.example/u/zeb@private.example.png?token={KEY}",
    "hint": KEY,
    "basic": BASIC,
    "bearer": "Bearer abc.def.ghi",
    "deploy": "ghp_1234567890abcdefghij",
    "external_id": "CUST-998877",
    "ledger": {"id": 90817263, "name": "Quagmire Ledger Co"},
    "zeb@private.example": True,
    "birthday": "1980-02-03",
    "address": {"street": "Hidden Lane 5", "city": "Atlantis"},
    "owner": {"name": "Marit Solberg", "email": "marit@desk.example"},
    "stage": {"name": "In Progress"},
    "tags": ["vip"],
}
SECRETS = (
    KEY, BASIC, "Zebulon", "Quagmire", "private.example", "901820", "Secretive", "an-inner-token",
    "elsewhere", "abc.def.ghi", "ghp_", "998877", "90817263", "1980-02-03", "Hidden Lane", "Atlantis",
    "Marit", "desk.example",
)  # fmt: skip


@dataclass
class World:
    """A server, a product and an account of it; `folder`: the product's definition, without examples."""

    environ: dict[str, str]
    desk: Larkdesk
    account: str
    folder: Path

    async def record(self, *more: str, folder: Path | None = None) -> tuple[int, str, str]:
        command = ["integrations", "record", str(folder or self.folder)]
        if "--account" not in more:
            command += ["--account", self.account]
        finished = await run_command(self.environ, *command, *more)
        return finished.code, finished.output, finished.errors

    def written(self) -> str:
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("examples/*")))

    def exchanges(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads((self.folder / "examples" / f"{name}.json").read_text())
        EXCHANGES.validate_python(found)
        return found


@pytest.fixture
async def world(desk_settings: Settings, tmp_path: Path) -> AsyncIterator[World]:
    environ = environ_of(desk_settings.resolved_database_url.reveal(), desk_settings.data_dir)
    environ["ISTHMUS_EGRESS_ALLOW"] = "127.0.0.0/8"
    folder = tmp_path / "larkdesk"
    shutil.copytree(DEFINITION, folder)
    records = Records(tickets=9, contacts=5, users=2, comments=4)
    records.update("contacts", 1, PLANTED, "2024-05-01T09:00:00Z")
    async with (
        running(Larkdesk(records=records, limit=RequestLimit(None))) as desk,
        serving(desk_settings) as server,
    ):
        account = await connect(server, await install(server), desk.url)
        yield World(environ, desk, account, folder)


async def test_nothing_private_is_written_and_the_rest_keeps_its_shape(world: World) -> None:
    code, output, errors = await world.record("--method", "contacts.list", "--method", "contacts.get")
    assert code == 0, (output, errors)
    written = world.written()
    assert [secret for secret in SECRETS if secret in written] == []
    first = world.exchanges("contacts.list")[0]
    assert first["provenance"] == "recorded"
    assert first["request"] == {"query": {"size": "3"}}
    record = first["response"]["body"]["items"][0]
    assert record["api_token"] == record["hint"] == "redacted"
    assert record["stage"] == {"name": "In Progress"}
    assert record["tags"] == ["vip"]
    assert record["number"] == 1
    assert record["mail"].endswith("@example.com")
    assert record["phone"].startswith("+1555")
    assert record["opened"].startswith("2024-")
    assert len(str(record["ledger"]["id"])) == len("90817263")


async def test_what_was_recorded_holds_together(world: World) -> None:
    """Each listed record can be read, lists end, errors are told."""
    code, output, errors = await world.record()
    assert code == 0, (output, errors)
    outcomes = await run_suite(read_entry(world.folder, Models(CATALOG / "unified")))
    said = {each.name: each.complaints for each in outcomes}
    for name in ("pages", "reads", "errors"):
        assert [text for text in said[name] if "crm/contacts" in text] == [], name
    last = world.exchanges("contacts.list")[-1]
    assert last["response"]["body"]["paging"]["after"] is None
    assert last["request"]["query"]["after"] == "cursor-1"
    assert {visit.method for visit in world.desk.visits} == {"GET"}


async def test_a_walk_that_is_cut_short_ends_all_the_same(world: World) -> None:
    assert (await world.record("--method", "tickets.list", "--limit", "2", "--pages", "2"))[0] == 0
    first, last = world.exchanges("tickets.list")
    assert first["response"]["body"]["paging"]["after"] == "cursor-1"
    assert last["response"]["body"]["paging"]["after"] is None
    assert last["note"] == "Redacted; made the last page."


async def test_the_same_answers_give_the_same_files(world: World) -> None:
    assert "contacts.list.json: new" in (await world.record("--method", "contacts.list"))[1]
    before = world.written()
    code, output, _ = await world.record("--method", "contacts.list")
    assert (code, world.written()) == (0, before)
    assert output.strip().endswith("contacts.list.json: unchanged")
    world.desk.records.update("contacts", 2, {"phone": "+1 555 777 8888"}, "2024-06-01T00:00:00Z")
    code, output, _ = await world.record("--method", "contacts.list", "--dry-run")
    assert (code, world.written()) == (0, before)
    assert output.strip().endswith("contacts.list.json: changed: 1 changed")


async def test_errors_that_were_not_met_stay_and_stand_ins_go(world: World) -> None:
    stand_in = {"provenance": "documented", "response": {"status": 200, "body": {"items": []}}}
    throttled = {"provenance": "documented", "response": {"status": 429, "body": {"fault": {"text": "Slow"}}}}
    path = world.folder / "examples" / "contacts.list.json"
    path.parent.mkdir()
    path.write_text(json.dumps([stand_in, throttled]))
    assert (await world.record("--method", "contacts.list"))[0] == 0
    found = world.exchanges("contacts.list")
    assert throttled in found
    assert stand_in not in found


async def test_paths_are_kept_and_redacted_as_asked_but_never_a_credential(world: World) -> None:
    options = ("--keep", "items.notes", "--redact", "items.tags", "--redact", "items.ledger.*")
    assert (await world.record("--method", "contacts.list", *options))[0] == 0
    record = world.exchanges("contacts.list")[0]["response"]["body"]["items"][0]
    assert record["notes"] == "Zebulon asked to be called. The key is redacted."
    assert record["ledger"] == {"id": 0, "name": "redacted"}
    assert record["tags"] == ["redacted"]
    assert KEY not in world.written()


async def test_what_cannot_be_recorded_is_told(world: World) -> None:
    for more, code, said in (
        (("--method", "contacts"), 2, "write <resource>.list or <resource>.get"),
        (("--method", "contacts.delete"), 2, "no read method"),
        (("--query", "x"), 2, "write <name>=<value>"),
        (("--account", "nobody"), 4, "nobody"),
        (("--method", "ghosts.list"), 1, "ghosts.list: not recorded: is not defined"),
    ):
        got, _, errors = await world.record(*more)
        assert (got, said in errors) == (code, True), errors
    assert world.written() == ""


async def test_a_product_that_refuses_leaves_no_file(world: World) -> None:
    world.desk.cue(Fault("status", path="/v1/users", code=503, times=None))
    code, output, errors = await world.record("--method", "users.list", "--method", "contacts.list")
    assert code == 1
    assert "users.list: not recorded" in errors
    assert "contacts.list.json: new" in output
    assert [path.name for path in world.folder.glob("examples/*")] == ["contacts.list.json"]


async def test_another_products_folder_is_refused(world: World) -> None:
    code, _, errors = await world.record(folder=CATALOG / "integrations" / "redmine")
    assert code == 2
    assert "is one of larkdesk, and the folder is that of redmine" in errors
