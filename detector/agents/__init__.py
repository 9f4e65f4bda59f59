"""Guard coding agents: what they send to a model, what they write, and what they leave on this machine."""
