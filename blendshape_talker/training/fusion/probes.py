"""What linear probes tell from the fusion module's weights: a phone from w_E, an emotion from w_A."""

import numpy as np

from ...fusion import FusionModel
from ..corpus.expression_corpus import FPS
from .data import LinearCorpus, LinearSequence
from .linear_probe import chance, probe_accuracy

_PROBE_FRAMES = 12000  # phones that a probe learns from
_APEX_FRAMES = 8  # of each expression take, the strongest


def told_by_probes(model: FusionModel, speech: LinearCorpus, expression: LinearCorpus) -> dict[str, float]:
    """What linear probes tell from cross-domain weights, and for comparison from primary ones.

    Phones: the middle frame of each, learnt from the training speakers and asked of the test speakers. Emotions: the
    labels of the expression corpus at the strongest frames of each take, learnt and asked of identities likewise.
    """
    count = model.speech_count
    result: dict[str, float] = {}
    learnt, asked = (_phone_middles(speech.of_split(split)) for split in ("train", "test"))
    if len(learnt[0]) and len(asked[0]):
        learnt, asked = ((model.all_weights(x, speech.basis, "speech"), y) for x, y in (learnt, asked))
        own, cross = (
            probe_accuracy(learnt[0][:, part], learnt[1], asked[0][:, part], asked[1])
            for part in (slice(0, count), slice(count, None))
        )
        result |= {"phone_probe": cross, "phone_own": own, "phone_chance": chance(learnt[1])}
    learnt, asked = (_apexes(expression.of_split(split)) for split in ("train", "test"))
    learnt, asked = ((model.all_weights(x, expression.basis, "expression"), y) for x, y in (learnt, asked))
    cross, own = (
        probe_accuracy(learnt[0][:, part], learnt[1], asked[0][:, part], asked[1])
        for part in (slice(0, count), slice(count, None))
    )
    return result | {"emotion_probe": cross, "emotion_own": own, "emotion_chance": chance(learnt[1])}


def _phone_middles(takes: list[LinearSequence]) -> tuple[np.ndarray, np.ndarray]:
    """(curves (N, K), phones (N,)) in the middle of the phones, stress marks dropped; evenly thinned."""
    curves, phones = [], []
    for take in takes:
        for start, end, phone in take.phones or []:
            frame = int(round(0.5 * (start + end) * FPS))
            if frame < len(take.curves):
                curves.append(take.curves[frame])
                phones.append(phone.rstrip("012"))
    step = max(1, -(-len(curves) // _PROBE_FRAMES))
    return np.array(curves[::step]), np.array(phones[::step])


def _apexes(takes: list[LinearSequence]) -> tuple[np.ndarray, np.ndarray]:
    """(curves (N, K), labels (N,)) of the strongest frames of each take."""
    strongest = [
        take.curves[np.argsort(np.linalg.norm(take.curves, axis=1), kind="stable")[-_APEX_FRAMES:]] for take in takes
    ]
    labels = [take.label for take, curves in zip(takes, strongest, strict=True) for _ in curves]
    return np.concatenate(strongest), np.array(labels)
