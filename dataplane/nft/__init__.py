"""Our nfnetlink codec for nf_tables: typed expressions that pack and print themselves. The only speaker of nf_tables."""
