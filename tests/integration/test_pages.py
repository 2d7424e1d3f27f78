"""The commands of tutorials and how-to pages run, in their order, against a server."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from isthmus.config import Settings
from tests.integration.serving import serving

DOCS = Path(__file__).parents[2] / "docs"
PRELUDE = """set -euo pipefail
curl() { command curl --fail-with-body --show-error "$@"; }
"""


@pytest.mark.parametrize(
    "page",
    [
        "tutorial/first-call.md",
        "howto/connect-an-account.md",
        "howto/connect-accounts.md",
        "howto/explain-a-call.md",
        "howto/make-a-unified-model.md",
        "howto/override-an-integration.md",
    ],
)
async def test_the_commands_of_a_page_run(settings: Settings, environ: dict[str, str], page: str) -> None:
    blocks = re.findall(r"```bash\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    assert blocks
    async with serving(settings) as server:
        variables = environ | {"ISTHMUS_API_URL": server.url, "ISTHMUS_API_TOKEN": server.token}
        shell = await asyncio.create_subprocess_exec(
            "bash", "-c", PRELUDE + "\n".join(blocks),
            env=variables, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await shell.communicate()
    assert shell.returncode == 0, output.decode()
