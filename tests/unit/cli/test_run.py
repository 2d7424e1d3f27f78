"""The program as a process: bytes that are no text, a full disk, an interrupt."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.cli.remote.answering import ACCOUNT, answering

ISTHMUS = str(Path(sys.executable).parent / "isthmus")


def run(*arguments: str | bytes, input: bytes = b"", url: str = "") -> subprocess.CompletedProcess[bytes]:
    environ = {"ISTHMUS_API_URL": url, "ISTHMUS_API_TOKEN": "isth_x", "PYTHONIOENCODING": "ascii"}
    return subprocess.run([ISTHMUS, *arguments], env=environ, input=input, capture_output=True, timeout=60)


def test_an_argument_that_is_not_utf_8_is_told() -> None:
    done = run("proxy", b"\xff", "-a", "A")
    assert (done.returncode, done.stderr) == (2, b"isthmus: an argument is not UTF-8.\n")


@pytest.mark.walk(of="file", share=0.3)
def test_text_that_utf_8_has_no_form_for_is_named_and_all_else_is_utf_8_everywhere() -> None:
    with answering() as server:
        server.will({"id": "\ud800", "name": "Zoë"})
        done = run("accounts", "get", "x", url=server.url)
    assert json.loads(done.stdout) == {"id": "\ud800", "name": "Zoë"}
    assert "Zoë".encode() in done.stdout
    assert run("expr", "'\\ud800'").stdout == b'"\\ud800"\n'


@pytest.mark.walk(of="file", share=0.3)
def test_a_byte_order_mark_is_taken_and_what_is_not_utf_8_is_told() -> None:
    with answering() as server:
        for command in (("gates", "create"), ("proxy", "things", "-m", "create", "-a", ACCOUNT)):
            made = run(*command, "--stdin", input=b'\xef\xbb\xbf{"name": "x"}', url=server.url)
            assert made.returncode == 0, made.stderr
            refused = run(*command, "--stdin", input=b"\xff", url=server.url)
            assert (refused.returncode, refused.stderr.count(b"\n")) == (2, 1)
            assert b"standard input is not UTF-8" in refused.stderr
        assert [each.body for each in server.asked] == [{"name": "x"}] * 2
    assert run("expr", "a", "-", input=b'\xef\xbb\xbf{"a": 1}').stdout == b"1\n"


@pytest.mark.walk(of="file", share=0.3)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_output_that_cannot_be_written_is_told_without_a_trace() -> None:
    with answering() as server, Path("/dev/full").open("wb") as full:
        environ = {"ISTHMUS_API_URL": server.url, "ISTHMUS_API_TOKEN": "x"}
        done = subprocess.run(
            [ISTHMUS, "accounts", "get", "x"], env=environ, stdout=full, stderr=subprocess.PIPE, timeout=60
        )
    assert (done.returncode, done.stderr) == (1, b"isthmus: No space left on device.\n")


@pytest.mark.walk(of="file", share=0.3)
def test_an_interrupt_ends_a_command_that_waits_for_its_input() -> None:
    environ = {"ISTHMUS_API_URL": "http://127.0.0.1:1", "ISTHMUS_API_TOKEN": "x"}
    command = [sys.executable, "-c", WAITING, "gates", "create", "--stdin"]
    with subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as waiting:
        assert waiting.stderr is not None
        assert waiting.stderr.readline() == b"reading\n"
        waiting.send_signal(signal.SIGINT)
        assert waiting.wait(timeout=60) == 130
        assert waiting.stderr.read() == b""


WAITING = """
import io, sys
from isthmus.cli.main import run

class Told(io.RawIOBase):
    def readable(self):
        return True

    def readinto(self, room):
        print("reading", file=sys.stderr, flush=True)
        return raw.readinto(room)

raw = sys.stdin.buffer.raw
sys.stdin = io.TextIOWrapper(io.BufferedReader(Told()))
run()
"""
"""The program, with a standard input that tells when it is read."""


@pytest.mark.walk(of="file", share=0.3)
@pytest.mark.parametrize(
    ("command", "unused"),
    [
        (
            "--help",
            {"aiohttp", "asyncio", "pydantic", "sqlalchemy", "yaml", "isthmus.app", "isthmus.expressions"},
        ),
        ("accounts list --help", {"aiohttp", "asyncio", "sqlalchemy", "yaml", "isthmus.app"}),
        ("expr 1", {"aiohttp", "cryptography", "sqlalchemy", "yaml", "rich", "isthmus.app", "isthmus.db"}),
        ("accounts get x", {"sqlalchemy", "yaml", "rich", "isthmus.app", "isthmus.definitions"}),
    ],
)
def test_a_command_imports_nothing_that_it_does_not_use(command: str, unused: set[str]) -> None:
    environ = {"ISTHMUS_API_URL": "http://127.0.0.1:1", "ISTHMUS_API_TOKEN": "x"}
    script = [sys.executable, "-c", IMPORTED, *command.split()]
    done = subprocess.run(script, env=environ, capture_output=True, text=True, timeout=60)
    imported = set(json.loads(done.stdout.splitlines()[-1]))
    assert "isthmus.cli.main" in imported
    assert unused & imported == set()


IMPORTED = """
import json, sys
from isthmus.cli.main import run

try:
    run()
finally:
    print(json.dumps(list(sys.modules)))
"""
