"""Faults as the kernel knows them: links put down, packets dropped, links slowed, processes halted; each can be found and undone from the kernel alone. Synchronous; imports no Kubernetes."""
