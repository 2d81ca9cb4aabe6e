"""Alembic runs this file, on the connection that ``ledger.prepare`` gives it."""

from alembic import context

from ispmig_pipelines.platform.ledger import SCHEMA, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table_schema=SCHEMA,
    include_schemas=True,
)
with context.begin_transaction():
    context.run_migrations()
