"""What a migration would do, as a report of a dry run: kept, and shown to people."""
