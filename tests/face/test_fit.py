"""Which meshes are taken for FLAME heads, what is handled, and the one line that the others get."""

import numpy as np
import pytest

from blendshape_talker.errors import TalkerError
from blendshape_talker.face.fit import fit_to_canonical, similarity, transform_deltas
from blendshape_talker.face.flame import VERTEX_COUNT, load_head

Z_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # FLAME's y becomes z, its z becomes −y


@pytest.fixture(scope="module")
def canonical():
    return load_head().vertices.astype(np.float64)


@pytest.fixture(scope="module")
def person(canonical):
    """Somebody else: longer chin, broad cheeks, larger nose, 4 % smaller, mouth a little open."""
    random = np.random.default_rng(3)
    other = canonical * [1.06, 0.97, 1.02]
    for _ in range(12):
        centre, width = canonical[random.integers(3931)], random.uniform(0.02, 0.05)
        push = random.normal(0, 0.006, 3)
        other += np.exp(-((canonical - centre) ** 2).sum(1) / width**2)[:, None] * push
    other[np.unique(load_head().lip_pairs[:, 1]), 1] -= 0.004
    return 0.96 * other


def rotation(degrees: float, axis) -> np.ndarray:
    x, y, z = np.asarray(axis, float) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def refusal(vertices) -> str:
    with pytest.raises(TalkerError) as error:
        fit_to_canonical(vertices)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_canonical_head_fits_itself(canonical):
    fit = fit_to_canonical(canonical)
    assert fit.scale == 1 and fit.note == "" and fit.order is None and fit.residual_mm < 1e-3
    np.testing.assert_array_equal(fit.rotation, np.eye(3))
    np.testing.assert_allclose(fit.translation, 0, atol=1e-9)


def test_another_person_in_flames_axes_keeps_unit_and_axes(person):
    fit = fit_to_canonical(person)
    assert fit.scale == 1 and fit.note == "" and 1 < fit.residual_mm < 15
    np.testing.assert_array_equal(fit.rotation, np.eye(3))


@pytest.mark.parametrize(
    ("unit", "name"), [(1e-3, "millimetres"), (1e-2, "centimetres"), (0.0254, "inches"), (0.1, "decimetres")]
)
def test_units_are_understood(person, unit, name):
    fit = fit_to_canonical(person / unit)
    assert fit.scale == unit and fit.note == f"in {name}: handled"


def test_an_unknown_unit_is_measured(canonical):
    fit = fit_to_canonical(canonical * 4e4)
    assert fit.scale == pytest.approx(1 / 4e4) and fit.note == "4e+04 units a metre: handled"


def test_z_up_and_any_turn_are_understood(person):
    assert fit_to_canonical(person @ Z_UP.T).note == "z up: handled"
    np.testing.assert_array_equal(fit_to_canonical(person @ Z_UP.T).rotation, Z_UP.T)
    turn = rotation(130, (1, 2, 3))
    fit = fit_to_canonical(1000 * person @ turn.T + [500, 0, -20])
    assert fit.note == "in millimetres, rotated: handled"
    off = np.degrees(np.arccos((np.trace(fit.rotation @ turn) - 1) / 2))
    assert off < 3 and np.linalg.det(fit.rotation) == pytest.approx(1)


def test_the_fit_brings_the_mesh_onto_the_canonical_head(canonical):
    turn = rotation(40, (1, -1, 0.3))
    mesh = 100 * canonical @ turn.T + [3, 2, 1]
    fit = fit_to_canonical(mesh)
    np.testing.assert_allclose(fit.scale * mesh @ fit.rotation.T + fit.translation, canonical, atol=1e-6)


def test_deltas_follow_unit_axes_and_order(canonical):
    turn = rotation(75, (0.2, 1, -0.4))
    deltas = np.random.default_rng(0).normal(0, 0.01, (2, VERTEX_COUNT, 3)).astype(np.float32)

    def pose(vertices):
        return 100 * vertices @ turn.T + [3, 2, 1]

    fit = fit_to_canonical(pose(canonical))
    moved = pose(canonical) + transform_deltas(deltas, fit)
    np.testing.assert_allclose(moved, pose(canonical + deltas), atol=1e-4)
    order = np.random.default_rng(1).permutation(VERTEX_COUNT)
    fit = fit_to_canonical(pose(canonical)[order])
    moved = pose(canonical)[order] + transform_deltas(deltas, fit)
    np.testing.assert_allclose(moved, pose(canonical + deltas)[:, order], atol=1e-4)


