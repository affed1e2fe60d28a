"""Data, losses, training and evaluation of the speech network."""
