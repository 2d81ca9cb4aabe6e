"""Snapshots of one tenant: cut into pieces, encrypted, verified, restored, kept by policy.

The format is open and documented in ``docs/backup-format.md``.
"""
