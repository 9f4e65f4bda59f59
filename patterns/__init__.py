"""Rules as data: one TOML file per provider."""
