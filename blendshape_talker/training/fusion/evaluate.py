"""``evaluate fusion``: one table for the fusion module, direct addition and the ablations.

Speech comes from the test speakers of a speech corpus, expressions from the test identities of an expression corpus
and, for lip closures, from the bundled library at intensity 1. All lengths in millimetres.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...expression.library import ExpressionLibrary
from ...face.flame import LOWER_LIP, UPPER_LIP, Head, lip_gaps_of_pair, load_head
from ...files import write_figures
from ...fusion import Domain, FusionModel
from ...job import Progress
from ...speech.audio import load_recording
from ..corpus.expression_corpus import FPS
from .contacts import contacts_kept, jumps, openings_kept, percent
from .data import LinearCorpus, LinearSequence, find_facs, load_expression_corpus, load_speech_corpus, thinned
from .probes import told_by_probes
from .settings import FusionTraining
from .shape_structure import StructureConfig, graph_laplacian
from .systems import DirectAddition, Fused, System
from .tables import COLUMNS, Measured, ablation_table, format_table
from .train import fit

_MM = 1000.0
NOISE_MM = 0.2  # standard deviation of each coordinate: that of a good scan
_NOISY_FRAMES = 600


def share_kept(made: np.ndarray, wanted: np.ndarray) -> float:
    """Percent of ``wanted`` (N, M, 3) that ``made`` has in its direction: 100 · <made, wanted> / <wanted, wanted>."""
    return float(100.0 * (made * wanted).sum() / max(np.square(wanted).sum(), 1e-20))


def measure(
    system: System,
    speech: LinearCorpus,
    expression: LinearCorpus,
    library: ExpressionLibrary,
    head: Head,
    faces: np.ndarray,
    predictions: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
) -> Measured:
    """All columns for one system. predictions: per test sequence (coefficients, basis) of a speech network, for LVE."""
    takes = speech.of_split("test")
    columns = dict.fromkeys(COLUMNS, float("nan"))
    contacts = contacts_kept(system, speech, takes, library, head)
    for key, kept in contacts.items():
        shares = list(kept.values())
        columns[f"{key}_mean"], columns[f"{key}_worst"] = float(np.mean(shares)), float(np.min(shares))
    laughs = [take.curves for take in expression.of_split("test") if take.label == "laugh"]
    more = {"laugh": np.concatenate(laughs)} if laughs else {}
    opening = openings_kept(system, library, more, expression.basis)
    if opening:
        wide = list(opening.values())
        columns["opening_mean"], columns["opening_worst"] = float(np.mean(wide)), min(wide)
    columns["jump_worst"] = max(jumps(system, speech, takes, library, head).values())

    frames = thinned(np.concatenate([take.curves for take in takes]))
    lips = np.asarray(head.lips)
    wanted = np.tensordot(frames, speech.basis[:, lips], 1)
    made = system.deform(frames, speech.basis, "speech", lips)
    columns["speech_error"] = _MM * float(np.linalg.norm(made - wanted, axis=-1).mean())
    columns["noisy_error"] = _noisy_error(system, frames, speech.basis, lips)
    brows = np.concatenate([head.forehead, head.eye_region])
    moved = system.deform(frames, speech.basis, "speech", brows)
    columns["speech_leak"] = _MM * float(np.linalg.norm(moved, axis=-1).mean())

    frames = thinned(np.concatenate([take.curves for take in expression.of_split("test")]))
    upper_face = np.flatnonzero(head.upper_face > 0.5)
    for key, region in (("upper_face_kept", upper_face), ("corners_kept", head.mouth_corners)):
        columns[key] = share_kept(
            system.deform(frames, expression.basis, "expression", region),
            np.tensordot(frames, expression.basis[:, region], 1),
        )
    face = np.flatnonzero(head.face > 0.5)
    error = system.deform_all(frames, expression.basis, "expression", face)
    error -= np.tensordot(frames, expression.basis[:, face], 1)
    columns["expression_error"] = _MM * float(np.linalg.norm(error, axis=-1).mean())
    pair = system.deform(frames, expression.basis, "expression", np.array([UPPER_LIP, LOWER_LIP]))
    columns["expression_leak"] = float(np.abs(lip_gaps_of_pair(pair, head)).mean())

    if isinstance(system, Fused):
        columns["roughness"] = roughness(system.model.blendshapes, faces)
        columns["frames_per_second"] = _speed(system, library)
        columns.update(_cross_domain(system.model, speech, expression, face))
        columns.update(told_by_probes(system.model, speech, expression))
        columns.update(_sliders(system.model, speech, library))
    if predictions:
        columns.update(_lip_vertex_errors(system, speech, takes, predictions, lips))
    return Measured(columns, contacts["closures"], contacts["teeth"], opening)


def roughness(shapes: np.ndarray, faces: np.ndarray) -> float:
    """Root mean square of the graph Laplacian of shapes (K, V, 3) in percent of their own root mean square."""
    laplacian = graph_laplacian(faces, shapes.shape[1])
    flat = shapes.transpose(1, 0, 2).reshape(shapes.shape[1], -1)
    return float(100.0 * np.sqrt(np.square(laplacian @ flat).mean() / np.square(flat).mean()))


def _noisy_error(system: System, frames: np.ndarray, basis: np.ndarray, lips: np.ndarray) -> float:
    """Mean distance at the lips in mm when every vertex of the input has a noise of its own, as scans have."""
    chosen = frames[:: max(1, -(-len(frames) // _NOISY_FRAMES))]
    clean = np.tensordot(chosen, basis, 1).astype(np.float32)
    noise = np.random.default_rng(0).standard_normal(clean.shape, np.float32) * (NOISE_MM / _MM)
    made = system.deform(np.eye(len(chosen), dtype=np.float32), clean + noise, "speech", lips)
    return _MM * float(np.linalg.norm(made - clean[:, lips], axis=-1).mean())


def _cross_domain(
    model: FusionModel, speech: LinearCorpus, expression: LinearCorpus, face: np.ndarray
) -> dict[str, float]:
    """Mean size in mm of what the cross-domain weights of either domain's test frames do to the face."""
    count = model.speech_count
    sizes = {}
    domains: list[tuple[Domain, LinearCorpus, slice]] = [
        ("speech", speech, slice(count, None)), ("expression", expression, slice(0, count)),
    ]  # fmt: skip
    for kind, corpus, other in domains:
        frames = thinned(np.concatenate([take.curves for take in corpus.of_split("test")]))
        weights = model.all_weights(frames, corpus.basis, kind)
        moved = np.tensordot(weights[:, other], model.blendshapes[other][:, face], 1)
        sizes[f"{kind}_cross"] = _MM * float(np.linalg.norm(moved, axis=-1).mean())
    return sizes


