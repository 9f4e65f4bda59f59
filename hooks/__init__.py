"""Git hooks, the hook for CI pipelines, and the reaction to a live finding: one module per hook."""
