"""Every event: its name, when it is sent, and the model of its payload. The reference page and the JSON
Schemas of payloads are made from these classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict

from isthmus.events import payloads

__all__ = ["EVENTS", "Event", "get_payload_schema"]


class Event(BaseModel):
    """Something that happened in one environment. Each subclass has a name and a payload model.

    `is_sent`: False while nothing sends the event yet.
    """

    # defer_build: so that a start does not pay for all of them.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    name: ClassVar[str] = ""
    is_sent: ClassVar[bool] = True
    environment_id: str

    @property
    def resource(self) -> tuple[str, str]:
        """The (type, id) of the resource that the event is about. Events of one resource are relayed in
        order."""
        return self.name.partition(":")[0], str(self.content["id"])

    @property
    def content(self) -> dict[str, Any]:
        """The payload as JSON."""
        dumped: dict[str, Any] = self.model_dump(mode="json", exclude_unset=False)["payload"]
        return dumped


class IntegratedAccountCreated(Event):
    """Credentials for a new account were saved; it is not ready yet."""

    name = "integrated_account:created"
    payload: payloads.Account


class IntegratedAccountUpdated(Event):
    """The account was changed, or connected anew (instead of `created`)."""

    name = "integrated_account:updated"
    payload: payloads.Account


class IntegratedAccountActive(Event):
    """The steps after connecting and the validation passed: the account is ready."""

    name = "integrated_account:active"
    payload: payloads.Account


class IntegratedAccountPostInstallError(Event):
    """A step after connecting failed."""

    name = "integrated_account:post_install_error"
    payload: payloads.FailedAccount


class IntegratedAccountValidationError(Event):
    """The validation of a new connection failed."""

    name = "integrated_account:validation_error"
    payload: payloads.FailedAccount


class IntegratedAccountAuthenticationError(Event):
    """The provider refuses the credentials: the status became `needs_reauth`. Sent once per transition."""

    name = "integrated_account:authentication_error"
    payload: payloads.FailedAccount


class IntegratedAccountReactivated(Event):
    """An account that had failed is `active` again."""

    name = "integrated_account:reactivated"
    payload: payloads.Account


class IntegratedAccountPostConnectFormSubmitted(Event):
    """The form that follows a connection was submitted."""

    name = "integrated_account:post_connect_form_submitted"
    payload: payloads.Account


class IntegratedAccountDeleted(Event):
    """The account was removed."""

    name = "integrated_account:deleted"
    payload: payloads.Deleted


class EnvironmentIntegrationCreated(Event):
    """An integration was installed."""

    name = "environment_integration:created"
    payload: payloads.EnvironmentIntegration


class EnvironmentIntegrationUpdated(Event):
    """The settings of an install were changed."""

    name = "environment_integration:updated"
    payload: payloads.EnvironmentIntegration


class EnvironmentIntegrationDeleted(Event):
    """An integration was uninstalled; its accounts went before it."""

    name = "environment_integration:deleted"
    payload: payloads.Deleted


class ApiTokenCreated(Event):
    """An API token was made."""

    name = "api_token:created"
    payload: payloads.ApiToken


class ApiTokenDeleted(Event):
    """An API token was revoked."""

    name = "api_token:deleted"
    payload: payloads.Deleted


class SyncJobRunCreated(Event):
    """A run was made."""

    name = "sync_job_run:created"
    is_sent = False
    payload: payloads.SyncJobRun


class SyncJobRunUpdated(Event):
    """A run's status changed; sent before `completed` and `failed`."""

    name = "sync_job_run:updated"
    is_sent = False
    payload: payloads.SyncJobRun


class SyncJobRunCompleted(Event):
    """A run ended well."""

    name = "sync_job_run:completed"
    is_sent = False
    payload: payloads.SyncJobRun


class SyncJobRunFailed(Event):
    """A run ended with an error."""

    name = "sync_job_run:failed"
    is_sent = False
    payload: payloads.SyncJobRun


class SyncJobRunDeleted(Event):
    """A run's row was removed."""

    name = "sync_job_run:deleted"
    is_sent = False
    payload: payloads.Deleted


class SyncJobRunRecord(Event):
    """A run hands records to its webhook destination."""

    name = "sync_job_run:record"
    is_sent = False
    run_id: str
    payload: payloads.SyncedRecords

    @property
    def resource(self) -> tuple[str, str]:
        """The (type, id) of the run that hands the records over."""
        return "sync_job_run", self.run_id


class _RecordEvent(Event):
    is_sent = False
    payload: payloads.Records

    @property
    def resource(self) -> tuple[str, str]:
        """The (type, id) of one record of one account."""
        about = self.payload
        return "record", f"{about.integrated_account.id}/{about.resource or ''}/{about.id}"


class RecordCreated(_RecordEvent):
    """A provider reported that a record was created."""

    name = "record:created"


class RecordUpdated(_RecordEvent):
    """A provider reported that a record was changed."""

    name = "record:updated"


class RecordDeleted(_RecordEvent):
    """A provider reported that a record was deleted."""

    name = "record:deleted"


class TestEvent(Event):
    """Sent to one webhook, on demand."""

    __test__ = False

    name = "test"
    is_sent = False
    webhook_id: str
    payload: payloads.TestPayload

    @property
    def resource(self) -> tuple[str, str]:
        """The (type, id) of the webhook that is tested."""
        return "webhook", self.webhook_id


EVENTS: Final[Mapping[str, type[Event]]] = {
    each.name: each
    for each in (
        IntegratedAccountCreated,
        IntegratedAccountUpdated,
        IntegratedAccountActive,
        IntegratedAccountPostInstallError,
        IntegratedAccountValidationError,
        IntegratedAccountAuthenticationError,
        IntegratedAccountReactivated,
        IntegratedAccountPostConnectFormSubmitted,
        IntegratedAccountDeleted,
        EnvironmentIntegrationCreated,
        EnvironmentIntegrationUpdated,
        EnvironmentIntegrationDeleted,
        ApiTokenCreated,
        ApiTokenDeleted,
        SyncJobRunCreated,
        SyncJobRunUpdated,
        SyncJobRunCompleted,
        SyncJobRunFailed,
        SyncJobRunDeleted,
        SyncJobRunRecord,
        RecordCreated,
        RecordUpdated,
        RecordDeleted,
        TestEvent,
    )
}
"""By name, in the order of the reference."""


def get_payload_schema(name: str) -> dict[str, Any]:
    """Returns the JSON Schema of an event's payload."""
    model = EVENTS[name].model_fields["payload"].annotation
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    return model.model_json_schema(mode="serialization")
