"""Song to train on: its phones cover it, its vowels are loud and on pitch, its pauses are silent."""

import numpy as np

from blendshape_talker.training.corpus import singing
from blendshape_talker.training.corpus.phones import SILENCE


def test_phones_cover_the_song_and_say_when_it_sounds():
    song = singing.sing(np.random.default_rng(3), 3.0)
    assert song.phones[0].start == 0 and abs(song.phones[-1].end - song.seconds) < 0.01
    assert all(a.end == b.start for a, b in zip(song.phones, song.phones[1:], strict=False))
    assert np.isfinite(song.samples).all() and 0.05 < np.abs(song.samples).max() <= 0.75

    def level(phone) -> float:
        middle = (phone.end - phone.start) / 4
        part = song.samples[int((phone.start + middle) * 16000) : int((phone.end - middle) * 16000)]
        return float(np.sqrt(np.mean(part**2)))

    held = [level(phone) for phone in song.phones if phone.name != SILENCE and phone.end - phone.start > 0.25]
    silent = [level(phone) for phone in song.phones if phone.name == SILENCE]
    assert held and min(held) > 5 * max(silent)


def test_a_held_vowel_has_a_pitch():
    song = next(song for _, song in singing.songs(1.0, 0))
    vowel = max((p for p in song.phones if p.name != SILENCE), key=lambda p: p.end - p.start)
    part = song.samples[int((vowel.start + 0.05) * 16000) :][:4096]
    alike = np.correlate(part, part, "full")[len(part) - 1 :]
    lag = 14 + int(alike[14:400].argmax())
    assert alike[lag] > 0.4 * alike[0]  # it repeats itself: 40 Hz to 1.1 kHz


def test_songs_repeat():
    first, again = (list(singing.songs(5.0, 2)) for _ in range(2))
    assert [name for name, _ in first] == [name for name, _ in again]
    np.testing.assert_array_equal(first[0][1].samples, again[0][1].samples)
