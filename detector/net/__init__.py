"""Requests to other machines: bounded, guarded, and silent about what they carry."""
