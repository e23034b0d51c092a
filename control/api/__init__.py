"""The API server: TLS, the filter chain, verbs, discovery, subresources."""
