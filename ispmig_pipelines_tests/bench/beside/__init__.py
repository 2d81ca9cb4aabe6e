"""The whole benchmark: ours beside other ways to load the same file, held against the bar."""
