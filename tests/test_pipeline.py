"""The whole path on the bundled weights and recording, and the parts of pipeline.py on small inputs."""

import numpy as np
import pytest
import soundfile as sf

from blendshape_talker import listener, pipeline
from blendshape_talker.checkpoint import ASSETS
from blendshape_talker.errors import Cancelled, TalkerError
from blendshape_talker.expression.aperture import free_share
from blendshape_talker.expression.cues import Cue, fade
from blendshape_talker.expression.lids import lid_opening
from blendshape_talker.face.flame import lip_gap_per_weight, load_head
from blendshape_talker.settings import AUTO
from blendshape_talker.speech.emotion import MANNERS, VoiceEmotion
from blendshape_talker.speech.frames import take_gain
from blendshape_talker.speech.memory import Memory
from blendshape_talker.speech.style import Style

DEMO = ASSETS / "demo_speech.flac"


@pytest.fixture(scope="module")
def talker():
    return pipeline.Talker.load("cpu")


@pytest.fixture(scope="module")
def happy(talker):
    return talker.animate(DEMO, "happy", 1.0, fps=60)


def test_animation_has_the_documented_shapes(happy):
    frames = len(happy.times)
    assert happy.speech_weights.shape == (frames, happy.speech_count)
    assert happy.weights.shape == (frames, len(happy.names)) == (frames, len(happy.blendshapes))
    assert happy.blendshapes.shape[1:] == (5023, 3)
    assert len(set(happy.names)) == len(happy.names)
    assert np.isfinite(happy.weights).all()
    displacements = happy.displacements(10, 12)
    assert displacements.shape == (2, 5023, 3)
    assert 0.0005 < np.abs(displacements).max() < 0.05, "metres, a face's movements"


