"""How training scales with processes: measured here, and predicted by a model for other links."""
