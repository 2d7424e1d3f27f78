"""`isthmus connect`: a link for one person, made beside a running server."""

from __future__ import annotations

import aiohttp

from isthmus.config import Settings
from tests.integration.commands import isthmus, refused
from tests.integration.serving import serving


async def test_a_link_of_the_command_line_opens_the_page(settings: Settings, environ: dict[str, str]) -> None:
    jar = aiohttp.CookieJar(unsafe=True)  # cookies of addresses without a name, too
    async with serving(settings) as server, aiohttp.ClientSession(cookie_jar=jar) as session:
        environ = environ | {"ISTHMUS_PUBLIC_APP_URL": server.url}
        link = (await isthmus(environ, "connect", "jira", "--tenant", "acme")).strip()
        assert link.startswith(f"{server.url}/connect-account?link_token=isth_")
        async with session.get(link) as page:
            assert page.status == 200
            assert "Connect Jira" in await page.text()
            assert "link_token" not in str(page.url)
        headers = {"authorization": f"Bearer {server.token}"}
        async with session.get(f"{server.url}/environment-integration?limit=1", headers=headers) as listed:
            row = (await listed.json())["result"][0]
        assert row["isthmus_callback_url"] == f"{server.url}/connect-account/callback"


async def test_a_link_has_the_address_that_commands_are_configured_with(
    settings: Settings, environ: dict[str, str]
) -> None:
    async with serving(settings):
        environ = environ | {
            "ISTHMUS_API_URL": "http://desk.example:81",
            "ISTHMUS_CONFIG_DIR": "/nonexistent",
        }
        link = await isthmus(environ, "connect", "jira", "--tenant", "acme")
    assert link.startswith("http://desk.example:81/connect-account?link_token=isth_")


async def test_what_names_nothing_is_refused_with_what_there_is(
    settings: Settings, environ: dict[str, str]
) -> None:
    async with serving(settings):
        said = await refused(environ, "connect", "jirra", "--tenant", "acme")
        assert "no integration jirra is installed" in said
        assert "jira" in said
        assert "--tenant" in await refused(environ, "connect", "jira")
        assert "no environment is named x" in await refused(
            environ, "connect", "jira", "--tenant", "a", "--environment", "x"
        )
