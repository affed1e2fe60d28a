"""The bundled head: its faces, regions and geometry map, all that the rest of the product relies on."""

import dataclasses

import numpy as np
import pytest

from blendshape_talker import checkpoint
from blendshape_talker.errors import TalkerError
from blendshape_talker.expression.library import ExpressionLibrary
from blendshape_talker.face.flame import (
    HEAD_KIND,
    IMAGE_SIZE,
    LOWER_LIP,
    UPPER_LIP,
    VERTEX_COUNT,
    lip_gap_per_weight,
    lip_gaps_of_pair,
    load_head,
)
from blendshape_talker.training.geometry.surface import (
    boundary_loops,
    follow_neighbours,
    triangle_normals,
    unique_edges,
)

BODY = 3931  # FLAME's order: the skin first, then the two eyeballs


@pytest.fixture(scope="module")
def head():
    return load_head()


def there_and_back_mm(head, deltas: np.ndarray) -> float:
    """Root mean square over frames and face vertices of what vertices -> image -> vertices loses."""
    back = head.geometry_map.to_vertices(head.geometry_map.to_image(deltas))
    error = 1e3 * np.linalg.norm(back - deltas, axis=-1)[:, head.face > 0]
    return float(np.sqrt((error**2).mean()))


@pytest.fixture(scope="module")
def jaw_drop(head):
    """A wide opened jaw (5023, 3): 25 mm down at chin and lower lip, nothing above, smooth between."""
    upper, lower = np.unique(head.lip_pairs[:, 0]), np.unique(head.lip_pairs[:, 1])
    inner = np.abs(head.vertices[:, 0]) < 0.016
    height = head.vertices[:, 1]
    opening = np.zeros((VERTEX_COUNT, 1))
    opening[lower] = 1
    chin = (height < -0.07) & (head.vertices[:, 2] > 0.03)
    opening[chin] = 1
    given = chin | (height > -0.01) | (height < -0.13) | (head.vertices[:, 2] < -0.03)
    given[upper[inner[upper]]] = given[lower[inner[lower]]] = True
    given[BODY:] = True
    weight = follow_neighbours(opening * given[:, None], head.faces, ~given)
    return (weight * [0, -0.025, -0.01]).astype(np.float32)


def test_the_head_is_flames_in_size_and_place(head):
    assert head.vertices.shape == (VERTEX_COUNT, 3) and head.vertices.dtype == np.float32
    assert head.uv.shape == (VERTEX_COUNT, 2) and 0 <= head.uv.min() and head.uv.max() <= 1
    left, right = (head.vertices[eye].mean(0) for eye in head.eyes)
    assert [len(eye) for eye in head.eyes] == [546, 546]
    assert left[0] > 0.025 > -0.025 > right[0]  # x to the head's left
    assert left[2] > 0.01 and abs(left[1] - right[1]) < 0.002  # looks along +z
    assert head.vertices[UPPER_LIP, 1] > head.vertices[LOWER_LIP, 1]


def test_faces_are_a_closed_skin_with_mouth_and_neck_open(head):
    assert set(np.unique(head.faces)) == set(range(VERTEX_COUNT))
    directed = np.vstack([head.faces[:, [0, 1]], head.faces[:, [1, 2]], head.faces[:, [2, 0]]])
    assert len(np.unique(directed, axis=0)) == len(directed), "two faces run the same way along an edge"
    skin = head.faces[(head.faces < BODY).all(1)]
    mouth, neck = sorted(boundary_loops(skin), key=lambda loop: -head.vertices[loop, 1].mean())
    assert len(mouth) == 32 and len(neck) == 30
    assert BODY - len(unique_edges(skin)) + len(skin) == 0  # Euler: a sphere with two openings
    for eye in head.eyes:
        ball = head.faces[np.isin(head.faces, eye).all(1)]
        assert boundary_loops(ball) == [] and len(eye) - len(unique_edges(ball)) + len(ball) == 2


