"""Tenants and their migrations."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "tenants",
        sa.Column("slug", sa.Text, primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        schema="ispmig",
    )
    op.create_table(
        "data_migrations",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False, index=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("on_conflict", sa.Text, nullable=False),
        sa.Column("spec_name", sa.Text, nullable=False),
        sa.Column("spec_path", sa.Text, nullable=False),
        sa.Column("spec_text", sa.Text, nullable=False),
        sa.Column("spec_digest", sa.Text, nullable=False),
        sa.Column("dagster_run_id", sa.Text, nullable=False, index=True),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("files", JSONB, nullable=False),
        sa.Column("entities", JSONB, nullable=False),
        sa.Column("totals", JSONB, nullable=False),
        sa.Column("issues", JSONB, nullable=False),
        sa.Column("seconds", sa.Float),
        sa.Column("rows_per_second", sa.Float),
        sa.Column("peak_rss_mb", sa.Float),
        sa.Column("error", sa.Text),
        schema="ispmig",
    )


def downgrade() -> None:
    op.drop_table("data_migrations", schema="ispmig")
    op.drop_table("tenants", schema="ispmig")
