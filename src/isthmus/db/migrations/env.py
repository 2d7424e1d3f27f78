"""The script that alembic runs for each upgrade, on the connection and in the transaction of `db.upgrade`."""

from alembic import context

from isthmus.db.migrations import VERSION_TABLE
from isthmus.db.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
