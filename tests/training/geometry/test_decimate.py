"""Decimation: fewer vertices, the same surface."""

import numpy as np
import pytest

from blendshape_talker.training.geometry.decimate import decimate
from blendshape_talker.training.geometry.surface import boundary_loops, triangle_normals


def grid(size):
    """A square (size², 3) of triangles, wavy in z."""
    x, y = np.meshgrid(np.linspace(0, 1, size), np.linspace(0, 1, size))
    vertices = np.stack([x.ravel(), y.ravel(), 0.1 * np.sin(3 * x.ravel())], axis=1)
    first = (np.arange(size - 1)[:, None] * size + np.arange(size - 1)).ravel()
    return vertices, np.vstack([
        np.stack([first, first + 1, first + size], 1), np.stack([first + 1, first + size + 1, first + size], 1)
    ])  # fmt: skip


def test_the_surface_stays_with_a_quarter_of_the_vertices():
    vertices, faces = grid(20)
    fewer, triangles, nearest = decimate(vertices, faces, 100)
    assert len(fewer) == len(nearest) == 100
    assert np.abs(fewer[:, 2] - 0.1 * np.sin(3 * fewer[:, 0])).max() < 0.005
    np.testing.assert_allclose(fewer.min(0)[:2], 0, atol=1e-3)
    np.testing.assert_allclose(fewer.max(0)[:2], 1, atol=1e-3)
    assert (triangle_normals(fewer, triangles)[:, 2] > 0).all()
    assert len(boundary_loops(triangles)) == 1
    assert np.linalg.norm(vertices[nearest] - fewer, axis=1).max() < 0.2


def test_equal_input_gives_equal_output():
    vertices, faces = grid(9)
    for first, second in zip(decimate(vertices, faces, 30), decimate(vertices, faces, 30), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("count", [81, 500])
def test_nothing_happens_where_nothing_is_asked(count):
    vertices, faces = grid(9)
    fewer, triangles, _ = decimate(vertices, faces, count)
    np.testing.assert_allclose(fewer, vertices)
    assert len(triangles) == len(faces)
