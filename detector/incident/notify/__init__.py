"""Tell people: one module per channel, one event for all of them.

`_event.py` is what is told, `_escape.py` makes foreign text harmless for each
channel, `_outbox.py` sends: redacted always, once, at a bearable pace, with
patience. Where to is written in the operator's file and nowhere else.
"""
