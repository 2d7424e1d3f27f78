"""`isthmus connect`: a link that lets one person connect one account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import typer

from isthmus.cli.local.administration import with_database
from isthmus.config import Settings
from isthmus.db import Database
from isthmus.errors import SetupError
from isthmus.tenancy import Administration

__all__ = ["connect"]


def connect(
    integration: str | None,
    *,
    tenant: str | None,
    account: str | None,
    environment: str | None,
    redirect_uri: str | None,
) -> None:
    """The link alone goes to standard output. Raises SetupError for what does not name one environment and
    one integration in it, NotFound for an account that is none of it."""
    if tenant is None and account is None:
        raise SetupError("say who connects with --tenant, or which account is renewed with --account.")
    sent = {"tenant_id": tenant, "integrated_account_id": account, "redirect_uri": redirect_uri}

    async def work(database: Database) -> str:
        environment_id = await Administration(database).find_environment_id(environment)
        return await _link(database, environment_id, integration, sent)

    token = with_database(work)
    query = {"link_token": token} | ({} if integration is None else {"integration": integration})
    settings = Settings.from_environment()
    public_url = settings.public_app_url or settings.public_api_url
    if public_url is None:
        public_url = "http://127.0.0.1:8000"
        typer.echo(f"ISTHMUS_PUBLIC_APP_URL is not set; taking {public_url}.", err=True)
    typer.echo(f"{public_url}/connect-account?{urlencode(query)}")


async def _link(
    database: Database, environment_id: str, integration: str | None, sent: Mapping[str, Any]
) -> str:
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
        return (await LinkTokens(conn, scope).create(sent)).reveal()
