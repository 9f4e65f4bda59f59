"""Probes that no rule can declare: signed requests, databases, keys, tokens that carry their own proof.

A probe is a module that fulfils `core.contract.ProbeModule`. A rule with a
``probe`` table of its own needs none.
"""
