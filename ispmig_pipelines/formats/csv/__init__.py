"""CSV and its kin: how the text is laid out, found by evidence; records out of it, and back."""
