"""`isthmus login` and `profiles`: what is kept, who can read it, and which server gets which token."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.cli.remote.answering import ACCOUNT, Answering, answering
from typer.testing import CliRunner, Result

from isthmus.cli.main import app
from isthmus.cli.remote.profiles import profile_file

ME = {"team": {"name": "Demo"}, "environment": {"name": "development", "id": "1"}}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (
        "ISTHMUS_API_URL",
        "ISTHMUS_API_TOKEN",
        "TRUTO_API_URL",
        "TRUTO_API_TOKEN",
        "ISTHMUS_PROFILE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ISTHMUS_CONFIG_DIR", str(tmp_path / "config"))
    return tmp_path / "config"


@pytest.fixture
def server() -> Iterator[Answering]:
    with answering() as told:
        yield told


def run(*arguments: str, input: str | None = None, **environ: str) -> Result:
    return CliRunner().invoke(app, arguments, env=environ, input=input)


def logged_in(server: Answering, name: str = "default", token: str = "isth_x") -> Result:
    server.will(ME)
    ran = run("login", "--profile-name", name, "--api-url", server.url, "--token-stdin", input=f"{token}\n")
    server.asked.clear()
    return ran


def test_a_login_is_kept_for_its_owner_alone_and_used(server: Answering, folder: Path) -> None:
    ran = logged_in(server)
    assert (ran.exit_code, "profile default, team Demo, environment development" in ran.stdout) == (0, True)
    assert "isth_x" not in ran.stdout + ran.stderr
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [(path.name, stat.S_IMODE(path.stat().st_mode)) for path in folder.iterdir()] == [
        ("config.json", 0o600)
    ]
    assert run("accounts", "get", "x").exit_code == 0
    assert server.asked[0].authorization == "Bearer isth_x"


def test_a_login_that_fails_keeps_nothing(server: Answering, folder: Path) -> None:
    server.will({"message": "not known"}, 401)
    ran = run("login", "--api-url", server.url, "--token-stdin", input="isth_x\n")
    assert (ran.exit_code, "Nothing was stored" in ran.stderr, folder.exists()) == (3, True, False)
    nobody = run("login", "--api-url", server.url)
    assert (nobody.exit_code, "--token-stdin" in nobody.stderr) == (2, True)


def test_a_token_goes_to_no_other_server_than_its_own(server: Answering) -> None:
    logged_in(server)
    with answering() as other:
        ran = run("accounts", "get", "x", "--api-url", other.url)
        assert (ran.exit_code, "no token for" in ran.stderr, other.asked) == (2, True, [])
        assert run("accounts", "get", "x", "--api-url", other.url, "--token", "t").exit_code == 0


def test_a_token_is_not_taken_along_to_another_address(server: Answering, folder: Path) -> None:
    logged_in(server)
    assert run("profiles", "set", "api-url", f"{server.url}/").exit_code == 0
    assert run("accounts", "get", "x").exit_code == 0
    with answering() as other:
        moved = run("profiles", "set", "api-url", other.url)
        assert (moved.exit_code, "Removed the token" in moved.stderr) == (0, True)
        assert "isth_x" not in (folder / "config.json").read_text()
        assert run("accounts", "get", "x").exit_code == 2
        assert other.asked == []


def test_an_address_is_set_where_no_token_is_stored() -> None:
    ran = run("profiles", "set", "api-url", "https://a.example")
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "apiUrl of default is https://a.example.\n", "")


def test_a_login_to_another_program_keeps_nothing(server: Answering, folder: Path) -> None:
    server.will({"team": []})
    ran = run("login", "--api-url", server.url, "--token-stdin", input="isth_x\n")
    assert (ran.exit_code, "Nothing was stored" in ran.stderr, folder.exists()) == (5, True, False)


def test_a_file_that_cannot_be_written_leaves_no_copy_of_a_token(server: Answering, folder: Path) -> None:
    logged_in(server)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", _refused)
        ran = run("profiles", "set", "default-integrated-account", "x")
    assert (ran.exit_code, "cannot be written" in ran.stderr) == (2, True)
    assert [path.name for path in folder.iterdir()] == ["config.json"]


def _refused(*_: object) -> None:
    raise PermissionError(13, "Permission denied")


def test_one_profile_is_active_and_a_variable_names_another(server: Answering) -> None:
    logged_in(server, "one", "isth_1")
    logged_in(server, "two", "isth_2")
    listed = run("profiles", "list").stdout
    assert [line.split()[:2] for line in listed.splitlines()[1:]] == [["one", server.url], ["*", "two"]]
    assert "isth_" not in listed
    assert [line.split()[-1] for line in listed.splitlines()[1:]] == ["stored", "stored"]
    run("accounts", "get", "x")
    run("accounts", "get", "x", ISTHMUS_PROFILE="one")
    assert run("use", "one").exit_code == 0
    run("accounts", "get", "x")
    run("accounts", "get", "x", ISTHMUS_API_TOKEN="isth_3")
    assert [each.authorization[-1] for each in server.asked] == ["2", "1", "1", "3"]
    unknown = run("accounts", "get", "x", ISTHMUS_PROFILE="three")
    assert (unknown.exit_code, "There are: one, two" in unknown.stderr) == (2, True)


def test_an_account_is_set_once_for_all_calls(server: Answering) -> None:
    logged_in(server)
    for key in ("default-integrated-account", "default_integrated_account", "defaultIntegratedAccount"):
        assert run("profiles", "set", key, ACCOUNT).exit_code == 0
        assert run("profiles", "get", key).stdout == f"{ACCOUNT}\n"
    run("unified", "crm", "contacts")
    run("export", "contacts", "-o", "ndjson")
    assert {each.path.partition("?")[2] for each in server.asked} == {f"integrated_account_id={ACCOUNT}"}
    unknown = run("profiles", "set", "token", "x")
    assert (unknown.exit_code, "unknown key" in unknown.stderr) == (2, True)


@pytest.mark.parametrize("way", ["login", "set"])
def test_the_account_of_one_server_is_not_called_on_another(server: Answering, way: str) -> None:
    logged_in(server)
    run("profiles", "set", "default-integrated-account", "A")
    logged_in(server)
    assert run("profiles", "get", "default-integrated-account").stdout == "A\n"
    with answering() as other:
        moved = logged_in(other) if way == "login" else run("profiles", "set", "api-url", other.url)
        assert (moved.exit_code, "Removed the default account" in moved.stderr) == (0, True)
        assert run("unified", "crm", "contacts").exit_code == 2
        assert run("profiles", "get", "default-integrated-account").exit_code == 2
        assert other.asked == []


@pytest.mark.parametrize(
    "command", ["logout", "profiles set api-url http://x.example", "profiles get api-url", "use three"]
)
def test_a_profile_that_is_not_there_is_told_and_none_is_made(
    server: Answering, folder: Path, command: str
) -> None:
    logged_in(server)
    kept = (folder / "config.json").read_text()
    ran = run(*command.split(), ISTHMUS_PROFILE="three")
    assert (ran.exit_code, "There are: default" in ran.stderr) == (2, True)
    assert (folder / "config.json").read_text() == kept


def test_a_token_is_forgotten(server: Answering, folder: Path) -> None:
    logged_in(server, "one")
    logged_in(server, "two")
    assert run("logout").stdout == "Removed the token of two.\n"
    assert run("logout", "--all").stdout == "Removed the token of one.\n"
    assert "isth_x" not in (folder / "config.json").read_text()
    assert run("accounts", "get", "x").exit_code == 2


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"profiles": []}', '{"profiles": {"a": 1}}', '{"profiles": {"default": {"apiUrl": 5}}}'],
)
def test_a_file_that_holds_no_profiles_is_told_and_left(folder: Path, text: str) -> None:
    folder.mkdir()
    (folder / "config.json").write_text(text)
    ran = run("accounts", "get", "x")
    assert (ran.exit_code, "config.json" in ran.stderr) == (2, True)
    assert (folder / "config.json").read_text() == text


@pytest.mark.parametrize(
    "content", [None, b"\xff", b"[" * 100_000], ids=["a folder", "no text", "nested too deeply"]
)
def test_a_file_that_cannot_be_read_is_told(folder: Path, content: bytes | None) -> None:
    path = folder / "config.json"
    folder.mkdir()
    path.mkdir() if content is None else path.write_bytes(content)
    ran = run("accounts", "get", "x")
    assert (ran.exit_code, f"{path} cannot be read" in ran.stderr) == (2, True)


@pytest.mark.parametrize(("command", "variable"), [("use x", None), ("accounts get x", "x")])
def test_without_profiles_it_is_told_how_one_is_made(command: str, variable: str | None) -> None:
    ran = run(*command.split(), **({} if variable is None else {"ISTHMUS_PROFILE": variable}))
    assert (ran.exit_code, "There are: none; `isthmus login` makes one." in ran.stderr) == (2, True)
    ran = run("accounts", "get", "x")
    assert (ran.exit_code, "no token for http://127.0.0.1:8000: run `isthmus login`" in ran.stderr) == (
        2,
        True,
    )


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"ISTHMUS_CONFIG_DIR": "/own", "XDG_CONFIG_HOME": "/xdg"}, "/own"),
        ({"ISTHMUS_CONFIG_DIR": "~/own"}, "/home/ada/own"),
        ({"XDG_CONFIG_HOME": "/xdg"}, "/xdg/isthmus"),
        ({"XDG_CONFIG_HOME": ""}, "/home/ada/.config/isthmus"),
        ({}, "/home/ada/.config/isthmus"),
    ],
)
def test_settings_are_kept_where_the_system_keeps_them(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], expected: str
) -> None:
    for name in ("ISTHMUS_CONFIG_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/ada", **environ}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("isthmus.cli.remote.profiles.profile_file.sys.platform", "linux")
    assert profile_file._find_config_directory() == Path(expected)
