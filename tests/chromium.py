"""Chromium, one for each worker, driven by Playwright. It reaches nothing but this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from tests.npm import NODE

__all__ = ["attached", "running_chromium"]

_SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)


# Playwright's own Node.js needs libatomic, which a small Debian lacks.
os.environ["PLAYWRIGHT_NODEJS_PATH"] = NODE


@contextmanager
def running_chromium(profile: Path) -> Iterator[str]:
    """Runs a Chromium; yields the address under which it is driven. Fails the test if there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.fail("chromium is not installed: sh scripts/need.sh chromium chromium")
    told = profile / "DevToolsActivePort"
    process = subprocess.Popen(
        [program, *_SWITCHES, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while not told.exists() or not told.read_text().strip():
            assert process.poll() is None, "chromium did not start"
            assert time.monotonic() < deadline, "chromium does not answer"
            time.sleep(0.05)
        yield f"http://127.0.0.1:{told.read_text().split()[0]}"
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@asynccontextmanager
async def attached(address: str) -> AsyncIterator[Browser]:
    """Connects to a running Chromium."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(address)
        try:
            yield browser
        finally:
            await browser.close()
