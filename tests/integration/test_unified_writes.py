"""What a unified call writes is read back from each product, also as a published sample writes it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from isthmus.definitions.aliases import list_aliases
from tests.contract.catalog import CatalogEntry, entry, integration_names, model
from tests.fakes.listening import listening
from tests.fakes.storing import StoringProvider
from tests.integration.serving import Server
from tests.integration.shipped_accounts import connect
from tests.npm import NODE

_PAGE = Path(__file__).parents[3] / "shared" / "seed" / "unified-api-platform.txt"
_RUNNER = Path(__file__).with_name("printed_samples.mjs")
SAMPLE = {"first_name": "Jane", "last_name": "Doe", "email": "jane@example.com"}
CHANGE = {"email": "jane.doe@example.com", "phone": "+1 555 0100"}


@dataclass(frozen=True)
class Product:
    """A product whose contacts, or users with e-mail addresses, can be created and read."""

    entry: CatalogEntry
    model: str
    resource: str

    def __str__(self) -> str:
        return f"{self.entry.name}-{self.resource}"

    @property
    def path(self) -> str:
        return f"/unified/{self.model}/{self.resource}"

    @property
    def remote_resource(self) -> str:
        cell = self.entry.find_mapped_method(self.model, self.resource, "create")
        assert cell is not None
        return cell.proxy_methods[0][0]

    def find_lost(self, sent: Mapping[str, Any], record: Mapping[str, Any]) -> list[str]:
        """Returns the names of what was sent and the record does not hold. A product without the parts of a
        name holds them in the name."""
        unmapped = self.entry.get_unmapped(self.model, self.resource).fields
        parts = str(record.get("name")).split()
        aliases = model(self.model).file.resources[self.resource].aliases
        fields = {each.name: each for each in list_aliases(aliases, model(self.model).schemas[self.resource])}
        lost = []
        for name, value in sent.items():
            if name in fields:
                is_held = any(item.get(fields[name].key) == value for item in record[fields[name].field])
            else:
                is_held = record.get(name) == value or (name in unmapped and value in parts)
            lost += [] if is_held else [name]
        return lost


def list_products() -> list[Product]:
    """Lists the products that take the sample of a contact."""
    found = [
        Product(entry(name), cell.model, cell.resource)
        for name in integration_names()
        for cell in entry(name).mapped_methods
        if cell.method == "create" and cell.resource == "contacts"
    ]
    return [*found, Product(entry("okta"), "user-directory", "users")]


@asynccontextmanager
async def connected(server: Server, product: Product) -> AsyncIterator[tuple[StoringProvider, str]]:
    """Runs the product's provider; yields it, and the query that names an account of it."""
    provider = StoringProvider(product.entry, product.remote_resource)
    async with listening(provider.answer) as url:
        await server.install_of_model(product.model)
        account = await connect(server, product.entry, url)
        yield provider, f"?integrated_account_id={account}"


@pytest.mark.parametrize("product", list_products(), ids=str)
async def test_a_record_holds_each_field_of_the_write(server: Server, product: Product) -> None:
    async with connected(server, product) as (_, account):
        made = await server.ok("POST", product.path + account, json=SAMPLE)
        record = await server.ok("GET", f"{product.path}/{made['id']}{account}")
        assert product.find_lost(SAMPLE, record) == []
        (listed,) = (await server.ok("GET", product.path + account))["result"]
        assert product.find_lost(SAMPLE, listed) == []

        await server.ok("PATCH", f"{product.path}/{made['id']}{account}", json=CHANGE)
        changed = await server.ok("GET", f"{product.path}/{made['id']}{account}")
        assert product.find_lost({**SAMPLE, **CHANGE}, changed) == []


def test_contacts_of_five_products_are_written() -> None:
    assert {product.entry.name for product in list_products()} == {
        "freshdesk", "hubspot", "okta", "pipedrive", "salesforce", "stripe",
    }  # fmt: skip


async def run_samples(server: Server, account: str) -> list[dict[str, Any]]:
    """Runs the samples of the page in Node.js; returns `{call, sent, status, body}` of each call made."""
    arguments = {"page": _PAGE.read_text("utf-8"), "address": server.url, "account": account}
    process = await asyncio.create_subprocess_exec(
        NODE,
        str(_RUNNER),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"TRUTO_API_TOKEN": server.token},
    )
    out, err = await process.communicate(json.dumps(arguments).encode())
    assert process.returncode == 0, err.decode()
    calls: list[dict[str, Any]] = json.loads(out)
    return calls


@pytest.mark.parametrize("product", [each for each in list_products() if each.model == "crm"], ids=str)
async def test_the_published_samples_run_as_they_are_printed(server: Server, product: Product) -> None:
    if not _PAGE.is_file():
        pytest.skip("shared seed/unified-api-platform.txt absent")
    async with connected(server, product) as (_, account):
        calls = await run_samples(server, account.partition("=")[2])
        by_call = {call["call"]: call for call in calls}
        assert by_call.keys() == {
            "POST /link-token", "GET /unified/crm/contacts", "POST /unified/crm/contacts",
            "GET /proxy/contacts",
        }  # fmt: skip
        has_proxy = "contacts" in product.entry.file.config.resources
        expected = {name: 404 if "/proxy" in name and not has_proxy else 200 for name in by_call}
        assert {name: call["status"] for name, call in by_call.items()} == expected

        write = by_call["POST /unified/crm/contacts"]
        assert len(write["sent"]) == 3
        record = await server.ok("GET", f"{product.path}/{write['body']['id']}{account}")
        assert product.find_lost(write["sent"], record) == []
