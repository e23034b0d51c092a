"""Who is asking: client certificates, service account tokens; anonymous is refused."""
