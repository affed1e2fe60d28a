"""Carrying shapes from one head to another, on two small made-up heads whose right answer is known."""

import numpy as np
import pytest
import scipy.sparse as sparse
import trimesh
from simple_surfaces import ball, disk

from blendshape_talker.errors import TalkerError
from blendshape_talker.training.geometry import facs as geometry
from blendshape_talker.training.geometry.facs import (
    Facs,
    carry_eyeball,
    carry_over,
    close_lids,
    load_facs,
    make_facs,
    register,
)
from blendshape_talker.training.geometry.surface import (
    Surface,
    boundary_loops,
    closest_barycentric,
    component_labels,
    cycle,
    follow_neighbours,
    ring_numbers,
    sphere,
    unique_edges,
    vertex_normals,
)

RADII = np.array([0.075, 0.1, 0.09])  # of the made-up heads, in metres


def test_surface_helpers():
    vertices, faces = ball(12, 20)
    assert (vertex_normals(vertices, faces) * vertices).sum(1).min() > 0.97
    assert boundary_loops(faces) == []
    assert len(vertices) - len(unique_edges(faces)) + len(faces) == 2
    rings = ring_numbers(faces, [0], len(vertices))
    assert rings[0] == 0 and (rings[1:21] == 1).all() and rings[-1] == 12
    edges = unique_edges(faces)
    loop = cycle(edges[(rings[edges] == 4).all(1)])
    assert len(loop) == 20 and set(rings[loop]) == {4}
    opened = faces[(faces != 0).all(1)]
    (border,) = boundary_loops(opened)
    assert set(border) == set(range(1, 21))
    both = np.vstack([faces, faces + len(vertices)])
    labels = component_labels(both, 2 * len(vertices))
    assert len(set(labels[: len(vertices)])) == 1 and labels[0] != labels[-1]
    centre, radius = sphere(3 * vertices + [1, 2, 3])
    np.testing.assert_allclose([*centre, radius], [1, 2, 3, 3], atol=1e-9)


def test_closest_points_agree_with_trimesh():
    random = np.random.default_rng(0)
    points, triangles = random.normal(size=(500, 3)), random.normal(size=(500, 3, 3))
    weights = closest_barycentric(points, triangles)
    np.testing.assert_allclose(weights.sum(1), 1)
    assert weights.min() >= 0
    found = np.einsum("nk,nkd->nd", weights, triangles)
    np.testing.assert_allclose(found, trimesh.triangles.closest_point(triangles, points), atol=1e-9)


def test_the_closest_place_faces_the_same_way():
    vertices, faces = disk(4, 12)
    count = len(vertices)
    sheets = np.vstack([vertices, vertices - [0, 0, 0.1]])  # the lower one faces down
    surface = Surface(sheets, np.vstack([faces, faces[:, ::-1] + count]))
    point, up = np.array([[0.1, 0.2, -0.09]]), np.array([[0.0, 0, 1]])
    for normal, sheet, distance in ((up, 0, 0.09), (-up, 1, 0.01)):
        triangle, _, found, agrees = surface.closest(point, normal, 0.5)
        assert agrees[0] and (surface.faces[triangle] >= count).all() == sheet
        assert found[0] == pytest.approx(distance)
    assert not surface.closest(point, np.array([[1.0, 0, 0]]), 0.5)[3][0]


def test_follow_neighbours_fills_in_the_smoothest_values():
    vertices, faces = disk(8, 24)
    values = vertices @ np.array([[1.0, 2], [3, -1], [0, 0]])
    free = np.linalg.norm(vertices, axis=1) < 0.6
    filled = follow_neighbours(np.where(free[:, None], 99.0, values), faces, free)
    np.testing.assert_array_equal(filled[~free], values[~free])
    edges = unique_edges(faces)
    for vertex in np.flatnonzero(free):
        around = np.setdiff1d(edges[(edges == vertex).any(1)], vertex)
        np.testing.assert_allclose(filled[vertex], filled[around].mean(0), atol=1e-6)


