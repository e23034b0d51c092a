"""Custom kinds in the API server: which are served now, how a CustomResourceDefinition is established, and how it goes."""
