"""No field of a definition is accepted and ignored."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from isthmus.definitions import actions, credentials, methods, webhook
from isthmus.definitions.fields import Part
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.mapping import MappingConfig
from isthmus.definitions.unified_model import UnifiedModelDefinition, UnifiedResource
from isthmus.http import HttpClient
from tests.contract.field_cases import INTEGRATION_CASES
from tests.contract.fields import ABSENT, Case, Mirror, fields_of, observe, proven_field, running
from tests.contract.mapping_cases import MAPPING_CASES

CASES: Final = (*INTEGRATION_CASES, *MAPPING_CASES)

DOCUMENTATION: Final = "documentation only: shown, and no call goes by it"
INBOUND: Final = "belongs to inbound webhooks"
CONNECTION: Final = "belongs to connecting an account and to its lifecycle"

EXCUSED: Final[dict[type[Part], tuple[str, tuple[str, ...] | None]]] = {
    IntegrationConfig: (DOCUMENTATION, ("logo", "icon", "tool_tags")),
    methods.MethodDefinition: (
        DOCUMENTATION,
        (
            "query_schema",
            "body_schema",
            "response_schema",
            "description",
            "api_documentation_url",
            "examples",
        ),
    ),
    methods.MethodExamples: (DOCUMENTATION, None),
    MappingConfig: (DOCUMENTATION, ("documentation_link",)),
    UnifiedResource: (DOCUMENTATION, ("description", "docs_url")),
    UnifiedModelDefinition: (DOCUMENTATION, ("category", "description")),
    webhook.HmacSignature: (INBOUND, None),
    webhook.HmacSignatureConfig: (INBOUND, None),
    webhook.BasicSignature: (INBOUND, None),
    webhook.BasicSignatureConfig: (INBOUND, None),
    webhook.JwtSignature: (INBOUND, None),
    webhook.JwtSignatureConfig: (INBOUND, None),
    webhook.ClerkSignature: (INBOUND, None),
    webhook.ClerkSignatureConfig: (INBOUND, None),
    webhook.Webhook: (INBOUND, None),
    actions.Schedule: (CONNECTION, None),
    actions.FormStep: (CONNECTION, None),
    actions.FormField: (CONNECTION, None),
    actions.Action: (CONNECTION, ("schedule", "validation_interval_hours", "revalidate")),
    credentials.ApiKeyCredential: (CONNECTION, None),
    credentials.ApiKeyConfig: (CONNECTION, None),
    credentials.CredentialField: (CONNECTION, None),
    credentials.FieldOption: (CONNECTION, None),
    credentials.OAuth2Credential: (CONNECTION, None),
    credentials.OAuth2Config: (CONNECTION, None),
    credentials.OAuth2ClientCredentialsCredential: (CONNECTION, None),
    credentials.OAuth2ClientCredentialsConfig: (CONNECTION, None),
    credentials.OAuth1Credential: (CONNECTION, None),
    credentials.OAuth1Config: (
        CONNECTION,
        (
            "fields",
            "documentation_link",
            "permissions_text",
            "request_token_url",
            "authorize_url",
            "token_url",
            "params",
        ),
    ),
    credentials.KekaCredential: (CONNECTION, None),
    credentials.KekaConfig: (CONNECTION, None),
    credentials.AuthEndpoints: (CONNECTION, None),
    credentials.Pkce: (CONNECTION, None),
    credentials.TokenCallOptions: (CONNECTION, None),
}
"""By model: why, and which of its fields; None for all. Nothing else may be said without being acted on."""

ELSEWHERE: Final[dict[tuple[type[Part], str], str]] = {
    (IntegrationConfig, "webhook"): INBOUND,
    (UnifiedModelDefinition, "webhooks"): INBOUND,
    (UnifiedModelDefinition, "sharing"): "who may install a model; nothing of a call",
}


def excused() -> set[tuple[type[Part], str]]:
    found: set[tuple[type[Part], str]] = set(ELSEWHERE)
    for model, (_, names) in EXCUSED.items():
        found |= {(model, name) for name in names or model.model_fields}
    return found


@pytest.fixture
async def provider() -> AsyncIterator[tuple[Mirror, HttpClient]]:
    async with running() as parts:
        yield parts


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.path}={str(case.value)[:20]}")
async def test_a_field_changes_what_is_asked_or_answered(
    case: Case, provider: tuple[Mirror, HttpClient]
) -> None:
    mirror, http = provider
    model, name = proven_field(case, mirror)
    one, two = case.documents(mirror)
    first = await observe(case, one, mirror, http)
    assert await observe(case, one, mirror, http) == first, "the run differs from its own repetition"
    assert await observe(case, two, mirror, http) != first, f"{model.__name__}.{name} is ignored"


def test_every_field_has_a_case_or_an_excuse() -> None:
    mirror = Mirror()
    proven = {proven_field(case, mirror) for case in CASES}
    known = fields_of()
    missing = {f"{model.__name__}.{name}" for model, name in known - proven - excused()}
    assert missing == set()
    assert {f"{model.__name__}.{name}" for model, name in excused() - known} == set()
    assert {f"{model.__name__}.{name}" for model, name in excused() & proven} == set()


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("integration.nothing", {}),
        ("integration.resources.things.list.description", {}),
        (
            "integration.pagination.config.nothing",
            {"integration.pagination": {"format": "page", "config": {}}},
        ),
        ("mapping.documentation_link", {"mapping": {}}),
        ("model.resources.contacts.docs_url", {"mapping": {}}),
    ],
)
async def test_a_field_that_nothing_goes_by_is_found_out(
    path: str, given: dict[str, Any], provider: tuple[Mirror, HttpClient]
) -> None:
    """The control: these differ in nothing that is seen."""
    mirror, http = provider
    one, two = Case(path, "https://a.test", given=given).documents(mirror)
    case = Case(path, "https://a.test", other=ABSENT)
    assert one != two
    assert await observe(case, one, mirror, http) == await observe(case, two, mirror, http)


@pytest.mark.parametrize("path", ["integration.nothing", "integration.resources.things", "mapping.query.q"])
def test_a_case_must_lead_to_a_field(path: str) -> None:
    with pytest.raises((AssertionError, KeyError, TypeError)):
        proven_field(Case(path, {}, given={"mapping": {"query": {}}}), Mirror())
