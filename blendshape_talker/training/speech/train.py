"""Train the speech network: one loop, readable from top to bottom; `train speech` calls :func:`train`."""

import json
import logging
import os
import time
import zlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import TalkerError
from ...face.flame import LOWER_LIP, UPPER_LIP, load_head
from ...job import Progress
from ...speech.network import SpeechConfig, build_network, load_weights, save_weights
from ...speech.whisper import WhisperEncoder
from ..corpus.people import hold_out
from ..corpus.speech_layouts import read_corpus
from . import losses
from .batches import Windows
from .breathing import breathed
from .data import (
    BREATH_SUBJECT,
    NOBODY,
    STEADY_SUBJECT,
    SUNG_SUBJECT,
    Basis,
    Example,
    fit_basis,
    prepare,
    steady,
    sung,
    vertex_weights,
)
from .run_files import resume, save_state, write_history
from .settings import TrainingSettings

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)


class MouthLoss:
    """The training loss of coefficients on a basis; the geometry it needs as tensors."""

    def __init__(self, basis: Basis, settings: TrainingSettings):
        import torch

        head = load_head()
        upper, lower = head.lip_pairs.T
        pair_basis = 1000 * (basis.shapes[:, upper] - basis.shapes[:, lower])
        neutral = 1000 * (head.vertices[upper] - head.vertices[lower])
        middle = (head.lip_pairs == (UPPER_LIP, LOWER_LIP)).all(axis=1)
        self._middle = int(np.flatnonzero(middle)[0])
        self._pair_basis = torch.from_numpy(pair_basis.astype(np.float32))
        self._neutral = torch.from_numpy(neutral.astype(np.float32))
        self._settings = settings

    def gaps(self, coefficients: "torch.Tensor") -> "torch.Tensor":
        """Openings of all lip pairs (B,T,P), mm."""
        return losses.lip_gaps(coefficients, self._pair_basis, self._neutral)

    def middle_gap(self, coefficients: "torch.Tensor") -> "torch.Tensor":
        """Opening of the mouth's middle (B,T), mm: the gap that closures are judged by."""
        return self.gaps(coefficients)[..., self._middle]

    def __call__(
        self,
        predicted: "torch.Tensor",
        target: "torch.Tensor",
        followed: "torch.Tensor | None" = None,
        rest: "torch.Tensor | None" = None,
        watched: "torch.Tensor | None" = None,
        breath: "torch.Tensor | None" = None,
    ) -> dict[str, "torch.Tensor"]:
        """Terms of the loss, weighted, of coefficients (B,T,K); their sum is what training lowers.

        ``followed`` (B,) 0 … 1: how much of a take's way between contacts counts; all of it where None. ``rest``
        (B,T): true where shut lips are no contact, but rest before a breath. ``watched`` (B,): true for takes that a
        camera saw. ``breath`` (B,T): true in a breath that parts the lips, so little that it has to count for more.
        """
        import torch

        settings = self._settings
        gap, wanted = self.gaps(predicted), self.gaps(target)
        middle = wanted[..., self._middle]
        opening = middle.quantile(0.95, dim=1, keepdim=True).clamp(min=4)
        touching = losses.contact_weight(middle, opening, 1.0) - 1
        way = torch.ones_like(middle) if followed is None else followed[:, None].expand(middle.shape)
        if rest is not None:
            touching = touching * ~rest
        weight = (1 + settings.contact * touching) * losses.context_weight(target, settings.context)
        weight = weight / weight.mean()
        weight = weight * (way + (1 - way) * touching)
        if breath is not None:
            weight = weight * (1 + settings.breath * breath)
        distance = losses.vertex_distance(predicted, target)
        speed = losses.vertex_distance(predicted.diff(dim=1), target.diff(dim=1), softness=0.03)
        terms = {
            "position": settings.position * (weight * distance).mean(),
            "gap": settings.gap * (weight[..., None] * (gap - wanted).abs()).mean(),
            "velocity": settings.velocity * (weight[:, 1:] * speed).mean(),
            "liveliness": settings.liveliness * losses.liveliness(gap * way[..., None], wanted * way[..., None]),
            "parted": settings.parted * losses.false_closure(gap[..., self._middle], middle, opening),
        }
        if settings.agreement and watched is not None:
            apart = losses.disagreement(gap[..., self._middle], middle)
            terms["agreement"] = settings.agreement * (apart * watched).mean()
        return terms