def test_normals_point_outward(head):
    normals = triangle_normals(head.vertices.astype(float), head.faces)
    centres = head.vertices[head.faces].mean(1)
    for eye in head.eyes:
        ball = np.isin(head.faces, eye).all(1)
        assert ((centres[ball] - head.vertices[eye].mean(0)) * normals[ball]).sum(1).min() > 0
    scalp = (centres[:, 1] > 0.06) & (head.faces < BODY).all(1)
    outward = ((centres[scalp] - [0, 0.02, -0.03]) * normals[scalp]).sum(1)
    assert (outward > 0).all()
    lengths = np.linalg.norm(normals, axis=1)
    assert lengths.min() > 0
    front = (np.abs(centres[:, 0]) < 0.03) & (centres[:, 1] > -0.09) & (centres[:, 1] < -0.063) & (centres[:, 2] > 0.04)
    assert front.sum() > 40 and (normals[front, 2] / lengths[front] > 0).mean() > 0.95


def test_no_edge_is_stretched(head, jaw_drop):
    edges = unique_edges(head.faces)
    lengths = np.linalg.norm(head.vertices[edges[:, 0]] - head.vertices[edges[:, 1]], axis=1)
    assert lengths.max() < 0.030
    face = head.face[edges].min(1) > 0
    assert lengths[face].max() < 0.021
    opened = head.vertices + jaw_drop
    growth = np.linalg.norm(opened[edges[:, 0]] - opened[edges[:, 1]], axis=1) - lengths
    assert growth.max() < 0.012, "an edge spans the open mouth"


def test_the_mouth_opens(head, jaw_drop):
    assert lip_gaps_of_pair(jaw_drop[None, [UPPER_LIP, LOWER_LIP]], head) > 20
    edges = {tuple(edge) for edge in unique_edges(head.faces).tolist()}
    middle = head.lip_pairs[np.abs(head.vertices[head.lip_pairs[:, 0], 0]) < 0.015]
    assert len(middle) > 15
    assert not [pair for pair in middle.tolist() if tuple(sorted(pair)) in edges]


def test_lip_pairs_run_from_corner_to_corner(head):
    pairs = head.lip_pairs
    assert [UPPER_LIP, LOWER_LIP] in pairs.tolist()
    upper, lower = head.vertices[pairs[:, 0]], head.vertices[pairs[:, 1]]
    assert not set(pairs[:, 0]) & set(pairs[:, 1])
    assert np.linalg.norm(upper - lower, axis=1).max() < 0.010
    assert upper[:, 0].min() < -0.018 and upper[:, 0].max() > 0.018
    assert (np.diff(np.sort(upper[:, 0])) < 0.008).all()
    inner = np.abs(upper[:, 0]) < 0.015
    assert (upper[inner, 1] - lower[inner, 1]).min() > 0


def test_masks(head):
    for mask in (head.upper_face, head.mouth, head.face):
        assert mask.shape == (VERTEX_COUNT,) and mask.min() == 0 and mask.max() == 1
    edges = unique_edges(head.faces)
    for mask in (head.upper_face, head.mouth):
        lengths = np.linalg.norm(head.vertices[edges[:, 0]] - head.vertices[edges[:, 1]], axis=1)
        steps = np.abs(mask[edges[:, 0]] - mask[edges[:, 1]])
        assert (steps / lengths).max() < 100, "a mask jumps"  # from 0 to 1 within a centimetre
    assert (head.upper_face[head.forehead] == 1).all() and (head.upper_face[head.eye_region] > 0.9).all()
    assert (head.upper_face[head.lips] == 0).all() and (head.mouth[head.lips] == 1).all()
    assert (head.mouth[head.forehead] == 0).all() and (head.upper_face[np.concatenate(head.eyes)] > 0.9).all()
    assert (head.face[np.concatenate(head.eyes)] == 0).all()


