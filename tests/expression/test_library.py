"""The bundled expression library and the trajectories that it makes."""

import numpy as np
import pytest

from blendshape_talker.errors import TalkerError
from blendshape_talker.expression.blinks import blink_closure
from blendshape_talker.expression.library import ExpressionLibrary
from blendshape_talker.face.flame import VERTEX_COUNT

FPS = 60.0
CORE = ("neutral", "happy", "sad", "angry", "afraid", "disgusted", "surprised", "contemptuous")


@pytest.fixture(scope="module")
def library() -> ExpressionLibrary:
    return ExpressionLibrary.load()


def clock(seconds: float, fps: float = FPS) -> np.ndarray:
    return np.arange(int(round(seconds * fps))) / fps


def lids(library: ExpressionLibrary, trajectory: np.ndarray) -> np.ndarray:
    return trajectory[:, [i for i, name in enumerate(library.directions) if name.startswith("eyeBlink")]]


def blinks(library: ExpressionLibrary, emotion: str, times: np.ndarray, seed: int = 0) -> np.ndarray:
    interval = library.emotions[emotion].blink_interval
    return blink_closure(times, times[-1] if len(times) else 0.0, lambda second: interval, seed)


def test_bundled_library_holds_the_emotions_of_the_design_first(library):
    assert library.names[:8] == CORE
    assert len(library.names) >= 16
    assert library.basis.shape == (len(library.directions), VERTEX_COUNT, 3)
    assert 1e-3 < np.abs(library.basis).max() < 0.06


def test_unknown_emotion_names_the_choices(library):
    with pytest.raises(TalkerError, match="contemptuous"):
        library.trajectory("hungry", clock(1))


def test_loading_twice_gives_the_same_object_and_a_missing_file_a_plain_error(tmp_path):
    assert ExpressionLibrary.load() is ExpressionLibrary.load()
    with pytest.raises(TalkerError, match="not found"):
        ExpressionLibrary.load(tmp_path)


def test_saved_library_reads_back(library, tmp_path):
    library.save(tmp_path / "expressions.npz")
    again = ExpressionLibrary.load(tmp_path)
    assert again.names == library.names and again.directions == library.directions
    times = clock(4)
    np.testing.assert_array_equal(again.trajectory("sad", times, seed=3), library.trajectory("sad", times, seed=3))


@pytest.mark.parametrize("emotion", ExpressionLibrary.load().names)
def test_trajectory_starts_and_ends_at_rest_and_is_smooth_in_between(library, emotion):
    times = clock(20)
    trajectory = library.trajectory(emotion, times)
    assert trajectory.shape == (len(times), len(library.directions)) and trajectory.dtype == np.float32
    assert np.abs(trajectory[[0, -1]]).max() < 1e-6
    assert trajectory.min() >= 0.0 and trajectory.max() < 1.9
    assert np.abs(np.diff(trajectory, axis=0)).max() < 0.2  # no jump, not even in the fastest onset
    if emotion == "neutral":
        assert not trajectory.any()
        return
    reached = np.linalg.norm(trajectory, axis=1)
    onset = times[np.argmax(reached > 0.6 * np.median(reached))]
    assert 0.08 < onset < 0.6
    middle = trajectory[len(times) // 4 : -len(times) // 4]
    strongest = middle[:, middle.mean(axis=0).argmax()]
    assert 0.02 < strongest.std() / strongest.mean() < 0.3  # it lives, and stays itself


def test_living_variation_does_not_repeat(library):
    trajectory = library.trajectory("happy", clock(240))
    signal = trajectory[120:-120, library.directions.index("mouthSmile_L")]
    signal = signal - signal.mean()
    spectrum = np.abs(np.fft.rfft(signal, 2 * len(signal))) ** 2
    correlation = np.fft.irfft(spectrum)[: len(signal) // 2]
    overlap = np.arange(len(signal), len(signal) - len(correlation), -1)
    normalised = correlation / overlap / (correlation[0] / len(signal))
    assert normalised[20 * int(FPS) :].max() < 0.95


def test_intensity_scales_the_emotion(library):
    times = clock(12)
    one = library.trajectory("happy", times, 1.0)
    np.testing.assert_allclose(library.trajectory("happy", times, 0.5), 0.5 * one, atol=1e-6)
    assert not library.trajectory("happy", times, 0.0).any()
    strong = library.trajectory("tired", times, 1.5)
    assert lids(library, strong).max() <= 0.9


@pytest.mark.parametrize("emotion", ["neutral", "surprised", "tired"])
def test_blinks_close_the_lids_at_natural_intervals(library, emotion):
    times = clock(120)
    closure = blinks(library, emotion, times, seed=5)
    assert closure.shape == times.shape and closure.min() == 0 and closure.max() <= 1
    shut = closure > 0.97
    starts = times[1:][shut[1:] & ~shut[:-1]]
    assert 120 / 6.5 < len(starts) < 120 / 2.0
    pauses = np.diff(starts)
    assert pauses.min() > 1.9 and pauses.max() < 6.5
    assert not closure[[0, -1]].any()
    assert not library.trajectory("neutral", times).any()


def test_a_blink_closes_faster_than_it_opens(library):
    closure = blinks(library, "neutral", clock(10, 240), seed=1)
    first = np.flatnonzero(closure > 0.5)[0]
    start = np.flatnonzero(closure[:first] < 0.02)[-1]
    peak = start + closure[start : start + 120].argmax()
    end = peak + np.flatnonzero(closure[peak:] < 0.02)[0]
    assert 0.05 < (peak - start) / 240 < 0.12
    assert 0.12 < (end - peak) / 240 < 0.25


def test_same_seed_same_take_at_any_frame_rate(library):
    slow, fast = library.trajectory("angry", clock(8, 30), seed=2), library.trajectory("angry", clock(8, 60), seed=2)
    # the clips end a frame apart, so the offset is left out
    np.testing.assert_allclose(slow[:200], fast[:400:2], atol=1e-5)
    assert np.abs(library.trajectory("angry", clock(8), seed=3) - fast).max() > 0.02


def test_an_emotion_lives_alike_wherever_it_begins_and_for_any_length(library):
    fully_on = library.living("angry", clock(8), seed=2)
    inside = clock(8)[60:-60]
    np.testing.assert_allclose(library.trajectory("angry", clock(8), seed=2)[60:-60], fully_on[60:-60], atol=1e-5)
    np.testing.assert_array_equal(library.living("angry", inside, seed=2), fully_on[60:-60])
    assert fully_on[0].max() > 0.5, "no onset: cues fade"


def test_blinks_keep_the_pace_of_the_moment(library):
    times = clock(240)
    closure = blink_closure(times, 240.0, lambda second: (1.0, 1.2) if second < 120 else (6.0, 7.0), seed=3)
    starts = times[1:][(closure[1:] > 0.5) & (closure[:-1] <= 0.5)]
    assert 75 < (starts < 120).sum() < 95 and 15 < (starts > 120).sum() < 20


@pytest.mark.parametrize("frames", [0, 1, 2, 12])
def test_the_shortest_clips_work(library, frames):
    trajectory = library.trajectory("surprised", np.arange(frames) / FPS)
    assert blinks(library, "surprised", np.arange(frames) / FPS).shape == (frames,)
    assert trajectory.shape == (frames, len(library.directions)) and np.isfinite(trajectory).all()
    if frames == 12:
        assert trajectory.max() > 0.3
