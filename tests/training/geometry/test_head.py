"""Flat maps, faces of our own and the parts of the head file, on surfaces whose right answer is known."""

from functools import partial

import numpy as np
import pytest
import scipy.sparse as sparse
from simple_surfaces import ball, disk

from blendshape_talker import checkpoint
from blendshape_talker.face.flame import IMAGE_SIZE, load_head
from blendshape_talker.training.geometry import geometry_map, head, triangulate
from blendshape_talker.training.geometry.facs import KIND, Facs
from blendshape_talker.training.geometry.surface import boundary_loops, component_labels, ring_numbers, unique_edges
from blendshape_talker.training.geometry.unwrap import (
    close_holes,
    embed,
    equal_area,
    mean_value_weights,
    on_circle,
    on_square,
    triangle_areas,
)


def ring_surface(rings: int = 10, around: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """A disk without its middle: vertices (N, 3) and faces, two boundary loops."""
    vertices, faces = disk(rings, around)
    faces = faces[(faces > around).all(1)]
    return vertices[1 + around :], faces - 1 - around


@pytest.fixture
def hasty(monkeypatch):
    """Fewer rounds of evening out: these tests do not ask for the best map."""
    for module in (head, geometry_map):
        monkeypatch.setattr(module, "equal_area", partial(equal_area, rounds=40))


def test_mean_value_weights_leave_a_flat_disk_as_it_is():
    vertices, faces = disk(6, 16)
    (loop,) = boundary_loops(faces)
    flat = embed(mean_value_weights(vertices, faces), loop, vertices[loop, :2])
    np.testing.assert_allclose(flat, vertices[:, :2], atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(on_circle(vertices, loop), axis=1), 1)


def test_a_curved_cap_unfolds_without_folds_and_close_to_conformal():
    vertices, faces = ball(20, 40)
    keep = vertices[:, 2] > -0.5
    faces = faces[keep[faces].all(1)]
    used = np.unique(faces)
    vertices, faces = vertices[used], np.searchsorted(used, faces)
    (loop,) = boundary_loops(faces)
    flat = embed(mean_value_weights(vertices, faces), loop, on_circle(vertices, loop))
    assert triangle_areas(flat, faces).min() > 0
    angles = []
    for positions in (vertices, np.pad(flat, ((0, 0), (0, 1)))):
        first, second = (positions[faces[:, k]] - positions[faces[:, 0]] for k in (1, 2))
        cosine = (first * second).sum(1) / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)
        angles.append(np.degrees(np.arccos(cosine)))
    assert np.abs(angles[0] - angles[1]).mean() < 5


def test_the_border_lies_on_the_square():
    vertices, faces = disk(4, 32)
    (loop,) = boundary_loops(faces)
    corners = [int(loop[k]) for k in (20, 28, 4, 12)]
    places = on_square(vertices, loop, corners)
    assert (np.isclose(places, 0) | np.isclose(places, 1)).any(1).all()
    at = {int(vertex): tuple(place) for vertex, place in zip(loop, places.round(9).tolist(), strict=True)}
    assert [at[corner] for corner in corners] == [(0, 0), (1, 0), (1, 1), (0, 1)]
    assert abs(triangle_areas(places[None, :].reshape(-1, 2), np.array([[0, 11, 22]]))[0]) > 0.1
    np.testing.assert_allclose(places[(20 + 4) % 32], [0.5, 0], atol=1e-6)


def test_equal_area_gives_every_vertex_its_share_without_folds():
    vertices, faces = ring_surface()
    outer, inner = sorted(boundary_loops(faces), key=lambda loop: -np.ptp(vertices[loop], axis=0).sum())
    closed = close_holes(faces, len(vertices), [inner])
    assert [len(loop) for loop in boundary_loops(closed)] == [32]
    share = np.ones(len(vertices) + 1)
    share[:64] = 3.0  # the two rings around the hole
    border = on_square(vertices, outer, [int(outer[k]) for k in (0, 8, 16, 24)])

    def spread(flat):
        areas = triangle_areas(flat, closed)
        assert areas.min() > 0
        assert areas.sum() == pytest.approx(1)
        own = np.zeros(len(share))
        for corner in range(3):
            np.add.at(own, closed[:, corner], areas)
        return np.std(np.log(own / share)[: len(vertices) - 32])

    edges = unique_edges(closed)
    both = np.vstack([edges, edges[:, ::-1]])
    tutte = embed(sparse.csr_matrix((np.ones(len(both)), both.T)), outer, border)
    assert spread(equal_area(closed, outer, border, share)) < 0.35 * spread(tutte)


