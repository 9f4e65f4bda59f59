"""Rules: from TOML (ours and other tools') to one ready pack."""
