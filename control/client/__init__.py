"""How agents, controllers and the scheduler talk to the API server: over TLS, always."""
