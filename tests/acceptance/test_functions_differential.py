"""10,000 generated cases over the functions, beside npm `@truto/truto-jsonata` 3.0.6.

`ISTHMUS_SEED` and `ISTHMUS_CASES` choose others; the seed is printed.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from isthmus.expressions.functions import EXTENSIONS
from tests.acceptance.functions_peer.case_generators import MAKERS, generate
from tests.acceptance.functions_peer.differences import find_reason
from tests.acceptance.functions_peer.running import Case, Outcome, install_peer, run_ours, run_peer

pytestmark = pytest.mark.acceptance

CASES = int(os.environ.get("ISTHMUS_CASES", "10000"))

# Their results are not to be compared: a file in a format of its own, and calls of other servers.
NOT_GENERATED = {"jsonToParquet", "convertMdToPdf", "parseDocument", "generateEmbeddingsCohere"}


@pytest.fixture(scope="module")
def peer() -> Path:
    return install_peer()


def _report(case: Case, mine: Outcome, theirs: Outcome) -> str:
    shown = [json.dumps(case.data), *(repr(outcome)[:1_000] for outcome in (mine, theirs))]
    return "\n  ".join([case.expression, *shown])


def test_every_disagreement_is_explained(peer: Path, seed: int) -> None:
    print(f"seed {seed}, {CASES} cases")
    cases = generate(seed, CASES)
    reasons: Counter[str] = Counter()
    unexplained: list[str] = []
    for case, theirs in zip(cases, run_peer(peer, cases), strict=True):
        mine = run_ours(case)
        if mine.agrees(theirs):
            continue
        reason = find_reason(case, mine, theirs)
        if reason is None:
            unexplained.append(_report(case, mine, theirs))
        else:
            reasons[reason] += 1
    for reason, count in reasons.most_common():
        print(f"{count:6} {reason}")
    assert not unexplained, f"seed {seed}: {len(unexplained)} unexplained\n" + "\n".join(unexplained[:20])


def test_every_function_that_can_be_compared_is() -> None:
    assert {function.name for function in EXTENSIONS} - MAKERS.keys() == NOT_GENERATED
