"""The commands `serve` and `worker`. Their work is imported when they run."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["add_commands"]


def add_commands(app: typer.Typer, *, panel: str) -> None:
    """Adds the commands to the app. `panel`: in which its help lists them."""
    app.command("serve", rich_help_panel=panel)(serve)
    app.command("worker", rich_help_panel=panel)(run_worker)


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port to listen on; 0 for any free one.", min=0, max=65535)
    ] = 8000,
    workers: Annotated[
        int, typer.Option(help="Number of processes; more than one needs PostgreSQL.", min=1)
    ] = 1,
) -> None:
    """Serve the API and its pages, with a worker inside, until stopped.

    The first start creates the database, a team, the environment development,
    sandbox accounts and an API token, which it prints once, with a call to
    paste. Uses SQLite in .isthmus of the working directory, or PostgreSQL at
    ISTHMUS_DATABASE_URL; docs/reference/settings.md lists all settings.

    Examples:

    isthmus serve

    ISTHMUS_DATA_DIR=/var/lib/isthmus isthmus serve --host 0.0.0.0 --port 8001
    """
    from isthmus.cli.server.serve import serve

    serve(host, port, workers)


def run_worker() -> None:
    """Run only background work, on PostgreSQL, until stopped.

    Any number can run beside `isthmus serve`, which has a worker inside too.
    The settings are those of the server. SIGTERM lets running jobs finish.

    Example:

    ISTHMUS_DATABASE_URL=postgresql://user@host/isthmus isthmus worker
    """
    from isthmus.cli.server.worker import run_worker

    run_worker()
