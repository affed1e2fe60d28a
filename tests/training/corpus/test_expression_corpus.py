"""Expression sequences, their two layouts and the reader of Florence4D."""

import json

import numpy as np
import pytest

from blendshape_talker.errors import TalkerError
from blendshape_talker.expression.library import ExpressionLibrary
from blendshape_talker.face.flame import load_head
from blendshape_talker.training.corpus.expression_corpus import (
    amounts,
    build_library,
    identity_template,
    make_takes,
    split_of,
    write_curves,
    write_florence4d,
    write_ply,
)
from blendshape_talker.training.corpus.expression_recipes import EXPRESSIONS, LIBRARY
from blendshape_talker.training.corpus.florence4d import read_expressions
from blendshape_talker.training.geometry.facs import Facs

SINGLE = ("jaw", "mouthFunnel", "mouthPucker", "mouthRoll", "mouthShrug", "mouthLeft", "mouthRight")  # no sides
USED = {name for recipe in EXPRESSIONS.values() for name in {**recipe.shapes, **recipe.accent}}
NAMES = sorted(
    {name for name in USED if name.startswith(SINGLE) or name.endswith(("_L", "_R"))}
    | {f"{name}_{side}" for name in USED for side in "LR" if not name.startswith(SINGLE) and name[-2] != "_"}
)


@pytest.fixture(scope="module")
def facs() -> Facs:
    head = load_head()
    generator = np.random.default_rng(0)
    deltas = 1e-3 * generator.standard_normal((len(NAMES), len(head.vertices), 3)).astype(np.float32)
    identities = 1e-3 * generator.standard_normal((3, len(head.vertices), 3)).astype(np.float32)
    return Facs(np.array(NAMES), deltas, head.vertices, identities, head.faces)


def test_recipes_use_known_shapes_and_cover_the_design():
    assert len(EXPRESSIONS) >= 30 and len(LIBRARY) >= 16
    for recipe in LIBRARY.values():
        assert 0.2 <= recipe.onset <= 0.6
        assert amounts(recipe.shapes, NAMES).max(initial=0.0) <= 1.3
    with pytest.raises(TalkerError, match="no shape earWiggle"):
        amounts({"earWiggle": 1.0}, NAMES)


def test_a_name_without_side_means_both():
    vector = amounts({"mouthSmile": 0.5, "jawOpen": 0.25}, NAMES)
    assert vector[NAMES.index("mouthSmile_L")] == vector[NAMES.index("mouthSmile_R")] == 0.5
    assert vector.sum() == pytest.approx(1.25)


def test_takes_go_from_rest_to_an_apex_in_the_middle_and_back():
    for take in make_takes(NAMES, 4, seed=1, expressions=["happy", "surprised", "sad", "snarl"]):
        assert take.curves.shape == (60, len(NAMES))
        assert not take.curves[0].any() and not take.curves[-1].any()
        lidless = [i for i, name in enumerate(NAMES) if not name.startswith("eye")]  # a blink may be anywhere
        assert 18 <= np.linalg.norm(take.curves[:, lidless], axis=1).argmax() <= 42
        assert np.abs(np.diff(take.curves[:, lidless], axis=0)).max() < 0.35


def test_takes_differ_between_people_and_sides_and_the_seed_repeats_them():
    takes = make_takes(NAMES, 3, seed=1, expressions=["happy"])
    left, right = NAMES.index("mouthSmile_L"), NAMES.index("mouthSmile_R")
    assert all(abs(take.curves[:, left].max() - take.curves[:, right].max()) > 1e-4 for take in takes)
    assert abs(takes[0].curves[:, left].max() - takes[1].curves[:, left].max()) > 1e-3
    again = make_takes(NAMES, 3, seed=1, expressions=["happy"])
    np.testing.assert_array_equal(takes[2].curves, again[2].curves)
    other = make_takes(NAMES, 3, seed=2, expressions=["happy"])
    assert np.abs(other[2].curves - takes[2].curves).max() > 1e-2


