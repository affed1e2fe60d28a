"""``evaluate fusion --sizes``: how much a number of blendshapes can hold, before any training."""

from pathlib import Path

import numpy as np
import torch

from ...face.flame import load_head
from .data import find_facs, load_expression_corpus, load_speech_corpus, thinned
from .principal_components import fit_weights, principal_components
from .shape_structure import ShapeStructure, StructureConfig
from .sparse_components import sparse_components

_MM = 1000.0


def size_table(
    speech_dir: str | Path,
    expression_dir: str | Path,
    geometry: str | Path | None = None,
    counts: tuple[int, ...] = (8, 12, 16, 20, 24, 28, 32),
) -> str:
    """How K_A and K_E were chosen: error on the test split by number of blendshapes, before any training.

    Root mean square over frames and lip vertices (speech) or face vertices (expression), mm, for sparse components and,
    as the bound for any linear model, principal components; all within the structure.
    """
    speech, expression = load_speech_corpus(speech_dir), load_expression_corpus(expression_dir)
    facs, head = find_facs(geometry, expression_dir, speech_dir), load_head()
    modes = principal_components(speech.frames("train")[0], speech.basis, max(counts))
    structure = ShapeStructure.build(head, facs.faces, modes, StructureConfig())
    lines = [f"{'blendshapes':<12}{'speech, sparse':>16}{'bound':>10}{'expression, sparse':>20}{'bound':>10}"]
    domains = []
    for corpus, constrain, region in (
        (speech, structure.speech, np.asarray(head.lips)),
        (expression, structure.expression, np.flatnonzero(head.face > 0.5)),
    ):
        basis = constrain(torch.from_numpy(np.asarray(corpus.basis, np.float32))).numpy()
        train_frames = corpus.frames("train")[0]
        test_frames = thinned(np.concatenate([take.curves for take in corpus.of_split("test")]))
        domains.append((basis, train_frames, test_frames, region))
    for count in counts:
        cells = []
        for basis, train_frames, test_frames, region in domains:
            for shapes in (
                sparse_components(train_frames, basis, head.vertices, count),
                principal_components(train_frames, basis, count),
            ):
                weights = fit_weights(test_frames, basis, shapes)
                error = np.tensordot(weights, shapes[:, region], 1) - np.tensordot(test_frames, basis[:, region], 1)
                cells.append(_MM * float(np.sqrt(np.square(error).sum(axis=-1).mean())))
        lines.append(f"{count:<12}{cells[0]:>16.4f}{cells[1]:>10.4f}{cells[2]:>20.4f}{cells[3]:>10.4f}")
    return "\n".join(lines)
