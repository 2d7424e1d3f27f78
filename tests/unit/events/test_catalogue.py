"""The catalogue: every event that there is, and what each is about."""

from __future__ import annotations

import pytest
from tests.unit.events.recording import HERE

from isthmus.events import EVENTS, catalogue
from isthmus.events.catalogue import Event, RecordCreated


def test_every_event_is_in_the_catalogue_under_its_name() -> None:
    classes = [
        each for each in vars(catalogue).values() if isinstance(each, type) and issubclass(each, Event)
    ]
    assert {each.name: each for each in classes if each.name} == EVENTS


@pytest.mark.parametrize(("resource", "id"), [("crm/contacts", "a1/crm/contacts/7"), (None, "a1//7")])
def test_a_record_is_one_of_an_account_and_a_resource(resource: str | None, id: str) -> None:
    payload: dict[str, object] = {
        "integrated_account": {"id": "a1", "tenant_id": "acme"},
        "resource": resource,
        "id": "7",
        "records": [],
        "raw_event_type": None,
        "raw_payload": None,
    }
    created = RecordCreated.model_validate({"environment_id": HERE, "payload": payload})
    assert created.resource == ("record", id)
