"""How training scales with processes: measured here, and by a model on faster and slower links."""
