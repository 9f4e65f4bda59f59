"""Checks with an issuer that no table in patterns/ can express."""
