"""The kernel: namespaces, links, nftables, cgroups. Synchronous and typed; knows no Kubernetes JSON and imports nothing of ours."""
