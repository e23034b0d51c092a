"""rtnetlink and conntrack; the only importer of pyroute2."""
