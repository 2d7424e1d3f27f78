"""Generated expressions over generated data: our values and error codes against the reference's and jlens's.

`ISTHMUS_SEED` and `ISTHMUS_CASES` choose what is generated. A disagreement must have a reason from
`REASONS`; one without fails, and its number with the seed names it.
"""

from __future__ import annotations

import os
from collections import Counter
from itertools import islice

import pytest
from tests.properties.expressions.comparing import (
    ENDED,
    Case,
    Outcome,
    cases,
    ours,
    reference,
    rust,
    same,
)

FEW, SHORT, FULL, BATCH = 1_000, 5_000, 100_000, 2_500

REASONS = {
    "scheduling": "the reference works out the items of arrays and the values of groups at the same time, so"
    " which of several errors it reports depends on its scheduling; ours is the first from the left",
    "mutation": "the reference adds undefined to an empty list while it makes an object over it",
    "pattern": "a pattern that is missing stops the reference with an error of JavaScript; ours is T1006, and"
    " nothing for a missing separator to separate",
    "replacement": "a replacement that is missing does so, too; ours is T1006",
    "comparator": "a call of $sort at the end of a function stops the reference with an error of JavaScript",
    "time": "the reference writes times that JavaScript has no date for as NaN; ours are an error",
    "ended": "a filter behind parentheses is asked about a path in them that ended before its first variable",
    "picture": "a picture that is missing stops the reference with an error of JavaScript; ours is empty",
    "update": "a transform of what is no object stops the reference with an error of JavaScript",
    "cycle": "an update that puts the object it changes into itself makes a cycle, which cannot leave",
    "copy": "the reference copies the left side of ?: and ?? as JSON, in which regular expressions are lost",
    "refused": "a pattern that JavaScript refuses stops the reference before it has read the rest",
    "parameters": "a function that is missing stops the reference with an error of JavaScript; ours is T1006",
    "missing": "the reference asks a filter about what is missing in an empty list written in the path",
    "message": "a function in the message of an error stops the reference with an error of JavaScript",
}
"""Each is a change of the reference's own text in `peer.cjs`: a disagreement has a reason if the reference
agrees once it is changed so, and none otherwise."""

Disagreement = tuple[Case, Outcome, Outcome]


def explained(given: list[Disagreement]) -> tuple[list[Disagreement], Counter[str]]:
    """Those without a reason, and how often each reason was needed, alone or (`several`) with others.

    `endless`: the reference takes memory without end, and jlens agrees with us.
    """
    reasons: Counter[str] = Counter()
    endless = [one for one in given if one[2] == {"code": ENDED} and same(one[1], rust(one[0]))]
    reasons["endless"] = len(endless)
    given = [one for one in given if one not in endless]
    together = [each for each in REASONS if each != "missing"]  # elsewhere we ask about what is missing, too
    for name, repairs in [*((each, [each]) for each in REASONS), ("several", together)]:
        repaired = reference([case for case, _, _ in given], repairs)
        left = [one for one, theirs in zip(given, repaired, strict=True) if not same(one[1], theirs)]
        reasons[name] += len(given) - len(left)
        given = left
    return given, reasons


def disagreements(seed: int, count: int) -> tuple[list[Disagreement], Counter[str]]:
    """As `explained`; `jlens`: in how many of the disagreements jlens agrees with us."""
    unexplained: list[Disagreement] = []
    reasons: Counter[str] = Counter()
    every = cases(seed, count)
    while batch := list(islice(every, BATCH)):
        outcomes = zip(batch, map(ours, batch), reference(batch), strict=True)
        differing = [one for one in outcomes if not same(one[1], one[2])]
        reasons["jlens"] += sum(same(mine, rust(case)) for case, mine, _ in differing)
        found, why = explained(differing)
        unexplained += found
        reasons += why
    return unexplained, reasons


def check(seed: int, count: int) -> None:
    print(f"{count} expressions, ISTHMUS_SEED={seed}")
    unexplained, reasons = disagreements(seed, count)
    agreeing = reasons.pop("jlens", 0)
    print(f"against jsonata-js: {len(unexplained)} unexplained; explained: {dict(+reasons)}")
    print(f"jlens agrees with us in {agreeing} of {len(unexplained) + reasons.total()}")
    for case, mine, theirs in unexplained:
        print(f"{seed}/{case.number}: {case.text} over {case.data} gave {mine}, expected {theirs}")
    assert not unexplained, "see above"


def test_generated_expressions_agree_with_the_peers(pytestconfig: pytest.Config, seed: int) -> None:
    count = SHORT if pytestconfig.getoption("matrix") else FEW
    check(seed, int(os.environ.get("ISTHMUS_CASES", count)))


@pytest.mark.faults
def test_a_hundred_thousand_generated_expressions_agree_with_the_peers(seed: int) -> None:
    check(seed, int(os.environ.get("ISTHMUS_CASES", FULL)))
