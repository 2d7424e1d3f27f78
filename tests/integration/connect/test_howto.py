"""The page that the how-to has its reader save, run as they would run it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, expect

from tests.integration.connect.desk import Desk, enter_key
from tests.ports import free_port

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "connect-accounts.md"


async def test_the_example_connects_an_account(desk: Desk, context: BrowserContext, tmp_path: Path) -> None:
    await desk.install()
    (code,) = _blocks("python")
    (tmp_path / "shop.py").write_text(code)
    port = free_port()
    variables = os.environ | {
        "ISTHMUS_API_URL": desk.server.url,
        "ISTHMUS_API_TOKEN": desk.server.token,
        "PORT": str(port),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(tmp_path / "shop.py"), env=variables, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        page = await context.new_page()
        for _ in range(100):
            if await _listens(port):
                break
            await asyncio.sleep(0.1)
        await page.goto(f"http://localhost:{port}/".replace("localhost", "127.0.0.1"))
        await page.get_by_role("button", name="Connect an account").click()
        frame = page.frame_locator("iframe")
        await frame.get_by_role("link", name="Ticketry").click()
        await enter_key(frame)
        await expect(page.locator("output")).to_contain_text("Connected: ")
        listed, installed = [await _told(block, variables) for block in _blocks("bash") if "curl" in block]
    finally:
        process.terminate()
        await process.wait()
    (row,) = listed["result"]
    assert (row["tenant_id"], row["status"]) == ("acme", "active")
    (install,) = installed["result"]
    assert install["isthmus_callback_url"] == f"{desk.server.url}/connect-account/callback"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)


async def _told(commands: str, variables: dict[str, str]) -> Any:
    """What commands of the page print, as JSON."""
    process = await asyncio.create_subprocess_exec(
        "bash", "-euc", commands, env=variables, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    assert process.returncode == 0
    return json.loads(told)


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
