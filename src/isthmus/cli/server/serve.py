"""`isthmus serve`: uvicorn around the application, and the words that tell a newcomer what to do next."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from dataclasses import replace
from typing import Any, Final

import typer
import uvicorn
from uvicorn.supervisors import Multiprocess

from isthmus.api.outgoing_response import Receive, Scope, Send
from isthmus.app import Application, Asgi
from isthmus.cli.server.http_protocol import BoundedHttp
from isthmus.config import Settings
from isthmus.db.startup import check_workers
from isthmus.errors import IsthmusError, SetupError
from isthmus.tenancy.bootstrap import FIRST_ENVIRONMENT

__all__ = ["serve", "served"]

_FIRST_CALL = (
    "curl -s '{url}/unified/crm/contacts?integrated_account_id={account}' "
    '-H "Authorization: Bearer {token}"'
)


def serve(host: str, port: int, workers: int) -> None:
    """Serves until it is stopped. Raises SetupError for what the operator must mend first."""
    settings = Settings.from_environment()
    check_workers(settings, workers)
    _log_to_stdout()
    listener = _listen(host, port)
    url = settings.public_api_url or f"http://{_shown(host)}:{listener.getsockname()[1]}"
    settings = replace(settings, public_api_url=url)
    os.environ["ISTHMUS_PUBLIC_API_URL"] = url  # for the processes of several workers
    if workers > 1:
        _serve_many(settings, listener, url, workers)
        return
    # uvicorn chooses the loop only where it starts it; here the application is opened in it first.
    with asyncio.Runner(loop_factory=_config(None).get_loop_factory()) as runner:
        runner.run(_serve_one(settings, listener, url))


async def _serve_one(settings: Settings, listener: socket.socket, url: str) -> None:
    async with Application.open(settings) as application:
        # The socket listens already: a call that is pasted at once waits in its queue.
        greet(application, url, settings)
        await uvicorn.Server(_config(application.asgi)).serve(sockets=[listener])


def _serve_many(settings: Settings, listener: socket.socket, url: str, workers: int) -> None:
    """One supervisor, `workers` processes on one socket. The first start's work is done before they begin."""

    async def prepare() -> None:
        async with Application.open(settings) as application:
            greet(application, url, settings)

    asyncio.run(prepare())
    config = _config("isthmus.cli.server.serve:served", workers=workers, lifespan="on")
    Multiprocess(config, sockets=[listener]).run()


def greet(application: Application, url: str, settings: Settings) -> None:
    """The URL; on a first start also the token that was made, shown this once; and a call to paste."""
    lines = [f"Isthmus is ready: {url}   (API reference: {url}/docs)", ""]
    token = "$ISTHMUS_API_TOKEN"  # noqa: S105  # a variable for the shell, not a token
    if settings.bootstrap_token is not None:
        token = "$ISTHMUS_BOOTSTRAP_TOKEN"  # noqa: S105  # the operator's own, known to them alone
    elif application.first_start is not None:
        token = application.first_start.token.reveal()
        more = f"isthmus tokens create --environment {FIRST_ENVIRONMENT}"
        lines += [f"Your API token, shown only now (`{more}` makes another):", f"  {token}", ""]
    if application.sample_account is not None:
        call = _FIRST_CALL.format(url=url, account=application.sample_account, token=token)
        lines += ["A first call, to paste (an offline sandbox account answers it):", f"  {call}", ""]
    typer.echo("\n".join(lines))


def _config(app: Any, **options: Any) -> uvicorn.Config:
    options = {"lifespan": "off"} | options
    return uvicorn.Config(
        app,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        http=BoundedHttp,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        date_header=True,
        # Longer than clients and balancers keep theirs (60 s), or they send into a connection we are closing.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=30,
        **options,
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol by name: asyncio turns Nagle's algorithm off (40 ms an answer) only where it reads "TCP".
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise SetupError(
            f"cannot listen on {host}:{port} ({os.strerror(error.errno or 0)}). Choose another with --port "
            "(make run: PORT=8001 make run)."
        ) from error
    listener.setblocking(False)
    listener.set_inheritable(True)
    return listener


def _shown(host: str) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104  # compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _log_to_stdout() -> None:
    """Call lines are JSON already; everything else is a plain line on stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    calls = logging.getLogger("isthmus.calls")
    lines = logging.StreamHandler(sys.stdout)
    lines.setFormatter(logging.Formatter("%(message)s"))
    calls.addHandler(lines)
    calls.setLevel(logging.INFO)
    calls.propagate = False


class _Served:
    """The application of one of several worker processes: opened and closed by the server's lifespan."""

    def __init__(self) -> None:
        self._front: Asgi | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self._front is not None:
            await self._front(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        _log_to_stdout()
        try:
            async with Application.open(Settings.from_environment()) as application:
                self._front = application.asgi
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except IsthmusError as error:
            await send({"type": "lifespan.startup.failed", "message": error.message})
            return
        await send({"type": "lifespan.shutdown.complete"})


served: Final = _Served()
"""What `isthmus serve --workers N` runs in each process."""
