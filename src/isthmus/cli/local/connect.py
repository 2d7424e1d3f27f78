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
        environment_id = await Administration(database).environment_id(environment)
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
    from sqlalchemy import select

    from isthmus.connect.link_tokens import LinkTokens
    from isthmus.db.tables import environment as environments
    from isthmus.db.tables import environment_integration as installs
    from isthmus.db.tables import integration as integrations
    from isthmus.integrations.rows.scope import EnvironmentScope

    async with database.write() as conn:
        team = select(environments.c.team_id).where(environments.c.id == environment_id)
        statement = (
            select(integrations.c.name)
            .join(installs, installs.c.integration_id == integrations.c.id)
            .where(installs.c.environment_id == environment_id, installs.c.is_enabled)
            .order_by(integrations.c.name)
        )
        known = (await conn.execute(statement)).scalars().all()
        if integration is not None and integration not in known:
            raise SetupError(
                f"no integration {integration} is installed in this environment. There are: "
                f"{', '.join(known) or 'none'}."
            )
        scope = EnvironmentScope(environment_id, (await conn.execute(team)).scalar_one())
        return (await LinkTokens(conn, scope).create(sent)).reveal()
