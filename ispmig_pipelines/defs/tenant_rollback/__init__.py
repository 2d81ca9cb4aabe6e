"""The job ``tenant_rollback``: migrations of a tenant taken back."""
