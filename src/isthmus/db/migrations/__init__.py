"""The steps from one schema to the next, run by alembic. `HEAD` is the revision this version works on."""

from typing import Final

__all__ = ["HEAD", "VERSION_TABLE"]

HEAD: Final = "0013"
"""Said here so that a start on a current schema need not import alembic; a test holds it to the scripts."""

VERSION_TABLE: Final = "schema_revision"
