"""Heads and their files: FLAME's vertices and parameters, reading meshes and model files, fitting a mesh to FLAME."""
