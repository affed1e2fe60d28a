"""Training of what hears emotion, on voices made here: features with a direction for each class, actor and room."""

import numpy as np
import pytest

from blendshape_talker.checkpoint import ASSETS
from blendshape_talker.expression.heard import SURE, heard_cues
from blendshape_talker.speech.audio import load_recording
from blendshape_talker.speech.emotion import MANNERS, VoiceEmotion, softmax, statistics
from blendshape_talker.speech.prosody import Prosody
from blendshape_talker.training.corpus.voices import Voice
from blendshape_talker.training.speech import emotion
from blendshape_talker.training.speech.emotion import CLASSES, EmotionTraining, Windows, fit, together

ROWS, WIDTH = 150, 64  # 3 s of features
ACTORS = ("a", "b", "c", "d")
SETTINGS = EmotionTraining(nuisances=8)
_RNG = np.random.default_rng(0)
DIRECTIONS = dict(zip(CLASSES, _RNG.normal(size=(len(CLASSES), WIDTH)), strict=True))
STUDIO = 3 * _RNG.normal(size=WIDTH) + 2 * DIRECTIONS["angry"]  # sounds angry to who knows one studio alone
PROSODY = Prosody(np.zeros(ROWS), np.zeros(ROWS), np.array([[0.0, ROWS / 50]]), np.zeros((0, 2)))


def features(feelings: dict[str, float], seed: int, *offsets: np.ndarray) -> np.ndarray:
    """Features (ROWS, WIDTH) of a voice with these shares of feelings."""
    generator = np.random.default_rng(seed)
    mean = sum(share * DIRECTIONS[name] for name, share in feelings.items()) + sum(offsets, np.zeros(WIDTH))
    return mean + generator.normal(0, 1.0, (ROWS, WIDTH))


def spoken(name: str, speaker: str, seed: int, copy: int = 0, acted: bool = True, held: bool = False) -> Windows:
    """Windows of one clip: an actor's, or plain speech from the other studio."""
    voice = 0.7 * np.random.default_rng([1, *speaker.encode()]).normal(size=WIDTH)
    room = copy * 1.5 * np.random.default_rng([2, seed]).normal(size=WIDTH)
    heard = features({name: 1.0}, seed, voice, room, np.zeros(WIDTH) if acted else STUDIO)
    x = statistics(heard, PROSODY)[1]
    assert x.shape == (3, 3 * WIDTH + MANNERS)
    told = (CLASSES.index(name), speaker, f"{name}{seed}", copy, acted, held)
    return Windows(x, *(np.full(len(x), one) for one in told))


def made() -> Windows:
    """Four actors who say everything thrice, clean and in another room, and three plain people, one held out."""
    clips = [
        spoken(name, actor, 100 * number + 10 * place + take + 1000 * copy, copy)
        for number, actor in enumerate(ACTORS) for place, name in enumerate(CLASSES)
        for take in range(3) for copy in (0, 1)
    ]  # fmt: skip
    plain = [
        spoken("neutral", who, 5000 + 10 * number + take, copy, acted=False, held=who == "out")
        for number, who in enumerate(("p", "q", "out")) for take in range(3) for copy in (0, 1)
    ]  # fmt: skip
    return together(*clips, *plain)


@pytest.fixture(scope="module")
def windows() -> Windows:
    return made()


@pytest.fixture(scope="module")
def trained(windows, tmp_path_factory) -> VoiceEmotion:
    """What `train emotion` writes, read again."""
    path = tmp_path_factory.mktemp("emotion") / "voice_emotion.npz"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(emotion, "known_windows", lambda *given: windows)
        emotion.train("acted", "plain", path, "cache", SETTINGS)
    return VoiceEmotion.load(path)


def recall(logits: np.ndarray, windows: Windows, chosen: np.ndarray) -> float:
    return float(np.mean(logits[chosen].argmax(axis=1) == windows.labels[chosen]))


def test_actors_left_out_are_heard_here_and_in_other_rooms(windows):
    logits = emotion.leaving_one_out(windows, SETTINGS)
    assert recall(logits, windows, windows.acted & (windows.copies == 0)) > 0.95
    assert recall(logits, windows, windows.acted & (windows.copies == 1)) > 0.9
    assert not logits[~windows.acted].any()