def test_registration_wraps_a_ball_around_an_ellipsoid():
    vertices, faces = ball(16, 24)
    template = vertices * 0.09
    fine, fine_faces = ball(40, 60)
    target = Surface(fine * RADII, fine_faces)
    picked = np.array([0, 40, 120, 200, 300, len(vertices) - 1])
    landmarks = sparse.csr_matrix((np.ones(6), (np.arange(6), picked)), shape=(6, len(vertices)))
    seen = []
    wrapped = register(
        template, faces, target, landmarks, vertices[picked] * RADII, np.ones(len(template), bool),
        progress=lambda fraction, message: seen.append(fraction),
    )  # fmt: skip
    off = np.abs(np.linalg.norm(wrapped / RADII, axis=1) - 1) * RADII.mean()
    assert off.mean() < 2e-4 and off.max() < 2e-3
    assert seen == sorted(seen) and seen[-1] == 1
    assert np.linalg.norm(wrapped[picked] - vertices[picked] * RADII, axis=1).max() < 2e-3


def test_an_eyeball_follows_turns_and_shifts():
    vertices, _ = ball(8, 12)
    other, _ = ball(10, 16)
    turn = np.array([[0, -0.1, 0], [0.1, 0, 0], [0, 0, 0]])
    deltas = np.stack([other @ turn.T, np.tile([0.01, 0, 0.02], (len(other), 1))])
    carried = carry_eyeball(other, deltas, vertices)
    np.testing.assert_allclose(carried[0], vertices @ turn.T, atol=1e-9)
    np.testing.assert_allclose(carried[1], np.tile([0.01, 0, 0.02], (len(vertices), 1)), atol=1e-9)


def test_lids_meet():
    vertices, faces = disk(10, 32)
    vertices = vertices * [0.03, 0.012, 0]
    upper = vertices[:, 1] > 1e-6
    fade = np.clip(1 - np.linalg.norm(vertices / [0.03, 0.012, 1], axis=1), 0, 1)
    blink = np.zeros_like(vertices)
    blink[upper, 1] = -1.2 * vertices[upper, 1] * fade[upper]  # leaves a slit
    rings = ring_numbers(faces, [0], len(vertices))

    def slit(motion):
        closed = vertices + motion
        gaps = []
        for ring in geometry.LID_RIM_RINGS:
            loop = np.flatnonzero(rings == ring)
            above, below = loop[vertices[loop, 1] > 1e-4], loop[vertices[loop, 1] < 1e-4]
            below = below[np.argsort(closed[below, 0])]
            gaps.append(closed[above, 1] - np.interp(closed[above, 0], closed[below, 0], closed[below, 1]))
        return np.concatenate(gaps)

    assert slit(blink).max() > 0.002
    more = close_lids(vertices, blink, faces, 0)
    assert slit(blink + more).max() < 1e-9
    assert np.abs(more[vertices[:, 1] < -0.005]).max() < 5e-4 and np.abs(more[rings == 10]).max() == 0
    assert np.abs(more[:, [0, 2]]).max() == 0
    np.testing.assert_allclose(close_lids(vertices, blink + more, faces, 0), 0, atol=1e-9)


