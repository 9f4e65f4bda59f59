"""The messages of an incident: their format, escaping and redaction, and the outbox that delivers them.

`event.py` defines events and the contract of a channel, `escape.py` escapes untrusted text
for each format, `redact.py` redacts credentials, `outbox.py` deduplicates, limits the rate
and retries, `transport.py` sends one HTTP request, `rotation.py` notifies of the outcome
of a rotation. The channels themselves are in `detector/incident/notify`.
"""
