"""``train fusion``: blendshapes and both encoders of the fusion module, trained jointly on speech and expression.

Paper: arXiv 2510.25234, section 3.2. With x_a a frame of speech, x_e one of expression and w(.) the encoders' weights:

    L = |B_A w_A(x_a) + B_E w_E(x_a) - x_a|^2 + the same for x_e + λ_s (|w_E(x_a)|_1 + |w_A(x_e)|_1) + λ_L |L B|^2

plus the same reconstruction for velocities. Ours, because that loss alone does not disentangle: the structure of
:mod:`shape_structure`, and two terms that ask the primary weights alone, which are what inference keeps, for the mouth
of speech (contact frames count more) and for the expression without its lip aperture. Also ours: left and right shapes
in pairs (:mod:`mirror`).
"""

import json
import logging
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch

from ...errors import TalkerError
from ...face.flame import LOWER_LIP, UPPER_LIP, VERTEX_COUNT, GeometryMap, Head, load_head
from ...files import whole_file
from ...fusion import FILE_NAME, Domain, Encoder, FusionConfig, FusionModel, FusionNetwork
from ..geometry.facs import Facs, load_facs
from ..geometry.mirror import Mirror, Pairing, in_pairs, other_side
from ..plots import plot_history
from .data import LinearCorpus, load_expression_corpus, load_speech_corpus
from .losses import laplacian_energy, linear_frame_error, shape_sparsity, weighted_shapes
from .shape_naming import joined_name, name_shapes, principal_components, slider_scale
from .shape_structure import ShapeStructure, StructureConfig, graph_laplacian
from .sparse_components import sparse_components

logger = logging.getLogger(__name__)

ProgressCallback = Callable[[float, str], None]
_MM = 1000.0
_USED = 0.012  # standard deviation of a FACS weight from which on a corpus counts as using the shape
_LOST = 0.4  # share of a FACS shape that the structure may take away and still leave its name true


@dataclass(frozen=True)
class FusionTraining:
    """Every setting of the training. Weights of terms in mm² units; defaults found with ``evaluate fusion``.

    sparsity λ_s; locality: of the group lasso that keeps blendshapes local; laplacian λ_L; velocity, primary: weights
    of their terms; contact: how much more a frame with closed lips counts; image_noise: mm, so that the encoders bear
    inputs that no corpus holds; lip_weight, eye_weight: of those vertices in every error; headroom: how much farther
    than the corpus weights of -1 … 1 reach, for livelier speakers and emotions; geometry_mapping: off for the ablation
    (vertices fill the image in file order).
    """

    network: FusionConfig = field(default_factory=FusionConfig)
    structure: StructureConfig = field(default_factory=StructureConfig)
    steps: int = 400
    batch: int = 96
    learning_rate: float = 1e-3
    shape_rate: float = 3e-3
    sparsity: float = 10.0
    locality: float = 0.002
    laplacian: float = 30.0
    velocity: float = 2.0
    primary: float = 4.0
    contact: float = 4.0
    image_noise: float = 0.02
    lip_weight: float = 8.0
    eye_weight: float = 3.0
    headroom: float = 1.15
    geometry_mapping: bool = True
    seed: int = 0


class FileOrderMap(GeometryMap):
    """Ablation of the geometric mapping: vertices fill a square in file order, so that neighbours mean nothing."""

    def __init__(self) -> None:
        self.size = 72  # the smallest multiple of eight with room for 5023 vertices

    def to_image(self, deltas: np.ndarray) -> np.ndarray:
        flat = np.zeros((*deltas.shape[:-2], self.size**2, 3), np.float32)
        flat[..., :VERTEX_COUNT, :] = deltas
        return np.moveaxis(flat, -1, -2).reshape(*deltas.shape[:-2], 3, self.size, self.size)


