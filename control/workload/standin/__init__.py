"""What runs for an image: HTTP, gRPC health, TCP and UDP servers that tell who they are and call their upstreams."""
