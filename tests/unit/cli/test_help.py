"""The help of every command, as it reads on a terminal of eighty columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from isthmus.cli.main import app


def walk() -> Iterator[tuple[tuple[str, ...], Any]]:
    groups: list[tuple[tuple[str, ...], Any]] = [((), typer.main.get_command(app))]
    for path, command in groups:
        yield path, command
        for name, below in getattr(command, "commands", {}).items():
            if not below.hidden:
                groups.append(((*path, name), below))


def shown(*words: str) -> str:
    ran = CliRunner().invoke(app, words, env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"})
    assert ran.exit_code == 0
    return ran.stdout


@pytest.mark.parametrize(
    ("path", "command"), list(walk()), ids=lambda each: " ".join(each) if isinstance(each, tuple) else ""
)
def test_help_says_what_a_command_does_and_shows_an_example_of_it(
    path: tuple[str, ...], command: Any
) -> None:
    text = shown(*path, "--help")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    assert lines[0].startswith("Usage: ")
    assert lines[1][0].isupper()
    assert max(map(len, text.splitlines())) <= 80
    if not hasattr(command, "commands"):
        _, _, examples = text.partition("Example")
        assert f"isthmus {' '.join(path)}" in " ".join(examples.split())


@pytest.mark.parametrize("words", [("tokens", "create", "-h"), ("help", "tokens", "create")], ids=" ".join)
def test_help_is_asked_for_in_several_ways(words: tuple[str, ...]) -> None:
    assert shown(*words) == shown("tokens", "create", "--help")


def test_help_alone_is_that_of_all_commands() -> None:
    assert shown("help") == shown("--help")


@pytest.mark.parametrize("name", ["init", "validate", "test", "record", "apply"])
def test_commands_for_authors_show_examples_and_exit_codes(name: str) -> None:
    text = " ".join(shown("integrations", name, "--help").split())
    assert f"Examples: isthmus integrations {name} quillboard" in text
    assert "Exit 0" in text
