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


@pytest.mark.parametrize("path", [path for path, _ in walk()], ids=" ".join)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_says_what_a_command_does(path: tuple[str, ...], flag: str) -> None:
    ran = CliRunner().invoke(app, [*path, flag], env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"})
    assert ran.exit_code == 0
    lines = [line.strip() for line in ran.stdout.splitlines() if line.strip()]
    assert lines[0].startswith("Usage: ")
    assert lines[1][0].isupper()
    assert max(map(len, ran.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    "path", [path for path, command in walk() if not hasattr(command, "commands")], ids=" ".join
)
def test_every_command_shows_an_example_of_itself(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, ["help", *path], env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"}).stdout
    _, _, examples = shown.partition("Example")
    assert f"isthmus {' '.join(path)}" in " ".join(examples.split())


@pytest.mark.parametrize("name", ["init", "validate", "test", "record", "apply"])
def test_commands_for_authors_show_examples_and_exit_codes(name: str) -> None:
    shown = " ".join(CliRunner().invoke(app, ["integrations", name, "--help"]).stdout.split())
    assert f"Examples: isthmus integrations {name} quillboard" in shown
    assert "Exit 0" in shown
