"""What a viewer would notice: lips that do not meet, a mouth open in pauses, rounding that comes late."""

import numpy as np
import pytest
from face_shapes import NAMES, neutral_head, shape_deltas

from blendshape_talker.training.corpus.coarticulation import (
    FRAME_RATE,
    LipGeometry,
    SpeakingStyle,
    blend_targets,
    contact_spans,
    mouth_curves,
)
from blendshape_talker.training.corpus.phones import BILABIALS, SILENCE, TONGUE_ONLY, VOWELS, Phone

LIPS = LipGeometry(NAMES, shape_deltas(), neutral_head())


def spoken(text: str, seconds: float = 0.08) -> list[Phone]:
    """Phones of ``"M AA P"`` of equal length; a number before a colon stretches one: ``"4:AA"``."""
    phones, clock = [], 0.0
    for word in text.split():
        factor, _, name = word.rpartition(":")
        end = clock + seconds * float(factor or 1)
        phones.append(Phone(clock, end, name))
        clock = end
    return phones


def voice(phones: list[Phone], level: float = 0.3) -> np.ndarray:
    """A hum while somebody speaks."""
    samples = np.zeros(int(round(phones[-1].end * 16000)), np.float32)
    for phone in phones:
        if phone.name != SILENCE:
            part = slice(int(phone.start * 16000), int(phone.end * 16000))
            samples[part] = level * np.sin(np.arange(part.stop - part.start) * 0.3)
    return samples


def curves(phones: list[Phone], style: SpeakingStyle | None = None, level: float = 0.3) -> np.ndarray:
    return mouth_curves(phones, voice(phones, level), LIPS, style)


def during(values: np.ndarray, phone: Phone) -> np.ndarray:
    return values[int(np.ceil(phone.start * FRAME_RATE)) : int(phone.end * FRAME_RATE) + 1]


def weight(weights: np.ndarray, name: str) -> np.ndarray:
    return weights[:, LIPS.index[name]]


OPEN = float(np.percentile(LIPS.gap(curves(spoken("4:SIL AA T AE M AH D EH S AA T IY 4:SIL", 0.1))), 95))


def test_an_ordinary_take_opens_8_to_13_mm():
    assert 7.0 < OPEN < 13.0


@pytest.mark.parametrize("seconds", [0.03, 0.05, 0.08, 0.15])
@pytest.mark.parametrize("sound", ["P", "B", "M"])
@pytest.mark.parametrize("vowel", ["AA", "UW", "IY", "AO"])
def test_bilabials_close_the_lips_at_any_rate(sound, vowel, seconds):
    for style in (SpeakingStyle(), SpeakingStyle(jaw=1.35, lips=1.25, precision=0.75, smile=0.12, asymmetry=0.6)):
        phones = spoken(f"6:SIL {vowel} {sound} {vowel} {sound} {vowel} 6:SIL", seconds)
        gap = LIPS.gap(curves(phones, style))
        for phone in phones:
            if phone.name == sound:
                assert during(gap, phone).min() < 0.03 * OPEN
        if seconds >= 0.05:  # and the vowels between them open
            assert max(during(gap, phone).max() for phone in phones if phone.name == vowel) > 0.15 * OPEN


def test_lips_press_on_but_not_through_each_other():
    phones = spoken("3:SIL AA 2:M AA 3:SIL", 0.1)
    assert during(LIPS.gap(curves(phones)), phones[2]).min() > -1.5


def test_the_jaw_stays_partly_open_behind_closed_lips():
    phones = spoken("3:SIL 2:AA M 2:AA 3:SIL", 0.08)
    jaw = during(weight(curves(phones), "jawOpen"), phones[2])
    assert jaw.min() > 0.02
    assert during(weight(curves(phones), "mouthClose"), phones[2]).max() > 0.02


def test_closing_is_as_fast_as_in_life():
    phones = spoken("3:SIL 3:AA M 3:AA 3:SIL", 0.1)
    gap = LIPS.gap(curves(phones))
    speed = np.abs(np.diff(gap)).max() * FRAME_RATE
    assert 80 < speed < 400  # mm/s
    opened = gap[int((phones[2].start - 0.09) * FRAME_RATE)]
    assert opened > 0.6 * OPEN  # 90 ms before contact the vowel is still there


