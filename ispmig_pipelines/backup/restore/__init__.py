"""A snapshot made a schema again: into a side schema, verified, and swapped in; or beside it.

All of a restore is one transaction, and the side schema is seen by nobody else before its commit:
a restore that fails or is killed leaves nothing, and nobody can put anything into what is half
made. What a manifest says is done by the tenant's role, never by the platform's.
"""
