"""``train fusion``: blendshapes and both encoders of the fusion module, trained jointly on speech and expression.

The loss stands in :mod:`losses`, where the training starts in :mod:`initialisation`. Ours, because a loss alone does
not disentangle: the structure of :mod:`shape_structure`, and left and right shapes in pairs (:mod:`mirror`).
"""

import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ... import checkpoint
from ...errors import TalkerError
from ...face.flame import GeometryMap, Head, load_head
from ...files import whole_file
from ...fusion import FILE_NAME, KIND, Domain, FusionConfig, FusionModel, FusionNetwork
from ...job import Progress
from ..geometry.facs import Facs
from ..geometry.mirror import Mirror, Pairing
from ..plots import plot_history
from .data import LinearCorpus, find_facs, load_expression_corpus, load_speech_corpus
from .fold_shapes import mend_folds
from .frames import FileOrderMap, TrainingFrames
from .initialisation import facs_mirrors, initial_shapes, least_squares, start_encoder
from .lid_shapes import mend_lids
from .lip_shapes import add_lip_shapes, without_lip_shapes
from .losses import FusionLoss
from .principal_components import principal_components
from .settings import FusionTraining
from .shape_naming import names_in_use
from .shape_structure import ShapeStructure
from .sliders import scale_to_sliders

_MM = 1000.0