@pytest.fixture
def two_heads(monkeypatch):
    """A coarse 'FLAME' and a fine 'ICT' head of other proportions, size and place, each with two eyeballs."""
    coarse, coarse_faces = ball(16, 24)
    fine, fine_faces = ball(40, 60)
    eye, eye_faces = ball(6, 10)
    eyes = [np.array([x, 0.02, 0.05]) for x in (0.03, -0.03)]
    template = np.vstack([coarse * 0.085, *(0.012 * eye + place for place in eyes)])
    faces = np.vstack([coarse_faces, *(eye_faces + len(coarse) + number * len(eye) for number in (0, 1))])
    scale, shift = 110.0, np.array([1.0, -2, 3])
    target = np.vstack([fine * RADII, *(0.015 * eye + place + [0, 0.002, 0] for place in eyes)]) * scale + shift
    quads = np.hstack([fine_faces, np.full((len(fine_faces), 1), -1)])
    spans = [(len(fine) + number * len(eye), len(fine) + (number + 1) * len(eye)) for number in (0, 1)]
    monkeypatch.setattr(geometry, "ICT_SKIN_END", len(fine))
    monkeypatch.setattr(geometry, "ICT_EYEBALLS", tuple(spans))
    monkeypatch.setattr(geometry, "SOCKET_POLES", {"L": 0, "R": len(coarse) - 1})
    random = np.random.default_rng(0)
    triangles = random.choice(len(coarse_faces), 51, replace=False)
    marks = coarse[coarse_faces[triangles]].mean(1)
    on_fine = np.array([np.linalg.norm(fine - mark, axis=1).argmin() for mark in marks])
    stretch = (target - shift) * [0.1, 0, 0]  # every vertex moves sideways with its x
    ict = {
        "neutral": target.astype(np.float32),
        "quads": quads,
        "expression_names": np.array(["stretch", "eyeBlink_L", "eyeBlink_R"]),
        "expression_deltas": np.stack([stretch, 0 * stretch, 0 * stretch]).astype(np.float16),
        "identity_deltas": np.stack([0 * stretch + [0, 5.5, 0]]).astype(np.float16),
        "landmarks_68": np.r_[np.zeros(17, int), on_fine],
    }
    flame = {
        "template": template.astype(np.float32),
        "faces": faces.astype(np.int32),
        "landmark51_face": triangles,
        "landmark51_bary": np.full((51, 3), 1 / 3),
    }
    return ict, flame, len(coarse)


def test_shapes_and_identities_are_carried_over(two_heads):
    ict, flame, body = two_heads
    facs = carry_over(ict, flame)
    assert facs.names.tolist() == ["stretch", "eyeBlink_L", "eyeBlink_R"]
    assert facs.deltas.shape == (3, len(flame["template"]), 3) and facs.identities.shape[0] == 1
    # the similarity leaves scale and place to the template's frame: measure in its own size
    size = np.ptp(facs.neutral[:body], axis=0)
    np.testing.assert_allclose(size / size.mean(), RADII / RADII.mean(), rtol=0.02)
    visible = ring_numbers(flame["faces"], [0, body - 1], len(flame["template"])) > 3
    centred = facs.neutral - facs.neutral[:body].mean(0)
    error = np.linalg.norm(facs.deltas[0] - centred * [0.1, 0, 0], axis=1)[:body][visible[:body]]
    assert error.mean() < 3e-4 and error.max() < 2e-3
    up = facs.identities[0] / np.linalg.norm(facs.identities[0], axis=1, keepdims=True)
    assert up[:, 1].min() > 0.99
    for eye in (facs.neutral[body : body + (len(facs.neutral) - body) // 2], facs.neutral[-5:]):
        assert np.isfinite(eye).all()
    first = np.arange(body, body + (len(facs.neutral) - body) // 2)
    _, radius = sphere(facs.neutral[first].astype(float))
    assert radius / size.mean() == pytest.approx(0.015 * geometry.EYEBALL_SCALE / (2 * RADII.mean()), rel=0.03)


def test_files(tmp_path, two_heads):
    ict, flame, _ = two_heads
    with pytest.raises(TalkerError, match=r"ict_facekit\.npz"):
        make_facs(tmp_path, tmp_path / "facs.npz")
    np.savez(tmp_path / "ict_facekit.npz", **ict)
    np.savez(tmp_path / "flame_topology.npz", **flame)
    with pytest.raises(TalkerError, match="FLAME has 5023"):
        make_facs(tmp_path, tmp_path / "facs.npz")
    assert not (tmp_path / "facs.npz").exists()
    geometry.checkpoint.save(tmp_path / "facs.npz", geometry.KIND, {}, vars(carry_over(ict, flame)))
    loaded = load_facs(tmp_path / "facs.npz")
    assert isinstance(loaded, Facs) and loaded.names[0] == "stretch"
    again = geometry.checkpoint.save(tmp_path / "again.npz", geometry.KIND, {}, vars(carry_over(ict, flame)))
    assert again.read_bytes() == (tmp_path / "facs.npz").read_bytes()
    with pytest.raises(TalkerError, match=r"ict_facekit\.npz"):
        load_facs(tmp_path / "ict_facekit.npz")
