"""Our plugin's verbs."""