def test_splits_are_by_identity_and_complete():
    takes = make_takes(NAMES, 12, expressions=["happy", "sad"])
    by_subject = {take.subject: {other.split for other in takes if other.subject == take.subject} for take in takes}
    assert all(len(splits) == 1 for splits in by_subject.values())
    assert {take.split for take in takes} == {"train", "val", "test"}
    assert [split_of(i, 2) for i in range(2)] == ["train", "train"]
    assert [split_of(i, 3) for i in range(3)] == ["train", "val", "test"]


def test_both_layouts_hold_the_same_motion(facs, tmp_path):
    takes = make_takes(NAMES, 1, expressions=["surprised"])
    write_curves(facs, takes, tmp_path / "curves", seed=0)
    write_florence4d(facs, takes, tmp_path / "florence", seed=0)
    assert (tmp_path / "florence/COMA_CH01/Surprised/Surprised_29.ply").is_file()
    (compact,) = read_expressions(tmp_path / "curves")
    (meshes,) = read_expressions(tmp_path / "florence")
    assert meshes.deltas.shape == (60, 5023, 3)
    assert (compact.subject, compact.split) == (meshes.subject, meshes.split) == ("COMA_CH01", "train")
    np.testing.assert_allclose(compact.deltas, meshes.deltas, atol=2e-5)  # half-precision curves
    assert 18 <= meshes.apex <= 42
    template = identity_template(facs, 0, 0)
    assert np.abs(template - facs.neutral).max() > 1e-4


def test_the_same_corpus_has_the_same_bytes(facs, tmp_path):
    for name in ("one", "two"):
        write_curves(facs, make_takes(NAMES, 1, seed=4, expressions=["sad"]), tmp_path / name, seed=4)
    for path in sorted((tmp_path / "one").rglob("*")):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


def test_florence4d_as_published_with_the_neutral_beside_the_folder(facs, tmp_path):
    head = load_head()
    smile = 1e-2 * np.sin(np.linspace(0, np.pi, 7))
    write_ply(tmp_path / "COMA_CH02.ply", head.vertices, head.faces)
    (tmp_path / "COMA_CH02/Smile2").mkdir(parents=True)
    for number, amount in enumerate(smile):
        write_ply(tmp_path / f"COMA_CH02/Smile2/Smile2_{number:02d}.ply", head.vertices + [0, amount, 0], head.faces)
    header = (tmp_path / "COMA_CH02.ply").read_bytes()[:200]
    assert b"binary_little_endian" in header and b"property double x" in header
    (sequence,) = read_expressions(tmp_path)
    assert (sequence.expression, sequence.apex, sequence.curves) == ("Smile2", 3, None)
    np.testing.assert_allclose(sequence.deltas[:, :, 1], np.repeat(smile[:, None], 5023, axis=1), atol=1e-6)


def test_wrong_folders_get_one_plain_line(facs, tmp_path):
    with pytest.raises(TalkerError, match="no such folder"):
        list(read_expressions(tmp_path / "nowhere"))
    with pytest.raises(TalkerError, match="COMA_CHxx"):
        list(read_expressions(tmp_path))
    (tmp_path / "COMA_CH01/Sad1").mkdir(parents=True)
    write_ply(tmp_path / "COMA_CH01/Sad1/Sad1_00.ply", np.zeros((4, 3)), np.array([[0, 1, 2]]))
    with pytest.raises(TalkerError, match="4 vertices"):
        list(read_expressions(tmp_path))
    write_curves(facs, make_takes(NAMES, 1, expressions=["sad"]), tmp_path / "broken", seed=0)
    (tmp_path / "broken/expressions.json").write_text(json.dumps({"takes": [{"name": "gone"}]}))
    with pytest.raises(TalkerError, match="not a whole expression corpus"):
        list(read_expressions(tmp_path / "broken"))


def test_library_from_recipes_keeps_only_the_shapes_it_uses(facs, tmp_path):
    library = build_library([*NAMES, "tongueOut"], np.concatenate([facs.deltas, facs.deltas[:1]]))
    assert "tongueOut" not in library.directions and "eyeBlink_L" in library.directions
    library.save(tmp_path / "expressions.npz")
    assert ExpressionLibrary.load(tmp_path).names == tuple(LIBRARY)
