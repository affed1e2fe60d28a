"""Corpora, training loops and evaluation: the side of the product that makes the bundled weights. Needs no Blender."""