def _sliders(model: FusionModel, speech: LinearCorpus, library: ExpressionLibrary) -> dict[str, float]:
    """Whether weights stay where sliders are, and how much alike two blendshapes are (|cosine|)."""
    frames = thinned(np.concatenate([take.curves for take in speech.of_split("test")]))
    times = np.arange(0.0, 20.0, 0.1)
    emotional = np.concatenate([library.trajectory(emotion, times) for emotion in library.names])
    weights = [
        np.abs(model.weights(frames, speech.basis, "speech")).ravel(),
        np.abs(model.weights(emotional, library.basis, "expression")).ravel(),
    ]
    flat = model.blendshapes.reshape(len(model.blendshapes), -1).astype(np.float64)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    alike = np.abs(flat @ flat.T) - np.eye(len(flat))
    count = model.speech_count
    return {
        "weights_outside": percent(np.concatenate(weights) > 1.0),
        "likeness_within": float(max(alike[:count, :count].max(), alike[count:, count:].max())),
        "likeness_across": float(alike[:count, count:].max()),
    }


def _lip_vertex_errors(
    system: System,
    speech: LinearCorpus,
    takes: list[LinearSequence],
    predictions: Mapping[str, tuple[np.ndarray, np.ndarray]],
    lips: np.ndarray,
) -> dict[str, float]:
    before, after = [], []
    for take in takes:
        if take.name not in predictions:
            continue
        coefficients, basis = predictions[take.name]
        count = min(len(coefficients), len(take.curves))
        truth = np.tensordot(take.curves[:count], speech.basis[:, lips], 1)
        predicted = np.tensordot(coefficients[:count], basis[:, lips], 1)
        fused = system.deform(coefficients[:count], basis, "speech", lips)
        before.append(np.linalg.norm(predicted - truth, axis=-1).max(axis=1))
        after.append(np.linalg.norm(fused - truth, axis=-1).max(axis=1))
    if not before:
        return {}
    first, second = _MM * float(np.concatenate(before).mean()), _MM * float(np.concatenate(after).mean())
    return {"lve_before": first, "lve_after": second, "lve_rise": second - first}


