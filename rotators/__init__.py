"""Mint and revoke at the issuer; the file name is the rotator."""
