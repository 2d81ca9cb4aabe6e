"""Alerts: what happened that somebody has to know, and to whom it was sent."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("uid", sa.Text, nullable=False, unique=True),
        sa.Column("event", sa.Text, nullable=False, unique=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("counts", JSONB, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.Column("collapsed_into", sa.BigInteger, index=True),
        schema="ispmig",
    )
    op.create_index("alerts_same", "alerts", ["kind", "tenant", "subject", "code"], schema="ispmig")
    op.create_table(
        "alert_deliveries",
        sa.Column("alert", sa.BigInteger, primary_key=True),
        sa.Column("channel", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("next_try", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("problem", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["alert"], ["ispmig.alerts.id"], ondelete="CASCADE"),
        schema="ispmig",
    )
    op.create_index(
        "alert_deliveries_waiting", "alert_deliveries", ["channel", "next_try"],
        schema="ispmig", postgresql_where=sa.text("state = 'waiting'"),
    )  # fmt: skip


def downgrade() -> None:
    op.drop_table("alert_deliveries", schema="ispmig")
    op.drop_table("alerts", schema="ispmig")
