"""Drops: files that were dropped for tenants, and what lies in their drop places."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "drops",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False, index=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("files", JSONB, nullable=False),
        sa.Column("content", sa.Text, index=True),
        sa.Column("rule", JSONB),
        sa.Column("closed_by", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("run_id", sa.Text),
        sa.Column("migration", sa.BigInteger),
        sa.Column("ending", JSONB),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        schema="ispmig",
    )
    op.create_table(
        "drop_sightings",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("stamp", sa.Text, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        schema="ispmig",
    )


def downgrade() -> None:
    op.drop_table("drop_sightings", schema="ispmig")
    op.drop_table("drops", schema="ispmig")
