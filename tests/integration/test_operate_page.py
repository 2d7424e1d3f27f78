"""The page for operators: its commands run, in order, beside a server on a new data directory."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from isthmus.config import Settings
from isthmus.db import open_database
from isthmus.tenancy import bootstrap

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "operate.md"
BLOCKS = re.findall(r"```bash\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Settings]:
    settings = Settings(data_dir=tmp_path / "data")
    server = await open_database(settings, serving=True)
    await bootstrap(server, settings)
    yield settings
    await server.close()


def run(block: str, settings: Settings, folder: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ISTHMUS_")}
    environ["ISTHMUS_DATA_DIR"] = str(settings.data_dir)
    environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"
    command = ["bash", "-euc", block]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{block}\n{done.stderr}"


@pytest.mark.matrix
def test_the_commands_of_the_page_run_beside_a_server(served: Settings, tmp_path: Path) -> None:
    assert len(BLOCKS) == 3
    for block in BLOCKS:
        run(block, served, tmp_path)
    assert (tmp_path / "backend-token.txt").read_text().startswith("isth_")
    assert (tmp_path / "backup" / "secret.key").read_text() in served.key_file.read_text()


async def test_a_restored_backup_opens(served: Settings, tmp_path: Path) -> None:
    run(BLOCKS[1], served, tmp_path)
    restored = Settings(data_dir=tmp_path / "backup")
    database = await open_database(restored, serving=True)
    assert await bootstrap(database, restored) is None
    await database.close()
