"""`isthmus integrations apply`: what is refused before a server is asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from isthmus.cli.main import app


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "is no integration file: it has no `name` and `config`."),
        ('"config"', "is no integration file: it has no `name` and `config`."),
        ('{"name": "quill"}', "is no integration file: it has no `name` and `config`."),
        ("{", "cannot be read"),
    ],
)
def test_a_file_that_holds_no_integration_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "quill.integration.json"
    path.write_text(text)
    ran = CliRunner().invoke(app, ["integrations", "apply", str(path)])
    assert (ran.exit_code, told in ran.stderr) == (2, True), ran.stderr
