"""A lab's life: lab.yaml, plan, preflight, up, down, supervisor, PKI, kubeconfig."""
