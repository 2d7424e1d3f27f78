"""What a server has in memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.matrix

STARTED = """
import asyncio, json, sys

import isthmus.cli.main
import isthmus.cli.server.serve
import isthmus.cli.server.worker
from isthmus.app import Application
from isthmus.config import Settings


async def start():
    async with Application.open(Settings.from_environment()):
        print(json.dumps([name for name in sys.modules if name.startswith("isthmus.")]))


asyncio.run(start())
"""


def test_a_started_server_has_nothing_in_memory_that_only_authors_use(tmp_path: Path) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ISTHMUS_")}
    done = subprocess.run(
        [sys.executable, "-c", STARTED],
        env=inherited | {"ISTHMUS_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    modules = json.loads(done.stdout.splitlines()[-1])
    assert "isthmus.accounts.connections.gateway" in modules
    assert [name for name in modules if name.split(".")[1] == "authoring"] == []
