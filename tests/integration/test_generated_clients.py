"""Clients that published generators make of `/openapi.json`: they have each operation, and call a server."""

from __future__ import annotations

import asyncio
import importlib
import json
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import httpx
import pytest

from tests.fakes.larkdesk import Larkdesk, Records, running
from tests.integration.larkdesk import connect, install
from tests.integration.serving import Server
from tests.npm import NODE, OPENAPI_TYPESCRIPT, install_packages

PACKAGE = "generated_isthmus"
COMPRESSED = ("gzip, br", "br;q=1.0, GZIP; q=0.001")
WHOLE = ("identity", "gzip;q=0", "gzip; q=0.0", "gzip;q=0.00", "gzip;q=0.000", "x-gzip-2")
"""What callers accept, for RFC 9110: a weight of 0 has up to three digits, and means not at all."""


async def fetch_document(server: Server) -> dict[str, Any]:  # a JSON document
    """Fetches the document of an environment that has every shipped model."""
    for model in ("crm", "ticketing", "user-directory"):
        await server.install_of_model(model)
    document: dict[str, Any] = await server.ok("GET", "/openapi.json")
    return document


def list_operations(document: dict[str, Any]) -> list[str]:
    """Lists the ids of all operations of a document."""
    return [operation["operationId"] for path in document["paths"].values() for operation in path.values()]


def generate_python_client(document: Path, target: Path) -> str:
    """Runs openapi-python-client; returns what it printed."""
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]
    scripts = sysconfig.get_path("scripts")  # it formats with ruff, which it looks for on the path
    done = subprocess.run(
        [*command, "--path", document, "--output-path", target / PACKAGE],
        env={"PATH": scripts, "PYTHONPATH": ":".join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def package_path(tmp_path: Path) -> Iterator[Path]:
    """A folder from which the generated package can be imported."""
    sys.path.insert(0, str(tmp_path))
    yield tmp_path
    sys.path.remove(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


@pytest.mark.walk(share=0.3)
async def test_a_python_client_has_each_operation_and_makes_calls(
    desk_server: Server, package_path: Path
) -> None:
    contacts_account = await desk_server.sandbox_of("hubspot")
    document = await fetch_document(desk_server)
    path = package_path / "openapi.json"
    path.write_text(json.dumps(document))
    printed = await asyncio.to_thread(generate_python_client, path, package_path)
    assert "WARNING" not in printed, printed
    assert "Unable" not in printed, printed
    made = {each.stem for each in (package_path / PACKAGE / "api").glob("*/*.py")} - {"__init__"}
    assert made == {normalize_name(name) for name in list_operations(document)}
    async with running(Larkdesk(records=Records(tickets=2))) as desk:
        account = await connect(desk_server, await install(desk_server), desk.url)
        await asyncio.to_thread(call_server, desk_server.url, desk_server.token, account, contacts_account)


def normalize_name(operation_id: str) -> str:
    """Returns the name of the module of an operation."""
    return operation_id.replace("-", "_").lower()


def call_server(url: str, token: str, account: str, contacts_account: str) -> None:
    """Creates and lists rows and records with the generated client, records also by a unified model.
    `account`: of the fake desk. `contacts_account`: a sandbox account with contacts."""
    client_module = importlib.import_module(f"{PACKAGE}.client")
    models = importlib.import_module(f"{PACKAGE}.models")

    def find(tag: str, operation: str) -> ModuleType:
        """Returns the module of an operation."""
        return importlib.import_module(f"{PACKAGE}.api.{tag}.{operation}")

    with client_module.AuthenticatedClient(base_url=url, token=token) as client:
        gate = models.StaticGateIn.from_dict({"name": "office", "domain": "gate.example.com"})
        created = find("static_gates", "create_static_gate").sync(client=client, body=gate)
        listed = find("static_gates", "list_static_gates").sync(client=client)
        assert [each.id for each in listed.result] == [created.id]
        proxy = find("proxy_api", "proxy_create").sync_detailed(
            client=client, resource="tickets", integrated_account_id=account, body={"subject": "Lamp"}
        )
        assert (proxy.status_code, json.loads(proxy.content)["subject"]) == (200, "Lamp")
        records = find("proxy_api", "proxy_list").sync(
            client=client, resource="tickets", integrated_account_id=account
        )
        assert "Lamp" in {record["subject"] for record in records.result}
        contacts = find("unified_crm", "unified_crm_contacts_list").sync(
            client=client, integrated_account_id=contacts_account, limit=2
        )
        assert [type(each).__name__ for each in contacts.result] == ["CrmContacts", "CrmContacts"]
        assert contacts.result[0].email_addresses[0].email


def generate_typescript_types(document: Path, target: Path) -> None:
    """Runs openapi-typescript."""
    folder = install_packages(*OPENAPI_TYPESCRIPT)
    program = folder / "node_modules" / "openapi-typescript" / "bin" / "cli.js"
    command = [NODE, str(program), str(document), "-o", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.walk(share=0.3)
async def test_typescript_types_have_each_operation(desk_server: Server, tmp_path: Path) -> None:
    document = await fetch_document(desk_server)
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(document))
    await asyncio.to_thread(generate_typescript_types, path, tmp_path / "api.d.ts")
    types = (tmp_path / "api.d.ts").read_text()
    operations = types.partition("export interface operations {")[2]
    missing = [name for name in list_operations(document) if f"    {name}: {{" not in operations]
    assert [name for name in missing if f'    "{name}": {{' not in operations] == []


async def test_the_document_is_sent_compressed_to_who_takes_it(desk_server: Server) -> None:
    url = f"{desk_server.url}/openapi.json"
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        sizes = {}
        for accepted in (*COMPRESSED, *WHOLE):
            async with session.get(url, headers={"accept-encoding": accepted}) as answer:
                assert answer.headers["vary"] == "Accept-Encoding"
                sizes[accepted] = (answer.headers.get("content-encoding"), len(await answer.read()))
    ((encoding, size),) = {sizes[accepted] for accepted in COMPRESSED}
    ((no_encoding, whole_size),) = {sizes[accepted] for accepted in WHOLE}
    assert (encoding, no_encoding) == ("gzip", None)
    assert size * 5 < whole_size
    async with httpx.AsyncClient() as client:
        assert (await client.get(url)).json()["openapi"] == "3.1.0"
