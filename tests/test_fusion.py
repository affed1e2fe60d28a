"""The fusion network and its bundled weights."""

import numpy as np
import pytest
import torch

from blendshape_talker.errors import Cancelled, TalkerError
from blendshape_talker.expression.aperture import lip_layer, opening_only, opening_shapes
from blendshape_talker.expression.library import ExpressionLibrary
from blendshape_talker.expression.lids import lid_opening
from blendshape_talker.face.flame import LOWER_LIP, UPPER_LIP, VERTEX_COUNT, load_head
from blendshape_talker.fusion import Encoder, FusionConfig, FusionModel, FusionNetwork
from blendshape_talker.training.fusion.shape_naming import other_words
from blendshape_talker.training.geometry.mirror import Mirror

TIMES = np.arange(240) / 60.0


@pytest.fixture(scope="module")
def model() -> FusionModel:
    return FusionModel.load()


@pytest.fixture(scope="module")
def library() -> ExpressionLibrary:
    return ExpressionLibrary.load()


def speech_like(library: ExpressionLibrary, frames: int = 200) -> np.ndarray:
    """Coefficients (frames, K_x) of a jaw that opens and closes over a rounding mouth."""
    curves = np.zeros((frames, len(library.directions)), np.float32)
    beat = np.arange(frames) / 60.0
    curves[:, library.directions.index("jawOpen")] = 0.15 * (1 - np.cos(2 * np.pi * 4 * beat))
    curves[:, library.directions.index("mouthPucker")] = 0.3 * np.maximum(np.sin(2 * np.pi * 1.3 * beat), 0)
    return curves


def deform(weights: np.ndarray, shapes: np.ndarray) -> np.ndarray:
    return np.tensordot(weights, shapes, 1)


def test_encoder_turns_nothing_into_nothing_and_keeps_scale():
    torch.manual_seed(0)
    encoder = Encoder(FusionConfig(speech_count=3, expression_count=4))
    images = torch.randn(5, 3, 64, 64)
    weights = encoder(images)
    assert weights.shape == (5, 7)
    assert not encoder(torch.zeros_like(images)).any()
    torch.testing.assert_close(encoder(0.25 * images), 0.25 * weights)
    assert (encoder(-images) + weights).abs().max() > 1e-3  # and is no linear map


def test_decoder_is_linear_in_the_blendshapes():
    network = FusionNetwork(FusionConfig(speech_count=2, expression_count=1))
    with torch.no_grad():
        network.blendshapes.normal_()
    weights = torch.tensor([[0.5, -1.0, 2.0]])
    expected = 0.5 * network.blendshapes[0] - network.blendshapes[1] + 2.0 * network.blendshapes[2]
    torch.testing.assert_close(network.decode(weights)[0], expected)
    speech, expression = network(torch.randn(4, 3, 64, 64), "speech")
    assert speech.shape == (4, 2) and expression.shape == (4, 1)


def test_bundled_model_has_unique_names_for_all_shapes(model):
    assert len(set(model.names)) == len(model.names) == len(model.blendshapes)
    assert all(name.startswith("speech ") for name in model.names[: model.speech_count])
    assert all(name.startswith("expression ") for name in model.names[model.speech_count :])
    assert all(len(name) <= 63 for name in model.names)  # Blender's limit for names
    assert model.blendshapes.shape[1:] == (VERTEX_COUNT, 3) and model.blendshapes.dtype == np.float32
    size = np.linalg.norm(model.blendshapes, axis=2).max(axis=1)
    assert size.min() > 3e-4 and size.max() < 0.05


def test_no_two_blendshapes_are_nearly_equal(model):
    flat = model.blendshapes.reshape(len(model.blendshapes), -1)
    flat = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    alike = np.abs(flat @ flat.T - np.eye(len(flat)))
    count = model.speech_count
    assert max(alike[:count, :count].max(), alike[count:, count:].max()) < 0.92
    assert alike[:count, count:].max() < 0.95  # a friendly speaker's smile and a smile have one shape


