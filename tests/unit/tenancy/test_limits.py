"""Limits of names, tokens and settings: the last value that is taken, and the first that is not."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes.clock import VirtualClock
from tests.unit.tenancy.conftest import Tenancy

from isthmus.db import Database, EpochWatcher
from isthmus.errors import BadRequest
from isthmus.kit.secret import Secret
from isthmus.tenancy import AccountTokens, ApiTokens, Authenticator, Environments
from isthmus.tenancy.connect_settings import ConnectSettings, check_connect_settings


async def test_an_environments_name_has_at_most_200_characters(database: Database, tenancy: Tenancy) -> None:
    async with database.write() as conn:
        environments = Environments(conn, tenancy.team_id)
        assert (await environments.create(f" {'e' * 200} "))["name"] == "e" * 200
        with pytest.raises(BadRequest, match="at most 200"):
            await environments.create("e" * 201)


@pytest.mark.parametrize(("length", "is_taken"), [(512, True), (513, False)])
async def test_a_bearer_token_has_at_most_512_characters(
    database: Database, tenancy: Tenancy, epochs: EpochWatcher, length: int, is_taken: bool
) -> None:
    async with database.write() as conn:
        await ApiTokens(conn, tenancy.development).create("long", token=Secret("x" * length))
    authenticator = Authenticator(database, epochs, VirtualClock(), AccountTokens(b"key", VirtualClock()))
    principal = await authenticator.authenticate("x" * length)
    assert (principal is not None) is is_taken


@pytest.mark.parametrize(
    ("theme", "is_taken"),
    [
        ({"name": "n" * 80}, True),
        ({"name": "n" * 81}, False),
        ({"name": "  "}, False),
        ({"name": 7}, False),
        ({"radius": 0}, True),
        ({"radius": -1}, False),
        ({"radius": 32}, True),
        ({"radius": 33}, False),
        ({"accent": "#33aaFF"}, True),
        ({"accent": "#33aaFF0"}, False),
        ({"accent": 336699}, False),
        ({"name": None}, True),
    ],
)
def test_a_theme_is_taken_within_its_limits(theme: dict[str, Any], is_taken: bool) -> None:
    if is_taken:
        check_connect_settings({"connect_theme": theme})
    else:
        with pytest.raises(BadRequest):
            check_connect_settings({"connect_theme": theme})
    ((name, value),) = theme.items()
    stored = ConnectSettings.from_settings({"connect_theme": theme}).theme
    assert getattr(stored, name) == (value if is_taken else None)


@pytest.mark.parametrize(
    ("origins", "is_taken"),
    [
        ([f"https://a{number}.test" for number in range(50)], True),
        ([f"https://a{number}.test" for number in range(51)], False),
        (["https://a.test", "https://a.test"], False),
        (["https://a.test/"], False),
        ([7], False),
        ("https://a.test", False),
        (None, True),
    ],
)
def test_at_most_50_origins_may_embed_a_page(origins: Any, is_taken: bool) -> None:
    if is_taken:
        check_connect_settings({"embedding_origins": origins})
    else:
        with pytest.raises(BadRequest):
            check_connect_settings({"embedding_origins": origins})


@pytest.mark.parametrize("theme", [[], "dark", 7])
def test_a_theme_is_an_object(theme: Any) -> None:
    with pytest.raises(BadRequest, match="must be an object"):
        check_connect_settings({"connect_theme": theme})
