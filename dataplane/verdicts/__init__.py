"""Policy verdict tables to nftables: layout (pure) and sync."""
