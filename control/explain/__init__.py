"""What was observed, in a person's words: hops with the names of Kubernetes objects, why a packet died, pictures. May import verify (the view of the cluster), lab and all below."""