def test_the_mouth_opens_and_the_emotion_moves_the_face(talker, happy):
    gap = happy.displacements() @ np.array([0, 1, 0], np.float32)
    opening = (gap[:, 3546] - gap[:, 3504]) * 1000
    assert 3 < np.percentile(opening, 95) < 25, "millimetres at ordinary speech"
    neutral = talker.animate(DEMO, "neutral", 1.0, fps=60)
    corners = load_head().mouth_corners
    moved = happy.displacements() - neutral.displacements()
    middle = slice(len(moved) // 3, 2 * len(moved) // 3)
    assert np.linalg.norm(moved[middle][:, corners], axis=2).mean() > 0.002, "a smile lifts the corners by millimetres"


def test_same_input_gives_the_same_animation(talker, happy):
    again = talker.animate(DEMO, "happy", 1.0, fps=60)
    np.testing.assert_array_equal(again.weights, happy.weights)


def test_another_take_is_not_heard_again(talker, happy, monkeypatch):
    def deaf(*arguments, **settings):
        raise AssertionError("the network was asked")

    for asked in ("move", "features"):
        monkeypatch.setattr(talker.networks.speech_model, asked, deaf)
    monkeypatch.setattr(listener, "read_prosody", deaf)
    other = talker.animate(DEMO, "happy", 1.0, fps=60, seed=5)
    assert np.abs(other.speech_weights - happy.speech_weights).max() > 0.05
    np.testing.assert_array_equal(talker.animate(DEMO, "happy", 1.0, fps=60).weights, happy.weights)
    assert talker.animate(DEMO, "happy", fps=24, heard=0.5).recalled and talker.listener.hear(DEMO)[1]


@pytest.mark.parametrize("fps", [24, 60])
def test_closures_are_counted_and_kept(talker, fps):
    animation = talker.animate(DEMO, "surprised", 1.0, fps=fps)
    assert animation.closures_heard >= 8 and animation.closures_lost == ()


def test_speech_does_not_depend_on_the_emotion(talker, happy):
    sad = talker.animate(DEMO, "sad", 1.5, fps=60)
    np.testing.assert_array_equal(sad.speech_weights, happy.speech_weights)


def test_intensity_zero_without_blinks_moves_no_expression(talker):
    still = talker.animate(DEMO, "angry", 0.0, fps=30, blinks=False)
    assert not still.expression_weights.any()
    assert still.speech_weights.any()


def test_blinks_are_a_layer_known_apart(talker, happy):
    assert happy.blink_closure.shape == happy.times.shape and happy.blink_closure.max() > 0.9
    staring = talker.animate(DEMO, "happy", 1.0, fps=60, blinks=False)
    assert not staring.blink_closure.any() and not staring.blink_weights.any()
    np.testing.assert_allclose(happy.emotion_weights, staring.expression_weights, atol=1e-6)
    shapes = happy.blendshapes[happy.speech_count :]
    opening = lid_opening(shapes, happy.expression_weights)
    shut = happy.blink_closure > 0.99
    assert shut.any() and np.abs(opening[shut]).max() < 1e-4
    assert lid_opening(shapes, staring.expression_weights).min() > 0.001
    weak = talker.animate(DEMO, "happy", 0.0, fps=24)
    np.testing.assert_array_equal(weak.expression_weights, weak.blink_weights)
    assert lid_opening(shapes, weak.expression_weights).min() < 1e-4, "an emotion at strength 0 still blinks"


def test_lids_go_with_the_eyes_where_that_is_asked_for(talker, happy):
    looking = talker.animate(DEMO, "happy", 1.0, fps=60, gaze=True)
    np.testing.assert_allclose(looking.emotion_weights, happy.emotion_weights, atol=1e-6)
    shapes, pitch = happy.blendshapes[happy.speech_count :], happy.eye_rotation[:, 0]
    closed = lid_opening(shapes, happy.expression_weights) - lid_opening(shapes, looking.expression_weights)
    awake = happy.blink_closure < 0.01
    assert np.corrcoef(pitch[awake], closed[awake, 0])[0, 1] > 0.95 and np.ptp(closed[awake]) > 5e-4
    shut = happy.blink_closure > 0.99
    np.testing.assert_allclose(lid_opening(shapes, looking.expression_weights)[shut], 0.0, atol=1e-4)


def test_cues_are_a_sum_of_parts_that_can_be_made_alone(talker, happy):
    seconds = len(happy.times) / 60
    listed = [Cue(0.0, 1.5, "happy"), Cue(1.5, seconds, "sad", 0.8), Cue(1.0, 2.0, "surprised", 0.5, 0.3, 0.3)]
    mixed = talker.animate(DEMO, fps=60, cues=listed, blinks=False)
    np.testing.assert_array_equal(mixed.speech_weights, happy.speech_weights)
    total = sum(fade(cue, mixed.times)[:, None] * talker.cue_weights(cue, mixed.times) for cue in mixed.cues)
    np.testing.assert_allclose(mixed.cue_weights, total, atol=1e-5)
    np.testing.assert_allclose(mixed.emotion_weights, total + mixed.aperture_weights, atol=1e-5)
    later = talker.cue_weights(Cue(3.0, 4.0, "sad", 0.8), mixed.times[:60] + 3.0)
    np.testing.assert_allclose(later, talker.cue_weights(Cue(0.0, 9.0, "sad", 0.8), mixed.times[:60]), atol=1e-5)
    assert [cue.emotion for cue in happy.cues] == ["happy"] and happy.cues[0].end == pytest.approx(seconds, abs=0.02)


def test_one_cue_over_the_line_is_the_emotion(talker, happy):
    again = talker.animate(DEMO, fps=60, cues=[Cue(0.0, 3600.0, "happy")])
    np.testing.assert_array_equal(again.expression_weights, happy.expression_weights)
    slow = talker.animate(DEMO, "happy", fps=30)
    np.testing.assert_allclose(slow.cue_weights, happy.cue_weights[::2][: len(slow.times)], atol=1e-5)
    calm = talker.animate(DEMO, fps=30, cues=[], blinks=False)
    assert not calm.expression_weights.any() and calm.speech_weights.any()


def test_a_silent_mouth_opens_and_speech_keeps_its_lips(talker, happy, tmp_path):
    sf.write(tmp_path / "still.wav", np.random.default_rng(0).normal(0, 1e-4, 48000), 16000)
    opened = lip_gap_per_weight(happy.blendshapes)
    basis = lip_gap_per_weight(talker.networks.library.basis)
    for emotion in ("surprised", "afraid", "happy"):
        still = talker.animate(tmp_path / "still.wav", emotion, fps=30, blinks=False)
        wanted = talker.networks.library.living(emotion, still.times) @ basis
        assert not still.aperture_weights.any(), "nothing is said, nothing is taken back"
        np.testing.assert_array_less(0.9 * wanted[45:60], (still.weights @ opened)[45:60], emotion)
    speaking = talker.animate(DEMO, "surprised", fps=60)
    said = speaking.speech_weights @ opened[: speaking.speech_count]
    closed = said < 0.15 * np.percentile(said, 95)
    still = free_share(speaking.blendshapes[: speaking.speech_count], speaking.speech_weights, 60.0) > 0
    assert (closed & ~still).sum() > 10 and speaking.aperture_weights.any()
    np.testing.assert_allclose((speaking.weights @ opened)[~still], said[~still], atol=1e-4)


def test_an_emotion_and_cues_at_once_are_refused(talker):
    with pytest.raises(TalkerError, match="put the emotion among the cues"):
        talker.animate(DEMO, "happy", cues=[Cue(0.0, 1.0, "sad")])
    with pytest.raises(TalkerError, match="cue 1: no emotion 'glad'"):
        talker.animate(DEMO, cues=[Cue(0.0, 1.0, "glad")])


def test_cancel_stops_the_work(talker):
    with pytest.raises(Cancelled):
        talker.animate(DEMO, cancelled=lambda: True)


def test_progress_runs_from_zero_to_one(talker):
    seen = []
    talker.animate(DEMO, progress=lambda fraction, message: seen.append(fraction))
    assert seen[0] == 0.0 and seen[-1] == 1.0
    assert seen == sorted(seen)


@pytest.fixture
def angry_ears(talker, monkeypatch):
    """The bundled talker with a classifier that hears anger, and is sure of it, in whatever somebody says."""
    weight, bias = np.zeros((3 * 512 + MANNERS, 2)), np.array([0.0, 9.0])
    monkeypatch.setattr(talker.listener, "_voice_emotion", VoiceEmotion(("neutral", "angry"), weight, bias))
    monkeypatch.setattr(talker.listener, "_voices", Memory())
    return talker


def test_auto_is_what_the_voice_sounds_like(angry_ears):
    made = angry_ears.animate(DEMO, AUTO, 0.8, fps=30)
    (cue,) = made.cues
    assert (cue.emotion, cue.start, cue.intensity) == ("angry", 0.0, pytest.approx(0.8))
    (heard,) = angry_ears.listener.hear(DEMO)[1]
    assert (heard.emotion, heard.intensity) == ("angry", 1.0)
    chosen = angry_ears.animate(DEMO, "angry", 0.8, fps=30)
    np.testing.assert_allclose(made.expression_weights, chosen.expression_weights, atol=1e-4)
    np.testing.assert_allclose(made.speech_weights, chosen.speech_weights, atol=1e-6)


def test_chosen_and_heard_share_the_intensity(angry_ears):
    mixed = angry_ears.animate(DEMO, "happy", 0.8, fps=30, heard=0.25)
    assert {cue.emotion: cue.intensity for cue in mixed.cues} == pytest.approx({"happy": 0.6, "angry": 0.2})
    listed = [Cue(0.5, 2.0, "sad", 1.0)]
    mixed = angry_ears.animate(DEMO, fps=30, cues=listed, heard=0.5)
    assert {cue.emotion: cue.intensity for cue in mixed.cues} == pytest.approx({"sad": 0.5, "angry": 0.5})
    assert [cue.emotion for cue in angry_ears.animate(DEMO, "happy", fps=30, heard=1.0).cues] == ["angry"]
    mixed = angry_ears.animate(DEMO, "neutral", 0.5, fps=30, cues=listed, heard=0.25)
    assert {cue.emotion: cue.intensity for cue in mixed.cues} == pytest.approx({"sad": 0.375, "angry": 0.125})


def test_intensity_scales_all_cues_up_to_what_a_cue_can_be(talker):
    listed = [Cue(0.0, 1.0, "sad", 0.5), Cue(1.5, 2.5, "happy", 1.2)]
    for intensity, wanted in ((0.5, [0.25, 0.6]), (1.5, [0.75, 1.5])):
        made = talker.animate(DEMO, "neutral", intensity, fps=30, cues=listed)
        assert [cue.intensity for cue in made.cues] == pytest.approx(wanted)


def test_who_hears_nothing_stays_neutral(talker, monkeypatch):
    unsure = VoiceEmotion(("neutral", "angry"), np.zeros((3 * 512 + MANNERS, 2)), np.zeros(2))
    monkeypatch.setattr(talker.listener, "_voice_emotion", unsure)
    monkeypatch.setattr(talker.listener, "_voices", Memory())
    made = talker.animate(DEMO, AUTO, fps=30)
    assert [cue.emotion for cue in made.cues] == ["neutral"] and not made.cue_weights.any()


def test_the_eight_emotions_are_there():
    assert pipeline.emotions()[0] == "neutral"
    assert set(pipeline.emotions()) >= {
        "neutral", "happy", "sad", "angry", "afraid", "disgusted", "surprised", "contemptuous",
    }  # fmt: skip


def test_another_take_opens_the_mouth_otherwise_and_closes_it_as_well(talker, happy):
    opened = lip_gap_per_weight(happy.blendshapes[: happy.speech_count])
    first = happy.speech_weights @ opened
    other = talker.animate(DEMO, "happy", 1.0, fps=60, seed=7)
    second = other.speech_weights @ opened
    limit = np.percentile(first, 95)
    assert np.abs(second - first).max() > 0.05 * limit
    assert np.corrcoef(first, second)[0, 1] > 0.95
    assert second[first < 0.05 * limit].max() < 0.07 * limit


def test_take_zero_changes_nothing_and_takes_do_not_depend_on_the_length():
    np.testing.assert_array_equal(take_gain(50, 0), 1)
    short, long = take_gain(100, -3), take_gain(500, -3)
    np.testing.assert_array_equal(short, long[:100])
    assert 0.75 <= long.min() < 0.95 and 1.05 < long.max() <= 1.25
    assert np.abs(np.diff(long)).max() < 0.03


def test_a_recording_is_a_style_whose_mouth_it_opens_as_far(talker, tmp_path):
    small = tmp_path / "small.style"
    chosen = talker.listener.style(str(DEMO))
    assert chosen.reach is not None and talker.listener.style("average") is None
    Style(chosen.name, chosen.gains, chosen.habits, 0.5 * chosen.reach).save(small)
    styles = (None, chosen, talker.listener.style(str(small)))
    spoken = [talker.animate(DEMO, "neutral", 1.0, fps=60, style=style) for style in styles]
    opened = lip_gap_per_weight(spoken[0].blendshapes[: spoken[0].speech_count])
    plain, own, half = (np.percentile(take.speech_weights @ opened, 95) for take in spoken)
    assert own == pytest.approx(plain, rel=0.02)
    assert half == pytest.approx(0.5 * plain, rel=0.25)
    brief = tmp_path / "brief.wav"
    sf.write(brief, np.random.default_rng(0).normal(size=16000) * 0.1, 16000)
    with pytest.raises(TalkerError, match="brief.wav: 1.0 s of sound are too little for a style"):
        talker.listener.style(str(brief))


@pytest.fixture(scope="module")
def clear(talker):
    """The demo, spoken clearly, at 60 frames a second."""
    return talker.animate(DEMO, "neutral", 1.0, fps=60, blinks=False, style=Style.plain("clear", 1.3, 1.2))


def as_live_link(path, gap, late=0):
    """A file of Live Link Face, 30 frames a second, of a jaw that parts the lips by ``gap`` (T,) mm, started late."""
    opened = np.concatenate([np.zeros(max(late, 0)), gap[max(-late, 0) :]])[::2] / 32
    codes = (f"10:00:{n // 30:02d}:{n % 30:02d}.000" for n in range(len(opened)))
    rows = (f"{code},61,{value:.4f}" for code, value in zip(codes, opened, strict=True))
    path.write_text("\n".join(["Timecode,BlendshapeCount,JawOpen", *rows]) + "\n")
    return path


def test_a_style_from_sound_and_motion_of_each_kind(talker, clear, tmp_path):
    moved = np.einsum("tk,kvc->tvc", clear.speech_weights, clear.blendshapes[: clear.speech_count])
    gap = clear.speech_weights @ (1000 * lip_gap_per_weight(clear.blendshapes[: clear.speech_count]))
    vertices = (load_head().vertices + moved).astype(np.float32)
    np.save(tmp_path / "take.npy", vertices.reshape(len(vertices), -1))
    early = np.concatenate([vertices[6:], vertices[-1:].repeat(6, axis=0)])  # as VOCASET's picture is
    np.save(tmp_path / "early.npy", early.reshape(len(early), -1))
    clear.save(tmp_path / "take.npz")
    said: dict[str, list[str]] = {}

    def gains(name):
        said[name] = []
        return talker.listener.style_of("clear", DEMO, tmp_path / name, notify=said[name].append).gains

    as_live_link(tmp_path / "take.csv", np.maximum(gap, 0))
    as_live_link(tmp_path / "late.csv", np.maximum(gap, 0), late=12)
    for name in ("take.npz", "take.npy", "early.npy", "take.csv", "late.csv"):
        assert gains(name)[0] == pytest.approx(1.25, abs=0.12), name
    assert said["take.npz"] == said["take.npy"] == []
    assert said["early.npy"] == [f"{tmp_path / 'early.npy'}: 0.10 s ahead of the sound; brought in step"]
    assert "0.20 s behind the sound; brought in step" in said["late.csv"][-1]


def test_five_seconds_out_of_step_are_enough(talker, clear, tmp_path):
    sf.write(tmp_path / "five.wav", sf.read(DEMO)[0][: 5 * sf.info(DEMO).samplerate], sf.info(DEMO).samplerate)
    moved = np.einsum("tk,kvc->tvc", clear.speech_weights[6:306], clear.blendshapes[: clear.speech_count])
    vertices = (load_head().vertices + moved).astype(np.float32)
    np.save(tmp_path / "five.npy", vertices.reshape(len(vertices), -1))
    said: list[str] = []
    made = talker.listener.style_of("five", tmp_path / "five.wav", tmp_path / "five.npy", notify=said.append)
    assert made.gains[0] > 1.1 and "0.10 s ahead of the sound" in said[0]


def test_motion_of_another_take_is_no_style(talker, clear, tmp_path):
    backwards = as_live_link(tmp_path / "other.csv", np.abs(clear.speech_weights[::-1, 0]) * 20)
    with pytest.raises(TalkerError, match="other.csv: motion and sound hardly agree"):
        talker.listener.style_of("other", DEMO, backwards)


def test_hearing_a_manner_can_be_stopped(talker, tmp_path):
    long = tmp_path / "long.wav"
    sf.write(long, np.random.default_rng(1).normal(size=10 * 16000) / 20, 16000)
    with pytest.raises(Cancelled):
        talker.listener.style(str(long), cancelled=lambda: True)