def test_left_and_right_blendshapes_are_mirror_images_and_the_others_symmetric(model, library):
    head = load_head()
    mirror = Mirror(head, head.faces, list(library.directions), library.basis)
    images = mirror(torch.from_numpy(model.blendshapes)).numpy()
    sided = 0
    for index, name in enumerate(model.names):
        opposite = other_words(name)
        sided += opposite != name
        shape = model.blendshapes[model.names.index(opposite)]
        assert np.linalg.norm(images[index] - shape) < 0.15 * np.linalg.norm(shape), name
        if opposite != name:
            assert np.linalg.norm(images[index] - model.blendshapes[index]) > 0.5 * np.linalg.norm(shape), name
            assert name.endswith((" left", " right")), name
    assert sided >= 20


def test_no_deformation_gives_exactly_no_weights(model, library):
    still = np.zeros((3, len(library.directions)), np.float32)
    for kind in ("speech", "expression"):
        assert not model.weights(still, library.basis, kind).any()
        assert model.weights(still[:0], library.basis, kind).shape[0] == 0


def test_expression_shapes_cannot_part_the_lips_but_for_those_made_for_it(model, library):
    expression = model.blendshapes[model.speech_count :]
    opening = opening_shapes(expression)
    assert 3 <= len(opening) <= 6 and (opening == len(expression) - 2 - len(opening) + np.arange(len(opening))).all()
    joined = np.delete(expression, opening, axis=0)
    upper, lower = load_head().lip_pairs.T
    assert np.abs(joined[:, upper] - joined[:, lower]).max() < 1e-5
    for emotion in library.names:
        weights = model.weights(library.trajectory(emotion, TIMES), library.basis, "expression")
        made = deform(np.delete(weights, opening, axis=1), joined)
        assert np.abs(made[:, upper] - made[:, lower]).max() < 2e-5, emotion


def test_speech_shapes_leave_brows_and_lids_alone(model, library):
    head = load_head()
    shapes = model.blendshapes[: model.speech_count]
    still = np.concatenate([head.forehead, np.flatnonzero(head.upper_face > 0.999)])
    assert np.abs(shapes[:, still]).max() < 2e-5


def test_closed_lips_stay_closed_under_every_emotion(model, library):
    head = load_head()
    pair = np.array([UPPER_LIP, LOWER_LIP])
    neutral = head.vertices[UPPER_LIP] - head.vertices[LOWER_LIP]
    count = model.speech_count

    def gap(deltas: np.ndarray) -> np.ndarray:
        return np.linalg.norm(neutral + deltas[:, 0] - deltas[:, 1], axis=1) - np.linalg.norm(neutral)

    curves = speech_like(library, len(TIMES))
    speaking = model.weights(curves, library.basis, "speech")
    spoken = deform(speaking, model.blendshapes[:count, pair])
    threshold = 0.15 * np.percentile(gap(spoken), 95)
    closed = gap(spoken) < threshold
    assert closed.sum() > 20
    for emotion in library.names:
        weights = model.weights(library.trajectory(emotion, TIMES), library.basis, "expression")
        weights += lip_layer(model.blendshapes[:count], speaking, model.blendshapes[count:], weights, 60.0)
        both = spoken + deform(weights, model.blendshapes[count:, pair])
        assert (gap(both)[closed] < threshold).mean() > 0.98, emotion


def test_expressions_come_through_in_the_upper_face_and_at_the_mouth_corners(model, library):
    head = load_head()
    upper_face = np.flatnonzero(head.upper_face > 0.5)
    count = model.speech_count
    for emotion in ("happy", "sad", "angry", "afraid", "disgusted", "surprised", "contemptuous"):
        trajectory = library.trajectory(emotion, TIMES)
        weights = model.weights(trajectory, library.basis, "expression")
        for region, least in ((upper_face, 0.9), (head.mouth_corners, 0.45)):
            wanted = np.tensordot(trajectory, library.basis[:, region], 1)
            made = deform(weights, model.blendshapes[count:, region])
            assert (made * wanted).sum() / np.square(wanted).sum() > least, emotion


