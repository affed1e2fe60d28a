"""The bundled mouth: behind the lips, rigid on the jaw, sewn to the lips, in any FLAME head."""

import numpy as np
import pytest

from blendshape_talker import checkpoint
from blendshape_talker.errors import TalkerError
from blendshape_talker.expression.library import ExpressionLibrary
from blendshape_talker.face.flame import load_head
from blendshape_talker.face.mouth import KIND, PARTS, load_mouth
from blendshape_talker.pipeline import Talker


@pytest.fixture(scope="module")
def mouth():
    return load_mouth()


@pytest.fixture(scope="module")
def library():
    return ExpressionLibrary.load()


@pytest.fixture(scope="module")
def talker():
    return Talker.load("cpu")


def shape(library, **amounts):
    """Displacements (5023, 3) of FACS shapes of the library."""
    chosen = {direction: amount for name, amount in amounts.items() for direction in library.directions
              if direction.startswith(name)}  # fmt: skip
    return sum(amount * library.basis[library.directions.index(name)] for name, amount in chosen.items())


def vertices_of(mouth, part):
    return np.unique(mouth.faces[mouth.parts == PARTS.index(part)])


def teeth_rows(mouth):
    """(upper, lower) vertices of the teeth: the jaw moves the lower ones only."""
    teeth = vertices_of(mouth, "teeth")
    moves = np.abs(mouth.jaw[0, teeth]).max(1) > 1e-3
    return teeth[~moves], teeth[moves]


def lengths(vertices, faces):
    """Lengths (F,) of each face's first edge."""
    return np.linalg.norm(vertices[faces[:, 1]] - vertices[faces[:, 0]], axis=1)


def in_front_of_skin(points, head_vertices):
    """(N,) metres by which points lie before the foremost skin on their line of sight; 0 where they are behind it."""
    head = load_head()
    faces = head.faces[(head.mouth > 0.2)[head.faces].any(1)]
    corners = head_vertices[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    corners = corners[normals[:, 2] > 1e-12]
    first, sides = corners[:, 0], corners[:, 1:] - corners[:, :1]
    area = sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0]
    offset = points[:, None, :2] - first[None, :, :2]
    u = (offset[..., 0] * sides[:, 1, 1] - offset[..., 1] * sides[:, 1, 0]) / area
    v = (sides[:, 0, 0] * offset[..., 1] - sides[:, 0, 1] * offset[..., 0]) / area
    depth = first[:, 2] + u * sides[:, 0, 2] + v * sides[:, 1, 2]
    inside = (u >= 0) & (v >= 0) & (u + v <= 1)
    foremost = np.where(inside, depth, -np.inf).max(1)
    return np.where(np.isfinite(foremost), np.maximum(points[:, 2] - foremost, 0), 0)


def test_the_asset_is_small_and_whole(mouth):
    assert (checkpoint.ASSETS / "mouth.npz").stat().st_size < 300_000
    assert set(mouth.parts) == set(range(len(PARTS))) and len(mouth.parts) == len(mouth.faces)
    assert np.array_equal(np.unique(mouth.faces), np.arange(len(mouth.vertices)))
    upper, lower = teeth_rows(mouth)
    assert len(upper) > 200 and len(lower) > 200
    assert mouth.vertices[upper, 1].mean() > mouth.vertices[lower, 1].mean()


def test_teeth_are_behind_the_skin_at_rest_and_the_check_would_see_them_before_it(mouth):
    teeth = mouth.vertices[vertices_of(mouth, "teeth")]
    head = load_head()
    assert in_front_of_skin(teeth, head.vertices).max() == 0
    assert in_front_of_skin(teeth + [0, 0, 0.02], head.vertices).max() > 5e-3


def test_the_lining_begins_at_the_lips_and_surrounds_teeth_gums_and_tongue(mouth):
    head = load_head()
    rim = np.flatnonzero(mouth.lip_weights == 1)
    assert len(rim) > 20
    np.testing.assert_allclose(mouth.vertices[rim], head.vertices[mouth.lip_vertices[rim]], atol=1e-6)
    lining = mouth.vertices[vertices_of(mouth, "lining")]
    inner = mouth.vertices[np.unique(mouth.faces[mouth.parts != PARTS.index("lining")])]
    assert (lining.min(0)[:2] < inner.min(0)[:2]).all() and (lining.max(0)[:2] > inner.max(0)[:2]).all()
    assert lining[:, 2].min() < inner[:, 2].min()


