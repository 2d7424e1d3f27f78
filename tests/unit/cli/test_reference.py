"""The reference page of the command line is that of the commands."""

from __future__ import annotations

import re
from pathlib import Path

from isthmus.cli import reference

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "reference" / "cli.md"


def test_the_page_is_the_one_the_commands_make() -> None:
    command = f".venv/bin/python -m isthmus.cli.reference {PAGE.relative_to(ROOT)}"
    assert PAGE.read_text(encoding="utf-8") == reference.render_page(), f"run: {command}"


def test_every_command_has_its_section_and_every_link_its_heading() -> None:
    page = reference.render_page()
    headings = re.findall(r"^## (isthmus.*)$", page, re.MULTILINE)
    assert headings == [name for name, _ in reference.list_commands()]
    links = re.findall(r"\]\(#([^)]+)\)", page)
    assert sorted(links) == sorted(name.replace(" ", "-") for name in headings[1:])


def test_a_switch_that_is_on_is_shown_with_the_name_that_turns_it_off() -> None:
    row = next(line for line in reference.render_page().splitlines() if "--no-has-description" in line)
    assert row.startswith("| `--has-description`, `--no-has-description` | `--has-description` |")


def test_names_in_angle_brackets_are_no_tags_of_the_page() -> None:
    prose = re.sub(r"```.*?```|`[^`\n]*`|<!--.*?-->", "", reference.render_page(), flags=re.DOTALL)
    assert "<" not in prose
