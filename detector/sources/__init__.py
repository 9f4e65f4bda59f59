"""Where bytes come from; one module per kind of source."""
