"""Bad input of every kind gets the error of `docs/reference/errors.md`."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from isthmus.config import Settings
from tests.integration.error_cases import CASES, ON_THEIR_OWN_SERVER
from tests.integration.error_scene import scene
from tests.integration.larkdesk import definition
from tests.integration.serving import Server, serving

LABEL = definition()["config"]["label"]
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "errors.md"


def documented() -> dict[str, tuple[int, str, bool]]:
    rows = re.findall(r"^\| ([^|]+) \| (\d{3}) \| ([^|]+) \| (yes|no) \|", PAGE.read_text(), re.MULTILINE)
    return {case: (int(status), name, remote == "yes") for case, status, name, remote in rows}


def test_the_page_and_the_cases_are_the_same_list() -> None:
    assert list(documented()) == list(CASES)


@pytest.mark.parametrize("case", [case for case in CASES if case not in ON_THEIR_OWN_SERVER])
async def test_bad_input_gets_the_documented_error(desk_server: Server, case: str) -> None:
    async with scene(desk_server) as it:
        check(case, *await CASES[case](it))


@pytest.mark.parametrize("case", ON_THEIR_OWN_SERVER)
async def test_a_server_with_its_own_settings_gives_the_documented_error(
    desk_settings: Settings, case: str
) -> None:
    async with serving(replace(desk_settings, **ON_THEIR_OWN_SERVER[case])) as server, scene(server) as it:
        check(case, *await CASES[case](it))


def check(case: str, status: int, body: Any) -> None:
    assert isinstance(body, dict), body
    assert (status, body["error"], body.get("truto_is_remote_error", False)) == documented()[case], body
    assert body["statusCode"] == status
    assert body["isthmus_request_id"]
    assert body["message"]
    if concerns_the_product(case):
        assert LABEL in body["message"], body
    if body.get("truto_is_remote_error"):
        assert re.search(r"\b[45]\d\d\b", body["message"]), body


def concerns_the_product(case: str) -> bool:
    """Returns True if the provider answered the call, or could not be asked."""
    status, _, is_remote = documented()[case]
    return is_remote or status in {502, 504} or case == "no connection to the provider is free"
