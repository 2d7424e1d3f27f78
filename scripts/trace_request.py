"""Print what one unified list call enters: its source files, and how often it moves from room to room.

    python -m scripts.trace_request [--calls]

The call is that of the first-call tutorial, to a sandbox account, with warm caches. A file counts if one of
its functions is called. A room is a folder of `src/isthmus`; a switch is a call or a return from one room to
another. `expressions` does not count: what runs there depends on the mapping.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections import Counter
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

from isthmus.app import Application
from isthmus.config import Settings
from isthmus.kit.secret import Secret

SOURCE: Final = Path(__file__).resolve().parents[1] / "src" / "isthmus"
MAX_FILES: Final = 40
MAX_SWITCHES: Final = 40
TOKEN: Final = "isth_token-of-the-request-tracer-0123456789"


@dataclass
class Trace:
    """The functions of `src/isthmus` that were entered, those of `expressions` left out.

    `files`: calls per file, relative to `src/isthmus`. `switches`: how often control went from one room to
    another, by a call or by a return. `crossings`: the calls among them, as (calling, called), each
    `file:function`.
    """

    files: Counter[str] = field(default_factory=Counter)
    switches: int = 0
    crossings: Counter[tuple[str, str]] = field(default_factory=Counter)
    _room: str | None = None
    _paths: dict[CodeType, str | None] = field(default_factory=dict)

    def record(self, frame: FrameType, event: str, _: object) -> None:
        """Records one event of `sys.setprofile`: counts the call, and the switch of rooms if any."""
        if event not in ("call", "return") or (path := self._path(frame.f_code)) is None:
            return
        caller = self._find_caller(frame)
        if event == "call":
            self.files[path] += 1
            self._move_to(room_of(path))
            if caller is not None:
                calling = self._path(caller.f_code) or ""
                if room_of(calling) != room_of(path):
                    self.crossings[
                        f"{calling}:{caller.f_code.co_name}", f"{path}:{frame.f_code.co_name}"
                    ] += 1
        elif caller is not None:
            self._move_to(room_of(self._path(caller.f_code) or ""))

    def _move_to(self, room: str) -> None:
        """Counts a switch, if the room is another one."""
        self.switches += self._room not in (None, room)
        self._room = room

    def _find_caller(self, frame: FrameType) -> FrameType | None:
        """Returns the nearest frame below that counts; None if there is none."""
        caller = frame.f_back
        while caller is not None and self._path(caller.f_code) is None:
            caller = caller.f_back
        return caller

    def _path(self, code: CodeType) -> str | None:
        """Returns the file of a function relative to `src/isthmus`; None for one that does not count."""
        if code not in self._paths:
            file = Path(code.co_filename)
            path = file.relative_to(SOURCE).as_posix() if file.is_relative_to(SOURCE) else None
            self._paths[code] = None if path is None or room_of(path) == "expressions" else path
        return self._paths[code]


def room_of(path: str) -> str:
    """Returns the room of a file: `accounts/gateway.py` -> `accounts`; `errors.py` -> `errors`."""
    return path.partition("/")[0].removesuffix(".py")


async def trace_unified_list() -> Trace:
    """Makes the tutorial's unified list call and returns its trace. Raises AssertionError if it is not
    answered with 200."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            data_dir=Path(folder),
            database_url=Secret(f"sqlite:///{folder}/isthmus.sqlite3"),
            bootstrap_token=Secret(TOKEN),
        )
        async with Application.open(settings) as application:
            path = f"/unified/crm/contacts?integrated_account_id={application.sample_account}&limit=2"
            for _ in range(2):  # compiles the mapping, fills the caches
                await call(application, path)
            trace = Trace()
            sys.setprofile(trace.record)
            try:
                await call(application, path)
            finally:
                sys.setprofile(None)
    return trace


async def call(application: Application, path: str) -> Any:
    """Calls GET `path` on the application, without a socket between; returns the JSON body. Raises
    AssertionError if the status is not 200."""
    sent: list[MutableMapping[str, Any]] = []
    received = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, Any]:
        """Gives the empty body, then waits forever."""
        message = next(received, None)
        if message is None:
            await asyncio.Event().wait()
        assert message is not None
        return message

    async def send(message: MutableMapping[str, Any]) -> None:
        """Keeps a message of the response."""
        sent.append(message)

    address, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": address,
        "raw_path": address.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"127.0.0.1"), (b"authorization", f"Bearer {TOKEN}".encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }
    await application.asgi(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    assert sent[0]["status"] == 200, body
    return json.loads(body)


def main() -> None:
    """Prints the trace. Exits with 1 if it has too many files or switches."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--calls", action="store_true", help="list the calls from room to room")
    options = parser.parse_args()
    trace = asyncio.run(trace_unified_list())
    for path, calls in sorted(trace.files.items()):
        print(f"{calls:5}  {path}")
    if options.calls:
        for (calling, called), times in trace.crossings.items():
            print(f"{times:5}  {calling} -> {called}")
    print(f"{len(trace.files)} files (at most {MAX_FILES})")
    print(f"{trace.switches} switches (at most {MAX_SWITCHES})")
    sys.exit(len(trace.files) > MAX_FILES or trace.switches > MAX_SWITCHES)


if __name__ == "__main__":
    main()
