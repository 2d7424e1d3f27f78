"""The tutorial for authors: its commands and files as they are printed, but for ports and the token."""

from __future__ import annotations

import asyncio
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.processes import serving_process
from tests.ports import free_port

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "tutorial" / "author-an-integration.md").read_text("utf-8")
SECONDS = 300.0
_BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = "====="


@dataclass
class Block:
    """`file`: where its text is written; `says`: of commands, what the page shows of their output."""

    kind: str
    file: str | None
    text: str
    says: str = ""


def blocks() -> Iterator[Block]:
    found = [Block(kind, file or None, text) for kind, file, text in _BLOCK.findall(PAGE)]
    for block, after in zip(found, [*found[1:], Block("", None, "")], strict=True):
        if block.kind == "bash" and after.kind == "text":
            between = PAGE[PAGE.index(block.text) + len(block.text) : PAGE.index(after.text)]
            block.says = after.text if "\n## " not in between and "second terminal" not in between else ""
        yield block


def script(ports: dict[str, str]) -> str:
    """The whole page for one shell, a mark after each block of commands."""
    lines = ["set -euo pipefail", "trap 'kill $(jobs -p)' EXIT"]
    for block in blocks():
        if block.file is not None:
            lines.append(
                f"mkdir -p {Path(block.file).parent}\nprintf %s {shlex.quote(block.text)} > {block.file}"
            )
        elif block.kind == "bash":
            lines.append(f"{block.text}\necho; echo {_MARK}")
    text = "\n".join(lines)
    for printed, port in ports.items():
        text = text.replace(printed, port)
    return text


@pytest.mark.matrix
async def test_the_tutorial_runs_as_printed(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "docs").symlink_to(DOCS)
    environ["ISTHMUS_EGRESS_ALLOW"] = "127.0.0.0/8"
    environ["PATH"] = f"{Path(sys.executable).parent}:{environ['PATH']}"
    async with serving_process(environ) as server:
        assert server.token is not None
        environ |= {"ISTHMUS_API_URL": server.url, "ISTHMUS_API_TOKEN": server.token}
        shell = await asyncio.create_subprocess_exec(
            "bash",
            "-c",
            script({"8750": str(free_port())}),
            cwd=tmp_path,
            env=environ,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(SECONDS):
            output = (await shell.communicate())[0].decode()
    assert shell.returncode == 0, output
    commands = [block for block in blocks() if block.kind == "bash"]
    for block, printed in zip(commands, output.split(_MARK), strict=False):
        for line in block.says.splitlines():
            for part in line.split("…"):
                assert part.strip() in printed, (block.text, part, printed)
    assert sum(bool(block.says) for block in commands) >= 8
