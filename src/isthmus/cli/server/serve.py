"""Runs `isthmus serve`: uvicorn with the application, and the greeting with a first call to paste."""

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

from isthmus.api.outgoing_response import Receive, Scope, Send
from isthmus.app import Application, Asgi
from isthmus.cli.server.http_protocol import BoundedHttpProtocol
from isthmus.cli.server.stop_signals import (
    OrderlyServer,
    OrderlySupervisor,
    call_on_stop_signal,
    stop_with_parent,
)
from isthmus.config import Settings
from isthmus.db.startup import check_process_count
from isthmus.errors import IsthmusError, SetupError
from isthmus.tenancy.bootstrap import FIRST_ENVIRONMENT

__all__ = ["serve", "worker_application"]

_FIRST_CALL = (
    "curl -s '{url}/unified/crm/contacts?integrated_account_id={account}' "
    '-H "Authorization: Bearer {token}"'
)


def serve(host: str, port: int, workers: int) -> None:
    """Serves until it is stopped. Raises SetupError for settings that must be corrected first."""
    settings = Settings.from_environment()
    check_process_count(settings, workers)
    _configure_logging()
    listener = _open_listener(host, port)
    url = settings.public_api_url or f"http://{_display_host(host)}:{listener.getsockname()[1]}"
    settings = replace(settings, public_api_url=url)
    os.environ["ISTHMUS_PUBLIC_API_URL"] = url  # read by the worker processes
    if workers > 1:
        _serve_many(settings, listener, url, workers)
        return
    # uvicorn would choose the loop only when it starts it, but the application is opened in the loop before.
    with asyncio.Runner(loop_factory=_make_uvicorn_config(None).get_loop_factory()) as runner:
        runner.run(_serve_one(settings, listener, url))


async def _serve_one(settings: Settings, listener: socket.socket, url: str) -> None:
    """Serves in this process until it is stopped; a signal counts from the beginning of the start."""
    server = OrderlyServer(_make_uvicorn_config(None))
    with server.capture_signals():
        async with Application.open(settings) as application:
            server.config.app = application.asgi
            # The socket listens already: a call that is sent at once waits in its backlog.
            print_greeting(application, url, settings)
            with call_on_stop_signal(application.begin_stop):
                await server.serve(sockets=[listener])


def _serve_many(settings: Settings, listener: socket.socket, url: str, workers: int) -> None:
    """Runs a supervisor with `workers` processes on one socket. What a first start sets up is done before."""

    async def prepare() -> None:
        """Does what a first start sets up, and prints the greeting."""
        async with Application.open(settings) as application:
            print_greeting(application, url, settings)

    asyncio.run(prepare())
    config = _make_uvicorn_config(
        "isthmus.cli.server.serve:worker_application", workers=workers, lifespan="on"
    )
    OrderlySupervisor(config, sockets=[listener]).run()


def print_greeting(application: Application, url: str, settings: Settings) -> None:
    """Prints the URL; on a first start also the new token, which is not shown again; how to log in; and a
    call to paste."""
    lines = [f"Isthmus is ready: {url}   (API reference: {url}/docs)", ""]
    token = "$ISTHMUS_API_TOKEN"  # noqa: S105  # a variable for the shell, not a token
    if settings.bootstrap_token is not None:
        token = "$ISTHMUS_BOOTSTRAP_TOKEN"  # noqa: S105  # the operator's own, known to them alone
    elif application.first_start is not None:
        token = application.first_start.token.reveal()
        command = f"isthmus tokens create --environment {FIRST_ENVIRONMENT}"
        lines += [
            f"Your API token, shown only once (`{command}` creates another):",
            f"  {token}",
            "For the calls of the documentation, and for commands of this shell:",
            f"  export ISTHMUS_API_URL={url} ISTHMUS_API_TOKEN={token}",
            "",
        ]
    lines += [
        "To log in, so that the commands of every shell know address and token:",
        f"  isthmus login --api-url {url}",
        "",
    ]
    if application.sample_account is not None:
        call = _FIRST_CALL.format(url=url, account=application.sample_account, token=token)
        lines += ["A first call to paste (an offline sandbox account answers it):", f"  {call}", ""]
    typer.echo("\n".join(lines))


def _make_uvicorn_config(app: Any, **options: Any) -> uvicorn.Config:
    """Makes the configuration of uvicorn that every process has. `options`: win over the defaults given
    here."""
    options = {"lifespan": "off"} | options
    return uvicorn.Config(
        app,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        http=BoundedHttpProtocol,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        date_header=True,
        # Longer than clients and load balancers use (60 s).
        timeout_keep_alive=75,
        timeout_graceful_shutdown=30,
        **options,
    )


def _open_listener(host: str, port: int) -> socket.socket:
    """Opens a listening socket. Raises SetupError if the address is in use or not allowed."""
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
            f"cannot listen on {host}:{port} ({error.strerror}). Choose another port with "
            "--port (make run: PORT=8001 make run)."
        ) from error
    listener.setblocking(False)
    listener.set_inheritable(True)
    return listener


def _display_host(host: str) -> str:
    """Returns the host for a URL to paste: loopback in place of all interfaces, IPv6 in brackets."""
    if host in ("0.0.0.0", "::"):  # noqa: S104  # compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _configure_logging() -> None:
    """Logs calls as JSON lines on standard output, everything else as plain lines on standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    calls = logging.getLogger("isthmus.calls")
    lines = logging.StreamHandler(sys.stdout)
    lines.setFormatter(logging.Formatter("%(message)s"))
    calls.addHandler(lines)
    calls.setLevel(logging.INFO)
    calls.propagate = False


class _WorkerApplication:
    """The ASGI application of one of several worker processes, opened and closed by the ASGI lifespan."""

    def __init__(self) -> None:
        self._asgi: Asgi | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one ASGI scope."""
        if scope["type"] == "lifespan":
            await self._run_lifespan(receive, send)
        elif self._asgi is not None:
            await self._asgi(scope, receive, send)

    async def _run_lifespan(self, receive: Receive, send: Send) -> None:
        """Opens the application, and closes it when the server stops."""
        await receive()
        _configure_logging()
        try:
            async with Application.open(Settings.from_environment()) as application:
                self._asgi = application.asgi
                with call_on_stop_signal(application.begin_stop), stop_with_parent():
                    await send({"type": "lifespan.startup.complete"})
                    await receive()
        except IsthmusError as error:
            await send({"type": "lifespan.startup.failed", "message": error.message})
            return
        await send({"type": "lifespan.shutdown.complete"})


worker_application: Final = _WorkerApplication()
"""The application that `isthmus serve --workers N` runs in each process."""
