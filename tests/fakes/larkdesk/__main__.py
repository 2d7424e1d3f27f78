"""Runs the fake as a process of its own: prints its URL, then serves until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import signal

from tests.fakes.larkdesk.limits import RequestLimit
from tests.fakes.larkdesk.records import Records
from tests.fakes.larkdesk.server import Larkdesk, running


async def _serve(arguments: argparse.Namespace) -> None:
    """Runs the fake until it is told to stop, and prints its URL."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    limit = RequestLimit(arguments.requests, wait_seconds=arguments.wait, tells_wait=not arguments.silent)
    desk = Larkdesk(records=Records(tickets=arguments.tickets), limit=limit)
    async with running(desk, port=arguments.port):
        print(desk.url, flush=True)
        await stop.wait()


def main() -> None:
    """Parses the options and runs the fake."""
    parser = argparse.ArgumentParser(prog="larkdesk")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tickets", type=int, default=10_000)
    parser.add_argument("--requests", type=int, default=5, help="a second; 0 for no limit")
    parser.add_argument("--wait", type=float, default=1.0, help="seconds that one request too many costs")
    parser.add_argument("--silent", action="store_true", help="refuse without retry-after")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
