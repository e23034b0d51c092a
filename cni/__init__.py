"""CNI 1.1: our plugin, its IPAM, and the runtime side that runs any plugin. May import dataplane."""