def test_lids_really_close_in_a_blink(model, library):
    head, shapes = load_head(), model.blendshapes[model.speech_count :]
    blink = np.zeros((1, len(library.directions)), np.float32)
    blink[0, [library.directions.index("eyeBlink_L"), library.directions.index("eyeBlink_R")]] = 1.0
    weights = model.weights(blink, library.basis, "expression")
    assert lid_opening(shapes, np.zeros_like(weights)).min() > 5e-3
    assert np.abs(lid_opening(shapes, weights)).max() < 1.5e-4
    # around the cornea, so further out than the library's blink, but as far down and aside
    apart = np.abs(deform(weights, shapes)[0] - np.tensordot(blink[0], library.basis, 1))[head.eye_region]
    assert apart[:, :2].max() < 1e-3 and apart[:, 2].max() < 2e-3


def test_weights_lie_where_sliders_do_and_follow_intensity(model, library):
    shapes = model.blendshapes[model.speech_count :]
    for emotion in library.names:
        full = opening_only(shapes, model.weights(library.trajectory(emotion, TIMES, 1.0), library.basis, "expression"))
        half = model.weights(library.trajectory(emotion, TIMES, 0.5), library.basis, "expression")
        assert np.abs(full).max() < 1.05 and full.min() > -0.25, emotion
        strong = model.weights(library.trajectory(emotion, TIMES, 1.5), library.basis, "expression")
        assert np.abs(strong).max() < 1.6, emotion  # one and a half times an emotion may leave the sliders' range
        if emotion != "tired":  # whose lids are bounded
            whole = model.weights(library.trajectory(emotion, TIMES, 1.0), library.basis, "expression")
            np.testing.assert_allclose(half, 0.5 * whole, atol=1e-4)
    assert np.abs(model.weights(speech_like(library), library.basis, "speech")).max() < 1.0


def test_blocks_do_not_show(model, library):
    curves = np.repeat(speech_like(library, 150), 20, axis=0)
    whole = model.weights(curves, library.basis, "speech")
    np.testing.assert_allclose(whole[2040:2060], model.weights(curves[2040:2060], library.basis, "speech"), atol=1e-5)


@pytest.mark.parametrize("emotion", ["happy", "surprised", "pain"])
def test_an_emotion_held_for_long_is_encoded_in_a_few_frames(model, library, emotion, monkeypatch):
    held = library.living(emotion, np.arange(1440) / 24.0, 1.2, seed=3)
    every = model.weights(held, library.basis, "expression")
    encoded, whole = [], model.weights
    monkeypatch.setattr(model, "weights", lambda frames, *more: encoded.append(len(frames)) or whole(frames, *more))
    assert np.abs(model.slow_weights(held, library.basis) - every).max() < 6e-5
    assert encoded == [360]
    jumping = np.where(np.arange(1440)[:, None] % 7 < 3, held, library.living("happy", np.arange(1440) / 24.0))
    assert np.abs(model.slow_weights(jumping, library.basis) - whole(jumping, library.basis, "expression")).max() < 6e-5


def test_progress_and_cancelling(model, library):
    seen: list[float] = []
    curves = speech_like(library)
    model.weights(curves, library.basis, "speech", progress=lambda fraction, message: seen.append(fraction))
    assert seen[-1] == 1.0
    with pytest.raises(Cancelled):
        model.weights(curves, library.basis, "speech", cancelled=lambda: True)


def test_saving_and_loading_changes_next_to_nothing(model, library, tmp_path):
    model.save(tmp_path / "fusion.npz", training={"steps": 1})
    again = FusionModel.load(tmp_path)
    assert again.names == model.names and again.speech_count == model.speech_count
    np.testing.assert_allclose(again.blendshapes, model.blendshapes, atol=1e-6)
    curves = speech_like(library)
    np.testing.assert_allclose(
        again.weights(curves, library.basis, "speech"), model.weights(curves, library.basis, "speech"), atol=1e-5
    )
    with pytest.raises(TalkerError, match="not found"):
        FusionModel.load(tmp_path / "nowhere")