@pytest.mark.parametrize("sound", ["F", "V"])
def test_labiodentals_bring_the_lower_lip_to_the_teeth(sound):
    phones = spoken(f"3:SIL 2:AA {sound} 2:AE 3:SIL", 0.09)
    weights = curves(phones)
    gap = during(LIPS.gap(weights), phones[2])
    assert 0.05 * OPEN < gap.min() < 0.25 * OPEN
    assert during(weight(weights, "mouthRollLower"), phones[2]).max() > 0.3
    assert during(weight(weights, "mouthUpperUp_L"), phones[2]).max() > 0.1
    assert during(weight(weights, "mouthRollLower"), phones[1]).min() < 0.01


def test_from_teeth_to_lips_the_lower_lip_unrolls():
    phones = spoken("3:SIL 2:AA V B 2:AA 3:SIL", 0.09)
    weights = curves(phones)
    middle = int((phones[3].start + 0.04) * FRAME_RATE)
    assert LIPS.gap(weights)[middle] < 0 and weight(weights, "mouthRollLower")[middle] < 0.1


@pytest.mark.parametrize("sound", ["S", "Z", "SH", "ZH", "CH", "JH"])
def test_sibilants_nearly_shut_the_teeth(sound):
    phones = spoken(f"3:SIL 2:AA {sound} 2:AA 3:SIL", 0.1)
    jaw = weight(curves(phones), "jawOpen")
    assert during(jaw, phones[2]).min() < 0.45 * during(jaw, phones[1]).max()
    assert during(LIPS.gap(curves(phones)), phones[2]).min() > 0.15 * OPEN  # the lips stay parted


def test_rounding_runs_ahead_of_the_vowel():
    phones = spoken("3:SIL 2:IY S T 2:UW 3:SIL", 0.08)
    pucker = weight(curves(phones), "mouthPucker")
    vowel = phones[4]
    peak = during(pucker, vowel).max()
    before = pucker[int((vowel.start - 0.1) * FRAME_RATE)]
    assert peak > 0.4 and before > 0.2 * peak
    spread = spoken("3:SIL 2:IY S T 2:IY 3:SIL", 0.08)
    assert weight(curves(spread), "mouthPucker").max() < 0.02


def test_open_vowels_open_wider_than_close_ones():
    widest = {}
    for vowel in sorted(VOWELS):
        phones = spoken(f"3:SIL T 2:{vowel} T 3:SIL", 0.1)
        widest[vowel] = during(LIPS.gap(curves(phones)), phones[2]).max()
    assert min(widest["AA"], widest["AE"]) > 1.5 * max(widest["IY"], widest["IH"], widest["UW"], widest["UH"])
    assert widest["AA"] > widest["EH"] > widest["IH"] > widest["UW"]


