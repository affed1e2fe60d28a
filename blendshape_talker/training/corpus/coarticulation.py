"""From phones and their loudness to FACS weights at 60 frames a second: how a mouth runs one sound into the next.

Sources:

* M. Cohen and D. Massaro, "Modeling coarticulation in synthetic visual speech" (1993): every phone has a target and a
  dominance for each parameter of the mouth; the dominance falls off exponentially before and after the phone, and a
  parameter's value is the mean of all targets weighted by their dominance. [u] dominates protrusion and so reaches over
  the [t] before it, which does not care. (Ours: a plateau in the middle of the phone, exponent 1.5, fall-off times per
  parameter and direction, written beside them below.)
* P. Edwards, C. Landreth, E. Fiume, K. Singh, "JALI" (SIGGRAPH 2016), section 4: bilabials must close the lips,
  labiodentals must touch the teeth, sibilants nearly close the teeth, tongue-only sounds leave the lips to their
  neighbours, lip-heavy sounds start early, the jaw follows loudness; jaw and lips have a speaking style each.
* A. Löfqvist and V. Gracco, "Lip and jaw kinematics in bilabial stop consonant production" (1997): closing takes
  50–100 ms, the lips press on after contact, the jaw stays partly open, and the lower lip does most of the way.

Contact is not left to dominance: around every bilabial and labiodental an envelope takes over the lip aperture, and
the weight of ``mouthClose`` is solved for each frame from the distance of the two lip vertices, so that the lips meet
however fast the speech and however open the jaw.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from ...face.flame import LOWER_LIP, UPPER_LIP
from .phones import BILABIALS, LABIODENTALS, SILENCE, VOWELS, Phone
from .synthesis import SAMPLE_RATE

FRAME_RATE = 60
_OVERSAMPLING = 4
_RATE = FRAME_RATE * _OVERSAMPLING

CHANNELS = ("aperture", "jaw", "spread", "pucker", "funnel")
_APERTURE, _JAW = 0, 1
# Fall-off of dominance before and after a phone, seconds. Protrusion starts early (Cohen & Massaro; JALI's 120 ms).
_BEFORE = np.array([0.042, 0.059, 0.090, 0.130, 0.120])
_AFTER = np.array([0.046, 0.063, 0.080, 0.080, 0.070])
_FALL_OFF_EXPONENT = 1.5
_PLATEAU = 0.5  # share of a phone, in its middle, in which its dominance is full

APERTURE_MM = 13.0  # lip gap of a fully open [ɑ] in an average style
JAW_WEIGHT = 0.34  # jawOpen of the same
PRESSED_MM = 0.7  # how far the lips press on beyond contact in a bilabial
PAUSE_SECONDS = 0.25  # shorter silences are bridged

# name: targets of the channels | their dominances. Aperture and jaw in units of the open [ɑ]; spread is the retraction
# of the corners; pucker protrudes and narrows, funnel protrudes and shows the teeth.
_TABLE = """
AA  1.00 1.00 .05 .00 .00 | 1.0 1.0 .80 .80 .80
AE   .92  .88 .45 .00 .00 | 1.0 1.0 .90 .80 .80
AH   .60  .58 .05 .00 .05 | .75 .75 .50 .60 .60
AO   .80  .82 .00 .25 .45 | 1.0 1.0 .90 1.0 1.0
EH   .66  .58 .35 .00 .00 | 1.0 1.0 .80 .80 .80
ER   .42  .38 .00 .20 .30 | .90 .90 .60 .80 .80
IH   .44  .36 .30 .00 .00 | .90 .90 .80 .80 .80
IY   .36  .25 .65 .00 .00 | 1.0 1.0 1.0 .90 .90
OW   .58  .50 .00 .45 .35 | 1.0 1.0 .90 1.0 1.0
UH   .38  .34 .00 .40 .25 | .90 .90 .80 1.0 1.0
UW   .26  .22 .00 .85 .20 | 1.0 1.0 1.0 1.2 1.2
W    .17  .15 .00 1.0 .05 | 2.5 .90 1.2 2.0 1.2
Y    .30  .20 .45 .00 .00 | .60 .80 .60 .40 .40
R    .32  .28 .00 .30 .35 | .60 .60 .40 .70 .70
L    .42  .36 .05 .00 .00 | .45 .40 .10 .08 .08
T    .27  .20 .05 .00 .00 | .35 .70 .10 .08 .08
N    .28  .24 .05 .00 .00 | .35 .60 .10 .08 .08
K    .38  .34 .05 .00 .00 | .25 .30 .08 .06 .06
S    .22  .07 .25 .00 .00 | 1.0 2.5 .40 .30 .30
SH   .29  .09 .00 .30 .45 | 1.0 2.5 .60 .90 1.0
TH   .30  .22 .10 .00 .00 | .60 .70 .20 .20 .20
F    .17  .14 .10 .00 .00 | 2.0 1.0 .40 .40 .40
P    .05  .16 .00 .00 .00 | 1.0 .90 .25 .25 .25
HH   .50  .50 .00 .00 .00 | .05 .05 .02 .02 .02
SIL  .20  .10 .00 .00 .00 | .50 .50 .40 .40 .40
"""
_TARGETS: dict[str, np.ndarray] = {}
_DOMINANCES: dict[str, np.ndarray] = {}
for _line in _TABLE.strip().splitlines():
    _left, _right = _line.split("|")
    _name, *_numbers = _left.split()
    _TARGETS[_name] = np.array(_numbers, float)
    _DOMINANCES[_name] = np.array(_right.split(), float)
_LIKE = {
    "B": "P", "M": "P", "V": "F", "Z": "S", "ZH": "SH", "CH": "SH", "JH": "SH",
    "D": "T", "G": "K", "NG": "K", "DH": "TH",
}  # fmt: skip
# A diphthong is two phones to the mouth: first part, second part, share of the first.
_DIPHTHONGS = {
    "AY": ("AA", "IH", 0.55),
    "AW": ("AA", "UH", 0.50),
    "EY": ("EH", "IY", 0.45),
    "OW": ("OW", "UW", 0.60),
    "OY": ("AO", "IY", 0.50),
}
# The part of a bilabial in which the lips touch; the rest is burst and breath through open lips.
_CLOSED_PART = {"P": 0.65, "B": 0.85, "M": 1.0}


@dataclass(frozen=True)
class SpeakingStyle:
    """How one person's face speaks. Gains are factors, 1 = average.

    ``smile`` (weight of both mouthSmile at rest while speaking), ``asymmetry`` −1 … 1 (the left side moves more when
    positive), ``precision`` (above 1: quicker to its targets, less coarticulation; below: mumbled),
    ``loudness`` (how much the opening follows the voice's level), ``brows`` (gain of the brow accents),
    ``blink_seconds`` (mean time between blinks).
    """

    jaw: float = 1.0
    lips: float = 1.0
    rounding: float = 1.0
    spread: float = 1.0
    smile: float = 0.0
    asymmetry: float = 0.0
    precision: float = 1.0
    loudness: float = 1.0
    brows: float = 1.0
    blink_seconds: float = 4.0


def frame_count(seconds: float) -> int:
    """Frames at 60 a second that stand for ``seconds`` of sound; frame i is the mouth at i / 60 s."""
    return int(round(seconds * FRAME_RATE))


def loudness_gain(samples: np.ndarray, phones: Sequence[Phone], frames: int, strength: float = 1.0) -> np.ndarray:
    """(frames·4,) factor for the opening at 240 Hz: 1 at the median level of this take's vowels, 0.6 … 1.3.

    The level is taken over the loudest 25 ms within ±80 ms, so that a consonant does not make its neighbours quiet.
    """
    count = frames * _OVERSAMPLING
    width = SAMPLE_RATE // 40
    power = np.convolve(np.square(samples, dtype=np.float64), np.full(width, 1 / width), "same")
    moments = np.minimum((np.arange(count) * SAMPLE_RATE / _RATE).astype(int), len(samples) - 1)
    level = 10 * np.log10(power[moments] + 1e-8)
    level = gaussian_filter1d(maximum_filter1d(level, int(0.16 * _RATE) | 1), 0.04 * _RATE)
    spoken = np.zeros(count, bool)
    for phone in phones:
        if phone.name in VOWELS:
            spoken[int(phone.start * _RATE) : int(phone.end * _RATE)] = True
    if not spoken.any():
        return np.ones(count)
    return np.clip(1 + 0.035 * strength * (level - np.median(level[spoken])), 0.6, 1.3)


def _mouth_phones(phones: Sequence[Phone]) -> list[Phone]:
    """Phones whose names have a row in the table: diphthongs in two, [h] and the like by their neighbours."""
    result = []
    for phone in phones:
        if phone.name in _DIPHTHONGS:
            first, second, share = _DIPHTHONGS[phone.name]
            middle = phone.start + share * (phone.end - phone.start)
            result += [Phone(phone.start, middle, first), Phone(middle, phone.end, second)]
        else:
            result.append(phone._replace(name=_LIKE.get(phone.name, phone.name)))
    return result


def blend_targets(phones: Sequence[Phone], frames: int, precision: float = 1.0) -> np.ndarray:
    """Cohen and Massaro's blend: (frames·4, 5) values of :data:`CHANNELS` at 240 Hz."""
    count = frames * _OVERSAMPLING
    weighted, total = np.zeros((count, len(CHANNELS))), np.full((count, len(CHANNELS)), 1e-6)
    clock = np.arange(count) / _RATE
    for phone in _mouth_phones(phones):
        first, last = max(0, int((phone.start - 0.6) * _RATE)), min(count, int((phone.end + 0.6) * _RATE) + 1)
        margin = (1 - _PLATEAU) / 2 * (phone.end - phone.start)
        before = np.maximum(phone.start + margin - clock[first:last], 0.0)[:, None] / _BEFORE
        after = np.maximum(clock[first:last] - (phone.end - margin), 0.0)[:, None] / _AFTER
        distance = np.maximum(before, after) * precision
        dominance = _DOMINANCES[phone.name] * np.exp(-(distance**_FALL_OFF_EXPONENT))
        weighted[first:last] += dominance * _TARGETS[phone.name]
        total[first:last] += dominance
    # 10 ms: flesh has mass; closures are added afterwards and stay sharp
    return gaussian_filter1d(weighted / total, 0.010 * _RATE, axis=0, mode="nearest")


def _ramp(clock: np.ndarray, start: float, end: float, attack: float, release: float) -> np.ndarray:
    """1 from ``start`` to ``end``, raised-cosine flanks of ``attack`` seconds before and ``release`` seconds after."""
    outside = np.maximum((start - clock) / max(attack, 1e-6), (clock - end) / max(release, 1e-6))
    return 0.5 + 0.5 * np.cos(np.pi * np.clip(outside, 0.0, 1.0))


def contact_spans(phones: Sequence[Phone], kind: frozenset[str]) -> list[tuple[float, float]]:
    """Seconds in which the lips must touch (``BILABIALS``) or the lower lip the teeth (``LABIODENTALS``).

    At least 35 ms each, so that a frame or two of any take shows it; spans closer than 25 ms are one.
    """
    spans: list[tuple[float, float]] = []
    for phone in phones:
        if phone.name not in kind:
            continue
        end = phone.start + _CLOSED_PART.get(phone.name, 0.9) * (phone.end - phone.start)
        missing = max(0.0, 0.035 - (end - phone.start)) / 2
        start, end = phone.start - missing, end + missing
        if spans and start - spans[-1][1] < 0.025:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return spans


def contact_envelope(
    spans: Sequence[tuple[float, float]], clock: np.ndarray, attack: float, release: float
) -> np.ndarray:
    """(T,) 1 within ``spans`` of seconds, with flanks of ``attack`` and ``release`` s, at times ``clock`` (T,) s."""
    result = np.zeros(len(clock))
    for start, end in spans:
        result = np.maximum(result, _ramp(clock, start, end, attack, release))
    return result


def rest_envelope(phones: Sequence[Phone], clock: np.ndarray, closing: float = 0.1, opening: float = 0.1) -> np.ndarray:
    """1 where the mouth rests in a pause (from :data:`PAUSE_SECONDS` on), 0 where it speaks, at times ``clock`` s.

    The mouth closes within ``closing`` seconds of the last sound and begins to open 80 ms before the next one; beside
    a bilabial it stays shut until that one takes over. A take begins and ends at rest.
    """
    result = np.zeros(len(clock))
    for index, phone in enumerate(phones):
        at_start, at_end = index == 0, index == len(phones) - 1
        if phone.name != SILENCE or (phone.end - phone.start < PAUSE_SECONDS and not (at_start or at_end)):
            continue
        after_bilabial = not at_start and phones[index - 1].name in BILABIALS
        before_bilabial = not at_end and phones[index + 1].name in BILABIALS
        start = -1e3 if at_start else phone.start + (0.0 if after_bilabial else closing)
        end = 1e3 if at_end else phone.end - (0.0 if before_bilabial else min(0.08, (phone.end - phone.start) / 3))
        result = np.maximum(result, _ramp(clock, start, max(end, start), closing, opening))
    return result


class LipGeometry:
    """How each FACS shape moves the two lip vertices, of ``names`` (N,) and ``deltas`` (N,5023,3) m, ``neutral``."""

    def __init__(self, names: Sequence[str], deltas: np.ndarray, neutral: np.ndarray) -> None:
        self.index: Mapping[str, int] = {str(name): number for number, name in enumerate(names)}
        self._neutral = 1000.0 * (neutral[UPPER_LIP] - neutral[LOWER_LIP]).astype(np.float64)
        self._relative = 1000.0 * (deltas[:, UPPER_LIP] - deltas[:, LOWER_LIP]).astype(np.float64)
        self._rest = float(np.linalg.norm(self._neutral))

    def gap(self, weights: np.ndarray) -> np.ndarray:
        """(T,) lip gap in mm (design: distance of the two vertices minus the neutral one) of (T,N) weights."""
        return np.linalg.norm(self._neutral + weights @ self._relative, axis=1) - self._rest

    def set_gap(self, weights: np.ndarray, gap: np.ndarray, may_open: np.ndarray | float = 1.0) -> None:
        """Changes (T,N) ``weights`` in place so that the lips stand ``gap`` (T,) mm apart.

        A mouth too open is shut by ``mouthClose``. One too narrow is opened by the lips, two thirds by the lower, and
        by the jaw where they would bare the teeth; ``may_open`` (T,) 0 … 1 says how far: pressed lips stay pressed.
        """
        may_open = np.broadcast_to(may_open, gap.shape)
        self._approach(weights, gap, {"mouthClose": 1.0}, np.inf, +1.0)
        lips = {"mouthLowerDown_L": 0.65, "mouthLowerDown_R": 0.65, "mouthUpperUp_L": 0.35, "mouthUpperUp_R": 0.35}
        self._approach(weights, gap, lips, 0.5 * may_open, -1.0)
        self._approach(weights, gap, {"jawOpen": 1.0}, may_open, -1.0)

    def _approach(
        self, weights: np.ndarray, gap: np.ndarray, shapes: Mapping[str, float], most: np.ndarray | float, sign: float
    ) -> None:
        """Adds ``shapes`` to the frames that are too open (``sign`` 1) or too narrow (−1), ``most`` at the utmost.

        The squared distance of the lips is quadratic in the amount; its nearer root is the amount that fits.
        """
        direction = np.zeros(len(self._relative))
        for name, share in shapes.items():
            direction[self.index[name]] = share
        step = direction @ self._relative
        apart = self._neutral + weights @ self._relative
        excess = np.sum(apart**2, axis=1) - (self._rest + gap) ** 2
        square, slope = step @ step, 2 * apart @ step
        root = np.sqrt(np.maximum(slope**2 - 4 * square * excess, 0.0))
        amount = np.clip((-slope - sign * root) / (2 * square), 0.0, most)
        weights += np.where(sign * excess > 0, amount, 0.0)[:, None] * direction


@dataclass(frozen=True)
class _MouthTiming:
    """What a mouth does when, at ``clock`` (T,) s: ``channels`` (T,5), loudness ``gain`` (T,), contacts, rest 0 … 1."""

    clock: np.ndarray
    channels: np.ndarray
    gain: np.ndarray
    closed: np.ndarray
    tucked: np.ndarray
    shut: np.ndarray


def _mouth_timing(phones: Sequence[Phone], samples: np.ndarray, style: SpeakingStyle) -> _MouthTiming:
    frames = frame_count(len(samples) / SAMPLE_RATE)
    clock = np.arange(frames) / FRAME_RATE
    if frames == 0:
        return _MouthTiming(clock, np.zeros((0, len(CHANNELS))), clock, clock, clock, clock)
    channels = blend_targets(phones, frames, style.precision)[::_OVERSAMPLING]
    gain = loudness_gain(samples, phones, frames, style.loudness)[::_OVERSAMPLING]
    quickness = style.precision**-0.5
    closed = contact_envelope(contact_spans(phones, BILABIALS), clock, 0.060 * quickness, 0.055 * quickness)
    tucked = contact_envelope(contact_spans(phones, LABIODENTALS), clock, 0.060 * quickness, 0.055 * quickness)
    tucked = tucked * (1 - closed)  # from [v] to [b] the lower lip leaves the teeth while it rises to the upper lip
    return _MouthTiming(clock, channels, gain, closed, tucked, rest_envelope(phones, clock))


def _aperture(mouth: _MouthTiming, phones: Sequence[Phone], style: SpeakingStyle) -> np.ndarray:
    """(T,) lip gap in mm, below zero where the lips press on. Like the jaw it follows the voice's level."""
    aperture = mouth.channels[:, _APERTURE] * mouth.gain * style.lips * APERTURE_MM
    tucked, closed = mouth.tucked, mouth.closed
    aperture = aperture * (1 - tucked) + tucked * np.minimum(aperture, 0.125 * APERTURE_MM * style.lips)
    narrowed = 0.8 * contact_envelope(contact_spans(phones, frozenset("W")), mouth.clock, 0.080, 0.070)
    aperture = aperture * (1 - narrowed) + narrowed * np.minimum(aperture, 0.18 * APERTURE_MM * style.lips)
    return (aperture * (1 - closed) - PRESSED_MM * closed) * (1 - mouth.shut)


def lip_aperture(phones: Sequence[Phone], samples: np.ndarray, style: SpeakingStyle | None = None) -> np.ndarray:
    """(T,) lip gap in mm that :func:`mouth_curves` aims at: a reference where no head is at hand."""
    style = style or SpeakingStyle()
    return _aperture(_mouth_timing(phones, samples, style), phones, style)


def mouth_curves(
    phones: Sequence[Phone],
    samples: np.ndarray,
    lips: LipGeometry,
    style: SpeakingStyle | None = None,
    extras: np.ndarray | None = None,
) -> np.ndarray:
    """(T,N) FACS weights of the mouth for ``phones`` that cover ``samples`` (n,) at 16 kHz; T = round(seconds·60).

    ``extras`` (T,N) are added before the lips are set to their distance, so that no smile keeps them from meeting.
    """
    style = style or SpeakingStyle()
    mouth = _mouth_timing(phones, samples, style)
    if len(mouth.clock) == 0:
        return np.zeros((0, len(lips.index)))
    channels, closed, tucked = mouth.channels, mouth.closed, mouth.tucked
    relaxed = rest_envelope(phones, mouth.clock, closing=0.18, opening=0.12)
    aperture = _aperture(mouth, phones, style)
    jaw = channels[:, _JAW] * mouth.gain * style.jaw * (1 - relaxed)
    spread, pucker, funnel = (channels[:, 2:] * (1 - relaxed)[:, None]).T

    weights = np.zeros((len(mouth.clock), len(lips.index))) if extras is None else extras.copy()
    index = lips.index
    weights[:, index["jawOpen"]] += JAW_WEIGHT * jaw
    weights[:, index["mouthPucker"]] += 0.90 * style.rounding * pucker * (1 - 0.3 * tucked)
    weights[:, index["mouthFunnel"]] += 0.60 * style.rounding * funnel * (1 - 0.6 * np.maximum(closed, tucked))
    weights[:, index["mouthRollLower"]] += 0.42 * tucked + 0.04 * closed
    weights[:, index["mouthRollUpper"]] += 0.03 * closed
    smile = style.smile * (1 - 0.5 * np.clip(pucker, 0, 1))
    for side, sign in (("L", 1.0), ("R", -1.0)):
        share = 1 + 0.35 * sign * style.asymmetry
        weights[:, index[f"mouthStretch_{side}"]] += 0.40 * style.spread * spread * share
        weights[:, index[f"mouthSmile_{side}"]] += (0.22 * style.spread * spread * (1 - closed) + smile) * share
        weights[:, index[f"mouthPress_{side}"]] += 0.16 * closed
        weights[:, index[f"mouthUpperUp_{side}"]] += 0.14 * tucked
    lips.set_gap(weights, aperture, may_open=1 - closed)
    return weights
