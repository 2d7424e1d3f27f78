"""The catalogue's examples: no success is taken for a partial failure, and the message of each error is the
provider's own."""

from __future__ import annotations

import pytest

from isthmus.definitions.file_models import Exchange
from isthmus.engine.method_plans import MethodPlan, plan_method
from isthmus.engine.partial_failures import find_partial_failure
from isthmus.engine.provider_answers import is_write
from isthmus.engine.provider_errors import find_failure
from isthmus.http.messages import HttpResponse
from tests.contract.catalog import entry, integration_names


def recorded(name: str, *, errors: bool) -> list[tuple[MethodPlan, Exchange]]:
    """Returns the exchanges of an integration with the plans of their methods."""
    catalogued = entry(name)
    return [
        (plan_method(catalogued.file.config, resource, method), exchange)
        for resource, method in catalogued.exchanges
        for exchange in catalogued.find_exchanges(resource, method, error=errors)
    ]


@pytest.mark.parametrize("name", integration_names())
def test_no_recorded_success_is_taken_for_a_partial_failure(name: str) -> None:
    exchanges = recorded(name, errors=False)
    assert exchanges
    for plan, exchange in exchanges:
        body = exchange.response.body
        data = body if plan.response_path is None else plan.response_path.read(body)
        writes = is_write(plan, plan.name)
        found = find_partial_failure("Acme", exchange.response.status, body, data, is_write=writes)
        assert found is None, (plan.resource, plan.name)


@pytest.mark.parametrize("name", integration_names())
def test_the_message_of_each_recorded_error_is_the_providers_own(name: str) -> None:
    config = entry(name).file.config
    for plan, exchange in recorded(name, errors=True):
        answered = exchange.response
        raw = b"not the message" if answered.body is not None else b""
        response = HttpResponse(answered.status, dict(answered.headers), raw, "")
        failure = find_failure(plan.error_expression, response, answered.body, 0.0)
        assert failure is not None
        message = failure.make_message("Acme", config, {})
        assert message.startswith(f"Acme answered {answered.status}"), message
        assert "not the message" not in message, (plan.resource, plan.name, answered.body)
        assert ": " in message or answered.body is None
