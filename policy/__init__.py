"""NetworkPolicy, pure: no root, no kernel, no asyncio. May import dataplane.model only."""
