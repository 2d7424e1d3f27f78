"""`isthmus completion`: the script of a shell, and what the command answers when that shell asks."""

from __future__ import annotations

import pytest

from tests.integration.commands import isthmus


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_a_shell_gets_a_script_and_the_words_that_it_asks_for(shell: str) -> None:
    assert f"_ISTHMUS_COMPLETE=complete_{shell}" in await isthmus({}, "completion", shell)
    asked = {
        "_ISTHMUS_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": "isthmus accounts li",
        "COMP_CWORD": "2",
        "_TYPER_COMPLETE_ARGS": "isthmus accounts li",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    words = await isthmus(asked)
    assert "list" in words
    assert "get" not in words.split()