def test_another_vertex_count_says_both_numbers(canonical):
    ball = np.random.default_rng(0).normal(size=(642, 3))
    assert "642 vertices, FLAME has 5023" in refusal(ball)
    assert "5021 vertices, FLAME has 5023: some were removed, added or merged" in refusal(canonical[:5021])
    assert "3931 vertices, FLAME has 5023: the eyeballs are missing" in refusal(canonical[:3931])
    assert "10475 vertices" in refusal(np.random.default_rng(0).normal(size=(10475, 3)))


def test_vertices_split_at_seams_are_handled_where_the_order_is_kept(person):
    random = np.random.default_rng(0)
    twice = np.sort(random.choice(VERTEX_COUNT, 95, replace=False))
    appended = np.concatenate([person, person[twice]])
    fit = fit_to_canonical(1000 * appended)
    assert fit.note == "vertices split at seams, in millimetres: handled"
    np.testing.assert_array_equal(fit.order, np.r_[np.arange(VERTEX_COUNT), twice])
    in_line = np.sort(np.r_[np.arange(VERTEX_COUNT), twice])
    fit = fit_to_canonical(person[in_line])
    np.testing.assert_array_equal(fit.order, in_line)
    deltas = np.zeros((1, VERTEX_COUNT, 3), np.float32)
    deltas[0, twice[7]] = 1
    assert transform_deltas(deltas, fit)[0].any(1).sum() == 2


def test_vertices_split_and_shuffled_say_how_to_export(person):
    random = np.random.default_rng(0)
    mixed = np.concatenate([person, person[:95]])[random.permutation(VERTEX_COUNT + 95)]
    line = refusal(mixed)
    assert "5118 vertices, FLAME has 5023" in line and "UV seams" in line and "export it without UVs" in line


@pytest.mark.parametrize("how", ["shuffled", "reversed", "rolled by one", "a hundred", "two"])
def test_another_order_is_named(person, how):
    random = np.random.default_rng(0)
    order = np.arange(VERTEX_COUNT)
    if how == "shuffled":
        order = random.permutation(VERTEX_COUNT)
    elif how == "reversed":
        order = order[::-1]
    elif how == "rolled by one":
        order = np.roll(order, 1)
    else:
        some = random.choice(VERTEX_COUNT, 100 if how == "a hundred" else 2, replace=False)
        order[some] = np.roll(some, 1)
    line = refusal(1000 * person[order] @ rotation(200, (3, 1, 1)).T)
    assert "is a FLAME head" in line and "another order" in line


def test_the_order_of_the_demo_head_is_restored(canonical):
    order = np.random.default_rng(2).permutation(VERTEX_COUNT)
    fit = fit_to_canonical(canonical[order] @ Z_UP.T)
    assert fit.note == "vertex order restored, z up: handled"
    np.testing.assert_array_equal(fit.order, order)


def test_a_mirrored_head_is_named(person):
    assert "mirrored" in refusal(person * [-1, 1, 1])
    assert "mirrored" in refusal(100 * person @ rotation(90, (1, 0, 0)).T * [1, 1, -1])


@pytest.mark.parametrize("shape", ["cloud", "sphere", "box"])
def test_something_else_with_flames_count_is_no_head(shape):
    random = np.random.default_rng(0)
    points = random.normal(size=(VERTEX_COUNT, 3))
    if shape == "sphere":
        points /= np.linalg.norm(points, axis=1, keepdims=True)
    elif shape == "box":
        points = random.random((VERTEX_COUNT, 3))
    assert "is no FLAME head" in refusal(points)


def test_unusable_vertices_are_named(canonical):
    assert "no list of finite" in refusal(canonical * np.nan)
    assert "no list of finite" in refusal(canonical[:, :2])
    assert "no extent" in refusal(canonical * 0)
    assert "no extent" in refusal(np.zeros((0, 3)))


def test_similarity_recovers_its_making():
    random = np.random.default_rng(0)
    points = random.normal(size=(30, 3))
    turn, shift = rotation(77, (1, 0.5, -2)), np.array([1.0, -2, 0.5])
    scale, found, translation = similarity(points, 2.5 * points @ turn.T + shift)
    assert scale == pytest.approx(2.5)
    np.testing.assert_allclose(found, turn, atol=1e-9)
    np.testing.assert_allclose(translation, shift, atol=1e-9)
    flipped = points * [-1, 1, 1]
    assert np.linalg.det(similarity(flipped, points)[1]) == pytest.approx(1)
    scale, found, translation = similarity(flipped, points, mirrored=True)
    np.testing.assert_allclose(scale * flipped @ found.T + translation, points, atol=1e-9)
