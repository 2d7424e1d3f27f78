"""How much of the house a reader walks through to follow one request."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.matrix


def test_a_unified_list_enters_few_files_and_switches_rooms_seldom() -> None:
    traced = subprocess.run(
        [sys.executable, "-m", "scripts.trace_request"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert traced.returncode == 0, traced.stdout + traced.stderr
    assert "switches (at most 40)" in traced.stdout
