"""Plans last as long as the definition that they were made of, and no longer."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest
from tests.unit.engine.upstreams import integration

from isthmus.definitions.mapping import MappingConfig
from isthmus.definitions.methods import MethodDefinition
from isthmus.definitions.unified_model import UnifiedResource
from isthmus.engine.method_plans import plan_ad_hoc_method, plan_method
from isthmus.engine.unified.mapping_plans import UnifiedTarget, plan_mapping

CONTACTS = UnifiedTarget("crm", "contacts", UnifiedResource.model_validate({"schema": {"type": "object"}}))


@pytest.fixture(autouse=True)
def without_garbage_collector() -> Iterator[None]:
    """What is freed here is freed by its last reference."""
    gc.disable()
    yield
    gc.enable()


def test_a_method_plan_ends_with_its_integration() -> None:
    config = integration({"list": {"path": "/x"}})
    plan = plan_method(config, "things", "list")
    assert plan_method(config, "things", "list") is plan
    owner, kept = weakref.ref(config), weakref.ref(plan.config)
    del config, plan
    assert (owner(), kept()) == (None, None)


def test_a_plan_of_an_ad_hoc_method_ends_with_the_method() -> None:
    config = integration({"list": {"path": "/x"}})
    method = MethodDefinition.model_validate({"path": "/y"})
    plan = plan_ad_hoc_method(config, "_step", "get", method, where="before.0")
    assert plan_ad_hoc_method(config, "_step", "get", method, where="before.0") is plan
    other = integration({"list": {"path": "/x"}})
    assert plan_ad_hoc_method(other, "_step", "get", method, where="before.0") is not plan
    owner, kept = weakref.ref(method), weakref.ref(plan.definition)
    del method, plan
    assert (owner(), kept()) == (None, None)


def test_a_mapping_plan_ends_with_its_mapping() -> None:
    mapping = MappingConfig.model_validate({"response_mapping": "{'id': response.id}"})
    plan = plan_mapping(mapping, CONTACTS, "get")
    assert plan_mapping(mapping, CONTACTS, "get") is plan
    owner, kept = weakref.ref(mapping), weakref.ref(plan.mapping)
    del mapping, plan
    assert (owner(), kept()) == (None, None)