def train(
    corpus: str | os.PathLike[str],
    out: str | os.PathLike[str],
    cache: str | os.PathLike[str],
    settings: TrainingSettings | None = None,
    progress: Progress | None = None,
    report_every: int = 100,
    encoder: WhisperEncoder | None = None,
    people: str | os.PathLike[str] | None = None,
    start: str | os.PathLike[str] | None = None,
) -> Path:
    """Train on a corpus of ``corpus speech`` (or VOCASET's files) and write ``out`` (speech.npz).

    Beside it: ``speech.training`` to go on from after an interruption (also with more steps), ``speech.json`` with the
    losses, ``speech.png`` with their curves. Features are kept in ``cache``. ``encoder``: another one than the bundled.
    ``people``: folder of ``corpus people`` to learn from as well. ``start``: weights to begin with; their basis, size
    and styles stay, new speakers begin as the average.
    """
    import torch

    settings = settings or TrainingSettings()
    out = Path(out)
    if out.suffix != ".npz":
        raise TalkerError(f"{out}: the weights' file must end in .npz")
    torch.manual_seed(settings.seed)
    sequences = read_corpus(corpus)
    their = hold_out(read_corpus(people), settings.held_out) if people else []
    begun = load_weights(start) if start else None
    if begun:
        basis = Basis(begun[2], vertex_weights(load_head()))
    else:
        basis = fit_basis(sequences, vertex_weights(load_head()), settings.basis_size, settings.seed)
    copies = (settings.copies, settings.recorded_copies)
    encoder = encoder or WhisperEncoder.load()
    examples = prepare(sequences, basis, encoder, cache, *copies, settings.seed, progress)
    seen: set[str] = set()
    if people:
        twice = (settings.people_copies, settings.people_copies)
        examples += prepare(their, basis, encoder, Path(cache) / "people", *twice, settings.seed, progress, quiet=0)
        seen = {sequence.subject for sequence in their}
        into = (people, basis, encoder)
        if settings.sung_seconds:
            examples += sung(*into, Path(cache) / "songs", settings.sung_seconds, settings.seed, progress)
        if settings.breath_seconds:
            folder = Path(cache) / "breaths"
            examples += breathed(sequences, *into, folder, settings.breath_seconds, settings.seed, progress)
        if settings.steady_seconds:
            folder = Path(cache) / "steady"
            examples += steady(basis, encoder, folder, settings.steady_seconds, settings.seed, progress)
    training = [example for example in examples if example.split == "train"]
    validation = [example for example in examples if example.split == "val"]
    speakers = sorted({example.subject for example in training} - NOBODY)
    known = begun[0].styles if begun else ("average",)
    styles = (*known, *(speaker for speaker in speakers if speaker not in known))
    config = SpeechConfig(
        len(basis.shapes), styles, encoder.config.width, settings.width, layers=settings.layers,
        frame_reach=settings.frame_reach, audio_reach=settings.audio_reach,
    )  # fmt: skip
    shares = {BREATH_SUBJECT: settings.breath_share, STEADY_SUBJECT: settings.steady_share}
    if settings.sung_share is not None:
        shares[SUNG_SUBJECT] = settings.sung_share
    batches = Windows(training, config.styles, settings.seconds, settings.seed, seen, settings.people_share, shares)
    theirs = torch.tensor([style in seen for style in styles])
    minutes = sum(example.seconds for example in training) / 60
    logger.info("%d examples, %.0f minutes, %d speakers", len(training), minutes, len(speakers))

    network = build_network(config)
    if begun:
        _begin_with(network, config, begun)
    origin = {name: value.numpy().copy() for name, value in network.state_dict().items()} if begun else {}
    average = build_network(config)  # of the weights over the last steps: smoother than the weights of any one step
    average.load_state_dict(network.state_dict())
    loss_of = MouthLoss(basis, settings)
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=0.01, betas=(0.9, 0.98))
    state_file = out.with_suffix(".training")
    source = _source(config, examples, begun)
    first, history = resume(state_file, settings, source, network, average, optimiser)
    if first > settings.steps:
        raise TalkerError(f"{state_file}: has {first} steps already; ask for more, or name another output")

    def write_weights() -> None:
        weights = {name: value.numpy() for name, value in average.state_dict().items()}
        for name, value in origin.items():  # what was known before and is not seen here (Wortsman et al. 2022)
            weights[name] = (1 - settings.kept) * weights[name] + settings.kept * value
        save_weights(out, config, weights, basis.shapes)

    if first == settings.steps and not out.exists():
        write_weights()
    began = time.monotonic()
    sums: dict[str, float] = {}
    summed = 0
    for step in range(first, settings.steps):
        for group in optimiser.param_groups:
            group["lr"] = settings.rate * _schedule(step, settings.steps)
        batch = batches.batch(step, settings.batch)
        features, target, style = map(torch.from_numpy, (batch.features, batch.coefficients, batch.style))
        hidden = torch.from_numpy(np.random.default_rng([settings.seed, step, 1]).random(len(style)))
        followed = rest = watched = None
        if seen:
            # Before their first word people breathe in, some with lips apart: to weigh shut ones more would shut all.
            watched = theirs[style]
            rest = torch.from_numpy(batch.before) & watched[:, None]
            # Nobody's voice is like theirs: what moves between contacts in the average style is people's, in any voice.
            ruled = (hidden < settings.average_style) & ~watched & (style > 0)  # 0: song, breath, and nobody's sounds
            followed = torch.where(ruled, settings.ruled, 1.0)
        style = torch.where(hidden < settings.average_style, 0, style)
        predicted = network(features, style, target.shape[1])
        terms = loss_of(predicted, target, followed, rest, watched, torch.from_numpy(batch.breath))
        total = torch.stack(list(terms.values())).sum()
        optimiser.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        _follow(average, network, keep=min(0.995, (step + 1) / (step + 10)))

        for name, value in {"total": total, **terms}.items():
            sums[name] = sums.get(name, 0.0) + float(value.detach())
        summed += 1
        if progress is not None:
            left = (time.monotonic() - began) / (step - first + 1) * (settings.steps - step - 1)
            message = f"step {step + 1}, loss {float(total.detach()):.3f}, {left / 60:.0f} min left"
            progress((step + 1) / settings.steps, message)
        if (step + 1) % report_every == 0 or step + 1 == settings.steps:
            entry = {name: value / summed for name, value in sums.items()}
            history.append({"step": step + 1, **entry, **validate(average, validation, loss_of)})
            sums, summed = {}, 0
            logger.info("%s", json.dumps(history[-1]))
            write_weights()
            write_history(out, settings, history)
            save_state(state_file, settings, source, step + 1, history, network, average, optimiser)
    return out