class _Target:
    """What frames are compared with: a basis (K, V, 3), weighted by vertex, and its products with itself."""

    def __init__(self, basis: torch.Tensor, vertex_weights: torch.Tensor) -> None:
        self.rows = weighted_shapes(basis, vertex_weights)
        self.products = self.rows @ self.rows.T

    def error(self, weights: torch.Tensor, frames: torch.Tensor, made: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
        """(N,) squared error of weights (N, S) of the shapes with rows ``made`` and products ``own``."""
        return linear_frame_error(weights, frames, own, made @ self.rows.T, self.products)


@dataclass
class _Domain:
    """One corpus on the training device: basis in mm (K, V, 3), its images (K, 3, S, S), frames (N, K), pairs (M,)."""

    basis: torch.Tensor
    images: torch.Tensor
    frames: torch.Tensor
    pairs: torch.Tensor

    def batch(self, size: int, generator: torch.Generator) -> torch.Tensor:
        """(2 · size, K): frames and, after them, their successors."""
        chosen = self.pairs[torch.randint(len(self.pairs), (size,), generator=generator)]
        return torch.cat([self.frames[chosen], self.frames[chosen + 1]])


def train(
    speech_dir: str | Path,
    expression_dir: str | Path,
    out: str | Path,
    settings: FusionTraining | None = None,
    geometry: str | Path | None = None,
    progress: ProgressCallback | None = None,
) -> Path:
    """Train on a speech and an expression corpus (ours, VOCASET, Florence4D) and write ``fusion.npz``.

    out: a folder, or the file's name; a loss plot ``fusion_loss.png`` and the history as JSON stand beside it.
    geometry: facs.npz with the mesh's faces and the names of muscles; taken from a compact corpus when not given.
    """
    facs = find_facs(geometry, expression_dir, speech_dir)
    speech, expression = load_speech_corpus(speech_dir, progress), load_expression_corpus(expression_dir, progress)
    model, history = fit(speech, expression, facs, settings or FusionTraining(), progress)
    target = Path(out)
    target = target if target.suffix == ".npz" else target / FILE_NAME
    target.parent.mkdir(parents=True, exist_ok=True)
    used = asdict(settings or FusionTraining())
    used.pop("network")
    model.save(target, training=used)
    with whole_file(target.with_name("fusion_history.json")) as stream:
        stream.write(json.dumps(history, indent=1).encode())
    plot_history(history, target.with_name("fusion_loss.png"))
    return target


def fit(
    speech: LinearCorpus,
    expression: LinearCorpus,
    facs: Facs,
    settings: FusionTraining,
    progress: ProgressCallback | None = None,
    head: Head | None = None,
) -> tuple[FusionModel, dict[str, list[float]]]:
    """Initialise from sparse components, train jointly, scale to sliders and name. Returns (model, loss history)."""
    torch.manual_seed(settings.seed)
    head = head if head is not None else load_head()
    image_map: GeometryMap = head.geometry_map if settings.geometry_mapping else FileOrderMap()
    speech_frames, expression_frames = speech.frames("train"), expression.frames("train")
    modes = principal_components(speech_frames[0], speech.basis, settings.network.speech_count)
    structure = ShapeStructure.build(head, facs.faces, modes, settings.structure)
    domains: dict[Domain, _Domain] = {
        "speech": _domain(speech.basis, speech_frames, image_map),
        "expression": _domain(expression.basis, expression_frames, image_map),
    }
    mirrors: tuple[Mirror | None, Mirror | None] = (None, None)
    if settings.structure.mirrored:
        mirrors = _mirrors(head, facs, structure)
    shapes = initial_shapes(speech, expression, structure, head, settings.network, mirrors)
    pairings = Pairing(mirrors[0], shapes[0][1]), Pairing(mirrors[1], shapes[1][1])
    network = FusionNetwork(_fitting_config(settings, len(pairings[0].partner), len(pairings[1].partner), image_map))
    starts = shapes[0][0], shapes[1][0]
    trainer = _Trainer(network, domains, structure, head, facs.faces, starts, pairings, settings)
    history = trainer.run(progress)
    _scale_to_sliders(network, domains, pairings, settings.headroom)
    blendshapes = network.blendshapes.detach().numpy()
    count = network.config.speech_count
    names = [
        *_names(blendshapes[:count], pairings[0].partner, speech, facs, structure.speech, "speech", head),
        *_names(blendshapes[count:], pairings[1].partner, expression, facs, structure.expression, "expression", head),
    ]
    return FusionModel(network, tuple(names), image_map), history


def initial_shapes(
    speech: LinearCorpus,
    expression: LinearCorpus,
    structure: ShapeStructure,
    head: Head,
    config: FusionConfig,
    mirrors: tuple[Mirror | None, Mirror | None],
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Sparse localised components of either corpus within the structure: (K, V, 3), metres at weight 1, and partners.

    partners (K,): index of a shape's mirror image; its own without a mirror.
    """
    result = []
    for corpus, constrain, count, mirror in (
        (speech, structure.speech, config.speech_count, mirrors[0]),
        (expression, structure.expression, config.expression_count, mirrors[1]),
    ):
        curves, _ = corpus.frames("train")
        basis = constrain(torch.from_numpy(np.asarray(corpus.basis, np.float32))).numpy()
        image = (lambda shapes, mirror=mirror: mirror(torch.from_numpy(shapes)).numpy()) if mirror else None
        shapes = sparse_components(curves, basis, head.vertices, count, mirror=image)
        result.append(in_pairs(shapes, mirror, head.vertices) if mirror else (shapes, np.arange(len(shapes))))
    return result[0], result[1]


def _mirrors(head: Head, facs: Facs, structure: ShapeStructure) -> tuple[Mirror, Mirror]:
    """Mirrors that are exact for FACS shapes as the structure leaves them, speech's and expression's."""
    names = [str(name) for name in facs.names]
    deltas = torch.from_numpy(np.asarray(facs.deltas, np.float32))
    made = (constrain(deltas).numpy() for constrain in (structure.speech, structure.expression))
    first, second = (Mirror(head, facs.faces, names, muscles) for muscles in made)
    return first, second


def _names(
    shapes: np.ndarray,
    partner: np.ndarray,
    corpus: LinearCorpus,
    facs: Facs,
    constrain: Callable[[torch.Tensor], torch.Tensor],
    prefix: str,
    head: Head,
) -> list[str]:
    """Names after the FACS shapes as the structure leaves them, those that the corpus uses where it is made of them."""
    names = [str(name) for name in facs.names]
    other = np.array([names.index(other_side(name)) for name in names])
    used = np.ones(len(names), bool)
    if corpus.basis.shape == facs.deltas.shape and np.allclose(corpus.basis, facs.deltas, atol=1e-5):
        used = corpus.frames("train")[0].std(axis=0) > _USED
    original = torch.from_numpy(np.asarray(facs.deltas, np.float32))
    deltas = constrain(original)
    lost = ((deltas - original).flatten(1).norm(dim=1) / original.flatten(1).norm(dim=1).clamp_min(1e-9)).numpy()
    # a muscle that the structure takes away cannot name what is there
    whole = lost + lost[other] < 2 * _LOST
    known = [name if kept else joined_name(name) for name, kept in zip(names, whole, strict=True)]
    used = (used | used[other]) & np.array([name != "" for name in known])
    kept = [name for name, chosen in zip(known, used, strict=True) if chosen]
    return name_shapes(shapes, kept, deltas.numpy()[used], prefix, partner, head.vertices[:, 0])


class _Trainer:
    def __init__(
        self,
        network: FusionNetwork,
        domains: dict[Domain, _Domain],
        structure: ShapeStructure,
        head: Head,
        faces: np.ndarray,
        shapes: tuple[np.ndarray, np.ndarray],
        pairings: tuple[Pairing, Pairing],
        settings: FusionTraining,
    ) -> None:
        self.network, self.domains, self.structure, self.settings = network, domains, structure, settings
        self.pairings = pairings
        self.free = [torch.nn.Parameter(torch.from_numpy(_MM * shape)) for shape in shapes]
        laplacian = graph_laplacian(faces, VERTEX_COUNT).tocoo()
        indices = torch.from_numpy(np.stack([laplacian.row, laplacian.col]).astype(np.int64))
        values = torch.from_numpy(laplacian.data).float()
        size = (VERTEX_COUNT, VERTEX_COUNT)
        self.laplacian = torch.sparse_coo_tensor(indices, values, size, check_invariants=True).coalesce()

        whole = 0.1 + head.face
        whole[head.lips] += settings.lip_weight
        whole[head.eye_region] += settings.eye_weight
        self.whole = torch.from_numpy((whole / whole.sum()).astype(np.float32))
        mouth = (1.0 - head.upper_face) * (0.1 + head.mouth)
        mouth[head.lips] += settings.lip_weight
        self.mouth = torch.from_numpy((mouth / mouth.sum()).astype(np.float32))
        self.expression_target = structure.expression(domains["expression"].basis)
        self.targets = {kind: _Target(domain.basis, self.whole) for kind, domain in domains.items()}
        self.mouth_target = _Target(domains["speech"].basis, self.mouth)
        self.joined_target = _Target(self.expression_target, self.whole)
        lips = domains["speech"].basis
        self._gap_direction = lips[:, UPPER_LIP] - lips[:, LOWER_LIP]
        gaps = (domains["speech"].frames @ self._gap_direction)[:, 1]
        self._closed_below = max(0.15 * float(np.percentile(gaps.numpy(), 95)), 1e-3)
        self._start_encoders()

    def shapes(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(B_A (K_A, V, 3), B_E (K_E, V, 3)) in mm, in mirrored pairs, with their structure."""
        speech, expression = (pairing(free) for pairing, free in zip(self.pairings, self.free, strict=True))
        return self.structure.speech(speech), self.structure.expression(expression)

    def run(self, progress: ProgressCallback | None) -> dict[str, list[float]]:
        settings = self.settings
        generator = torch.Generator().manual_seed(settings.seed)
        optimiser = torch.optim.Adam(self._parameter_groups())
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate_factor(step, settings.steps))
        history: dict[str, list[float]] = {"step": []}
        for step in range(settings.steps):
            terms = self.terms(generator)
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

    def terms(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """The weighted terms of the loss on one batch of each domain."""
        settings, count = self.settings, self.network.config.speech_count
        speech_shapes, expression_shapes = self.shapes()
        both = torch.cat([speech_shapes, expression_shapes])
        sizes = both.square().mean(dim=(1, 2)).sqrt().detach()  # mm that a weight of 1 moves a vertex
        made, made_mouth = weighted_shapes(both, self.whole), weighted_shapes(speech_shapes, self.mouth)
        own = made @ made.T
        terms: dict[str, torch.Tensor] = {}
        for kind, domain in self.domains.items():
            frames = domain.batch(settings.batch, generator)
            encoder = self.network.encoder(kind)
            # the first convolution is linear: what it makes of the basis is enough, and noise there is noise in pixels
            patches = torch.tensordot(frames, encoder.patches(domain.images), 1)
            patches = patches + settings.image_noise * torch.randn(patches.shape, generator=generator)
            weights = encoder.read_patches(patches)
            half = len(frames) // 2
            moving = torch.cat([weights, weights[half:] - weights[:half]])
            wanted = torch.cat([frames, frames[half:] - frames[:half]])
            error = self.targets[kind].error(moving, wanted, made, own)
            terms[f"{kind} reconstruction"] = error[: len(frames)].mean()
            terms[f"{kind} velocity"] = settings.velocity * error[len(frames) :].mean()
            if kind == "speech":
                error = self.mouth_target.error(weights[:, :count], frames, made_mouth, made_mouth @ made_mouth.T)
                emphasis = 1.0 + settings.contact * self._closed(frames)
                terms["speech primary"] = settings.primary * (emphasis * error).mean()
                crossing = shape_sparsity(weights[:, count:], sizes[count:])
            else:
                error = self.joined_target.error(weights[:, count:], frames, made[count:], own[count:, count:])
                terms["expression primary"] = settings.primary * error.mean()
                crossing = shape_sparsity(weights[:, :count], sizes[:count])
            terms[f"{kind} sparsity"] = settings.sparsity * crossing
        terms["laplacian"] = settings.laplacian * laplacian_energy(both, self.laplacian)
        terms["locality"] = settings.locality * both.square().sum(dim=2).add(1e-6).sqrt().mean()
        return terms

    def _closed(self, frames: torch.Tensor) -> torch.Tensor:
        return ((frames @ self._gap_direction)[:, 1] < self._closed_below).float()

    @torch.no_grad()
    def _start_encoders(self) -> None:
        """Patches start as low cosines, the shortcut as the best linear reading of them, the branch at zero output.

        Cross-domain weights start at zero and grow where that pays more than it costs: λ_s takes longer to empty them.
        """
        speech_shapes, expression_shapes = self.shapes()
        count = len(speech_shapes)
        for kind, domain in self.domains.items():
            wanted = torch.zeros(len(domain.basis), count + len(expression_shapes))
            if kind == "speech":
                wanted[:, :count] = _least_squares(domain.basis, speech_shapes, self.mouth)
            else:
                wanted[:, count:] = _least_squares(self.expression_target, expression_shapes, self.whole)
            _start_encoder(self.network.encoder(kind), domain, wanted)


def rate_factor(step: int, steps: int) -> float:
    """Learning rate over the training, as a share of its largest: a short rise, then half a cosine down to zero."""
    warming = max(1, steps // 20)
    return min(1.0, (step + 1) / warming) * 0.5 * (1.0 + math.cos(math.pi * step / max(steps, 1)))


def _start_encoder(encoder: Encoder, domain: _Domain, wanted: torch.Tensor) -> None:
    kernel = encoder.patches.weight
    side = kernel.shape[-1]
    position = (torch.arange(side) + 0.5) / side
    cosines = [torch.cos(np.pi * order * position) for order in range(side)]
    orders = sorted(((i, j) for i in range(side) for j in range(side)), key=lambda pair: (sum(pair), pair))
    kernel.zero_()
    for channel in range(len(kernel)):
        i, j = orders[channel // 3]
        wave = torch.outer(cosines[i], cosines[j])
        kernel[channel, channel % 3] = wave / wave.norm()
    patches = encoder.patches(domain.images).flatten(1).double()
    frames = domain.frames.double()
    moment = frames.T @ frames / len(frames)
    values, vectors = torch.linalg.eigh(moment)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    seen = root @ patches
    gram = seen @ seen.T
    ridge = 1e-7 * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    encoder.shortcut.weight.copy_((seen.T @ torch.linalg.solve(gram + ridge, root @ wanted.double())).T.float())
    encoder.output.weight.zero_()


def _least_squares(targets: torch.Tensor, shapes: torch.Tensor, vertex_weights: torch.Tensor) -> torch.Tensor:
    """Weights (N, K) of shapes (K, V, 3) that come nearest to targets (N, V, 3), vertices weighted."""
    root = vertex_weights.sqrt()[:, None].double()
    flat, wanted = (shapes * root).flatten(1), (targets * root).flatten(1)
    gram = flat @ flat.T
    ridge = 1e-6 * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    return torch.linalg.solve(gram + ridge, flat @ wanted.T).T.float()


def _domain(basis: np.ndarray, frames: tuple[np.ndarray, np.ndarray], image_map: GeometryMap) -> _Domain:
    used = np.abs(frames[0]).max(axis=0) > 0  # a corpus of speech uses half of the FACS shapes
    millimetres = _MM * np.asarray(basis[used], np.float32)
    images = image_map.to_image(millimetres).astype(np.float32)
    if not len(frames[1]):
        raise TalkerError("the corpus has no two frames in a row to train on; make a larger one")
    coefficients = np.ascontiguousarray(frames[0][:, used])
    return _Domain(*(torch.from_numpy(array) for array in (millimetres, images, coefficients, frames[1])))


def _fitting_config(
    settings: FusionTraining, speech_count: int, expression_count: int, image_map: GeometryMap
) -> FusionConfig:
    """The configured network, with as many shapes as the corpora have independent motions."""
    changes = {"speech_count": speech_count, "expression_count": expression_count, "image_size": image_map.size}
    return FusionConfig(**{**asdict(settings.network), **changes})


@torch.no_grad()
def _scale_to_sliders(
    network: FusionNetwork, domains: dict[Domain, _Domain], pairings: tuple[Pairing, Pairing], headroom: float
) -> None:
    """Give every blendshape the size at which its own domain's weights fill -1 … 1; encoders follow, metres too.

    The two of a pair get one size.
    """
    count = network.config.speech_count
    factors = []
    for (kind, domain), pairing in zip(domains.items(), pairings, strict=True):
        encoder = network.encoder(kind)
        patches = encoder.patches(domain.images)
        chosen = domain.frames[:: max(1, len(domain.frames) // 40_000)]
        weights = torch.cat([encoder.read_patches(torch.tensordot(block, patches, 1)) for block in chosen.split(1024)])
        own = (weights[:, :count] if kind == "speech" else weights[:, count:]).numpy()
        factors.append(torch.from_numpy(headroom * slider_scale(np.vstack([own, own[:, pairing.partner]]))).float())
    factor = torch.cat(factors)
    network.blendshapes *= factor[:, None, None]
    for encoder in (network.speech_encoder, network.expression_encoder):
        encoder.patches.weight *= _MM  # trained on millimetres, used on metres
        encoder.shortcut.weight /= factor[:, None]
        encoder.output.weight /= factor[:, None]


def find_facs(geometry: str | Path | None, *folders: str | Path) -> Facs:
    for candidate in [Path(geometry)] if geometry else [Path(folder) / "facs.npz" for folder in folders]:
        if geometry or candidate.is_file():
            return load_facs(candidate)
    raise TalkerError("these corpora hold no facs.npz; name one with --geometry (made by 'corpus geometry')")
