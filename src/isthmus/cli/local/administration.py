"""Implements the commands that administer the database of this server, while the server may be running."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import typer

from isthmus.accounts.block_list import BlockList
from isthmus.cli.record_output import Format, print_records
from isthmus.config import Settings
from isthmus.config.command_variables import NEW_SECRET_KEY
from isthmus.db import Database, open_database
from isthmus.db.failures import render_url
from isthmus.db.key_rotation import RotationResult, choose_key
from isthmus.db.key_rotation import rotate_key as rotate
from isthmus.errors import SetupError
from isthmus.tenancy import Administration

__all__ = [
    "block_account",
    "create_environment",
    "create_token",
    "init_database",
    "list_blocked_accounts",
    "list_environments",
    "list_tokens",
    "revoke_token",
    "rotate_key",
    "run_with_database",
    "unblock_account",
]

T = TypeVar("T")


def create_environment(name: str) -> None:
    """Creates an environment with everything that is shipped, and prints its id and name."""
    from isthmus.accounts import install_everything
    from isthmus.integrations.catalog.catalog_sync import sync_catalog
    from isthmus.integrations.catalog.shipped_files import find_catalog

    async def create(database: Database) -> Mapping[str, Any]:
        """Synchronises the catalogue and creates the environment; returns its row."""
        await sync_catalog(database, find_catalog())
        return await Administration(database).create_environment(name, fill_environment=install_everything)

    row = run_with_database(create)
    typer.echo(f"{row['id']}  {row['name']}")


def list_environments(output: Format) -> None:
    """Prints the environments."""
    rows = run_with_database(lambda database: Administration(database).list_environments())
    _print_rows(rows, output, "id", "name", "created_at")


def create_token(environment: str, name: str, expires_in_days: int | None) -> None:
    """Creates an API token. The token alone goes to standard output, so that it can be captured."""
    expires_at = None if expires_in_days is None else datetime.now(UTC) + timedelta(days=expires_in_days)
    issued = run_with_database(
        lambda database: Administration(database).create_token(environment, name, expires_at=expires_at)
    )
    typer.echo(f"Token {issued.row['id']} ({name}), shown only once:", err=True)
    typer.echo(issued.token.reveal())


def list_tokens(environment: str | None, output: Format) -> None:
    """Prints the tokens of an environment, or of all for None."""
    rows = run_with_database(lambda database: Administration(database).list_tokens(environment))
    now = datetime.now(UTC)
    shown = [
        {**row, "environment": row["environment_name"], "state": _get_token_state(row, now)} for row in rows
    ]
    _print_rows(shown, output, "id", "environment", "name", "prefix", "state", "created_at", "expires_at")


def revoke_token(token: str) -> None:
    """Revokes a token. `token`: its id. Raises NotFound."""
    run_with_database(lambda database: Administration(database).revoke_token(token))
    typer.echo(f"Revoked {token}.")


def block_account(id: str, reason: str | None) -> None:
    """Blocks an account. `reason`: for the list, or None. Raises NotFound."""
    run_with_database(lambda database: BlockList(database).block(id, reason=reason))
    typer.echo(f"Blocked {id}.")


def unblock_account(id: str) -> None:
    """Unblocks an account. Raises NotFound."""
    run_with_database(lambda database: BlockList(database).unblock(id))
    typer.echo(f"Unblocked {id}.")


def list_blocked_accounts(output: Format) -> None:
    """Prints the blocked accounts."""
    rows = run_with_database(lambda database: BlockList(database).list_entries())
    shown = [{**row, "environment": row["environment_name"], "blocked_at": row["created_at"]} for row in rows]
    _print_rows(shown, output, "id", "environment", "tenant_id", "blocked_at", "reason")


def init_database(*, new: bool) -> None:
    """Creates the database, or upgrades the schema of one that is there. `new`: there must be none. Raises
    SetupError."""

    async def init() -> str:
        """Opens and closes the database; returns its URL."""
        database = await open_database(Settings.from_environment(), new=new)
        await database.close()
        return render_url(database.url)

    typer.echo(f"The database {asyncio.run(init())} is ready.", err=True)


def rotate_key(new_key: str | None) -> None:
    """Encrypts every secret with a new key. `new_key`: "-" to read it from standard input. A generated key is
    printed before it is used, so that it is not lost in a crash. Raises Exit with 1 if some values cannot be
    decrypted."""
    operator_key = _read_new_key(new_key)

    async def rotate_to_new_key(database: Database) -> RotationResult:
        """Chooses the key, prints it if it was generated, and encrypts every secret with it."""
        new = choose_key(database, operator_key)
        if new.is_generated and new.key_file is None:
            typer.echo(
                "The new key, shown only once. Put it first in ISTHMUS_SECRET_KEY, before the old one:",
                err=True,
            )
            typer.echo(new.key.reveal())
        return await rotate(database, new)

    done = run_with_database(rotate_to_new_key)
    typer.echo(f"Encrypted {done.encrypted} values with the key {done.key_id}.", err=True)
    if done.unreadable:
        typer.echo(
            f"{done.unreadable} values are encrypted with a key that is not configured; add that key to "
            "ISTHMUS_SECRET_KEY and run this again.",
            err=True,
        )
        raise typer.Exit(1)


def _read_new_key(option: str | None) -> str | None:
    """Returns the operator's own key; None if a key must be generated. Raises SetupError for a key on the
    command line."""
    if option is None:
        return os.environ.get(NEW_SECRET_KEY, "").strip() or None
    if option != "-":
        raise SetupError(
            "every user of this machine can read a key on the command line. Choose another, and give it on "
            f"standard input with --new-key -, or in {NEW_SECRET_KEY}."
        )
    return getpass.getpass("New key: ") if sys.stdin.isatty() else sys.stdin.readline().strip()


def _get_token_state(row: Mapping[str, Any], now: datetime) -> str:
    """Returns `valid`, `revoked` or `expired`."""
    if row["revoked_at"] is not None:
        return "revoked"
    if row["expires_at"] is not None and row["expires_at"] <= now:
        return "expired"
    return "valid"


def run_with_database(operation: Callable[[Database], Awaitable[T]]) -> T:
    """Runs `operation` with the database of the settings, and returns its result. Raises SetupError if there
    is no database yet: a new one would be empty and not that of the server."""

    async def run() -> T:
        """Opens the database, runs the operation, and closes the database."""
        database = await open_database(Settings.from_environment(), existing=True)
        try:
            return await operation(database)
        finally:
            await database.close()

    return asyncio.run(run())


def _print_rows(rows: Sequence[Mapping[str, Any]], output: Format, *columns: str) -> None:
    """Prints the columns of each row."""
    print_records(
        [{column: _format_value(row[column]) for column in columns} for row in rows], output, columns=columns
    )


def _format_value(value: Any) -> Any:  # of a row: of any type
    """Returns a time as text, without its zone; any other value as it is."""
    return value.strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, datetime) else value
