"""Starts the worker process and waits for it, within limits."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from typing import Final

from isthmus.expressions.errors import function_error, limit_error
from isthmus.expressions.functions.documents.worker import SECONDS

__all__ = ["run_worker"]

_WORKER: Final = "isthmus.expressions.functions.documents.worker"
_STARTUP: Final = 10
_OUTPUT: Final = 50 * 1024 * 1024


async def run_worker(function: str, task: str, head: Mapping[str, object], body: bytes) -> bytes:
    """What the worker writes; raises with its own words, or when it takes longer than 30 seconds."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        _WORKER,
        task,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    data = json.dumps(head).encode() + b"\n" + body
    try:
        out, problem = await asyncio.wait_for(process.communicate(data), SECONDS + _STARTUP)
    except TimeoutError:
        raise limit_error(function, "seconds", SECONDS) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise function_error(
            function, f"{function}: {problem[-500:].decode('utf-8', 'replace') or 'it was ended'}"
        )
    if len(out) > _OUTPUT:
        raise limit_error(function, "bytes of the result", _OUTPUT)
    return out
