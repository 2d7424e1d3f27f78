"""The migrations of the schema, run by alembic."""

from typing import Final

__all__ = ["FIRST", "HEAD", "REPLACED_REVISIONS", "VERSION_TABLE"]

FIRST: Final = "0013"
"""The oldest revision that this version has migrations from."""

HEAD: Final = "0017"
"""The revision this version works on. It stands here too, so that a start on a current schema need not import
alembic; a test compares it with the migrations."""

REPLACED_REVISIONS: Final = frozenset(f"{number:04}" for number in range(1, 13))
"""Revisions of development versions from before the first release, whose migrations are gone."""

VERSION_TABLE: Final = "schema_revision"
