"""Generated calls of every operation: no answer that the document doesn't know, no failure of ours.

`ISTHMUS_SEED` chooses other calls; the seed is printed. `make faults` makes 5,000 of them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from isthmus.config import Settings
from tests.fakes.larkdesk import Larkdesk, RequestLimit, running
from tests.integration.environments import own_ids
from tests.integration.larkdesk import MODEL, connect
from tests.integration.serving import serving

if TYPE_CHECKING:
    from tests.integration.fuzzing import Fuzzed

pytestmark = pytest.mark.both_databases

CASES, FEW = 300, 80


async def fuzz(settings: Settings, *, cases: int, seed: int) -> Fuzzed:
    """With the token of an environment that has rows of every kind, a sandbox account and one on a fake."""
    from tests.integration.fuzzing import Target, fuzzed  # its import takes seconds

    print(f"seed {seed}, {cases} cases")
    async with running(Larkdesk(limit=RequestLimit(None))) as fake, serving(settings) as server:
        ids = await own_ids(server)
        account = await connect(server, ids["/environment-integration"], fake.url)
        on_fake = Target(account, MODEL, "tickets", "tickets", "1")
        sandbox = Target(await server.sandbox_of("hubspot"), "crm", "contacts", "contacts", "70114400301")
        targets = [on_fake, on_fake, sandbox]
        found = await asyncio.to_thread(
            fuzzed, server.url, server.token, ids=ids, targets=targets, cases=cases, seed=seed
        )
    print(f"{found.cases} answers: {dict(sorted(found.statuses.items()))}")
    return found


async def test_no_answer_is_unknown_to_the_document(
    settings: Settings, seed: int, pytestconfig: pytest.Config
) -> None:
    cases = CASES if pytestconfig.getoption("matrix") else FEW
    found = await fuzz(settings, cases=cases, seed=seed)
    assert not found.failures, "\n\n".join(found.failures)
    assert found.cases >= cases // 2