@pytest.mark.parametrize("name", CLASSES)
def test_features_become_the_class_that_they_are_of(trained, name):
    heard = trained.hear(features({name: 1.0}, 9000), PROSODY)
    assert heard.classes == CLASSES and heard.probabilities.sum(axis=1) == pytest.approx(1)
    assert (heard.probabilities.argmax(axis=1) == CLASSES.index(name)).all() and heard.probabilities.max() > SURE
    cues = heard_cues(heard.classes, heard.times, heard.probabilities, ROWS / 50)
    assert [cue.emotion for cue in cues] == ([] if name == "neutral" else [name])


def test_who_is_unsure_is_neutral(trained):
    """Anger that leads by less than it takes to be believed makes no cue, nor does a voice that is mostly calm."""
    voice = features({"angry": 1.0}, 9100)
    timid = VoiceEmotion(CLASSES, 0.1 * trained.weight, 0.1 * trained.bias)
    for model, cued in ((trained, True), (timid, False)):
        heard = model.hear(voice, PROSODY)
        assert (heard.probabilities.argmax(axis=1) == CLASSES.index("angry")).all()
        assert (heard.probabilities.max(axis=1) > SURE).all() == cued
        assert bool(heard_cues(CLASSES, heard.times, heard.probabilities, ROWS / 50)) == cued
    calm = trained.hear(features({"angry": 0.4, "neutral": 0.6}, 9200), PROSODY)
    assert heard_cues(CLASSES, calm.times, calm.probabilities, ROWS / 50) == []


def test_another_studio_is_no_emotion(windows):
    """What tells plain people's studio apart is taken out: somebody held out who was recorded there is neutral."""
    plain = ~windows.acted & windows.held
    known = windows.of(~windows.held)
    neutral = []
    for settings in (SETTINGS, EmotionTraining(nuisances=0)):
        model = fit(known, settings)
        neutral.append(recall(windows.x @ model.weight + model.bias, windows, plain))
    assert neutral[0] == 1.0 and neutral[1] < 0.5


def test_nuisances_are_directions_of_rooms_actors_and_studios(windows):
    z = (windows.x - windows.x.mean(axis=0)) / (windows.x.std(axis=0) + 1e-6)
    out = emotion.nuisances(z, windows, 8)
    assert out.shape == (z.shape[1], 8)
    np.testing.assert_allclose(out.T @ out, np.eye(8), atol=1e-6)
    studio = z[~windows.acted].mean(axis=0) - z[windows.acted & (windows.labels == 0)].mean(axis=0)
    assert np.linalg.norm(studio @ out) > 0.95 * np.linalg.norm(studio)


def test_who_is_held_out_teaches_nothing(windows, trained, monkeypatch, tmp_path):
    others = windows.of(~windows.held)
    monkeypatch.setattr(emotion, "known_windows", lambda *given: others)
    again = emotion.train("acted", "plain", tmp_path / "e.npz", "cache", SETTINGS)
    np.testing.assert_allclose(again.weight, trained.weight, atol=1e-5)


def test_temperature_makes_probabilities_true():
    """Logits thrice as sure as they are right are brought down to a third."""
    generator = np.random.default_rng(3)
    true = generator.normal(0, 1.5, (4000, len(CLASSES)))
    chances = softmax(true)
    labels = np.array([generator.choice(len(CLASSES), p=row) for row in chances])
    assert emotion.temperature(3 * true, labels) == pytest.approx(1 / 3, rel=0.15)


def test_windows_of_recordings_are_kept(tmp_path):
    """Clean and in another room, labelled; a second time nobody listens."""
    samples = load_recording(ASSETS / "demo_speech.flac").samples[: 3 * 16000]
    voices = [
        Voice("03a01Wa", "03", "angry", False, lambda: samples),
        Voice("s2_x", "s2", "neutral", True, lambda: samples),
    ]
    found = emotion.windows_of(voices, tmp_path, copies=1)
    assert found.x.shape == (len(found.labels), 3 * 512 + MANNERS) and np.isfinite(found.x).all()
    columns = (found.labels, found.speakers, found.copies, found.held)
    angry = CLASSES.index("angry")
    assert set(zip(*(column.tolist() for column in columns), strict=True)) == {
        (angry, "03", 0, False), (angry, "03", 1, False), (0, "s2", 0, True), (0, "s2", 1, True)
    }  # fmt: skip
    clean, other = (found.x[(found.speakers == "03") & (found.copies == copy)] for copy in (0, 1))
    assert len(clean) == 3 and (len(other) != len(clean) or np.abs(clean - other).max() > 0.1)

    def nobody() -> np.ndarray:
        raise AssertionError("listened again")

    kept = emotion.windows_of([Voice("03a01Wa", "03", "angry", False, nobody)], tmp_path, copies=0)
    np.testing.assert_array_equal(kept.x, clean)
