"""Training of the classifier that hears emotion: `train emotion`.

Logistic regression on :func:`blendshape_talker.speech.emotion.statistics`. Left to itself it learns the studio: on any
other recording it is lost. So what tells rooms, lines, languages and people apart, and not emotions, is taken out first
(nuisance attribute projection, Solomonoff, Quillen, Campbell 2005): the directions in which augmented clips differ from
clean ones, one actor's anger from another's, and the neutral speech of people in other studios from the actors'.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...job import Progress
from ...speech.audio import SAMPLE_RATE
from ...speech.emotion import VoiceEmotion, softmax, statistics
from ...speech.model import features_of, level_of
from ...speech.prosody import read_prosody
from ...speech.whisper import WhisperEncoder
from ..corpus import augmentation
from ..corpus.voices import LETTERS, Voice, acted_voices, plain_voices
from .data import FeatureCache

CLASSES = ("neutral", *sorted(set(LETTERS.values()) - {"neutral"}))
_QUIETER = 0.8  # log10 power by which a clip may be quieter than the loudest of its recording
_LAST_POSITION = 300  # row of the encoder's positions that a copy may begin at


@dataclass(frozen=True)
class EmotionTraining:
    """nuisances: directions taken out; penalty: of the squared weights; copies: augmented ones of each clip."""

    nuisances: int = 20
    penalty: float = 0.3
    copies: int = 1
    seed: int = 0


@dataclass(frozen=True)
class Windows:
    """Windows of clips: x (W, D), labels (W,) of :data:`CLASSES`, speakers (W,), clips (W,), which copy (W,), 0 clean,
    acted (W,) or spoken plainly, held (W,) out.
    """

    x: np.ndarray
    labels: np.ndarray
    speakers: np.ndarray
    clips: np.ndarray
    copies: np.ndarray
    acted: np.ndarray
    held: np.ndarray

    def of(self, chosen: np.ndarray) -> "Windows":
        """Those windows alone."""
        return Windows(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


def through_a_line(samples: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """``samples`` (N,) in another room, by another microphone; what :func:`augmentation.augment` does to a voice itself
    stays away, and so do music and crowds.
    """
    wave = samples.astype(np.float64)
    if generator.random() < 0.7:
        wave = augmentation.equalise(wave, generator)
    if generator.random() < 0.4:
        wave = augmentation.reverberate(wave, generator.uniform(0.1, 0.9), generator)
    if generator.random() < 0.15:
        wave = augmentation.telephone(wave)
    if generator.random() < 0.6:
        wave = augmentation.add_noise(wave, generator.uniform(8.0, 40.0), generator)
    return augmentation.set_level(wave, generator.uniform(-20.0, -1.0))


def windows_of(
    voices: Sequence[Voice],
    cache: str | os.PathLike[str],
    copies: int = 1,
    seed: int = 0,
    acted: bool = True,
    progress: Progress | None = None,
) -> Windows:
    """Windows of the clips as they are and of ``copies`` augmented ones; a folder ``cache`` keeps their statistics."""
    encoder = WhisperEncoder.load()
    kept = FeatureCache(cache, {"statistics": 1, "augmentation": augmentation.VERSION, "seed": seed})
    found: list[list[np.ndarray]] = [[] for _ in range(7)]
    for number, voice in enumerate(voices):
        if progress is not None:
            progress(number / len(voices), f"Listening to {voice.name}")
        for copy in range(1 + copies):

            def compute(voice: Voice = voice, copy: int = copy) -> np.ndarray:
                samples, position, level = voice.samples(), 0, None
                if copy:
                    generator = np.random.default_rng([seed, copy, *voice.name.encode()])
                    samples = through_a_line(samples, generator)
                    position = int(generator.integers(0, _LAST_POSITION))
                    level = level_of(samples) + generator.uniform(0.0, _QUIETER)
                features = features_of(encoder, samples, first_position=position, level=level)
                return statistics(features[: round(len(samples) / SAMPLE_RATE * 50)], read_prosody(samples))[1]

            x = kept.get(f"{voice.speaker}/{copy}/{voice.name}", compute).astype(np.float32)
            told = (CLASSES.index(voice.emotion), voice.speaker, voice.name, copy, acted, voice.held_out)
            for column, value in zip(found, (x, *(np.full(len(x), one) for one in told)), strict=True):
                column.append(value)
    return Windows(*(np.concatenate(column) for column in found))


def together(*parts: Windows) -> Windows:
    """All windows of several sets."""
    return Windows(*(np.concatenate([getattr(p, name) for p in parts]) for name in Windows.__dataclass_fields__))


def nuisances(z: np.ndarray, windows: Windows, count: int) -> np.ndarray:
    """(D, count) orthonormal directions of standardised windows z (W, D) that tell everything but emotions apart."""
    rows = []
    neutral = z[windows.acted & (windows.labels == 0) & (windows.copies == 0)].mean(axis=0)
    clean = windows.copies == 0
    for speaker in np.unique(windows.speakers):
        own = windows.speakers == speaker
        if not windows.acted[own].any():
            rows += [z[own & part].mean(axis=0) - neutral for part in (clean, ~clean) if (own & part).any()]
            continue
        for label in range(len(CLASSES)):
            here = own & (windows.labels == label)
            if not here.any():
                continue
            if (here & ~clean).any():
                rows.append(z[here & ~clean].mean(axis=0) - z[here & clean].mean(axis=0))
            average = z[windows.acted & clean & (windows.labels == label)].mean(axis=0)
            # an actor's few clips differ by chance too, so these weigh less
            rows.append(0.3 * (z[here & clean].mean(axis=0) - average) * np.sqrt(min(int((here & clean).sum()), 5)))
    directions: np.ndarray = np.linalg.svd(np.array(rows), full_matrices=False)[2][:count].T
    return directions


def fit(windows: Windows, settings: EmotionTraining) -> VoiceEmotion:
    """The classifier of the actors among ``windows``, each class with the same weight; the others are nuisances."""
    import torch

    mean, scale = windows.x.mean(axis=0), windows.x.std(axis=0) + 1e-6
    z = (windows.x - mean) / scale
    out = nuisances(z, windows, settings.nuisances)
    acted = windows.labels[windows.acted]
    z = (z - (z @ out) @ out.T)[windows.acted]
    inputs, labels = torch.tensor(z, dtype=torch.float64), torch.tensor(acted)
    each = torch.tensor(1 / np.bincount(acted, minlength=len(CLASSES))[acted] / len(CLASSES))
    weight = torch.zeros(z.shape[1], len(CLASSES), dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(len(CLASSES), dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS([weight, bias], max_iter=200, tolerance_grad=1e-6, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        solver.zero_grad()
        unlike = torch.nn.functional.cross_entropy(inputs @ weight + bias, labels, reduction="none")
        total = (each * unlike).sum() + 0.5 * settings.penalty * weight.square().sum()
        total.backward()
        return total

    solver.step(loss)
    found = weight.detach().numpy()
    found = (found - out @ (out.T @ found)) / scale[:, None]
    return VoiceEmotion(CLASSES, found, bias.detach().numpy() - mean @ found)


def leaving_one_out(windows: Windows, settings: EmotionTraining, progress: Progress | None = None) -> np.ndarray:
    """(W, C) logits of each actor's windows, by a classifier that never heard that actor; zero for all others."""
    logits = np.zeros((len(windows.x), len(CLASSES)))
    actors = np.unique(windows.speakers[windows.acted])
    for number, actor in enumerate(actors):
        if progress is not None:
            progress(number / len(actors), f"Leaving out actor {actor}")
        own = windows.speakers == actor
        model = fit(windows.of(~own & ~windows.held), settings)
        logits[own] = windows.x[own] @ model.weight + model.bias
    return logits


def temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """What logits (W, C) of voices never heard are multiplied by, so that probabilities say how often it is so."""
    factors = np.geomspace(0.2, 5.0, 60)
    rows = np.arange(len(labels))
    balance = 1 / np.bincount(labels, minlength=logits.shape[1])[labels]
    losses = [-(balance * np.log(softmax(factor * logits)[rows, labels] + 1e-9)).sum() for factor in factors]
    return float(factors[int(np.argmin(losses))])


def train(
    acted: str | os.PathLike[str],
    plain: str | os.PathLike[str],
    out: str | os.PathLike[str],
    cache: str | os.PathLike[str],
    settings: EmotionTraining | None = None,
    progress: Progress | None = None,
) -> VoiceEmotion:
    """Train on Emo-DB in ``acted`` and on people who speak plainly in ``plain``; writes ``out``."""
    settings = settings or EmotionTraining()
    windows = known_windows(acted, plain, cache, settings, progress)
    logits = leaving_one_out(windows, settings, progress)
    factor = temperature(logits[windows.acted], windows.labels[windows.acted])
    model = fit(windows.of(~windows.held), settings)
    model = VoiceEmotion(model.classes, factor * model.weight, factor * model.bias)
    model.save(out)
    return model


def known_windows(
    acted: str | os.PathLike[str],
    plain: str | os.PathLike[str],
    cache: str | os.PathLike[str],
    settings: EmotionTraining,
    progress: Progress | None = None,
) -> Windows:
    """Windows of the actors and of the people who speak plainly, held-out ones included."""
    actors, people = acted_voices(acted), plain_voices(plain)
    return together(
        windows_of(actors, cache, settings.copies, settings.seed, True, progress),
        windows_of(people, cache, settings.copies, settings.seed, False, progress),
    )
