"""METRICS: how the platform is, in numbers for a monitoring system, and in one word for a probe.

:mod:`.gather` reads the ledger, :mod:`.health` tries what we stand on, and :mod:`.openmetrics`
writes. What Dagster alone knows is added by :mod:`ispmig_pipelines.defs.metrics`. Labels are slugs
of tenants and names of ours; nothing here holds a cell, a path, a user or a password.
"""
