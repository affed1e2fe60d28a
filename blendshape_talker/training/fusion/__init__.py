"""Data, structure, losses, training and evaluation of the deformation fusion module (paper, section 3)."""
