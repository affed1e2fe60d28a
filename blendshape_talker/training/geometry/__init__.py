"""FACS shapes carried over to FLAME's vertices, the canonical head and the geometry map of the fusion module."""
