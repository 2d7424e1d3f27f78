"""`isthmus integrations apply` against a running server."""

from __future__ import annotations

import base64
import json
import re
import shutil
from html import unescape
from pathlib import Path

import aiohttp
import pytest

from isthmus.cli.remote.api_client import ApiClient
from tests.fakes.larkdesk import DEFINITION
from tests.integration.commands import run_command
from tests.integration.serving import Server

NOBODY = "http://127.0.0.1:1"


@pytest.fixture
async def environ(server: Server, tmp_path: Path) -> dict[str, str]:
    """For commands to the server, which has the models that the folder maps to."""
    for model in ("crm", "ticketing"):
        await server.install_of_model(model)
    return {"HOME": str(tmp_path), "ISTHMUS_API_URL": server.url, "ISTHMUS_API_TOKEN": server.token}


async def apply(environ: dict[str, str], folder: Path, *more: str) -> tuple[int, str, str]:
    return await run(environ, "apply", str(folder), *more)


async def run(environ: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    finished = await run_command(environ, "integrations", *arguments)
    return finished.code, finished.output, finished.errors


async def test_a_servers_rows_become_what_the_folder_says(environ: dict[str, str], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(DEFINITION, tmp_path / "larkdesk"))
    main = folder / "integration.yaml"
    assert (await apply(environ, folder, "--dry-run"))[1].count("(not done: --dry-run)") == 3
    code, said, errors = await apply(environ, folder)
    assert (code, said.splitlines()[0]) == (0, "integration larkdesk: created, installed"), errors
    code, said, errors = await apply(environ, folder)
    assert said.splitlines() == [
        "integration larkdesk: unchanged",
        "mappings crm: 0 created, 0 updated, 5 unchanged",
        f"mappings ticketing: 0 created, 0 updated, {said.rpartition('updated, ')[2].strip()}",
    ], errors
    main.write_text(main.read_text().replace("response_path: items, description: Agents.", "description: X."))
    assert "integration larkdesk: updated" in (await apply(environ, folder))[1]
    assert "integration larkdesk: unchanged" in (await apply(environ, folder))[1]
    assert (await apply(environ, folder, "--token", "isth_wrong"))[0] == 3
    main.write_text(main.read_text().replace("format: cursor", "format: curser"))
    code, said, errors = await apply(environ, folder)
    assert (code, said) == (1, "")
    assert "integration.yaml:" in errors
    code, _, errors = await apply(environ | {"ISTHMUS_API_URL": NOBODY}, DEFINITION)
    assert code == 5
    assert "does not respond" in errors


async def test_the_logo_of_the_folder_is_that_of_the_connect_page(
    environ: dict[str, str], server: Server, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(DEFINITION, tmp_path / "larkdesk"))
    image = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><rect width="1" height="1"/></svg>'
    (folder / "logo.svg").write_bytes(image)
    await apply(environ, folder)
    assert "integration larkdesk: unchanged" in (await apply(environ, folder))[1]
    link = await server.ok("POST", "/link-token", json={"tenant_id": "acme"})
    jar = aiohttp.CookieJar(unsafe=True)  # the address of the server is no name
    async with (
        aiohttp.ClientSession(cookie_jar=jar) as browser,
        browser.get(f"{server.url}/connect-account?link_token={link['link_token']}") as response,
    ):
        page = await response.text()
    (address,) = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert base64.b64decode(unescape(address)) == image
    (folder / "logo.svg").write_bytes(image + b" " * 16_384)
    code, _, errors = await apply(environ, folder)
    assert (code, "logo.svg is left out: it has more than 16384 bytes" in errors) == (0, True)
    assert "logo" not in (await server.ok("GET", "/integration/larkdesk"))["config"]


async def test_one_file_is_applied_under_another_name_with_its_documentation(
    environ: dict[str, str], server: Server, tmp_path: Path
) -> None:
    rows = [
        {"type": "readme", "content": "# Quill"},
        {"type": "description", "resource": "notes", "method": "list", "content": "Reads every note."},
    ]
    config = {
        "base_url": "https://quill.example",
        "credentials": {"format": "api_key", "config": {"fields": [{"name": "api_key"}]}},
        "resources": {"notes": {"list": {"path": "/notes"}}},
    }
    file = {"name": "quill", "label": "Quill", "config": config, "documentation": rows}
    path = tmp_path / "quill.integration.json"
    path.write_text(json.dumps(file))
    code, _, errors = await apply(environ, path, "--docs-only")
    assert (code, "no integration quill yet" in errors) == (2, True)
    said = (await apply(environ, path, "--slug-override", "quill-two"))[1].splitlines()
    assert said == [
        "integration quill-two: created, installed",
        "documentation: 2 created, 0 updated, 0 unchanged",
    ]
    code, _, errors = await apply(environ, path, "--slug-override", "quill-two")
    assert (code, "is there already" in errors) == (2, True)

    async with ApiClient(server.url, server.token) as remote:
        (live,) = await remote.fetch_all_rows("/integration", name="quill-two")
    rows[0]["content"] = "# Quill, again"
    path.write_text(json.dumps({**file, "id": live["id"], "label": "Other", "documentation": rows[:1]}))
    said = (await apply(environ, path, "--docs-only"))[1].splitlines()
    assert said == ["documentation: 0 created, 1 updated, 0 unchanged"]
    async with ApiClient(server.url, server.token) as remote:
        kept = {
            row["type"]: row
            for row in await remote.fetch_all_rows("/documentation", integration_id=live["id"])
        }
        (now,) = await remote.fetch_all_rows("/integration", name="quill-two")
    assert (kept["readme"]["content"], now["config"]["label"]) == ("# Quill, again", "Quill")
    assert kept["description"]["content"] == "Reads every note."

    for name in (live["id"], "quill-two"):
        code, told, errors = await run(environ, "validate", name, "--ignore-info", "--ignore-warnings")
        assert (code, f"/integration/{live['id']}: integration: 0 error" in told) == (0, True), errors
    assert (await run(environ, "validate", "quill-three"))[0] == 4


async def test_a_file_with_an_id_maps_the_integration_that_has_it_whatever_its_name(
    environ: dict[str, str], server: Server, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(DEFINITION, tmp_path / "larkdesk"))
    main = folder / "integration.yaml"
    assert (await apply(environ, folder, "--slug-override", "larkdesk-two"))[0] == 0
    async with ApiClient(server.url, server.token) as remote:
        (live,) = await remote.fetch_all_rows("/integration", name="larkdesk-two")
    main.write_text(f"id: {live['id']}\n{main.read_text()}")
    code, said, errors = await apply(environ, folder)
    assert code == 0, errors
    lines = said.splitlines()
    assert lines[:2] == [
        "integration larkdesk-two: unchanged",
        "mappings crm: 0 created, 0 updated, 5 unchanged",
    ]


async def count_rows(server: Server, path: str, **filters: str) -> int:
    async with ApiClient(server.url, server.token) as remote:
        return len(await remote.fetch_all_rows(path, **filters))


async def test_a_model_that_is_not_installed_is_told_before_anything_is_written(
    server: Server, tmp_path: Path
) -> None:
    await server.install_of_model("crm")
    environ = {"HOME": str(tmp_path), "ISTHMUS_API_URL": server.url, "ISTHMUS_API_TOKEN": server.token}
    for more in ((), ("--dry-run",)):
        code, said, errors = await apply(environ, DEFINITION, *more)
        assert (code, said) == (2, "")
        assert "the unified model ticketing is not installed here" in errors
        assert errors.splitlines()[-1] == "Nothing was written."
    assert await count_rows(server, "/integration", name="larkdesk") == 0


async def test_a_mapping_that_the_servers_model_has_no_place_for_is_told_before_anything_is_written(
    environ: dict[str, str], server: Server, tmp_path: Path
) -> None:
    """The server's model may differ from the one in files."""
    folder = Path(shutil.copytree(DEFINITION, tmp_path / "larkdesk"))
    path = folder / "mappings" / "crm.yaml"
    path.write_text(path.read_text().replace("resource_name: contacts", "resource_name: contcats"))
    code, said, errors = await apply(environ, folder)
    assert (code, said) == (2, "")
    assert "the model crm at" in errors
    assert "contcats.list must be a resource of crm" in errors
    assert await count_rows(server, "/integration", name="larkdesk") == 0


async def test_a_resource_that_the_environment_adds_to_a_model_can_be_mapped(
    environ: dict[str, str], server: Server, tmp_path: Path
) -> None:
    (row,) = (await server.ok("GET", "/environment-unified-model?unified_model.name=crm"))["result"]
    override = {"resources": {"desks": {"methods": ["list"], "schema": {"type": "object"}}}}
    await server.ok("PATCH", f"/environment-unified-model/{row['id']}", json={"override": override})
    folder = Path(shutil.copytree(DEFINITION, tmp_path / "larkdesk"))
    path = folder / "mappings" / "crm.yaml"
    cell = "  - {resource_name: desks, method_name: list, config: {resource: contacts}}"
    path.write_text(path.read_text().replace("cells:\n", f"cells:\n{cell}\n"))
    code, said, errors = await apply(environ, folder)
    assert (code, "mappings crm: 6 created" in said) == (0, True), errors


async def test_what_was_done_before_a_refusal_is_told(
    environ: dict[str, str], server: Server, tmp_path: Path
) -> None:
    """A misspelt field of a mapping is a warning in files, and refused by the server."""
    folder = Path(shutil.copytree(DEFINITION, tmp_path / "larkdesk"))
    path = folder / "mappings" / "crm.yaml"
    before, get, after = path.read_text().partition("method_name: get")
    assert get
    path.write_text(before + get + after.replace("{resource:", "{resorce: x, resource:", 1))
    code, said, errors = await apply(environ, folder)
    assert (code, said) == (1, "")
    assert "resorce" in errors.splitlines()[0]
    assert errors.splitlines()[1:] == [
        "Done before: integration larkdesk: created, installed",
        "Done before: mappings crm: 1 created, 0 updated, 0 unchanged",
        "It failed at mappings crm: contacts.get.",
    ]
    mapped = "/environment-unified-model-resource-method"
    assert await count_rows(server, mapped, integration_name="larkdesk") == 1