def test_delaunay_leaves_the_hole_open():
    vertices, faces = ring_surface()
    _, inner = sorted(boundary_loops(faces), key=lambda loop: -np.ptp(vertices[loop], axis=0).sum())
    flat = np.vstack([vertices[:, :2], [[0, 0]]])
    made = triangulate.delaunay(flat, inner)
    assert triangle_areas(flat, made).min() > 0
    assert sorted(len(loop) for loop in boundary_loops(made)) == [32, 32]
    assert triangle_areas(flat, made).sum() == pytest.approx(triangle_areas(flat, faces).sum())


def test_diagonals_turn_along_a_crease_in_every_pose():
    x, y = (part.ravel() for part in np.meshgrid(np.arange(9.0), np.arange(9.0)))
    flat = np.stack([x, y], axis=1)
    roof = np.stack([x, y, -1.5 * np.abs(x - y)], axis=1)  # the ridge runs diagonally
    folded = np.stack([x, y, -3 * np.abs(x - y) + 0.1 * x], axis=1)
    low = np.flatnonzero((x < 8) & (y < 8))
    across = np.vstack([np.stack([low, low + 1, low + 9], 1), np.stack([low + 1, low + 10, low + 9], 1)])
    ridge = {(10 * k, 10 * k + 10) for k in range(8)}

    def edges(faces):
        return {tuple(edge) for edge in unique_edges(faces).tolist()}

    assert not ridge & edges(across)
    poses = np.stack([roof, folded])
    turned = triangulate.follow_creases(across, flat, poses)
    assert ridge <= edges(turned)
    assert triangle_areas(flat, turned).min() > 0 and len(turned) == len(across)
    hot = triangulate.follow_creases(across, flat, poses, heat=0.3, hot_passes=20)
    assert ridge <= edges(hot) and triangle_areas(flat, hot).min() > 0
    frozen = triangulate.follow_creases(across, flat, poses, where=np.zeros(81, bool))
    np.testing.assert_array_equal(frozen, across)


def test_a_ball_is_closed_and_faces_outward():
    vertices, _ = ball(7, 11)
    faces = triangulate.ball(0.01 * vertices + [1, 2, 3])
    assert boundary_loops(faces) == [] and len(np.unique(faces)) == len(vertices)
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    assert (np.cross(b - a, c - a) * a).sum(1).min() > 0


def test_pixels_take_the_triangle_under_their_centre():
    flat = np.array([[0, 0], [8, 0], [0, 8], [8, 8]], float)
    vertices, weights = geometry_map.rasterise(flat, np.array([[0, 1, 2], [1, 3, 2], [0, 1, 1]]), 10)
    assert (weights[8:].sum() == 0) and (weights[:, 8:].sum() == 0)
    np.testing.assert_allclose(weights[:8, :8].sum(-1), 1)
    found = (flat[vertices[:8, :8]] * weights[:8, :8, :, None]).sum(2)
    columns, rows = np.meshgrid(np.arange(8) + 0.5, np.arange(8) + 0.5)
    np.testing.assert_allclose(found, np.stack([columns, rows], axis=-1), atol=1e-9)


