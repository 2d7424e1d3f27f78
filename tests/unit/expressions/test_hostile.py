"""Expressions that try to hurt end in a clear error or the right value, soon and in little memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.selection import Walk
from tests.unit.expressions.hostile import FAMILIES

MORE_SECONDS = 1.0
MAX_BYTES = 256 * 2**20


@pytest.mark.walk(share=0.25)
@pytest.mark.parametrize("family", FAMILIES)
def test_each_attack_ends_within_a_second_of_its_limit_and_256_megabytes(family: str, walk: Walk) -> None:
    """Most have a limit of one second. Time is the process's own: a machine that is busy elsewhere says
    nothing about us."""
    names = walk.draw([attack.name for attack in FAMILIES[family]()], at_least=2)
    ran = subprocess.run(
        [sys.executable, "-m", "tests.unit.expressions.hostile", *names],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    outcomes = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [one["name"] for one in outcomes] == names
    failed = [
        one
        for one in outcomes
        if not one["ok"] or one["cpu"] > one["limit"] + MORE_SECONDS or one["bytes"] > MAX_BYTES
    ]
    assert not failed, "\n".join(map(str, failed))