def _speed(system: Fused, library: ExpressionLibrary) -> float:
    trajectory = library.trajectory("happy", np.arange(6000) / FPS)
    system.model.weights(trajectory[:100], library.basis, "expression")
    start = time.perf_counter()
    system.model.weights(trajectory, library.basis, "expression")
    return len(trajectory) / (time.perf_counter() - start)


def speech_predictions(directory: str | Path, takes: list[LinearSequence], limit: int = 24) -> dict:
    """(coefficients, basis) of the bundled speech network for sequences whose sound the corpus holds; may be empty."""
    from ...speech.model import SpeechModel

    found = [(take, Path(directory) / "wav" / f"{take.name}.flac") for take in takes]
    found = [(take, path) for take, path in found if path.is_file()]
    found = found[:: max(1, len(found) // limit)][:limit]
    if not found:
        return {}
    model = SpeechModel.load()
    return {take.name: (model.coefficients(load_recording(path).samples), model.basis) for take, path in found}


def ablations(settings: FusionTraining) -> dict[str, FusionTraining]:
    """The paper's ablations and three of our own, as settings of the same training."""
    return {
        "without sparsity": replace(settings, sparsity=0.0),
        "without Laplacian": replace(settings, laplacian=0.0),
        "without geometric mapping": replace(settings, geometry_mapping=False),
        "paper's loss alone": replace(
            settings,
            primary=0.0,
            structure=StructureConfig(mask_upper_face=False, join_lips=False, mirrored=False),
        ),
        "lips not joined": replace(settings, structure=replace(settings.structure, join_lips=False)),
        "no primary terms": replace(settings, primary=0.0),
    }


def evaluate(
    speech_dir: str | Path,
    expression_dir: str | Path,
    model_dir: str | Path | None = None,
    with_ablations: bool = False,
    ablation_steps: int = 600,
    geometry: str | Path | None = None,
    json_path: str | Path | None = None,
    progress: Progress | None = None,
) -> str:
    """Measure the bundled model (or that of ``model_dir``) and direct addition, with ablations on request: the table.

    Ablations are trained here, ``ablation_steps`` each, and beside them the full model for as many steps.
    """
    report = progress or (lambda fraction, message: None)
    report(0.0, "reading the corpora")
    speech, expression = load_speech_corpus(speech_dir), load_expression_corpus(expression_dir)
    facs = find_facs(geometry, expression_dir, speech_dir)
    head, library = load_head(), ExpressionLibrary.load()
    predictions = speech_predictions(speech_dir, speech.of_split("test"))
    systems: dict[str, System] = {
        "full model": Fused(FusionModel.load(model_dir)),
        "direct addition": DirectAddition(),
    }
    if with_ablations:
        base = FusionTraining(steps=ablation_steps)
        variants = {f"full model, {ablation_steps} steps": base} | ablations(base)
        for number, (name, settings) in enumerate(variants.items()):
            report(0.1 + 0.8 * number / len(variants), f"training {name}")
            systems[name] = Fused(fit(speech, expression, facs, settings)[0])
    results = {}
    for number, (name, system) in enumerate(systems.items()):
        report(0.9 + 0.1 * number / len(systems), f"measuring {name}")
        results[name] = measure(system, speech, expression, library, head, facs.faces, predictions)
    if json_path:
        content = {
            name: {**result.columns, "closures": result.closures, "teeth": result.teeth, "opening": result.opening}
            for name, result in results.items()
        }
        write_figures(json_path, content)
    report(1.0, "measured")
    return format_table(results) + (f"\n\n{ablation_table(results)}" if with_ablations else "")
