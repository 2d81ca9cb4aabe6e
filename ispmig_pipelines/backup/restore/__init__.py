"""A snapshot made a schema again: into a side schema, verified, and swapped in; or beside it.

A restore is one transaction, before which only large tables get their rows: one that fails or is
killed leaves nothing, and nobody but the tenant itself could put anything into what is half made.
What a manifest says is done by the tenant's role, never by the platform's.
"""
