"""The dialects of the agents: one file for each, named after the agent."""
