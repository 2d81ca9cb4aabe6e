"""What makes the audit trail one that cannot be rewritten unseen: chain, witness, verification."""
