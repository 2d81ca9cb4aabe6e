"""The job ``tenant_restore``: a tenant set back to a snapshot, or a copy of it made."""
