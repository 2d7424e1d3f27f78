"""Runs `worker` as a process of its own and returns its output, within limits of time and size."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from typing import Final

from isthmus.expressions.errors import make_function_error, make_limit_error
from isthmus.expressions.functions.documents.worker import MAX_SECONDS

__all__ = ["run_worker"]

_WORKER_MODULE: Final = "isthmus.expressions.functions.documents.worker"
_STARTUP_SECONDS: Final = 10
_MAX_OUTPUT_BYTES: Final = 50 * 1024 * 1024


async def run_worker(function: str, task: str, head: Mapping[str, object], body: bytes) -> bytes:
    """Return the output of a task (`pdf` or `text`) of the worker for `head`, its parameters, and `body`.

    Raises ExpressionError, as an error of `function`, with the worker's own words where it fails, and where
    it goes over a limit.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        _WORKER_MODULE,
        task,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    data = json.dumps(head).encode() + b"\n" + body
    try:
        output, error_output = await asyncio.wait_for(
            process.communicate(data), MAX_SECONDS + _STARTUP_SECONDS
        )
    except TimeoutError:
        raise make_limit_error(function, "seconds", MAX_SECONDS) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        message = error_output[-500:].decode("utf-8", "replace") or "the worker process was killed"
        raise make_function_error(function, f"{function}: {message}")
    if len(output) > _MAX_OUTPUT_BYTES:
        raise make_limit_error(function, "bytes of the result", _MAX_OUTPUT_BYTES)
    return output
