"""Leak-first: who is exposed, who imports it, contain, reissue, report."""
