"""Read and write files on this machine: whose they are, and what is in their place."""
