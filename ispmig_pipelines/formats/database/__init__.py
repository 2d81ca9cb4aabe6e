"""Live databases and SQLite files, read at one instant by a session that cannot write."""
