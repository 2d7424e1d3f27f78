"""Implements `isthmus connect`: makes a link that lets one person connect one account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import typer

from isthmus.cli.local.administration import run_with_database
from isthmus.cli.remote.api_client import get_configured_url
from isthmus.config import Settings
from isthmus.db import Database
from isthmus.errors import SetupError
from isthmus.tenancy import Administration

__all__ = ["print_connect_link"]


def print_connect_link(
    integration: str | None,
    *,
    tenant: str | None,
    account: str | None,
    environment: str | None,
    redirect_uri: str | None,
) -> None:
    """Prints the link, alone on standard output. Raises SetupError if the environment is ambiguous or the
    integration is not installed in it, NotFound for an account that is not in it."""
    if tenant is None and account is None:
        raise SetupError("give --tenant to connect a new account, or --account to reconnect one.")
    values = {"tenant_id": tenant, "integrated_account_id": account, "redirect_uri": redirect_uri}

    async def create_token(database: Database) -> str:
        """Creates the link token; returns its secret."""
        environment_id = await Administration(database).find_environment_id(environment)
        return await _create_link_token(database, environment_id, integration, values)

    token = run_with_database(create_token)
    query = {"link_token": token} | ({} if integration is None else {"integration": integration})
    settings = Settings.from_environment()
    public_url = settings.public_app_url or settings.public_api_url
    if public_url is None:
        public_url = get_configured_url()
        typer.echo(f"ISTHMUS_PUBLIC_APP_URL is not set: using {public_url}.", err=True)
    typer.echo(f"{public_url}/connect-account?{urlencode(query)}")


async def _create_link_token(
    database: Database, environment_id: str, integration: str | None, values: Mapping[str, Any]
) -> str:
    """Creates a link token and returns its secret. `values`: the body of `POST /link-token`. Raises
    SetupError for an integration that is not installed."""
    from isthmus.connect.link_tokens import LinkTokens
    from isthmus.integrations.installs.environment_integrations import list_enabled_names
    from isthmus.integrations.rows.scope import EnvironmentScope
    from isthmus.tenancy.environments import read_team_id

    async with database.write() as conn:
        known = await list_enabled_names(conn, environment_id)
        if integration is not None and integration not in known:
            raise SetupError(
                f"no integration {integration} is installed in this environment. There are: "
                f"{', '.join(known) or 'none'}."
            )
        scope = EnvironmentScope(environment_id, await read_team_id(conn, environment_id))
        return (await LinkTokens(conn, scope).create(values)).reveal()
