"""Service values to nftables: layout (pure), sync, stale conntrack entries."""
