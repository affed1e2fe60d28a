"""A ball and a disk, for tests of surfaces."""

import numpy as np


def ball(rings: int, around: int) -> tuple[np.ndarray, np.ndarray]:
    """A unit ball with its poles at ±z: vertices and outward faces; the poles are the first and the last vertex."""
    polar = np.pi * np.arange(1, rings) / rings
    turn = 2 * np.pi * np.arange(around) / around
    across, along = np.sin(polar)[:, None], np.cos(polar)[:, None]
    rows = np.stack([across * np.cos(turn), across * np.sin(turn), along + 0 * turn], axis=-1)
    vertices = np.vstack([[[0, 0, 1]], rows.reshape(-1, 3), [[0, 0, -1]]])
    number = 1 + np.arange((rings - 1) * around).reshape(rings - 1, around)
    after = np.roll(number, -1, axis=1)
    upper, lower, upper_after, lower_after = (part.ravel() for part in (number[:-1], number[1:], after[:-1], after[1:]))
    caps = [
        np.stack([0 * number[0], number[0], after[0]], axis=1),
        np.stack([0 * number[0] + len(vertices) - 1, after[-1], number[-1]], axis=1),
    ]
    sides = [np.stack([upper, lower, upper_after], axis=1), np.stack([lower, lower_after, upper_after], axis=1)]
    return vertices, np.vstack([*caps, *sides])


def disk(rings: int, around: int) -> tuple[np.ndarray, np.ndarray]:
    """A flat disk in the xy plane, vertex 0 in the middle."""
    radius = np.repeat(np.arange(1, rings + 1) / rings, around)
    turn = np.tile(2 * np.pi * np.arange(around) / around, rings)
    vertices = np.vstack([[[0, 0, 0]], np.stack([radius * np.cos(turn), radius * np.sin(turn), 0 * turn], axis=1)])
    number = 1 + np.arange(rings * around).reshape(rings, around)
    after = np.roll(number, -1, axis=1)
    inner, outer, inner_after, outer_after = (p.ravel() for p in (number[:-1], number[1:], after[:-1], after[1:]))
    cap = np.stack([0 * number[0], number[0], after[0]], axis=1)
    sides = [np.stack([inner, outer, inner_after], axis=1), np.stack([outer, outer_after, inner_after], axis=1)]
    return vertices, np.vstack([cap, *sides])