def test_every_point_owns_a_pixel():
    crowd = 4 + 0.1 * np.random.default_rng(0).random((30, 2))
    pixels = geometry_map.own_pixels(crowd, 10)
    assert len(set(pixels.tolist())) == 30
    centres = np.stack([pixels % 10 + 0.5, pixels // 10 + 0.5], axis=1)
    assert np.linalg.norm(centres - 4, axis=1).max() < 4


def test_the_map_of_a_face_reaches_every_vertex(hasty):
    """On the demo head's own triangles: they make one piece with three holes, like FLAME's."""
    demo = load_head()
    place = demo.vertices.astype(float)
    labels = component_labels(demo.faces, len(place))
    region = head.face_region(place, demo.faces, labels == labels[0])
    assert len(boundary_loops(region)) == 4
    vertices, weights = geometry_map.geometry_map(place, region)
    assert vertices.shape == weights.shape == (IMAGE_SIZE, IMAGE_SIZE, 3)
    assert set(vertices[weights > 0]) == set(np.unique(region))
    owned = vertices[weights.max(-1) == 1][:, 0]
    assert set(owned) == set(np.unique(region))


def test_texture_coordinates_fill_the_square(hasty):
    demo = load_head()
    place = demo.vertices.astype(float)
    skin = demo.faces[(demo.faces < demo.left_eye.min()).all(1)]
    mouth, neck = sorted(boundary_loops(skin), key=lambda loop: -place[loop, 1].mean())
    uv = head.texture_coordinates(place, skin, mouth, neck, demo.eyes)
    assert uv.min() >= 0 and uv.max() <= 1
    assert triangle_areas(uv, skin).min() > 0
    assert uv[: demo.left_eye.min(), 1].min() >= head.EYE_STRIP - 1e-9
    for eye in demo.eyes:
        assert uv[eye, 1].max() <= head.EYE_STRIP
        assert np.ptp(uv[eye], axis=0).min() > 0.6 * head.EYE_STRIP
    assert not set(map(tuple, uv[demo.left_eye].round(6))) & set(map(tuple, uv[demo.right_eye].round(6)))


@pytest.fixture
def mouth(monkeypatch):
    """A flat mouth: a ring surface, wide and low, whose hole is the opening; (vertices, faces, rings)."""
    vertices, faces = ring_surface()
    _, hole = sorted(boundary_loops(faces), key=lambda loop: -np.ptp(vertices[loop], axis=0).sum())
    vertices = vertices * [0.05, 0.02, 0]
    rings = ring_numbers(faces, hole, len(vertices))
    middle = [v for v in np.flatnonzero(rings == 5) if abs(vertices[v, 0]) < 1e-9]
    upper, lower = sorted(middle, key=lambda v: -vertices[v, 1])
    monkeypatch.setattr(head, "UPPER_LIP", int(upper))
    monkeypatch.setattr(head, "LOWER_LIP", int(lower))
    return vertices, faces, rings


def test_lip_pairs_face_each_other(mouth):
    vertices, faces, rings = mouth
    pairs = head.lip_pairs(vertices, faces, rings)
    upper, lower = vertices[pairs[:, 0]], vertices[pairs[:, 1]]
    assert (upper[:, 1] > 0).all() and (lower[:, 1] < 0).all()
    np.testing.assert_allclose(upper[:, 0], lower[:, 0], atol=1e-9)
    assert len(pairs) == 3 * 15 and [head.UPPER_LIP, head.LOWER_LIP] in pairs.tolist()


def test_regions_of_a_flat_face(mouth):
    vertices, faces, rings = mouth
    vertices = vertices + [0, -0.04, 0]
    lids = (np.abs(vertices[:, 1] + 0.022) < 0.003)[:, None] * [0, -0.008, 0]
    facs = Facs(np.array(["eyeBlink_L", "eyeBlink_R"]), np.stack([lids, 0 * lids]), vertices, vertices[None], faces)
    parts = head.regions(facs, faces, rings)
    assert set(parts) == {
        *("lip_pairs", "lips", "mouth_corners", "mouth", "upper_face", "eye_region", "forehead", "face"),
    }
    assert set(rings[parts["lips"]]) == {2, 3, 4, 5, 6, 7}
    assert (parts["mouth"][parts["lips"]] == 1).all() and (parts["face"] == 1).all()
    assert (parts["upper_face"] == 0).all() and len(parts["forehead"]) == 0
    assert np.isin(np.flatnonzero(lids.any(1)), parts["eye_region"]).all()
    assert (np.abs(vertices[parts["mouth_corners"], 0]) > 0.03).all()


def test_make_head_writes_a_head_that_loads(tmp_path, hasty, monkeypatch):
    """The whole way, from the demo head's own triangles; turning diagonals and finding lips have tests of their own."""
    demo = load_head()
    monkeypatch.setattr(head, "follow_creases", lambda faces, *_arguments, **_options: faces)
    monkeypatch.setattr(head, "lip_pairs", lambda *_arguments: demo.lip_pairs)
    names = np.array(sorted({name for pose in head.POSES for name in pose}))
    deltas = np.zeros((len(names), *demo.vertices.shape), np.float32)
    for number, name in enumerate(names):
        if name.startswith("eyeBlink"):
            deltas[number, demo.eye_region, 1] = -0.01
    facs = Facs(names, deltas, demo.vertices, deltas[:1], demo.faces)
    checkpoint.save(tmp_path / "facs.npz", KIND, {}, vars(facs))
    steps = []
    head.make_head(tmp_path / "facs.npz", tmp_path / "head.npz", progress=lambda *step: steps.append(step))
    made = load_head(tmp_path / "head.npz")
    np.testing.assert_array_equal(made.vertices, demo.vertices)
    assert made.faces.shape == demo.faces.shape and made.geometry_map.reached.sum() == (made.face > 0).sum()
    for eye, own in zip(made.eyes, demo.eyes, strict=True):
        np.testing.assert_array_equal(eye, own)
    fractions = [fraction for fraction, _ in steps]
    assert fractions == sorted(fractions) and fractions[-1] == 1
    shown = geometry_map.map_loss_mm(made.geometry_map, deltas, np.flatnonzero(made.face))
    assert f"{shown:.3f} mm rms" in steps[-1][1] and 0 < shown < 1


def test_smooth_falloff():
    values = head._falling(np.array([0.0, 1, 1.5, 2, 3]), 1, 2)
    np.testing.assert_allclose(values, [1, 1, 0.5, 0, 0])
