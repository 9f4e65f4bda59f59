"""Mint and revoke at the provider; the file name is the rotator."""
