"""5,000 generated calls: no answer that the document doesn't know, no failure of ours."""

from __future__ import annotations

import os

import pytest

from isthmus.config import Settings
from tests.integration.test_openapi import fuzz

pytestmark = pytest.mark.both_databases

CASES = int(os.environ.get("ISTHMUS_CASES", "5000"))


@pytest.mark.faults
async def test_no_answer_is_unknown_to_the_document(settings: Settings, seed: int) -> None:
    found = await fuzz(settings, cases=CASES, seed=seed)
    assert not found.failures, "\n\n".join(found.failures)
    assert found.cases >= CASES * 9 // 10
