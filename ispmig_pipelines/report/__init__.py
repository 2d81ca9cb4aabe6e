"""The report of a migration: what it read, where that is now, and what people should do next."""
