"""Sound that is still coming: the same frames as offline, on time, at bounded memory, whatever its portions."""

from types import SimpleNamespace

import numpy as np
import pytest

from blendshape_talker.checkpoint import ASSETS
from blendshape_talker.errors import TalkerError
from blendshape_talker.face.flame import LOWER_LIP, UPPER_LIP
from blendshape_talker.speech import model as speech
from blendshape_talker.speech.audio import load_recording
from blendshape_talker.speech.mel import HOP, log_mel
from blendshape_talker.speech.stream import STREAMING, RunningLevel, SpeechStream
from blendshape_talker.speech.whisper import EncoderWindows, normalise, peak_of


@pytest.fixture(scope="module")
def model() -> speech.SpeechModel:
    return speech.SpeechModel.load()


@pytest.fixture(scope="module")
def demo() -> np.ndarray:
    return load_recording(ASSETS / "demo_speech.flac").samples[:60000]


def pushed(stream: SpeechStream, samples: np.ndarray, sizes: list[int]) -> np.ndarray:
    """All frames of a stream that gets portions of ``sizes`` in turn."""
    frames, start, number = [], 0, 0
    while start < len(samples):
        size = sizes[number % len(sizes)]
        frames.append(stream.push(samples[start : start + size]))
        start, number = start + size, number + 1
    return np.concatenate([*frames, stream.finish()])


def gap(model: speech.SpeechModel, coefficients: np.ndarray) -> np.ndarray:
    """Vertical lip gap (T,), mm."""
    return coefficients @ (1000 * (model.basis[:, UPPER_LIP, 1] - model.basis[:, LOWER_LIP, 1]))