def test_the_jaw_is_read_off_the_head(mouth, library):
    motion = mouth.jaw_motion(shape(library, jawOpen=0.7))
    np.testing.assert_allclose(motion, [0.7, 0.0, 0.0], atol=0.03)
    for still in ("mouthSmile", "mouthFrown", "mouthPucker", "mouthPress", "browDown", "eyeBlink", "noseSneer"):
        np.testing.assert_allclose(mouth.jaw_motion(shape(library, **{still: 1.0})), 0, atol=0.04, err_msg=still)


def test_lower_teeth_are_rigid_on_the_jaw_and_the_upper_stay(mouth, library):
    moved = mouth.deltas(shape(library, jawOpen=0.4, mouthSmile=0.8))
    upper, lower = teeth_rows(mouth)
    assert np.abs(moved[upper]).max() == 0
    assert np.linalg.norm(moved[lower], axis=1).min() > 4e-3
    after = mouth.vertices + moved
    faces = mouth.faces[np.isin(mouth.faces, lower).all(1)]
    ratio = lengths(after, faces) / lengths(mouth.vertices, faces)
    assert np.abs(ratio - 1).max() < 0.05  # a turn made of shape keys shortens a little


def test_the_lining_follows_the_lips_and_all_of_it_is_linear(mouth, library):
    smile, jaw = shape(library, mouthSmile=1.0), shape(library, jawOpen=1.0)
    rim = np.flatnonzero(mouth.lip_weights == 1)
    np.testing.assert_allclose(mouth.deltas(smile)[rim], smile[mouth.lip_vertices[rim]], atol=1e-7)
    both = mouth.deltas(0.3 * smile + 0.5 * jaw)
    np.testing.assert_allclose(both, 0.3 * mouth.deltas(smile) + 0.5 * mouth.deltas(jaw), atol=1e-6)


def test_a_shape_key_never_shuts_the_jaw_beyond_rest(mouth, library):
    jaw = shape(library, jawOpen=0.5)
    opening, closing = mouth.key_deltas(np.stack([jaw, -jaw]))
    lower = teeth_rows(mouth)[1]
    assert np.abs(opening[lower]).max() > 5e-3 and np.abs(closing[lower]).max() < 1e-3


@pytest.mark.parametrize("emotion", ["neutral", "happy", "afraid", "disgusted", "surprised"])
def test_no_tooth_comes_through_the_skin_while_the_demo_is_spoken(mouth, talker, emotion):
    spoken = talker.animate(checkpoint.ASSETS / "demo_speech.flac", emotion, fps=6.0, blinks=False)
    teeth = vertices_of(mouth, "teeth")
    moves = mouth.key_deltas(spoken.blendshapes)[:, teeth]
    head, worst = load_head().vertices, 0.0
    for frame, weights in enumerate(spoken.weights):
        points = mouth.vertices[teeth] + np.tensordot(weights, moves, 1)
        worst = max(worst, in_front_of_skin(points, head + spoken.displacements(frame, frame + 1)[0]).max())
    assert worst < 1e-3, f"{1e3 * worst:.2f} mm"


@pytest.mark.parametrize("scale", [0.9, 1.0, 1.12])
def test_it_fits_another_person(mouth, scale):
    head = load_head()
    rest = head.vertices.astype(float) * [1.05 * scale, 0.97 * scale, scale] + [0.002, -0.004, 0.003]
    placed = mouth.fitted(rest)
    rim = np.flatnonzero(mouth.lip_weights == 1)
    np.testing.assert_allclose(placed[rim], rest[mouth.lip_vertices[rim]], atol=1e-6)
    teeth = vertices_of(mouth, "teeth")
    assert in_front_of_skin(placed[teeth], rest).max() < 5e-4
    faces = mouth.faces[mouth.parts == PARTS.index("teeth")]
    before, after = lengths(mouth.vertices, faces), lengths(placed, faces)
    size = after[before > 5e-4] / before[before > 5e-4]  # teeth keep their shape
    assert np.ptp(size) < 1e-3 and abs(size.mean() / scale - 1) < 0.1


def test_a_file_of_another_kind_is_refused(tmp_path):
    checkpoint.save(tmp_path / "mouth.npz", KIND, {}, {"vertices": np.zeros((3, 3))})
    with pytest.raises(TalkerError, match="lacks"):
        load_mouth(tmp_path / "mouth.npz")
