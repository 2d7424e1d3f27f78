"""The pinned requirements are whole, hashed, and name no package index."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
FILES = ("requirements.txt", "requirements-dev.txt", "requirements/setup.txt", "requirements/sdk.txt")


def lines(name: str) -> list[str]:
    """The requirements of a file, each in one line with its hashes."""
    logical = (ROOT / name).read_text().replace("\\\n", " ").splitlines()
    return [line for line in logical if line and not line.startswith("#")]


def pins(name: str) -> dict[str, Requirement]:
    found = (Requirement(line.split("--hash", 1)[0].strip()) for line in lines(name))
    return {canonicalize_name(each.name): each for each in found}


def unmet(wanted: list[str], pinned: dict[str, Requirement]) -> list[str]:
    missing = []
    for text in wanted:
        requirement = Requirement(text)
        pin = pinned.get(canonicalize_name(requirement.name))
        version = next(iter(pin.specifier)).version if pin else None
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            missing.append(text)
    return missing


@pytest.mark.parametrize("name", FILES)
def test_every_pin_is_exact_and_hashed(name: str) -> None:
    exact = re.compile(r"^[A-Za-z0-9._-]+==\S+.* --hash=sha256:")
    loose = [line for line in lines(name) if not exact.match(line)]
    assert loose == []


@pytest.mark.parametrize("name", [*FILES, "pyproject.toml"])
def test_no_package_index_is_named(name: str) -> None:
    text = (ROOT / name).read_text()
    assert not re.search(r"://|--(index|extra-index|find-links)|-f ", text)


def test_runtime_pins_meet_what_the_package_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert unmet(project["project"]["dependencies"], pins("requirements.txt")) == []


def test_development_pins_meet_the_group_and_agree_with_the_runtime() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runtime, development = pins("requirements.txt"), pins("requirements-dev.txt")
    assert unmet(project["dependency-groups"]["dev"], development) == []
    assert {name for name, pin in runtime.items() if development.get(name) != pin} == set()


def test_the_build_backend_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert unmet([*project["build-system"]["requires"], "uv"], pins("requirements/setup.txt")) == []


def test_a_planted_requirement_is_missed() -> None:
    pinned = pins("requirements.txt")
    assert unmet(["aiohttp>=999", "not-there-at-all"], pinned) == ["aiohttp>=999", "not-there-at-all"]
