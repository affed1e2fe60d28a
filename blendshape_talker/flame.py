"""FLAME's vertex order: the facts the rest relies on, the canonical head, vertices <-> geometry images."""

VERTEX_COUNT = 5023
UPPER_LIP = 3546  # inner lip vertices in the middle of the mouth
LOWER_LIP = 3504