def validate(network: "torch.nn.Module", examples: list[Example], loss_of: MouthLoss) -> dict[str, float]:
    """Loss and lip figures in the average style on speakers that are not trained on; nothing when there are none."""
    import torch

    if not examples:
        return {}
    totals, correlations, closed, kept, quickness = [], [], 0, 0, []
    with torch.inference_mode():
        for example in examples:
            features = torch.from_numpy(example.features.astype(np.float32))[None]
            target = torch.from_numpy(example.coefficients)[None]
            predicted = network(features, torch.zeros(1, dtype=torch.long), target.shape[1])
            totals.append(float(sum(loss_of(predicted, target).values())))
            gap, wanted = (loss_of.middle_gap(curves)[0].numpy() for curves in (predicted, target))
            if wanted.max() < 1:
                continue
            correlations.append(float(np.corrcoef(gap, wanted)[0, 1]) if gap.std() > 0 else 0.0)
            touching = wanted < 0.15 * np.percentile(wanted, 95)
            closed += int(touching.sum())
            kept += int((gap[touching] < 0.15 * np.percentile(gap, 95)).sum())
            quickness.append(float(np.abs(np.diff(gap, 2)).mean() / np.abs(np.diff(wanted, 2)).mean()))
    return {
        "validation": float(np.mean(totals)),
        "gap_correlation": float(np.mean(correlations)) if correlations else 0.0,
        "closed_frames_kept": kept / max(closed, 1),
        "jitter": float(np.mean(quickness)) if quickness else 0.0,
    }


def _begin_with(network: "torch.nn.Module", config: SpeechConfig, begun: tuple) -> None:
    """Put the weights of another run into ``network``; its new styles begin as the average."""
    import torch

    known, weights, _ = begun
    if replace(known, styles=config.styles, coefficients=config.coefficients) != config:
        raise TalkerError("the weights to start from are of a network of another size; leave out --start")
    state = {name: torch.from_numpy(values) for name, values in weights.items()}
    new = state["style.weight"][:1].repeat(len(config.styles) - len(known.styles), 1)
    state["style.weight"] = torch.cat([state["style.weight"], new])
    network.load_state_dict(state)


def _source(config: SpeechConfig, examples: list[Example], begun: tuple | None) -> str:
    """A checksum of what a run learns from, by names and lengths, and of the weights that it begins with.

    Not of what was computed: another number of threads changes last digits.
    """
    takes = [(one.name, one.split, len(one.coefficients)) for one in examples]
    total = zlib.crc32(repr((asdict(config), takes)).encode())
    for array in begun[1].values() if begun else ():
        total = zlib.crc32(np.ascontiguousarray(array).tobytes(), total)
    return f"{total:08x}"


def _schedule(step: int, steps: int) -> float:
    """Warm-up over the first twentieth, then half a cosine down to nothing."""
    warm = max(1, steps // 20)
    if step < warm:
        return (step + 1) / warm
    return 0.5 + 0.5 * float(np.cos(np.pi * (step - warm) / max(1, steps - warm)))


def _follow(average: "torch.nn.Module", network: "torch.nn.Module", keep: float) -> None:
    import torch

    with torch.no_grad():
        for mean, value in zip(average.parameters(), network.parameters(), strict=True):
            mean.lerp_(value, 1 - keep)
