"""No field of a definition is accepted and ignored."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from isthmus.definitions import actions, credentials, methods, webhook
from isthmus.definitions.field_types import DefinitionModel
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.mapping import MappingConfig
from isthmus.definitions.unified_model import UnifiedModelDefinition, UnifiedResource
from isthmus.http import HttpClient
from tests.contract.connecting import CONNECTING_CASES, connected
from tests.contract.field_cases import INTEGRATION_CASES
from tests.contract.fields import ABSENT, Case, Mirror, fields_of, observe, proven_field, running
from tests.contract.mapping_cases import MAPPING_CASES

ROOT: Final = Path(__file__).parents[2]
CASES: Final = (*INTEGRATION_CASES, *MAPPING_CASES)

DOCUMENTATION: Final = "documentation only: shown, and no call goes by it"
INBOUND: Final = "belongs to inbound webhooks"
FORMAT: Final = "the key of the map form names it too: the cases are of each format under its key"

EXCUSED: Final[dict[type[DefinitionModel], tuple[str, tuple[str, ...] | None]]] = {
    IntegrationConfig: (DOCUMENTATION, ("logo", "icon")),
    methods.MethodDefinition: (
        DOCUMENTATION,
        (
            "query_schema",
            "body_schema",
            "response_schema",
            "description",
            "api_documentation_url",
        ),
    ),
    methods.MethodExamples: (DOCUMENTATION, ("query", "body")),
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
    credentials.ApiKeyCredential: (FORMAT, ("format", "config")),
    credentials.OAuth2Credential: (FORMAT, ("format", "config")),
    credentials.OAuth2ClientCredentialsCredential: (FORMAT, ("format", "config")),
    credentials.OAuth1Credential: (FORMAT, ("format", "config")),
    credentials.KekaCredential: (FORMAT, ("format", "config")),
}
"""By model: why, and which of its fields; None for all. Nothing else may be said without being acted on."""

ELSEWHERE: Final[dict[tuple[type[DefinitionModel], str], str]] = {
    (IntegrationConfig, "webhook"): INBOUND,
    (UnifiedModelDefinition, "webhooks"): INBOUND,
    (actions.FormStep, "ignore_error"): "a form does not fail: what is wrong is told, and it is sent again",
    (UnifiedModelDefinition, "sharing"): "who may install a model; nothing of a call",
}

_LIFECYCLE: Final = "tests/unit/accounts/lifecycle"
_SCHEDULED: Final = "tests/unit/accounts/test_scheduled_actions.py"
_RAPID: Final = "tests/unit/connect/test_rapid_form.py"
PROVEN_ELSEWHERE: Final[dict[tuple[type[DefinitionModel], str], str]] = {
    (IntegrationConfig, "tool_tags"): "tests/integration/test_tools.py",
    (methods.MethodDefinition, "examples"): "tests/unit/accounts/sandbox",
    (methods.MethodExamples, "response"): "tests/unit/accounts/sandbox",
    (actions.Action, "schedule"): _SCHEDULED,
    (actions.Schedule, "cron"): _SCHEDULED,
    (actions.Schedule, "run_if"): _SCHEDULED,
    (actions.Action, "validation_interval_hours"): _LIFECYCLE,
    (actions.Action, "revalidate"): _RAPID,
    (actions.FormStep, "type"): _RAPID,
    (actions.FormStep, "name"): _RAPID,
    (actions.FormStep, "run_if"): _RAPID,
    (actions.FormField, "resource"): _RAPID,
    (actions.FormField, "method"): _RAPID,
    (actions.FormField, "query"): _RAPID,
    (actions.FormField, "value_path"): _RAPID,
    (actions.FormField, "label_path"): _RAPID,
}
"""What time, a database or a provider's lists are needed for: where its test is, which names the field."""


def excused() -> set[tuple[type[DefinitionModel], str]]:
    found: set[tuple[type[DefinitionModel], str]] = {*ELSEWHERE, *PROVEN_ELSEWHERE}
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


@pytest.mark.parametrize("case", CONNECTING_CASES, ids=lambda case: f"{case.path}={str(case.value)[:20]}")
def test_a_field_changes_how_an_account_is_connected(case: Case) -> None:
    mirror = Mirror()
    model, name = proven_field(case, mirror)
    one, two = case.documents(mirror)
    assert connected(one) == connected(one), "the run differs from its own repetition"
    assert connected(one) != connected(two), f"{model.__name__}.{name} is ignored"


@pytest.mark.parametrize("path", ["nothing", "fields.0.nothing"])
def test_a_field_that_no_connection_goes_by_is_found_out(path: str) -> None:
    """The control."""
    given = {"integration.credentials": {"api_key": {"config": {"fields": [{"name": "a"}]}}}}
    one, two = Case(f"integration.credentials.api_key.config.{path}", "a", given=given).documents(Mirror())
    assert one != two
    assert connected(one) == connected(two)


def test_what_is_proven_elsewhere_is_named_there() -> None:
    for (model, name), place in PROVEN_ELSEWHERE.items():
        path = ROOT / place
        files = path.glob("*.py") if path.is_dir() else [path]
        key = model.model_fields[name].alias or name
        assert any(re.search(rf"\b{key}\b", file.read_text("utf-8")) for file in files), (model, name)


def test_every_field_has_a_case_or_an_excuse() -> None:
    mirror = Mirror()
    proven = {proven_field(case, mirror) for case in (*CASES, *CONNECTING_CASES)}
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
