"""What compliance found in a migration, how its columns settled, and a tenant's own settings."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"

_ADDED = (
    ("data_migrations", "findings"),
    ("data_migrations", "settled"),
    ("tenants", "settings"),
)


def upgrade() -> None:
    for table, name in _ADDED:
        op.add_column(
            table,
            sa.Column(name, JSONB, nullable=False, server_default=sa.text("'{}'")),
            schema="ispmig",
        )


def downgrade() -> None:
    for table, name in reversed(_ADDED):
        op.drop_column(table, name, schema="ispmig")
