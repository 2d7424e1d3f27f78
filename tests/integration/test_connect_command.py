"""`isthmus connect`: a link for one person, made beside a running server."""

from __future__ import annotations

import aiohttp

from tests.integration.processes import isthmus, refused, serving_process


async def test_a_link_of_the_command_line_opens_the_page(environ: dict[str, str]) -> None:
    jar = aiohttp.CookieJar(unsafe=True)  # cookies of addresses without a name, too
    async with serving_process(environ) as process, aiohttp.ClientSession(cookie_jar=jar) as session:
        environ = environ | {"ISTHMUS_PUBLIC_APP_URL": process.url}
        link = (await isthmus(environ, "connect", "jira", "--tenant", "acme")).strip()
        assert link.startswith(f"{process.url}/connect-account?link_token=isth_")
        async with session.get(link) as page:
            assert page.status == 200
            assert "Connect Jira" in await page.text()
            assert "link_token" not in str(page.url)
        headers = {"authorization": f"Bearer {process.token}"}
        async with session.get(f"{process.url}/environment-integration?limit=1", headers=headers) as listed:
            row = (await listed.json())["result"][0]
        assert row["isthmus_callback_url"] == f"{process.url}/connect-account/callback"


async def test_what_names_nothing_is_refused_with_what_there_is(environ: dict[str, str]) -> None:
    async with serving_process(environ):
        said = await refused(environ, "connect", "jirra", "--tenant", "acme")
        assert "no integration jirra is installed" in said
        assert "jira" in said
        assert "--tenant" in await refused(environ, "connect", "jira")
        assert "no environment is named x" in await refused(
            environ, "connect", "jira", "--tenant", "a", "--environment", "x"
        )
