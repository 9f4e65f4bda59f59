"""Find hard-coded credentials: bytes in, findings out."""
