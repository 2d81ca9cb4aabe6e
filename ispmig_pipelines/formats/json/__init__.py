"""JSON and NDJSON: records out of documents, exactly as their text has them, and back."""
