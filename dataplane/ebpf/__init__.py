"""eBPF: what the kernel tells by raw tracepoints, asked in a short-lived helper process. The only importer of bcc."""
