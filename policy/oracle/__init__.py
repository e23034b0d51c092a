"""The text of the NetworkPolicy specification, plainly: what should happen. Shares nothing with the compiler but the parsed model."""
