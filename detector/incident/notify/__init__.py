"""Tell people: one module per channel, one event for all of them.

`event_.py` is what is told, `escape_.py` makes foreign text harmless for each
channel, `outbox_.py` sends: redacted always, once, at a bearable pace, with
patience. Where to is written in the operator's file and nowhere else.
"""
