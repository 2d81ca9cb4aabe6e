"""The audit trail, to which entries are only ever added; and a masking key per tenant."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("tenants", sa.Column("mask_key", sa.LargeBinary), schema="ispmig")
    op.create_table(
        "data_migration_logs",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tenant", sa.Text, nullable=False, index=True),
        sa.Column("operation", sa.Text, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("dagster_run_id", sa.Text, nullable=False, index=True),
        sa.Column("details", JSONB, nullable=False),
        schema="ispmig",
    )
    op.execute(
        """create function ispmig.refuse_change() returns trigger language plpgsql as $$
           begin
               raise exception 'entries of the audit trail are never changed or deleted'
                   using errcode = 'insufficient_privilege';
           end $$"""
    )
    op.execute(
        """create trigger never_changed before update or delete or truncate
           on ispmig.data_migration_logs
           for each statement execute function ispmig.refuse_change()"""
    )


def downgrade() -> None:
    op.drop_table("data_migration_logs", schema="ispmig")
    op.execute("drop function ispmig.refuse_change()")
    op.drop_column("tenants", "mask_key", schema="ispmig")