@pytest.mark.parametrize("sound", sorted(TONGUE_ONLY))
def test_tongue_only_sounds_leave_the_lips_to_their_neighbours(sound):
    rounded = spoken(f"3:SIL 2:UW {sound} 2:UW 3:SIL", 0.08)
    spread = spoken(f"3:SIL 2:IY {sound} 2:IY 3:SIL", 0.08)
    plain = spoken("3:SIL 5:UW 3:SIL", 0.08)
    pucker = during(weight(curves(rounded), "mouthPucker"), rounded[2])
    assert pucker.min() > 0.7 * weight(curves(plain), "mouthPucker").max()
    assert during(weight(curves(spread), "mouthStretch_L"), spread[2]).min() > 0.1
    for phones in (rounded, spread):
        gap = LIPS.gap(curves(phones))
        inside, around = during(gap, phones[2]), during(gap, phones[1])
        assert abs(inside.mean() - around[len(around) // 2]) < 0.15 * OPEN


def test_the_mouth_rests_in_pauses_and_opens_just_before_speech():
    phones = spoken("8:SIL 2:AA T 2:AE 10:SIL 2:EH S 2:AA 8:SIL", 0.1)
    gap = LIPS.gap(curves(phones))
    for pause in (phones[0], phones[4], phones[8]):
        first = 0 if pause.start == 0 else int((pause.start + 0.12) * FRAME_RATE) + 1
        last = len(gap) if pause is phones[8] else int((pause.end - 0.1) * FRAME_RATE)
        if pause is phones[4]:
            last = int((pause.end - 0.19) * FRAME_RATE)
        assert np.abs(gap[first : last - 6]).max() < 0.5
    assert gap[int(phones[4].end * FRAME_RATE)] > 0.15 * OPEN  # already open when the vowel sounds
    assert gap[int((phones[4].start + 0.03) * FRAME_RATE)] > 0.1 * OPEN  # not yet shut 30 ms after the last sound


def test_a_short_gap_between_words_does_not_shut_the_mouth():
    phones = spoken("3:SIL 2:AA SIL 2:AA 3:SIL", 0.1)
    assert during(LIPS.gap(curves(phones)), phones[2]).min() > 0.15 * OPEN


def test_silence_is_rest_and_nothing_is_nothing():
    still = curves([Phone(0.0, 1.0, SILENCE)])
    assert still.shape == (60, len(NAMES)) and np.abs(still).max() < 1e-6
    assert mouth_curves([], np.zeros(0, np.float32), LIPS).shape == (0, len(NAMES))


def test_the_lips_stay_together_from_a_pause_into_a_bilabial():
    phones = spoken("5:SIL P 2:AA M 5:SIL", 0.1)
    gap = LIPS.gap(curves(phones))
    assert gap[: int(phones[1].start * FRAME_RATE) + 3].max() < 0.05 * OPEN
    assert gap[int(np.ceil(phones[3].start * FRAME_RATE)) :].max() < 0.05 * OPEN


def test_the_jaw_follows_the_voice_within_a_take():
    phones = spoken("3:SIL 3:AA T 3:AA T 3:AA 3:SIL", 0.1)
    samples = voice(phones)
    samples[int(phones[3].start * 16000) : int(phones[3].end * 16000)] *= 0.15
    gap = LIPS.gap(mouth_curves(phones, samples, LIPS))
    quiet, loud = during(gap, phones[3]).max(), during(gap, phones[1]).max()
    assert quiet < 0.87 * loud
    same = [mouth_curves(phones, level * samples, LIPS) for level in (1.0, 0.25)]
    np.testing.assert_allclose(*same, atol=1e-2)  # the recording's own level says nothing


def test_styles_differ_as_they_say():
    phones = spoken("3:SIL 2:AA T 2:UW T 2:IY 3:SIL", 0.1)
    average = curves(phones)
    wide = curves(phones, SpeakingStyle(lips=1.3, jaw=1.3))
    assert LIPS.gap(wide).max() > 1.2 * LIPS.gap(average).max()
    assert weight(wide, "jawOpen").max() > 1.2 * weight(average, "jawOpen").max()
    round_lips = curves(phones, SpeakingStyle(rounding=1.4))
    assert weight(round_lips, "mouthPucker").max() == pytest.approx(1.4 * weight(average, "mouthPucker").max())
    crooked = curves(phones, SpeakingStyle(asymmetry=0.8, smile=0.1))
    assert weight(crooked, "mouthSmile_L").max() > 1.3 * weight(crooked, "mouthSmile_R").max()


def test_dominance_blends_between_targets_only():
    values = blend_targets(spoken("SIL AA T UW F IY P SIL"), 60)
    assert values.min() >= 0.0 and values.max() <= 1.0


def test_every_phone_has_a_target():
    for name in sorted(VOWELS | TONGUE_ONLY | BILABIALS | {"F", "V", "TH", "DH", "HH", "R", "W", "Y", "S", "ZH", "CH"}):
        assert np.isfinite(curves(spoken(f"SIL {name} AA SIL"))).all()


def test_close_contacts_are_one():
    spans = contact_spans(spoken("AA M P AA B AA", 0.05), BILABIALS)
    assert len(spans) == 2 and spans[0][1] - spans[0][0] > 0.07


def test_a_gap_is_reached_from_any_mouth():
    generator = np.random.default_rng(3)
    weights = np.clip(generator.normal(0.1, 0.1, (200, len(NAMES))), 0, 0.4)
    wanted = generator.uniform(-0.5, 12.0, 200)
    LIPS.set_gap(weights, wanted)
    np.testing.assert_allclose(LIPS.gap(weights), wanted, atol=0.05)