def listener(cut: EncoderWindows = STREAMING, level: float | None = 1.0) -> SpeechStream:
    """A stream whose features are the normalised log-mel rows, two by two, and whose frames are its features."""
    encoder = SimpleNamespace(
        config=SimpleNamespace(bands=80, width=160), encode_window=lambda mel: mel.reshape(-1, 160).copy()
    )
    return SpeechStream(encoder, lambda features, frames: features[np.arange(frames) * 50 // 60], (160, 60), 0.2, 0.79,
                        cut, level)  # fmt: skip


# ---- the same as offline ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [[1600], [0, 1, 7, 5000, 33, 40000, 160]])
def test_frames_are_those_of_the_recording_in_the_same_windows(model, demo, sizes):
    level = speech.level_of(demo)
    offline = model.coefficients(demo, cut=STREAMING, level=level)
    np.testing.assert_allclose(offline, model.coefficients(demo, cut=STREAMING), atol=1e-6)
    streamed = pushed(model.stream(reach_seconds=1, level=level), demo, sizes)
    assert streamed.shape == offline.shape and streamed.dtype == np.float32
    np.testing.assert_allclose(streamed, offline, atol=1e-3)


def test_portions_do_not_matter(model, demo):
    frames = [pushed(model.stream(), demo[:40000], sizes) for sizes in ([40000], [1600], [999, 0, 1])]
    np.testing.assert_allclose(frames[1], frames[0], atol=1e-3)
    np.testing.assert_allclose(frames[2], frames[0], atol=1e-3)


def test_log_mel_at_the_borders_is_that_of_the_whole():
    samples = (0.1 * np.random.default_rng(0).normal(size=50123)).astype(np.float32)
    rows = normalise(log_mel(speech.padded(samples)), 1.0)
    whole = rows[: len(rows) // 2 * 2].reshape(-1, 160)
    frames = pushed(listener(EncoderWindows(0.1, 0.2, 0.1)), samples, [1, 170, 0, 3001, 160])
    np.testing.assert_allclose(frames, whole[np.arange(len(frames)) * 50 // 60], atol=1e-5)


@pytest.mark.parametrize("count", [0, 1, 130, 150, 201, 3200, 3333, 16000, 17123])
def test_frame_count(model, count):
    samples = (0.1 * np.random.default_rng(1).normal(size=count)).astype(np.float32)
    assert len(pushed(model.stream(), samples, [700])) == round(count / 16000 * 60)


def test_a_style_speaks(model, demo):
    style = model.config.styles[1]
    frames = pushed(model.stream(style, reach_seconds=1, level=1.5), demo[:24000], [1600])
    offline = model.coefficients(demo[:24000], style, cut=STREAMING, level=1.5)
    np.testing.assert_allclose(frames, offline, atol=1e-3)
    with pytest.raises(TalkerError, match="average"):
        model.stream("berta")


# ---- look-ahead, seams, memory ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [STREAMING, EncoderWindows(0.2, 1, 0.1)])
def test_frames_come_within_the_stated_look_ahead(model, demo, cut):
    stream, samples, out = model.stream(cut=cut), demo[:32000], 0
    for start in range(0, len(samples), 500):
        out += len(stream.push(samples[start : start + 500]))
        heard = min(start + 500, len(samples)) / 16000
        assert out >= int((heard - stream.look_ahead_seconds) * 60 + 1)
    assert out + len(stream.finish()) == 120


def test_sound_after_the_look_ahead_changes_nothing(model, demo):
    samples = demo[:44000]
    first = pushed(model.stream(), samples, [4000])
    for change in (20000, 23333):
        other = samples.copy()
        other[change:] = 0.5 * np.random.default_rng(change).normal(size=len(samples) - change)
        stream = model.stream()
        second = pushed(stream, other, [4000])
        before = int((change / 16000 - stream.look_ahead_seconds) * 60)
        np.testing.assert_array_equal(first[:before], second[:before])
        assert np.abs(first[before:] - second[before:]).max() > 0.1


def test_windows_do_not_show(model, demo):
    curve = gap(model, pushed(model.stream(), demo, [1600]))
    bends = np.abs(np.diff(curve, 2))
    first_out = round(60 * (STREAMING.core - 0.22))
    period = round(60 * STREAMING.core)
    at_seams = np.concatenate([bends[first_out + offset :: period] for offset in (-3, -2, -1, 0)])
    assert at_seams.mean() < 1.3 * bends.mean()


def test_memory_stays_bounded():
    stream = listener(level=None)
    noise = (0.1 * np.random.default_rng(0).normal(size=16000)).astype(np.float32)
    sizes = []
    for _ in range(120):
        stream.push(noise)
        sizes.append(sum(len(part._kept) for part in (stream._samples, stream._rows, stream._features)))
    assert max(sizes[60:]) <= max(sizes[:60]) < 3000
    assert len(stream.push(np.tile(noise, 20))) == 1200


# ---- the level ----------------------------------------------------------------------------------------------------


def rows_at(level: float, count: int, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return (level + generator.normal(-3, 1, (count, 80))).astype(np.float32)


def test_running_level_is_that_of_a_recording():
    level = RunningLevel()
    assert level.level == pytest.approx(-10)
    rows = rows_at(2, 1000)
    for start in range(0, 1000, 37):
        level.hear(rows[start : start + 37])
    assert level.level == pytest.approx(peak_of(rows), abs=0.1)
    level.hear(rows_at(9, 2))  # a click
    assert level.level == pytest.approx(peak_of(rows), abs=0.15)
    level.hear(rows_at(4, 60))
    assert level.level > peak_of(rows) + 1
    level.hear(rows_at(-2, 30000))  # after five minutes it listens to the quiet
    assert level.level < peak_of(rows) - 3


def test_a_stream_finds_the_level(model, demo):
    told = gap(model, pushed(model.stream(level=speech.level_of(demo)), demo, [1600]))
    found = gap(model, pushed(model.stream(), demo, [1600]))
    assert np.abs(found - told)[120:].max() < 0.5
    quiet = gap(model, pushed(model.stream(), 0.03 * demo, [1600]))
    assert np.abs(quiet - found)[120:].max() < 0.5


def test_level_of_a_recording(demo):
    assert speech.level_of(demo) == pytest.approx(peak_of(log_mel(demo)), abs=0.01)
    assert speech.level_of(np.zeros(HOP, np.float32)) == pytest.approx(-10)


# ---- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "samples",
    [np.zeros(100, np.int16), np.zeros((100, 2), np.float32), np.array([0, np.nan]), np.array([np.inf]), None, "sound"],
)
def test_what_is_no_sound_is_refused_and_leaves_the_stream_as_it_was(samples):
    stream = listener()
    stream.push(np.zeros(800))
    with pytest.raises(TalkerError, match="mono sound"):
        stream.push(samples)
    assert len(stream.finish()) == 3


def test_a_finished_stream_takes_nothing_more():
    stream = listener()
    assert stream.finish().shape == (0, 160)
    for more in (lambda: stream.push(np.zeros(10, np.float32)), stream.finish):
        with pytest.raises(TalkerError, match="start another"):
            more()


@pytest.mark.parametrize("seconds", [(0, 1, 1), (0.01, 1, 1), (1, -1, 1), (1, 1, 0.333), (float("nan"), 1, 1)])
def test_windows_that_fit_no_grid_are_refused(seconds):
    with pytest.raises(TalkerError, match=r"0\.02 s"):
        EncoderWindows(*seconds)
