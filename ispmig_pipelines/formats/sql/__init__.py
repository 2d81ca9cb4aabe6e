"""SQL scripts of many dialects: parsed, never executed; and scripts written."""
