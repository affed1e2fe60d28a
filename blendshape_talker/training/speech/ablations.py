"""What each part of the speech network does: `evaluate speech --ablations` and `--sizes` train it without one of its
parts, or larger and smaller, each the same short way, and print one table.

The rows named "noise" are held-out recordings under music and room noise 5 dB below the voice: what separates losses
that only work in a studio.
"""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from ... import checkpoint
from ...errors import TalkerError
from ...face.flame import load_head
from ...files import write_figures
from ...job import Progress
from ...speech import network as speech
from ...speech.audio import SAMPLE_RATE
from ...speech.model import SpeechModel
from ...speech.network import load_weights
from ...speech.whisper import FEATURE_RATE, KIND, WhisperConfig, WhisperEncoder, convert, even, unpack
from ..corpus import conditions
from ..corpus.speech_layouts import read_corpus
from ..corpus.speech_sequence import SpeechSequence
from . import evaluate as evaluate_speech
from .evaluate import COLUMNS
from .settings import TrainingSettings
from .train import train

Figures = dict[str, float | None]
NOISE_DECIBELS = 5
_NOISY_TAKES = 10
_COST_SECONDS = 20


class LogMelEncoder:
    """Stands in for Whisper's encoder in an ablation: normalised log-mel, two rows of 80 bands a step."""

    config = WhisperConfig(layers=0, width=160)
    device = "cpu"

    def listen(self, log_mel: torch.Tensor, *args: object, **options: object) -> torch.Tensor:
        """(T,80) at 100 Hz to (T/2,160) at 50 Hz."""
        return torch.from_numpy(even(log_mel.numpy())).reshape(-1, self.config.width)


class Remembering:
    """An encoder that hears every take once, however many networks listen to it."""

    def __init__(self, encoder: WhisperEncoder | LogMelEncoder) -> None:
        self.config, self.device = encoder.config, encoder.device
        self._encoder = encoder
        self._features: dict[int, torch.Tensor] = {}

    def listen(self, log_mel: torch.Tensor, *args: object, **options: object) -> torch.Tensor:
        key = hash(log_mel.numpy().tobytes())
        if key not in self._features:
            self._features[key] = self._encoder.listen(log_mel)
        return self._features[key]


@dataclass(frozen=True)
class Variant:
    """One network to train: its settings, the key of its encoder, and what to call it."""

    name: str
    settings: TrainingSettings
    encoder: str = "4 layers"


def ablations(base: TrainingSettings) -> list[Variant]:
    """The network and itself without one part each."""
    return [
        Variant(f"full model, {base.steps} steps", base),
        Variant("no contact weight", replace(base, contact=0.0)),
        Variant("no phonetic-context weight", replace(base, context=0.0)),
        Variant("no weight on false closures", replace(base, parted=0.0)),
        Variant("no liveliness", replace(base, liveliness=0.0)),
        Variant("log-mel instead of Whisper", base, "log-mel"),
    ]


