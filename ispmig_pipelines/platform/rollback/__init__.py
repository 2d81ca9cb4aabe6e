"""Restore points and rollback: a migration is taken back, whole or but for what others changed.

Every published migration is a restore point: the rows that it inserted bear its id, and ``_undo``
holds each row that it updated as it was before.

``undo``
    takes one migration back, set-based, in the current transaction
``kept``
    the rows that a rollback left as they are, and why
``restore_points``
    how long a tenant keeps them; what is over is let go
``rollback``
    several migrations, newest first, in one transaction, on record
"""
