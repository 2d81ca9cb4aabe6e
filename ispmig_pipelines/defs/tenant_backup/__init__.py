"""The asset ``tenant_backup``: snapshots of tenants, their schedules, and how fresh they are."""
