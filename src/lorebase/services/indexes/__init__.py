"""What stands in the vector and keyword indexes: written, audited, removed."""
