"""The Kubernetes API as data: resources, structure, decoding, defaults, validation, patches, tables, OpenAPI."""
