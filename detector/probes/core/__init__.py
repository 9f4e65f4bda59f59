"""What all probes share: contract, client, choice of the host, negative control, and probes that a rule declares."""
