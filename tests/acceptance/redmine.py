"""A Redmine of our own: Debian's packages, an empty instance in a folder, on loopback.

Nothing of an instance that the machine may run already is touched: Redmine finds its instance by a path
below its own folder, and a path may lead anywhere.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.ports import free_port

__all__ = ["Redmine", "missing"]

_CODE = Path("/usr/share/redmine")
_MIGRATED = Path("/var/lib/dbconfig-common/sqlite3/redmine/instances/default/redmine_default")
_START_SECONDS = 90.0

Json = Any  # what Redmine answers: free-form JSON


def missing() -> str | None:
    """Returns what keeps Redmine from running here; None if nothing does."""
    if not _CODE.is_dir() or shutil.which("puma") is None:
        return "Redmine is not installed (apt install redmine redmine-sqlite ruby-sqlite3 puma)"
    return None


class Redmine:
    """`url` and `key` (an administrator's) once started; `stop` ends it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "redmine.sqlite3"
        self.key = secrets.token_hex(20)
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the instance and waits until it answers."""
        for part in ("config", "files", "plugins", "public", "log", "tmp/cache"):
            (self.folder / part).mkdir(parents=True)
        (self.folder / "config" / "secret_key.txt").write_text(secrets.token_hex(32))
        (self.folder / "config" / "database.yml").write_text(
            f"production: {{adapter: sqlite3, database: '{self.database}', encoding: utf8, timeout: 10000}}\n"
        )
        self._make_database()
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        with (self.folder / "puma.log").open("wb") as log:
            self._process = subprocess.Popen(
                ["puma", "-b", f"tcp://127.0.0.1:{port}", "-t", "1:4"],
                cwd=_CODE,
                env=self._environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._wait_until_it_answers()

    def stop(self) -> None:
        """Ends the instance."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=30)

    def call(self, method: str, path: str, body: Json = None) -> Json:
        """Redmine's own API; None for an empty answer. Raises HTTPError."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"X-Redmine-API-Key": self.key, "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            text = response.read()
        return json.loads(text) if text.strip() else None

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Reads Redmine's own database."""
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(query, values).fetchall()

    def project(self, name: str) -> int:
        """Creates a project; returns its id."""
        body = {"project": {"name": name, "identifier": name.lower(), "tracker_ids": [1, 2, 3]}}
        number: int = self.call("POST", "/projects.json", body)["project"]["id"]
        return number

    def issues(self, project: int, count: int) -> list[int]:
        """Opens `count` issues; their ids in order."""
        opened = []
        for number in range(1, count + 1):
            issue = {"project_id": project, "subject": f"Issue {number}", "description": f"Text of {number}."}
            opened.append(self.call("POST", "/issues.json", {"issue": issue})["issue"]["id"])
        return opened

    def _environment(self) -> dict[str, str]:
        """Returns the environment of its process."""
        # Both by the letter and through the links on the way, four steps up lead to the root.
        instance = "../../../.." + str(self.folder.resolve())
        return {**os.environ, "REDMINE_INSTANCE": instance, "RAILS_ENV": "production", "REDMINE_LANG": "en"}

    def _make_database(self) -> None:
        """Copies the unused database that installing the package has made, or makes one (a minute)."""
        if _MIGRATED.is_file():
            with (
                closing(sqlite3.connect(f"file:{_MIGRATED}?mode=ro", uri=True)) as source,
                closing(sqlite3.connect(self.database)) as copy,
            ):
                if source.execute("SELECT count(*) FROM projects").fetchone() == (0,):
                    source.backup(copy)
        if not self.database.exists():
            for task in ("db:migrate", "redmine:load_default_data"):
                subprocess.run(
                    ["bundle", "exec", "rake", task],
                    cwd=_CODE,
                    env={**self._environment(), "SCHEMA": "/dev/null"},
                    check=True,
                    capture_output=True,
                )
        with closing(sqlite3.connect(self.database)) as connection:
            connection.executescript(
                f"""
                DELETE FROM settings WHERE name = 'rest_api_enabled';
                INSERT INTO settings (name, value) VALUES ('rest_api_enabled', '1');
                UPDATE users SET must_change_passwd = 0 WHERE login = 'admin';
                INSERT INTO tokens (user_id, action, value, created_on)
                SELECT id, 'api', '{self.key}', CURRENT_TIMESTAMP FROM users WHERE login = 'admin';
                """
            )

    def _wait_until_it_answers(self) -> None:
        """Waits until it answers a request."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                break
            try:
                self.call("GET", "/users/current.json")
                return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.2)
        self.stop()
        raise RuntimeError(f"Redmine did not start; {self.folder / 'puma.log'} says why")
