"""What every test may ask for: a fresh database, on the backends that the run takes."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import pytest

from isthmus.config import Settings
from isthmus.db.database import Database
from isthmus.db.startup import open_database
from isthmus.kit.secret import Secret
from tests.postgres import PostgreSQL, ReusedCopies, running_postgresql
from tests.skips import pytest_make_collect_report, pytest_runtest_makereport

__all__ = ["pytest_make_collect_report", "pytest_runtest_makereport"]

pytest_plugins = ["tests.selection"]

SECRET_KEY = "a-key-for-tests-only-0123456789-abcdefghijk"


@pytest.fixture(scope="session")
def postgresql(testrun_uid: str) -> Iterator[PostgreSQL]:
    """A real server, shared by all workers of the run."""
    with running_postgresql(testrun_uid) as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_template(postgresql: PostgreSQL) -> str:
    return postgresql.template(_fill)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "isthmus.sqlite3"
    _fill(f"sqlite:///{path}")
    return path


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> str:
    """`sqlite` or `postgresql`, as `tests.selection` gives it to the test."""
    name: str = request.param
    return name


@pytest.fixture
def empty_database_url(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database without a schema; on SQLite of a file that is not there yet."""
    if backend == "sqlite":
        yield f"sqlite:///{tmp_path / 'isthmus.sqlite3'}"
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    name = server.create()
    yield server.url_of(name)
    server.drop(name)


@pytest.fixture
def database_url(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a copy of the template: here one with the current schema and no rows."""
    with copied_database(backend, "template", tmp_path, request) as url:
        yield url


@contextmanager
def copied_database(
    backend: str, template: str, directory: Path, request: pytest.FixtureRequest
) -> Iterator[str]:
    """Copies what the fixture `<backend>_<template>` gives; yields the URL of the copy, for SQLite of a file
    in `directory`."""
    original: Path | str = request.getfixturevalue(f"{backend}_{template}")
    with copy_of_database(original, directory, request) as url:
        yield url


@contextmanager
def copy_of_database(original: Path | str, directory: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Copies a file of SQLite into `directory`, or a database of the server by its name; yields the URL of
    the copy."""
    if isinstance(original, Path):
        path = directory / "isthmus.sqlite3"
        shutil.copyfile(original, path)
        yield f"sqlite:///{path}"
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    copies: Callable[[str], ReusedCopies] = request.getfixturevalue("postgresql_copies")
    with copies(original).lend() as name:
        yield server.url_of(name)


@pytest.fixture(scope="session")
def postgresql_copies(postgresql: PostgreSQL) -> Iterator[Callable[[str], ReusedCopies]]:
    """The copies of a template that this worker has."""
    with ExitStack() as stack:

        @cache
        def find(template: str) -> ReusedCopies:
            copies = ReusedCopies(postgresql, template)
            stack.callback(copies.close)
            return copies

        yield find


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings of `database_url`; those of another process: `environ`."""
    return settings_of(database_url, tmp_path / "data")


@pytest.fixture
def environ(database_url: str, tmp_path: Path) -> dict[str, str]:
    """The environment for a command on `database_url`."""
    return environ_of(database_url, tmp_path / "data")


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    """A fresh database, open."""
    opened = await open_database(settings)
    yield opened
    await opened.close()


def settings_of(url: str, data_dir: Path) -> Settings:
    """Returns the settings that the tests' processes and databases share. `url`: of the database."""
    return Settings(data_dir=data_dir, database_url=Secret(url), secret_key=Secret((SECRET_KEY,)))


def environ_of(url: str, data_dir: Path) -> dict[str, str]:
    """Returns the same settings, as the environment of a command."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("ISTHMUS_")},
        "ISTHMUS_DATABASE_URL": url,
        "ISTHMUS_DATA_DIR": str(data_dir),
        "ISTHMUS_SECRET_KEY": SECRET_KEY,
    }


def _fill(url: str) -> None:
    """Brings the schema up, in a thread: the loop of this one belongs to the tests."""

    async def fill() -> None:
        database = await open_database(settings_of(url, Path(os.devnull).parent / "unused"))
        await database.close()

    failures: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(fill())
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
