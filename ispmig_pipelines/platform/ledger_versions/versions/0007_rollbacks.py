"""Rollbacks, and restore points that are over."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "rollbacks",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False, index=True),
        sa.Column("migrations", JSONB, nullable=False),
        sa.Column("dry_run", sa.Boolean, nullable=False),
        sa.Column("forced", sa.Boolean, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("dagster_run_id", sa.Text, nullable=False, index=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("result", JSONB, nullable=False),
        sa.Column("content", sa.Text),
        schema="ispmig",
    )
    op.add_column("data_migrations", sa.Column("rolled_back_by", sa.BigInteger), schema="ispmig")
    op.add_column(
        "data_migrations",
        sa.Column("restore_point_expired_at", sa.DateTime(timezone=True)),
        schema="ispmig",
    )


def downgrade() -> None:
    op.drop_column("data_migrations", "restore_point_expired_at", schema="ispmig")
    op.drop_column("data_migrations", "rolled_back_by", schema="ispmig")
    op.drop_table("rollbacks", schema="ispmig")