def test_vertex_lists_lie_where_they_should(head):
    place = head.vertices
    assert {UPPER_LIP, LOWER_LIP} <= set(head.lips.tolist()) and 150 < len(head.lips) < 300
    assert np.abs(place[head.lips] - [0, -0.044, 0.05]).max(0) == pytest.approx([0.025, 0.01, 0.013], abs=0.006)
    corners = place[head.mouth_corners]
    assert (np.abs(np.abs(corners[:, 0]) - 0.024) < 0.008).all() and {-1, 1} == set(np.sign(corners[:, 0]))
    assert place[head.forehead, 1].min() > 0.03
    assert place[head.eye_region, 1].min() > 0 and place[head.eye_region, 1].max() < 0.045
    assert (head.face[np.concatenate([head.forehead, head.eye_region, head.mouth_corners])] == 1).all()


def test_gap_of_a_blendshape_is_the_vertical_distance_it_opens():
    shapes = np.zeros((1, VERTEX_COUNT, 3), np.float32)
    shapes[0, UPPER_LIP, 1], shapes[0, LOWER_LIP, 1] = 0.001, -0.002
    np.testing.assert_allclose(lip_gap_per_weight(shapes), [0.003])


def test_gap_of_a_moved_pair_is_what_it_stands_apart_more_than_at_rest(head):
    moved = 1e-3 * np.random.default_rng(0).normal(size=(5, 2, 3))
    rest = head.vertices[[UPPER_LIP, LOWER_LIP]].astype(float)
    apart = [np.linalg.norm(upper - lower) for upper, lower in (*(rest + moved), rest)]
    np.testing.assert_allclose(lip_gaps_of_pair(moved, head), 1e3 * (np.array(apart[:5]) - apart[5]), atol=1e-5)


def test_every_face_vertex_is_in_the_image(head):
    weights = head.pixel_weights.sum(-1)
    assert head.pixel_vertices.shape == head.pixel_weights.shape == (IMAGE_SIZE, IMAGE_SIZE, 3)
    on_face = weights > 0
    np.testing.assert_allclose(weights[on_face], 1, atol=1e-5)
    assert (head.pixel_weights >= 0).all() and on_face.mean() > 0.9
    assert (head.geometry_map.reached == (head.face > 0)).all()


def test_image_is_upright_and_its_neighbours_are_neighbours(head):
    image = head.geometry_map.to_image(head.vertices)
    on_face = head.pixel_weights.sum(-1) > 0
    rows = np.broadcast_to(np.arange(IMAGE_SIZE)[:, None], on_face.shape)[on_face]
    columns = np.broadcast_to(np.arange(IMAGE_SIZE), on_face.shape)[on_face]
    assert np.corrcoef(columns, image[0][on_face])[0, 1] > 0.9  # the head's left at the right
    assert np.corrcoef(rows, image[1][on_face])[0, 1] < -0.9  # the forehead at the top
    both = on_face[:, 1:] & on_face[:, :-1]
    steps = np.linalg.norm(image[:, :, 1:] - image[:, :, :-1], axis=0)[both]
    assert np.median(steps) < 0.004 and np.percentile(steps, 99) < 0.035


def test_no_pixel_mixes_the_lips(head):
    middle = np.abs(head.vertices[:, 0]) < 0.016
    upper, lower = (np.intersect1d(head.lip_pairs[:, side], np.flatnonzero(middle)) for side in (0, 1))
    used = np.where(head.pixel_weights > 0, head.pixel_vertices, -1)
    with_upper, with_lower = np.isin(used, upper).any(-1), np.isin(used, lower).any(-1)
    assert with_upper.sum() > 15 and with_lower.sum() > 15
    assert not (with_upper & with_lower).any()
    # along the whole lip line only the corners themselves, where the lips are one, share pixels
    upper, lower = head.lip_pairs.T
    mixed = used[np.isin(used, upper).any(-1) & np.isin(used, lower).any(-1)]
    assert np.abs(head.vertices[mixed[mixed >= 0], 0]).min(initial=1.0) > 0.021