def train(
    speech_dir: str | Path,
    expression_dir: str | Path,
    out: str | Path,
    settings: FusionTraining | None = None,
    geometry: str | Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Train on a speech and an expression corpus (ours, VOCASET, Florence4D) and write ``fusion.npz``.

    out: a folder, or the file's name; a loss plot ``fusion_loss.png`` and the history as JSON stand beside it.
    geometry: facs.npz with the mesh's faces and the names of muscles; taken from a compact corpus when not given.
    """
    facs = find_facs(geometry, expression_dir, speech_dir)
    speech, expression = load_speech_corpus(speech_dir, progress), load_expression_corpus(expression_dir, progress)
    model, history = fit(speech, expression, facs, settings or FusionTraining(), progress)
    target = _target(out)
    model.save(target, training=_kept(settings or FusionTraining()))
    with whole_file(target.with_name("fusion_history.json")) as stream:
        stream.write(json.dumps(history, indent=1).encode())
    plot_history(history, target.with_name("fusion_loss.png"))
    return target


def extend(
    model_dir: str | Path,
    speech_dir: str | Path,
    expression_dir: str | Path,
    out: str | Path,
    geometry: str | Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Give the ``fusion.npz`` of ``model_dir`` its lip shapes (anew) and leave all that was trained as it is.

    The same model and corpora give the same file. out: a folder, or the file's name.
    """
    facs, head, settings = find_facs(geometry, expression_dir, speech_dir), load_head(), FusionTraining()
    speech, expression = load_speech_corpus(speech_dir, progress), load_expression_corpus(expression_dir, progress)
    model = FusionModel.load(model_dir)
    network, names = without_lip_shapes(model.network, model.names)
    modes = principal_components(speech.frames("train")[0], speech.basis, network.config.speech_count)
    structure = ShapeStructure.build(head, facs.faces, modes, settings.structure)
    frames = TrainingFrames.build(expression.basis, expression.frames("train"), head.geometry_map)
    network, more = add_lip_shapes(network, frames, structure, facs, head, settings.headroom)
    mended = _mended(model_dir)
    _mend(network, head, facs, **mended, first=len(names))  # those that were trained are mended already
    kept = _kept(replace(settings, lids=mended["lids"], folds=mended["folds"]))
    return FusionModel(network, (*names, *more), head.geometry_map).save(_target(out), training=kept)


def mend(
    model_dir: str | Path,
    speech_dir: str | Path,
    expression_dir: str | Path,
    out: str | Path,
    geometry: str | Path | None = None,
) -> Path:
    """Mend lids and folds of the ``fusion.npz`` of ``model_dir`` that was trained without, and leave all else as it is.

    What is mended already stays, and so does the rounding of every shape: an older file gets what it lacks. out: a
    folder, or the file's name. Raises :class:`TalkerError` where it lacks nothing: twice is too much.
    """
    mended = _mended(model_dir)
    if all(mended.values()):
        raise TalkerError(f"{model_dir}: its lids and folds are mended already")
    model = FusionModel.load(model_dir)
    lacking = {part: not done for part, done in mended.items()}
    _mend(model.network, load_head(), find_facs(geometry, expression_dir, speech_dir), **lacking)
    steps = checkpoint.load(Path(model_dir) / FILE_NAME, KIND)[1]["blendshape_scale"]
    result = FusionModel(model.network, model.names, model.geometry_map)
    return result.save(_target(out), training=_kept(FusionTraining()), steps=steps)


def _mended(model_dir: str | Path) -> dict[str, bool]:
    """What the ``fusion.npz`` of a folder says of itself: whether its lids and its folds are mended."""
    training = checkpoint.load_config(Path(model_dir) / FILE_NAME, KIND).get("training") or {}
    return {part: bool(training.get(part)) for part in ("lids", "folds")}


def _kept(settings: FusionTraining) -> dict[str, Any]:
    """What a ``fusion.npz`` says of its training; the network's settings stand beside it."""
    used = asdict(settings)
    used.pop("network")
    return used


def _target(out: str | Path) -> Path:
    target = Path(out)
    target = target if target.suffix == ".npz" else target / FILE_NAME
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def fit(
    speech: LinearCorpus,
    expression: LinearCorpus,
    facs: Facs,
    settings: FusionTraining,
    progress: Progress | None = None,
) -> tuple[FusionModel, dict[str, list[float]]]:
    """Initialise from sparse components, train jointly, scale to sliders and name. Returns (model, loss history)."""
    torch.manual_seed(settings.seed)
    head = load_head()
    image_map: GeometryMap = head.geometry_map if settings.geometry_mapping else FileOrderMap()
    speech_frames, expression_frames = speech.frames("train"), expression.frames("train")
    modes = principal_components(speech_frames[0], speech.basis, settings.network.speech_count)
    structure = ShapeStructure.build(head, facs.faces, modes, settings.structure)
    domains: dict[Domain, TrainingFrames] = {
        "speech": TrainingFrames.build(speech.basis, speech_frames, image_map),
        "expression": TrainingFrames.build(expression.basis, expression_frames, image_map),
    }
    mirrors: tuple[Mirror | None, Mirror | None] = (None, None)
    if settings.structure.mirrored:
        mirrors = facs_mirrors(head, facs, structure)
    shapes = initial_shapes(speech, expression, structure, head, settings.network, mirrors)
    pairings = Pairing(mirrors[0], shapes[0][1]), Pairing(mirrors[1], shapes[1][1])
    network = FusionNetwork(_fitting_config(settings, len(pairings[0].partner), len(pairings[1].partner), image_map))
    starts = shapes[0][0], shapes[1][0]
    loss = FusionLoss(domains, structure, head, facs.faces, settings)
    trainer = _Trainer(network, loss, structure, starts, pairings)
    history = trainer.run(progress)
    scale_to_sliders(network, domains, pairings, settings.headroom)
    blendshapes = network.blendshapes.detach().numpy()
    count = network.config.speech_count
    names = [
        *names_in_use(blendshapes[:count], pairings[0].partner, speech, facs, structure.speech, "speech", head),
        *names_in_use(
            blendshapes[count:], pairings[1].partner, expression, facs, structure.expression, "expression", head
        ),
    ]
    network, more = add_lip_shapes(network, domains["expression"], structure, facs, head, settings.headroom)
    _mend(network, head, facs, settings.lids, settings.folds)
    return FusionModel(network, (*names, *more), image_map), history


@torch.no_grad()
def _mend(network: FusionNetwork, head: Head, facs: Facs, lids: bool, folds: bool, first: int | None = None) -> None:
    """Mend lids (:mod:`lid_shapes`) and folds (:mod:`fold_shapes`) of a trained network; its encoders stay.

    first: the shape from which on that is done, of all; the first expression shape if not given.
    """
    shapes = network.blendshapes[network.config.speech_count if first is None else first :]
    if lids:
        shapes.copy_(torch.from_numpy(mend_lids(shapes.numpy(), head, facs.faces)))
    if folds:
        shapes.copy_(torch.from_numpy(mend_folds(shapes.numpy(), head, facs.faces)))


class _Trainer:
    def __init__(
        self,
        network: FusionNetwork,
        loss: FusionLoss,
        structure: ShapeStructure,
        starts: tuple[np.ndarray, np.ndarray],
        pairings: tuple[Pairing, Pairing],
    ) -> None:
        """starts: B_A (K_A, V, 3) and B_E (K_E, V, 3) to begin with, metres."""
        self.network, self.loss, self.structure, self.settings = network, loss, structure, loss.settings
        self.pairings = pairings
        self.free = [torch.nn.Parameter(torch.from_numpy(_MM * shape)) for shape in starts]
        self._start_encoders()

    def shapes(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(B_A (K_A, V, 3), B_E (K_E, V, 3)) in mm, in mirrored pairs, with their structure."""
        speech, expression = (pairing(free) for pairing, free in zip(self.pairings, self.free, strict=True))
        return self.structure.speech(speech), self.structure.expression(expression)

    def run(self, progress: Progress | None) -> dict[str, list[float]]:
        settings = self.settings
        generator = torch.Generator().manual_seed(settings.seed)
        optimiser = torch.optim.Adam(self._parameter_groups())
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate_factor(step, settings.steps))
        history: dict[str, list[float]] = {"step": []}
        for step in range(settings.steps):
            terms = self.loss.terms(self.network, *self.shapes(), generator)
            loss = torch.stack(list(terms.values())).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            if step % max(1, settings.steps // 200) == 0 or step == settings.steps - 1:
                history["step"].append(step)
                for name, value in terms.items():
                    history.setdefault(name, []).append(float(value.detach()))
                if progress:
                    progress((step + 1) / settings.steps, f"training fusion, loss {float(loss.detach()):.4f}")
        with torch.no_grad():
            self.network.blendshapes.copy_(torch.cat(self.shapes()) / _MM)
        return history

    def _parameter_groups(self) -> list[dict]:
        """Adam moves every number by about its rate: the rate of a tensor goes by the size of its numbers at the start.

        The shortcut's thousands of tiny weights pull in one direction; at a common rate one step would undo its start.
        """
        groups = [{"params": self.free, "lr": self.settings.shape_rate}]
        for encoder in (self.network.speech_encoder, self.network.expression_encoder):
            like_shortcut = float(encoder.shortcut.weight.detach().square().mean().sqrt())
            for parameter in encoder.parameters():
                size = float(parameter.detach().square().mean().sqrt()) or like_shortcut
                groups.append({"params": [parameter], "lr": self.settings.learning_rate * size})
        return groups

    @torch.no_grad()
    def _start_encoders(self) -> None:
        """Encoders start with the best weights of their own domain's blendshapes.

        Cross-domain weights start at zero and grow where that pays more than it costs: λ_s takes longer to empty them.
        """
        speech_shapes, expression_shapes = self.shapes()
        count = len(speech_shapes)
        for kind, domain in self.loss.domains.items():
            wanted = torch.zeros(len(domain.basis), count + len(expression_shapes))
            if kind == "speech":
                wanted[:, :count] = least_squares(domain.basis, speech_shapes, self.loss.mouth)
            else:
                wanted[:, count:] = least_squares(self.loss.expression_target, expression_shapes, self.loss.whole)
            start_encoder(self.network.encoder(kind), domain, wanted)


def rate_factor(step: int, steps: int) -> float:
    """Learning rate over the training, as a share of its largest: a short rise, then half a cosine down to zero."""
    warming = max(1, steps // 20)
    return min(1.0, (step + 1) / warming) * 0.5 * (1.0 + math.cos(math.pi * step / max(steps, 1)))


def _fitting_config(
    settings: FusionTraining, speech_count: int, expression_count: int, image_map: GeometryMap
) -> FusionConfig:
    """The configured network, with as many shapes as the corpora have independent motions."""
    changes = {"speech_count": speech_count, "expression_count": expression_count, "image_size": image_map.size}
    return FusionConfig(**{**asdict(settings.network), **changes})
