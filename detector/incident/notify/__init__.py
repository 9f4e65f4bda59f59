"""Notify people of an incident: one module per channel, one event format for all of them.

`_event.py` defines events and the contract of a channel, `_escape.py` escapes
untrusted text for each format, `_outbox.py` redacts, deduplicates, limits the rate
and retries. Destinations are read from the operator's configuration only.
"""
