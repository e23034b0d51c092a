"""Kubernetes JSON to frozen kernel values. The only modules that know both vocabularies."""
