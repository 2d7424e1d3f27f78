"""`isthmus unified-mappings` against a running server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from isthmus.cli.remote.api_client import ApiClient
from tests.fakes.larkdesk import DEFINITION
from tests.integration.commands import run_command
from tests.integration.serving import Server

NOBODY = "http://127.0.0.1:1"
CRM = DEFINITION / "mappings" / "crm.yaml"
MODEL = {
    "name": "desk",
    "category": "helpdesk",
    "resources": {
        "notes": {"methods": ["list", "get"], "schema": {"properties": {"id": {"type": "string"}}}}
    },
}
LIST = {"resource": "notes", "response_mapping": '{"id": $string(response.n)}'}


@pytest.fixture
async def environ(server: Server, tmp_path: Path) -> dict[str, str]:
    """For commands to the server."""
    return {"HOME": str(tmp_path), "ISTHMUS_API_URL": server.url, "ISTHMUS_API_TOKEN": server.token}


async def run(environ: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    finished = await run_command(environ, "unified-mappings", *arguments)
    return finished.code, finished.output.strip(), finished.errors.strip()


def export(path: Path, *cells: dict[str, Any], **rest: Any) -> str:
    names = {"resource_name": "notes", "method_name": "list", "config": LIST}
    data = {
        "integration_name": "larkdesk",
        "unified_model_name": "desk",
        "cells": [{**names, **cell} for cell in cells],
        **rest,
    }
    path.write_text(json.dumps(data))
    return str(path)


async def test_an_environments_rows_become_those_of_the_file(
    environ: dict[str, str], server: Server, tmp_path: Path
) -> None:
    await server.install_of_model("crm")
    path = tmp_path / "crm.yaml"
    path.write_text(CRM.read_text())
    file = str(path)
    code, said, errors = await run(environ, "apply", file, "--dry-run")
    assert (code, said.splitlines()[-1]) == (
        0,
        "mappings crm (env): 5 created, 0 updated, 0 unchanged (not done: --dry-run)",
    )
    assert "There is no integration larkdesk at" in errors
    code, said, errors = await run(environ, "apply", file)
    assert (code, said, "--yes" in errors) == (2, "", True)

    code, said, errors = await run(environ, "apply", file, "--yes")
    assert (code, said) == (0, "mappings crm (env): 5 created, 0 updated, 0 unchanged"), errors
    path.write_text(
        path.read_text().replace("resource: contacts, error_mapping: *error", "resource: contacts")
    )
    code, said, errors = await run(environ, "apply", file, "--yes")
    assert (code, said) == (0, "mappings crm (env): 0 created, 1 updated, 4 unchanged"), errors
    code, said, errors = await run(environ, "apply", file)  # nothing to do is nothing to ask
    assert (code, said) == (0, "mappings crm (env): 0 created, 0 updated, 5 unchanged"), errors
    async with ApiClient(server.url, server.token) as remote:
        rows = await remote.fetch_all_rows(
            "/environment-unified-model-resource-method", integration_name="larkdesk"
        )
    (deleting,) = (row for row in rows if row["method_name"] == "delete")
    assert (deleting["config"], deleting["version"]) == ({"resource": "contacts"}, 2)

    code, _, errors = await run(environ, "apply", file, "--target", "base", "--yes")
    assert (code, "ships with Isthmus" in errors, "--target env" in errors) == (3, True, True)
    assert "(nothing was written)" in errors


async def test_an_export_goes_to_the_layer_and_by_the_actions_it_names(
    environ: dict[str, str], server: Server, tmp_path: Path
) -> None:
    async with ApiClient(server.url, server.token) as remote:
        model = await remote.call("POST", "/unified-model", body=MODEL)
        reads = export(
            tmp_path / "a.json",
            {},
            {"method_name": "get", "apply_db_action": "skip"},
            write_target="base",
        )
        code, said, errors = await run(environ, "apply", reads, "--yes")
        told = "mappings desk (base): 1 created, 0 updated, 0 unchanged, 1 skipped"
        assert (code, said) == (0, told), errors
        (row,) = await remote.fetch_all_rows("/unified-model-resource-method", unified_model_id=model["id"])
        assert (row["integration_name"], row["config"]) == ("larkdesk", LIST)

        other = {"config": LIST | {"method": "all"}, "apply_db_action": "update", "existing_version": 7}
        code, _, errors = await run(environ, "apply", export(tmp_path / "b.json", other), "--yes")
        assert (code, "was built on version 7, and the server has version 1" in errors) == (6, True)
        other["existing_version"] = 1
        code, said, errors = await run(environ, "apply", export(tmp_path / "b.json", other), "--yes")
        assert (code, said) == (0, "mappings desk (base): 0 created, 1 updated, 0 unchanged"), errors

        broken = export(tmp_path / "c.json", {"config": {"response_mapping": "{"}})
        code, said, errors = await run(environ, "apply", broken, "--yes")
        assert (code, said, "c.json:" in errors) == (1, "", True)
        missing = export(tmp_path / "d.json", {}, unified_model_name="nope")
        code, _, errors = await run(environ, "apply", missing, "--yes")
        assert (code, "there is no unified model nope" in errors) == (2, True)

        install = await remote.call(
            "POST", "/environment-unified-model", body={"unified_model_id": model["id"]}
        )
    unknown = export(tmp_path / "e.json", {"method_name": "lst"})
    assert (await run(environ, "validate", unknown))[0] == 0  # nobody here knows that model
    environment = ("--environment-id", install["environment_id"])
    code, said, _ = await run(environ, "validate", unknown, *environment)
    assert (code, "the model does not allow lst on notes" in said) == (1, True)
    code, _, errors = await run(environ, "validate", missing, *environment)
    assert (code, "has no unified model nope" in errors) == (2, True)
    code, _, errors = await run(environ | {"ISTHMUS_API_URL": NOBODY}, "apply", unknown, "--yes")
    assert (code, "does not respond" in errors) == (5, True)
