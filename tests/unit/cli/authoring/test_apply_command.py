"""`isthmus integrations apply`: what is refused before a server is asked, and what is told without answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.cli.remote.answering import answering
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


@pytest.mark.parametrize("status", [None, 502])
def test_a_write_without_an_answer_may_be_done(tmp_path: Path, status: int | None) -> None:
    path = tmp_path / "quill.integration.json"
    config = {"label": "Quill", "credentials": {"format": "api_key", "config": {"fields": [{"name": "a"}]}}}
    path.write_text(json.dumps({"name": "quill", "config": config}))
    with answering() as server:
        server.will({"result": []})
        server.will({"message": "The gateway got no answer."}, status or 200)
        server.hold_after = 1 if status is None else None
        server.release.set()
        words = ["integrations", "apply", str(path), "--api-url", server.url, "--token", "isth_x"]
        ran = CliRunner().invoke(app, words)
    assert (ran.exit_code, ran.stdout) == (5, "")
    assert ran.stderr.splitlines()[-2:] == [
        "Nothing was written before.",
        "It failed at integration quill: quill, and may have written it.",
    ]
