"""The channels: one module per way to notify people of an incident.

`detector/incident/messages` has the events, the contract of a channel and the outbox.
Destinations are read from the operator's configuration only.
"""
