"""Upkeep of backups in Dagster: verified, pruned, tried; and whether they can be relied on."""
