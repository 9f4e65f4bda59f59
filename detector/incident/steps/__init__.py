"""The steps of the playbook, one module each.

A step reads the state of the incident, does what is missing and records it. It can be
run alone, repeated, and run by somebody else; a step that was killed is simply run again.
Steps communicate only through the log: what is recorded is not done again, and what has
changed since becomes a new line.
"""