def sizes(base: TrainingSettings, whisper: str | os.PathLike[str] | None) -> list[Variant]:
    """Networks of other layers, width and reach than the full model; with the original encoder also other depths of it.

    Those with another encoder, and one more with the bundled one beside them, train on clean takes only: each encoder
    has to hear the whole corpus first.
    """
    clean = replace(base, copies=0, recorded_copies=0)
    variants = [
        Variant(f"full model, {base.steps} steps", base),
        Variant("2 layers", replace(base, layers=2)),
        Variant("4 layers", replace(base, layers=4)),
        Variant("width 128", replace(base, width=128)),
        Variant("width 256", replace(base, width=256)),
        Variant("half the reach", replace(base, frame_reach=base.frame_reach // 2, audio_reach=base.audio_reach // 2)),
        Variant("Whisper 4 layers, clean", clean),
        Variant("Whisper 2 layers, clean", clean, "2 layers"),
    ]
    if whisper is not None:
        variants.append(Variant("Whisper 6 layers, clean", clean, "6 layers"))
    return variants


def noisy_takes(sequences: Sequence[SpeechSequence], seed: int = 0) -> Iterator[SpeechSequence]:
    """Recorded takes under music and under room noise, in turn, :data:`NOISE_DECIBELS` below the voice."""
    for number, sequence in enumerate([s for s in sequences if s.source][:_NOISY_TAKES]):
        make = conditions.music if number % 2 else conditions.room_noise
        samples = sequence.samples()
        noise = make(len(samples) / SAMPLE_RATE, np.random.default_rng([seed, number]))
        mixed = conditions.mixed(samples, noise, NOISE_DECIBELS)
        yield replace(sequence, subject="noise", load_samples=partial(np.asarray, mixed))


def run(
    corpus: str | os.PathLike[str],
    work: str | os.PathLike[str],
    cache: str | os.PathLike[str],
    steps: int,
    which: str = "ablations",
    whisper: str | os.PathLike[str] | None = None,
    json_path: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> str:
    """Train all variants for ``steps`` into folders of ``work`` (what is finished there is kept) and measure them.

    ``which``: "ablations" or "sizes"; ``cache``: the features of `train speech`, other encoders' beside them;
    ``whisper``: Whisper base's whole encoder, for depths that the bundled file does not hold. The table as text.
    """
    report = progress or (lambda fraction, message: None)
    base = TrainingSettings(steps=steps)
    variants = ablations(base) if which == "ablations" else sizes(base, whisper)
    sequences = [s for s in read_corpus(corpus) if s.split == "test" and s.voice != "none"]
    if not sequences:
        raise TalkerError(f"{corpus}: no test sequences; make the corpus again with more sequences")
    noisy = list(noisy_takes(sequences))
    encoders: dict[str, WhisperEncoder | LogMelEncoder] = {}
    ears: dict[str, Remembering] = {}
    figures: dict[str, Figures] = {}
    for number, variant in enumerate(variants):
        if variant.encoder not in encoders:
            encoders[variant.encoder] = _encoder(variant.encoder, Path(work), whisper)
            ears[variant.encoder] = Remembering(encoders[variant.encoder])
        features = Path(cache) if variant.encoder == "4 layers" else Path(cache) / variant.encoder.replace(" ", "-")

        def step(fraction: float, message: str, number: int = number, name: str = variant.name) -> None:
            report((number + 0.9 * fraction) / len(variants), f"{name}: {message}")

        target = Path(work) / variant.name.replace(" ", "-").replace(",", "") / "speech.npz"
        target.parent.mkdir(parents=True, exist_ok=True)
        train(corpus, target, features, variant.settings, step, encoder=encoders[variant.encoder])  # type: ignore[arg-type]
        model = SpeechModel(ears[variant.encoder], *load_weights(target))  # type: ignore[arg-type]
        report((number + 0.9) / len(variants), f"{variant.name}: measuring")
        rows = evaluate_speech.evaluate(model, sequences, load_head())
        rows |= {"noise": evaluate_speech.evaluate(model, noisy, load_head())["all"]} if noisy else {}
        cost = _milliseconds_per_second(model)
        for row, values in rows.items():
            figures[f"{variant.name}: {row}"] = values | {"cost_ms": cost if row == "all" else None}
    if json_path is not None:
        write_figures(json_path, figures)
    return evaluate_speech.table(figures, COLUMNS | {"cost_ms": "ms CPU/s"})


def _encoder(key: str, work: Path, whisper: str | os.PathLike[str] | None) -> WhisperEncoder | LogMelEncoder:
    if key == "log-mel":
        return LogMelEncoder()
    layers = int(key.split()[0])
    config, arrays = checkpoint.load(checkpoint.ASSETS / "whisper_encoder.npz", KIND)
    if layers <= config["layers"]:
        beyond = tuple(f"block{index}." for index in range(layers, config["layers"]))
        weights = {name: values for name, values in unpack(arrays).items() if not name.startswith(beyond or ("-",))}
        return WhisperEncoder(WhisperConfig(**config | {"layers": layers}), weights)
    assert whisper is not None
    path = work / f"encoder_{layers}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    convert(whisper, path, layers)
    return WhisperEncoder.load(path)


def _milliseconds_per_second(model: SpeechModel) -> float:
    """CPU time of the network alone, without its encoder, for a second of sound."""
    frames = _COST_SECONDS * speech.FPS
    features = np.zeros((_COST_SECONDS * FEATURE_RATE + 10, model.config.feature_width), np.float32)
    model.coefficients_of_features(features, frames)
    took = []
    for _ in range(5):
        began = time.process_time()
        model.coefficients_of_features(features, frames)
        took.append(time.process_time() - began)
    return 1000 * min(took) / _COST_SECONDS
