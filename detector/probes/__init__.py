"""Checks that no probe table can express: signed requests, databases, keys, tokens that carry their own proof.

A probe is a module: `SERVES` are globs of rule ids, `check(question, wire)`
asks and answers, `plan(question, settings)` says beforehand what would be
asked. `alter(question)` makes the copy for the negative control, where a
changed secret alone would not do; `CONTROL = False` says that none is needed.
"""
