"""The models of event payloads. A payload shows its subject as it was when the event was written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

__all__ = [
    "Account",
    "ApiToken",
    "Deleted",
    "EnvironmentIntegration",
    "FailedAccount",
    "Identity",
    "Install",
    "Records",
    "SyncJobRun",
    "SyncedRecords",
    "TestPayload",
]


def _format_time(moment: datetime) -> str:
    """Returns a time as UTC text, `YYYY-MM-DD HH:MM:SS`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


UtcTime = Annotated[
    datetime,
    PlainSerializer(_format_time, return_type=str),
    WithJsonSchema({"type": "string", "description": "UTC, `YYYY-MM-DD HH:MM:SS`."}),
]


class Payload(BaseModel):
    """Refuses fields that are not declared, so that no secret gets in by accident."""

    model_config = ConfigDict(extra="forbid", defer_build=True)


class Deleted(Payload):
    id: str


class IntegrationLabel(Payload):
    label: str


class Identity(Payload):
    """Which integration; nothing of how it works."""

    id: str
    name: str
    config: IntegrationLabel


class Install(Payload):
    id: str
    is_active: bool


class Account(Payload):
    """An integrated account without its credentials."""

    id: str
    tenant_id: str
    environment_id: str
    environment_integration_id: str
    status: str
    is_sandbox: bool
    authentication_method: str
    region: str
    context: dict[str, Any] = Field(
        description="Without credentials, secrets of forms and `environment_variables`."
    )
    object_store_context_fields: list[str]
    integration: Identity
    environment_integration: Install
    created_at: UtcTime
    updated_at: UtcTime


class FailedAccount(Account):
    last_error: str | None = Field(description="What failed, for a person.")


class EnvironmentIntegration(Payload):
    """An install without the secrets of its override."""

    id: str
    environment_id: str
    integration_id: str
    is_enabled: bool
    is_active: bool = Field(description="The same as `is_enabled`.")
    show_in_catalog: bool
    override: dict[str, Any]
    created_at: UtcTime
    updated_at: UtcTime


class ApiToken(Payload):
    """A token's row; the token itself is in no event."""

    id: str
    name: str
    environment_id: str
    created_by: str | None
    expires_at: UtcTime | None
    created_at: UtcTime
    updated_at: UtcTime


class SyncJobRun(BaseModel):
    """A run's row, with every field that `GET /sync-job-run/{id}` answers."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    id: str
    sync_job_id: str
    integrated_account_id: str | None
    status: str


class SyncedRecords(Payload):
    """A batch of records that a run hands to a webhook."""

    resource: str
    records: list[Any]
    meta: dict[str, Any]
    retryAfter: float | None = Field(  # noqa: N815 - the wire's own name
        None, description="Seconds until the run goes on, while a provider's rate limit holds it."
    )


class RecordAccount(Payload):
    id: str
    tenant_id: str


class Records(BaseModel):
    """A provider's own event, mapped to a unified resource."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    integrated_account: RecordAccount
    resource: str | None = Field(description="`<model>/<resource>`; null where no model maps it.")
    id: str
    records: list[dict[str, Any]] = Field(description="The unified record; empty for a deletion.")
    raw_event_type: str | None
    raw_payload: Any


class TestPayload(Payload):
    foo: str = "bar"
