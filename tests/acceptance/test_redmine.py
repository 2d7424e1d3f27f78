"""A product that others wrote, connected by its definition alone and read through the ticketing model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.acceptance.redmine import Redmine, missing
from tests.product import CallFailed, Product

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.acceptance, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

ISSUES = 500


@pytest.fixture(scope="module")
def redmine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redmine]:
    server = Redmine(tmp_path_factory.mktemp("redmine") / "instance")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def project(redmine: Redmine) -> int:
    return redmine.project("Harbour")


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    server = Product(tmp_path_factory.mktemp("isthmus"))
    server.start()
    yield server
    server.stop()


class Tickets:
    """The unified tickets of one connected Redmine."""

    def __init__(self, product: Product, account: str) -> None:
        self.product = product
        self.account = account

    def call(self, method: str, path: str = "", body: Any = None, **query: str) -> Any:
        address = f"/unified/ticketing/tickets{path}"
        return self.product.call(method, address, body, integrated_account_id=self.account, **query)

    def walk(self, **query: str) -> Iterator[dict[str, Any]]:
        cursor: str | None = ""
        while cursor is not None:
            page = self.call("GET", **query, **({"next_cursor": cursor} if cursor else {}))
            yield from page["result"]
            cursor = page["next_cursor"]


@pytest.fixture(scope="module")
def tickets(product: Product, redmine: Redmine) -> Tickets:
    install = product.install(product.integration("redmine"))
    return Tickets(product, product.account(install, {"url": redmine.url, "api_key": redmine.key}))


@pytest.fixture(scope="module")
def opened(redmine: Redmine, project: int) -> list[int]:
    return redmine.issues(project, ISSUES)


def test_every_issue_is_walked_once_and_fits_the_model(tickets: Tickets, opened: list[int]) -> None:
    schema = yaml.safe_load((ROOT / "catalog/unified/ticketing/tickets.schema.yaml").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    walked = list(tickets.walk(limit="100"))
    assert [ticket["id"] for ticket in walked] == [str(number) for number in opened]
    for ticket in walked:
        validator.validate(ticket)
    assert walked[0]["name"] == "Issue 1"
    assert walked[0]["status"] == {"id": "1", "name": "open"}
    assert walked[0]["workspace"]["name"] == "Harbour"
    assert walked[0]["remote_data"]["subject"] == "Issue 1"


def test_a_created_ticket_is_an_issue_in_redmine(tickets: Tickets, redmine: Redmine, project: int) -> None:
    ticket = tickets.call(
        "POST",
        body={"name": "Gate sticks", "description": "Two people.", "workspace": {"id": str(project)}},
    )
    assert ticket["name"] == "Gate sticks"
    issue = redmine.call("GET", f"/issues/{ticket['id']}.json")["issue"]
    assert (issue["subject"], issue["description"]) == ("Gate sticks", "Two people.")
    stored = redmine.rows("SELECT subject FROM issues WHERE id = ?", int(ticket["id"]))
    assert stored == [("Gate sticks",)]


def test_an_updated_ticket_is_changed_in_redmine(tickets: Tickets, redmine: Redmine, project: int) -> None:
    number = redmine.issues(project, 1)[0]
    tickets.call("PATCH", f"/{number}", {"name": "Gate sticks in the morning", "status": {"id": "3"}})
    issue = redmine.call("GET", f"/issues/{number}.json")["issue"]
    assert issue["subject"] == "Gate sticks in the morning"
    assert issue["status"]["name"] == "Resolved"
    assert tickets.call("GET", f"/{number}")["status"] == {"id": "3", "name": "resolved"}


def test_a_deleted_ticket_is_gone_from_redmine(tickets: Tickets, redmine: Redmine, project: int) -> None:
    number = redmine.issues(project, 1)[0]
    assert tickets.call("DELETE", f"/{number}") == {"id": str(number)}
    assert redmine.rows("SELECT id FROM issues WHERE id = ?", number) == []
    with pytest.raises(CallFailed) as failed:
        tickets.call("GET", f"/{number}")
    assert failed.value.status == 404
    assert failed.value.body["truto_is_remote_error"] is True


def test_notes_are_comments(product: Product, tickets: Tickets, redmine: Redmine, project: int) -> None:
    number = redmine.issues(project, 1)[0]
    for note in ("Oiled it.", "Still sticks."):
        redmine.call("PUT", f"/issues/{number}.json", {"issue": {"notes": note}})
    redmine.call("PUT", f"/issues/{number}.json", {"issue": {"status_id": 2}})
    page = product.call(
        "GET",
        "/unified/ticketing/comments",
        **{"integrated_account_id": tickets.account, "ticket[id]": str(number)},
    )
    assert [comment["body"] for comment in page["result"]] == ["Oiled it.", "Still sticks."]


def test_what_redmine_refuses_is_told_in_its_words(tickets: Tickets, project: int) -> None:
    with pytest.raises(CallFailed) as failed:
        tickets.call("POST", body={"name": "x" * 300, "workspace": {"id": str(project)}})
    assert failed.value.status == 422
    assert "Subject is too long" in failed.value.body["message"]