def test_lips_lids_and_nostrils_get_more_pixels_than_their_area(head):
    """Pixels a square millimetre, against the forehead and the face as a whole."""
    corners = head.vertices[head.faces]
    areas = 1e6 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    around = np.bincount(head.faces.ravel(), np.repeat(areas / 3, 3), VERTEX_COUNT)
    pixels = np.bincount(head.pixel_vertices.ravel(), head.pixel_weights.ravel(), VERTEX_COUNT)
    face = np.flatnonzero(head.face > 0)
    tip = head.vertices[face[head.vertices[face, 2].argmax()]]
    below = (head.vertices[:, 1] < tip[1] - 0.002) & (head.face > 0)
    nostrils = np.flatnonzero(below & (np.linalg.norm(head.vertices - tip - [0, -0.008, -0.012], axis=1) < 0.015))

    def density(region: np.ndarray) -> float:
        return pixels[region].sum() / around[region].sum()

    for region in (head.lips, head.eye_region, nostrils):
        assert density(region) > 2 * density(face) > 2 * density(head.forehead)


def test_there_and_back_loses_less_than_a_tenth_of_a_millimetre(head, jaw_drop):
    """On movements as large as those of lively speech and full expressions."""
    place = head.vertices.astype(float)
    corner = place[head.mouth_corners].copy()
    smile = np.exp(-(((np.abs(place) - np.abs(corner).mean(0)) / 0.02) ** 2).sum(1))[:, None] * [0.0, 0.010, -0.004]
    brows = np.exp(-(((place[:, 1:2] - 0.04) / 0.015) ** 2)) * [0, 0.006, 0]
    deltas = np.stack([0.5 * jaw_drop, smile, brows]).astype(np.float32)
    back = head.geometry_map.to_vertices(head.geometry_map.to_image(deltas))
    assert there_and_back_mm(head, deltas) < 0.1
    assert (back[:, head.face == 0] == 0).all()


def test_the_emotions_lose_less_than_a_tenth_of_a_millimetre_in_the_image(head):
    library = ExpressionLibrary.load()
    curves = np.concatenate([library.trajectory(emotion, np.arange(0, 4, 0.25)) for emotion in library.names])
    assert there_and_back_mm(head, np.tensordot(curves, library.basis, 1)) < 0.1


def test_the_map_is_one_matrix_there_and_its_normalised_transpose_back(head):
    rows, columns, values = head.geometry_map.matrix()
    dense = np.zeros((IMAGE_SIZE**2, VERTEX_COUNT), np.float32)
    np.add.at(dense, (rows, columns), values)
    random = np.random.default_rng(0)
    deltas = random.normal(size=(2, 3, VERTEX_COUNT, 3)).astype(np.float32)
    images = head.geometry_map.to_image(deltas)
    assert images.shape == (2, 3, 3, IMAGE_SIZE, IMAGE_SIZE) and images.dtype == np.float32
    np.testing.assert_allclose(images[1, 2].reshape(3, -1).T, dense @ deltas[1, 2], atol=1e-5)
    totals = np.maximum(dense.sum(0), 1e-9)[:, None]
    back = head.geometry_map.to_vertices(images)
    assert back.shape == deltas.shape
    np.testing.assert_allclose(back[0, 1], dense.T @ images[0, 1].reshape(3, -1).T / totals, atol=1e-4)
    with pytest.raises(ValueError, match="must end in"):
        head.geometry_map.to_image(np.zeros((5022, 3)))
    with pytest.raises(ValueError, match="must end in"):
        head.geometry_map.to_vertices(np.zeros((3, 32, 32)))


def test_a_head_file_that_lacks_something_is_refused(tmp_path, head):
    arrays = {field.name: getattr(head, field.name) for field in dataclasses.fields(head)}
    checkpoint.save(tmp_path / "whole.npz", HEAD_KIND, {}, arrays)
    np.testing.assert_array_equal(load_head(tmp_path / "whole.npz").lips, head.lips)
    checkpoint.save(tmp_path / "part.npz", HEAD_KIND, {}, {"vertices": head.vertices})
    with pytest.raises(TalkerError, match=r"part\.npz: the head lacks 'faces'"):
        load_head(tmp_path / "part.npz")


def test_the_shared_head_cannot_be_written_into(head):
    assert load_head() is head
    with pytest.raises(ValueError, match="read-only"):
        head.vertices[0] = 0
