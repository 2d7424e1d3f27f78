"""The faults that `scripts.plant_faults` finds to plant."""

from __future__ import annotations

import pytest
from scripts.fault_kinds import KINDS, find_faults

CASES = {
    "guard loses an operand": ("if a and b:\n    c()\n", "if (a):\n    c()\n"),
    "filter is dropped": ("query = rows.where(a == 1, b == 2)\n", "query = rows.where(b == 2)\n"),
    "expiry is not looked at": ("ended = expires_at <= now\n", "ended = True\n"),
    "lock is not taken": (
        "with lock:\n    pass\n",
        "with __import__('contextlib').nullcontext():\n    pass\n",
    ),
    "state of the item before is kept": (
        "for item in items:\n    name = None\n",
        "for item in items:\n    pass\n",
    ),
    "limit is off by one": ("big = size > LIMIT\n", "big = (size >= LIMIT)\n"),
    "set is widened or loses a member": ("hosts = {'a', 'b'}\n", "hosts = {'b'}\n"),
    "key is misspelt": ("name = row['name']\n", "name = row['name_']\n"),
    "exception is not caught": (
        "try:\n    pass\nexcept (KeyError, OSError):\n    pass\n",
        "try:\n    pass\nexcept (OSError,):\n    pass\n",
    ),
}


def test_each_kind_has_a_case() -> None:
    assert CASES.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", CASES)
def test_a_fault_of_each_kind_is_found(kind: str) -> None:
    source, changed = CASES[kind]
    assert changed in [fault.apply_to(source) for fault in find_faults(source) if fault.kind == kind]


def test_places_are_counted_in_characters() -> None:
    source = "text = 'é' if a or b else ''\n"
    (fault,) = find_faults(source)
    assert fault.apply_to(source) == "text = 'é' if (a) else ''\n"


def test_a_clock_is_no_lock() -> None:
    assert find_faults("async def f():\n    await clock.sleep(1)\n") == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("ok = a or b\n", True),
        ("class Row:\n    ok = a or b\n", True),
        ("def f(x=a or b):\n    pass\n", True),
        ("def f():\n    return a or b\n", False),
        ("class Row:\n    async def f(self):\n        return a or b\n", False),
        ("f = lambda: a or b\n", False),
    ],
)
def test_what_is_outside_of_functions_runs_at_import(source: str, expected: bool) -> None:
    assert [fault.is_at_import for fault in find_faults(source)] == [expected]
