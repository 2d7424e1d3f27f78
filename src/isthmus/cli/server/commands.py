"""The processes of a server. The work is imported when a command runs."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["add_to"]


def add_to(app: typer.Typer, *, panel: str) -> None:
    app.command(rich_help_panel=panel)(serve)
    app.command(rich_help_panel=panel)(worker)


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)
    ] = 8000,
    workers: Annotated[int, typer.Option(help="Processes; more than one needs PostgreSQL.", min=1)] = 1,
) -> None:
    """Serve the API and its pages until it is stopped, with a worker inside.

    The first start makes the database, a team, the environment development,
    sandbox accounts and an API token, which it prints this once, with a call
    to paste. SQLite in .isthmus of the working directory, or PostgreSQL by
    ISTHMUS_DATABASE_URL; every setting is in docs/reference/settings.md.

    Examples:

    isthmus serve

    ISTHMUS_DATA_DIR=/var/lib/isthmus isthmus serve --host 0.0.0.0 --port 8001
    """
    from isthmus.cli.server.serve import serve as work

    work(host, port, workers)


def worker() -> None:
    """Run background work alone, on PostgreSQL, until it is stopped.

    As many as are wanted, beside `isthmus serve`, which has a worker inside
    too. The settings are those of the server. SIGTERM lets running work end.

    Example:

    ISTHMUS_DATABASE_URL=postgresql://user@host/isthmus isthmus worker
    """
    from isthmus.cli.server.worker import worker as work

    work()
