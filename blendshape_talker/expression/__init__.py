"""Emotions as trajectories over time: the library of emotions and how each one lives and blinks."""
